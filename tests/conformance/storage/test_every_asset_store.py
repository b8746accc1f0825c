"""What every asset store promises, run over each storage, sync and async."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from darkroom_shared.core.errors import AssetMissing, Misconfigured
from darkroom_shared.storage import Asset, AssetStore, AsyncAssetStore, StoryOutput, open_async_store, open_store
from tests.conformance.storage.backends import Backend

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
JOB = "job_01k9zzzzzzzzzzzzzzzzzzzzzz"
ABSENT = hashlib.sha256(b"nobody stored this").hexdigest()


def test_stored_bytes_come_back_under_their_sha256(store: AssetStore) -> None:
    asset = store.put(PICTURE, "image/png")
    assert asset == Asset(hashlib.sha256(PICTURE).hexdigest(), len(PICTURE), "image/png")
    assert store.get(asset.sha256) == PICTURE
    assert store.exists(asset.sha256)


def test_bytes_of_several_megabytes_come_back_whole(store: AssetStore) -> None:
    data = hashlib.shake_128(b"seed").digest(3_000_000)
    assert store.get(store.put(data, "image/png").sha256) == data


def test_an_empty_asset_is_an_asset(store: AssetStore) -> None:
    asset = store.put(b"", "application/octet-stream")
    assert store.get(asset.sha256) == b""
    assert store.exists(asset.sha256)


def test_storing_the_same_bytes_again_is_harmless(store: AssetStore) -> None:
    first = store.put(PICTURE, "image/png")
    assert store.put(PICTURE, "image/png") == first
    assert store.get(first.sha256) == PICTURE


def test_one_look_up_finds_bytes_of_any_media_type(store: AssetStore) -> None:
    kinds = ["image/png", "image/jpeg", "image/webp", "application/json", "text/plain; charset=utf-8", "APPLICATION/X-STRANGE"]
    assets = [store.put(f"bytes of {kind}".encode(), kind) for kind in kinds]
    assert [store.get(asset.sha256) for asset in assets] == [f"bytes of {kind}".encode() for kind in kinds]


def test_unknown_bytes_are_missing(store: AssetStore) -> None:
    assert not store.exists(ABSENT)
    with pytest.raises(AssetMissing, match=ABSENT):
        store.get(ABSENT)


def test_a_deleted_asset_is_gone_whatever_type_it_was_stored_with(store: AssetStore) -> None:
    asset = store.put(PICTURE, "image/png")
    store.put(PICTURE, "image/jpeg")
    store.delete(asset.sha256)
    assert not store.exists(asset.sha256)
    with pytest.raises(AssetMissing):
        store.get(asset.sha256)
    store.delete(asset.sha256)


NO_HASHES = ["", "../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n", "a" * 32 + "/" + "a" * 31]
NO_RECEIPTS = ["", ".", "..", "../x", "a/b", ".tmp-1", "a\n", "a b", "x" * 201, "\u00e9"]
NO_JOBS = ["", "job_1", "../job_01k9zzzzzzzzzzzzzzzzzzzzzz", JOB + "\n", JOB + "/.."]
NO_OUTPUTS = [["job.json"], ["../0.png"], [".tmp-1"], ["a/0.png"], [""], ["0.png", "0.png"]]


def test_a_name_that_is_no_sha256_has_no_bytes(store: AssetStore) -> None:
    for name in NO_HASHES:
        assert not store.exists(name)
        with pytest.raises(AssetMissing, match="not the name of an asset"):
            store.get(name)
        with pytest.raises(AssetMissing, match="not the name of an asset"):
            store.delete(name)


def test_damaged_bytes_are_never_handed_out_and_storing_them_again_heals(store: AssetStore, backend: Backend) -> None:
    asset = store.put(PICTURE, "image/png")
    backend.spoil(asset.sha256, PICTURE[:-1] + b"?")
    with pytest.raises(AssetMissing, match="damaged"):
        store.get(asset.sha256)
    store.put(PICTURE, "image/png")
    assert store.get(asset.sha256) == PICTURE


def test_a_receipt_lives_until_it_is_deleted(store: AssetStore) -> None:
    name = f"{JOB}.0:3"
    assert store.get_receipt(name) is None
    store.put_receipt(name, b'{"images": ["AAAA"]}')
    assert store.get_receipt(name) == b'{"images": ["AAAA"]}'
    store.put_receipt(name, b"the last writer wins")
    assert store.get_receipt(name) == b"the last writer wins"
    store.delete_receipt(name)
    assert store.get_receipt(name) is None
    store.delete_receipt(name)


def test_a_receipt_name_that_could_lead_astray_is_refused(store: AssetStore) -> None:
    for name in NO_RECEIPTS:
        with pytest.raises(ValueError, match="not a receipt name"):
            store.put_receipt(name, b"")
        with pytest.raises(ValueError, match="not a receipt name"):
            store.get_receipt(name)
        with pytest.raises(ValueError, match="not a receipt name"):
            store.delete_receipt(name)


def test_receipts_and_assets_do_not_meet(store: AssetStore) -> None:
    asset = store.put(PICTURE, "image/png")
    store.put_receipt(asset.sha256, b"a receipt")
    store.delete_receipt(asset.sha256)
    assert store.get(asset.sha256) == PICTURE


def test_a_story_is_found_where_the_store_says(store: AssetStore, backend: Backend) -> None:
    outputs = [StoryOutput(f"{i}.png", store.put(PICTURE + bytes([i]), "image/png").sha256) for i in range(2)]
    location = store.write_story(JOB, b'{"id": "first"}', outputs)
    location = store.write_story(JOB, b'{"id": "again"}', outputs)
    parts = backend.story_parts(location)
    assert parts.pop("job.json") == b'{"id": "again"}'
    assert parts in ({}, {"0.png": PICTURE + b"\x00", "1.png": PICTURE + b"\x01"})
    assert JOB in location


def test_a_deleted_story_leaves_its_assets(store: AssetStore, backend: Backend) -> None:
    asset = store.put(PICTURE, "image/png")
    location = store.write_story(JOB, b"{}", [StoryOutput("0.png", asset.sha256), StoryOutput("1.png", asset.sha256)])
    store.delete_story(JOB)
    assert backend.story_parts(location) == {}
    assert store.get(asset.sha256) == PICTURE
    store.delete_story(JOB)


def test_a_story_without_its_output_is_not_written(store: AssetStore, backend: Backend) -> None:
    location = store.write_story(JOB, b'{"whole": true}', [])
    with pytest.raises(AssetMissing, match=ABSENT):
        store.write_story(JOB, b'{"whole": false}', [StoryOutput("0.png", ABSENT)])
    assert backend.story_parts(location)["job.json"] == b'{"whole": true}'


def test_a_workflow_can_have_a_story_too(store: AssetStore) -> None:
    assert store.write_story("wf_01k9zzzzzzzzzzzzzzzzzzzzzz", b"{}", [])


def test_a_story_of_no_job_is_refused(store: AssetStore) -> None:
    for job_id in NO_JOBS:
        with pytest.raises(ValueError, match="not a job id"):
            store.write_story(job_id, b"{}", [])
        with pytest.raises(ValueError, match="not a job id"):
            store.delete_story(job_id)


def test_an_output_name_that_could_lead_astray_is_refused(store: AssetStore) -> None:
    sha256 = store.put(PICTURE, "image/png").sha256
    for names in NO_OUTPUTS:
        with pytest.raises(ValueError, match=r"output name|same name"):
            store.write_story(JOB, b"{}", [StoryOutput(name, sha256) for name in names])


def test_the_sweep_lists_assets_by_their_age_and_nothing_else(store: AssetStore) -> None:
    store.put_receipt("call:1", b"raw")
    assets = sorted(store.put(data, "image/png").sha256 for data in (b"one", b"two"))
    store.write_story(JOB, b"{}", [StoryOutput("0.png", assets[0])])
    assert store.sweep(older_than_s=3600) == []
    listed = set(store.sweep(older_than_s=-5))  # other tests may have left theirs in a shared bucket
    assert set(assets) <= listed
    assert all(len(name) == 64 for name in listed)


def test_what_one_store_wrote_another_reads(store: AssetStore, backend: Backend) -> None:
    asset = store.put(PICTURE, "image/png")
    other = open_store(backend.url)
    assert other.get(asset.sha256) == PICTURE
    other.close()


def test_a_store_may_be_closed_twice(backend: Backend) -> None:
    other = open_store(backend.url)
    other.put(PICTURE, "image/png")
    other.close()
    other.close()


@pytest.mark.parametrize("opener", [open_store, open_async_store], ids=["sync", "async"])
@pytest.mark.parametrize("url", ["ftp://host/dir", "/plain/path", "", "gs://user:secret@bucket", "memory:"])
def test_an_unknown_scheme_is_answered_with_the_allowed_ones(
    opener: Callable[[str], AssetStore | AsyncAssetStore], url: str
) -> None:
    with pytest.raises(Misconfigured, match=r"file://, redis://, rediss://, unix://, s3://$") as caught:
        opener(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "file://host/dir",
        "file:relative",
        "file://relative/dir",
        "file:///dir?x=1",
        "s3://",
        "s3:///prefix",
        "s3://user:secret@bucket",
    ],
)
def test_a_url_of_the_wrong_form_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
