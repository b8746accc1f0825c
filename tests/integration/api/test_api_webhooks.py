"""Webhook endpoints over HTTP, and a program in another language that uses the whole of the API."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from darkroom import Darkroom, Settings
from darkroom.webhooks import unwrap
from darkroom_shared.core import webhook_signing
from tests.integration.api.serving import Served, serving
from tests.integration.client.live import bedrock
from tests.integration.local_bedrock.endpoints import Running
from tests.support.programs import missing
from tests.support.receiver import receiving
from tests.support.stack import Stack
from tests.support.valkey import Server, valkey_server

__all__ = ["bedrock", "valkey_server"]

PROGRAM = Path(__file__).with_name("program.mjs")
NETWORKS = {"DARKROOM_PRIVATE_NETWORKS": "127.0.0.1", "DARKROOM_TIME_SCALE": "100"}


def made(api: httpx.Client, url: str = "https://example.com/in", **more: object) -> dict[str, object]:
    answer = api.post("/v1/webhook-endpoints", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def test_an_endpoint_is_made_changed_rotated_and_forgotten(api: httpx.Client) -> None:
    first = made(api, types=["job.*"], name="orders")
    path = f"/v1/webhook-endpoints/{first['id']}"
    assert str(first["secret"]).startswith("whsec_")
    assert "secret" not in api.get(path).json()
    assert [one["id"] for one in api.get("/v1/webhook-endpoints").json()["items"]] == [first["id"]]
    changed = api.patch(path, json={"types": ["batch.finished"], "enabled": False}).json()
    assert (changed["types"], changed["disabled_why"], changed["url"]) == (
        ["batch.finished"],
        "somebody disabled it",
        "https://example.com/in",
    )
    assert api.patch(path, json={"enabled": True}).json()["disabled"] is None
    turned = api.post(f"{path}/rotate", json={"overlap": 60}).json()
    assert turned["secret"] != first["secret"]
    assert turned["old_secret_until"] is not None
    begun = api.post(f"{path}/test")
    assert begun.status_code == 202
    [delivery] = api.get("/v1/webhook-deliveries", params={"endpoint": first["id"]}).json()["items"]
    assert (delivery["id"], delivery["type"], delivery["state"]) == (begun.json()["delivery"], "endpoint.test", "pending")
    assert api.post(f"/v1/webhook-deliveries/{delivery['id']}/redeliver").status_code == 202
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/url"),
        ({"url": "http://example.com/"}, "/url"),
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": "https://[::1]/"}, "/url"),
        ({"url": "https://localhost/"}, "/url"),
        ({"url": "https://user:swordfish@example.com/"}, "/url"),
        ({"url": "https://example.com/", "types": ["job.exploded"]}, "/types"),
        ({"url": "https://example.com/", "types": []}, "/types"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(api: httpx.Client, body: dict[str, object], pointer: str) -> None:
    answer = api.post("/v1/webhook-endpoints", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert "swordfish" not in answer.text
    assert api.get("/v1/webhook-endpoints").json()["items"] == []


def test_what_is_not_there_or_another_tenants_is_not_found(settings: Settings, served: Served) -> None:
    room = Darkroom(settings=settings)
    shop, press = (room.create_key(tenant=name, scopes=["submit", "read"]) for name in ("shop", "press"))
    with served.client(headers={"Authorization": f"Bearer {shop.key}"}) as api:
        first = made(api)
        path = f"/v1/webhook-endpoints/{first['id']}"
        delivery = api.post(f"{path}/test").json()["delivery"]
        stranger = {"Authorization": f"Bearer {press.key}"}
        calls = [
            ("GET", path),
            ("PATCH", path),
            ("DELETE", path),
            ("POST", f"{path}/rotate"),
            ("POST", f"{path}/test"),
            ("GET", f"/v1/webhook-deliveries?endpoint={first['id']}"),
            ("POST", f"/v1/webhook-deliveries/{delivery}/redeliver"),
        ]
        for method, where in calls:
            told = {"json": {}} if method == "PATCH" else {}
            assert api.request(method, where, headers=stranger, **told).status_code == 404, where  # type: ignore[arg-type]
        assert api.get("/v1/webhook-endpoints", headers=stranger).json()["items"] == []
        assert api.get("/.well-known/jwks.json", headers=stranger).json()["keys"][0]["crv"] == "Ed25519"


@pytest.fixture(scope="module")
def hooked(valkey_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose worker may reach receivers on this machine."""
    stack = Stack(valkey_server.url, bedrock, tmp_path_factory.mktemp("hooked"), "nodehooks:")
    with stack.worker(**NETWORKS):
        yield stack
    stack.close()


@pytest.fixture(scope="module")
def reaching(hooked: Stack) -> Iterator[Served]:
    """Its API."""
    settings = hooked.settings.model_copy(update={"bedrock_url": hooked.endpoint.url})
    with serving(settings, **NETWORKS) as served:
        yield served


def test_the_published_key_verifies_what_is_sent(reaching: Served) -> None:
    with reaching.client() as api, receiving() as receiver:
        first = made(api, receiver.url, asymmetric=True)
        api.post(f"/v1/webhook-endpoints/{first['id']}/test")
        [came] = receiver.until(1)
        [key] = api.get("/.well-known/jwks.json").json()["keys"]
        public = base64.urlsafe_b64decode(key["x"] + "==")
        assert unwrap(came.body, came.headers, webhook_signing.written_public_key(public))["type"] == "endpoint.test"


def test_a_program_in_another_language_does_all_of_it(reaching: Served) -> None:
    node = shutil.which("node")
    if node is None:
        missing("node")
    done = subprocess.run(
        [node, str(PROGRAM), reaching.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": str(Path(node).parent)},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["state"] == "succeeded"
    assert told["events"][0] == "snapshot"
    assert "change" in told["events"]
    assert told["picture"] == {"type": "image/webp", "width": 128}
    assert told["webhook"] == {"type": "job.succeeded", "genuine": True, "forged": False}
