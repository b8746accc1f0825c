"""Operating over HTTP: lanes and tenants steered, dead letters and held calls decided about, numbers for Prometheus."""

from __future__ import annotations

import base64

import httpx
import pytest

from darkroom import Darkroom, Settings
from darkroom_shared.core.failure import Failure, FailureKind
from tests.integration.api.serving import Served
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import sample

BODY = sample("TEXT_IMAGE")
NOVA = "amazon.nova-canvas-v1:0"
REFUSED = Failure(FailureKind.PERMANENT, "validation", "no")


def test_a_lane_is_paused_and_resumed_and_it_is_recorded(api: httpx.Client) -> None:
    api.post("/v1/jobs", json={"request": BODY, "model": NOVA})
    assert api.post("/v1/lanes:pause", params={"lane": NOVA}).status_code == 204
    assert api.get(f"/v1/lanes/{NOVA}").json()["mode"] == "paused"
    assert api.post("/v1/lanes:resume", params={"lane": NOVA}).status_code == 204
    assert [lane["mode"] for lane in api.get("/v1/lanes").json()["items"] if lane["lane"] == NOVA] == ["active"]
    assert [row["action"] for row in api.get("/v1/audit").json()["items"]] == ["resume", "pause"]
    assert api.post("/v1/lanes:pause", params={"lane": "nobody"}).status_code == 422
    assert api.get("/v1/lanes/nobody").status_code == 404
    assert api.post("/v1/lanes:explode", params={"lane": NOVA}).status_code == 422


def test_a_tenant_gets_limits_and_loses_them(api: httpx.Client) -> None:
    told = api.patch("/v1/tenants/shop", json={"weight": 2, "queued": 1, "queue_ttl": 60}).json()
    assert (told["weight"], told["queued"], told["queue_ttl"]) == (2.0, 1, "PT1M")
    assert api.patch("/v1/tenants/shop", json={"queued": None}).json()["queued"] is None
    assert [tenant["name"] for tenant in api.get("/v1/tenants").json()["items"]] == ["shop"]
    wrong = api.patch("/v1/tenants/shop", json={"weight": -1, "running": -2})
    assert [row["pointer"] for row in wrong.json()["errors"]] == ["/weight", "/running"]
    assert api.post("/v1/tenants/shop/pause").status_code == 204
    assert api.get("/v1/tenants/shop").json()["mode"] == "paused"


def test_a_dead_letter_is_replayed_or_let_go(api: httpx.Client, worker: HandWorker) -> None:
    first, second = (api.post("/v1/jobs", json={"request": BODY}).json()["id"] for _ in range(2))
    worker.run(failure=REFUSED)
    assert {job["id"] for job in api.get("/v1/dead-letters").json()["items"]} == {first, second}
    changes = {"textToImageParams": {"text": "a blue boat"}}
    again = api.post(f"/v1/dead-letters/{first}/replay", json={"changes": changes})
    assert (again.status_code, again.json()["request"]["textToImageParams"]["text"]) == (202, "a blue boat")
    assert api.post(f"/v1/dead-letters/{second}/discard").status_code == 204
    assert api.get("/v1/dead-letters").json()["items"] == []
    assert api.post(f"/v1/dead-letters/{second}/discard").json()["code"] == "nothing_to_decide"
    assert api.get("/v1/audit").json()["items"][0]["subject"] == second


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/decision"), ({"decision": "retry", "answer": "e30="}, "/decision"), ({"answer": "%"}, "/answer")],
)
def test_a_decision_that_is_none_is_refused(api: httpx.Client, body: dict[str, str], pointer: str) -> None:
    job = api.post("/v1/jobs", json={"request": BODY}).json()["id"]
    answer = api.post(f"/v1/held/{job}/resolve", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    told = {"answer": base64.b64encode(b"{}").decode()}
    assert api.post(f"/v1/held/{job}/resolve", json=told).json()["code"] == "nothing_to_decide"
    assert api.get("/v1/held").json()["items"] == []


def test_prometheus_reads_the_fleet(api: httpx.Client) -> None:
    api.post("/v1/jobs", json={"request": BODY, "model": NOVA, "tenant": "shop"})
    answer = api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert f'darkroom_lane_waiting{{lane="{NOVA}"}}' in answer.text
    assert "darkroom_dead_letters 0.0" in answer.text
    assert "shop" not in answer.text


def test_a_tenants_key_steers_only_its_own(settings: Settings, served: Served) -> None:
    key = Darkroom(settings=settings).create_key(tenant="shop", scopes=["submit", "read", "operate"])
    other = Darkroom(settings=settings).create_key(tenant="press", scopes=["submit", "read"])
    with served.client(headers={"Authorization": f"Bearer {key.key}"}) as api:
        api.post("/v1/jobs", json={"request": BODY, "model": NOVA})
        api.post("/v1/jobs", json={"request": BODY, "model": NOVA}, headers={"Authorization": f"Bearer {other.key}"})
        assert api.post("/v1/lanes:pause", params={"lane": NOVA}).status_code == 403
        assert api.post("/v1/tenants/press/pause").status_code == 403
        assert api.patch("/v1/tenants/shop", json={"weight": 9}).status_code == 403
        assert api.post("/v1/tenants/shop/pause").status_code == 204
        assert api.get("/v1/tenants/press").status_code == 404
        assert [tenant["name"] for tenant in api.get("/v1/tenants").json()["items"]] == ["shop"]
        queues = [queue["tenant"] for lane in api.get("/v1/lanes").json()["items"] for queue in lane["tenants"]]
        assert queues == ["shop"]
