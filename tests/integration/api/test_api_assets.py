"""Pictures over HTTP: stored once, read whole, in part, smaller, and by a link."""

from __future__ import annotations

import hashlib
import io

import httpx
import pytest
from PIL import Image

from darkroom import Settings
from darkroom_shared.core.ids import asset_reference
from darkroom_shared.storage import open_store
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import edited, picture, sample

NOTHING = "0" * 64


def stored(api: httpx.Client, data: bytes) -> str:
    answer = api.post("/v1/assets", content=data, headers={"content-type": "image/png"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sha256"])


def test_a_stored_picture_is_found_by_its_hash_and_named_in_a_job(api: httpx.Client, worker: HandWorker) -> None:
    data = picture(512, 512)
    name = hashlib.sha256(data).hexdigest()
    assert api.head(f"/v1/assets/by-hash/{name}").status_code == 404
    view = api.post("/v1/assets", content=data).json()
    assert view == {
        "id": f"asset:{name}",
        "sha256": name,
        "media_type": "image/png",
        "size_bytes": len(data),
        "width": 512,
        "height": 512,
    }
    assert api.head(f"/v1/assets/by-hash/{name}").status_code == 204
    assert api.get(f"/v1/assets/{name}").json() == view
    request = edited(sample("BACKGROUND_REMOVAL"), "/backgroundRemovalParams/image", asset_reference(name))
    job = api.post("/v1/jobs", json={"request": request}).json()
    worker.run()
    assert api.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"


def test_what_is_no_picture_is_refused_and_nothing_is_stored(api: httpx.Client) -> None:
    answer = api.post("/v1/assets", content=b"GIF89a" + bytes(100))
    assert (answer.status_code, answer.json()["code"]) == (422, "image_refused")
    assert api.post("/v1/assets", content=b"").status_code == 422
    assert api.get(f"/v1/assets/{hashlib.sha256(b'').hexdigest()}").status_code == 404


def test_bytes_come_whole_in_part_or_not_at_all(api: httpx.Client) -> None:
    data = picture(512, 512)
    path = f"/v1/assets/{stored(api, data)}/content"
    whole = api.get(path)
    assert (whole.content, whole.headers["content-type"]) == (data, "image/png")
    some = api.get(path, headers={"Range": "bytes=10-19"})
    assert (some.status_code, some.content, some.headers["content-range"]) == (206, data[10:20], f"bytes 10-19/{len(data)}")
    behind = api.get(path, headers={"Range": f"bytes={len(data)}-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert api.get(path, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).content == data
    same = api.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "kind", "size"),
    [
        ("format=webp&w=128", "WEBP", (128, 64)),
        ("format=jpeg", "JPEG", (512, 256)),
        ("w=4096", "PNG", (512, 256)),
    ],
)
def test_a_picture_is_shown_in_another_format_and_size(api: httpx.Client, query: str, kind: str, size: tuple[int, int]) -> None:
    name = stored(api, picture(512, 256, "RGBA"))
    answer = api.get(f"/v1/assets/{name}/content?{query}")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size, answer.headers["content-type"]) == (kind, size, f"image/{kind.lower()}")
    assert answer.headers["etag"] != f'"{name}"'


@pytest.mark.parametrize("query", ["format=gif", "w=1", "w=9999", "until=5&signature=abc", "until=9999999999&signature=%C2%84"])
def test_a_content_that_cannot_be_had_is_refused_in_words(api: httpx.Client, query: str) -> None:
    answer = api.get(f"/v1/assets/{stored(api, picture(512, 512))}/content?{query}")
    assert answer.status_code in (403, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_link_opens_one_picture_until_its_time_is_over(api: httpx.Client) -> None:
    first, second = stored(api, picture(512, 512)), stored(api, picture(320, 320))
    link = api.post(f"/v1/assets/{first}/links", json={"seconds": 60}).json()
    assert api.get(link["path"]).status_code == 200
    assert api.get(link["path"].replace(first, second)).status_code == 403
    later = link["path"].replace(f"until={link['until']}", f"until={link['until'] + 1}")
    assert api.get(later).json()["code"] == "link_over"
    assert api.post(f"/v1/assets/{NOTHING}/links").status_code == 404


def test_a_document_is_handed_out_as_a_file_and_not_shown(api: httpx.Client, settings: Settings) -> None:
    store = open_store(settings.store_url)
    name = store.put(b"<script>alert(1)</script>", "text/html").sha256
    store.close()
    answer = api.get(f"/v1/assets/{name}/content")
    assert (answer.headers["content-type"], answer.headers["content-disposition"]) == ("application/octet-stream", "attachment")
    assert api.get(f"/v1/assets/{name}/content?w=100").json()["code"] == "image_refused"
    assert api.get(f"/v1/assets/{name}").status_code == 422
