"""Workflows, gates and templates over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import b64, picture

NOVA = "amazon.nova-canvas-v1:0"
BOAT: dict[str, Any] = {"do": "text-image", "with": {"text": "a red sailboat", "seed": 7, "width": 512, "height": 512}}
FLOW: dict[str, Any] = {
    "model": NOVA,
    "steps": {"boat": BOAT, "small": {"step": {"kind": "resize", "width": 320, "height": 320}}},
}
GATED: dict[str, Any] = {
    "model": NOVA,
    "steps": {"boat": BOAT, "look": {"approve": {"question": "Good enough?"}}, "dark": {"step": {"kind": "invert"}}},
}


def begun(api: httpx.Client, workflow: dict[str, Any]) -> str:
    answer = api.post("/v1/workflows", json={"workflow": workflow})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_document_is_run_and_followed_to_its_end(api: httpx.Client, worker: HandWorker) -> None:
    answer = api.post("/v1/workflows", json={"workflow": FLOW}, headers={"Idempotency-Key": "one"})
    again = api.post("/v1/workflows", json={"workflow": FLOW}, headers={"Idempotency-Key": "one"})
    assert (answer.json()["id"], again.headers["idempotent-replayed"]) == (again.json()["id"], "true")
    worker.run()
    view = api.get(answer.headers["location"]).json()
    assert (view["state"], [step["step"] for step in view["steps"]]) == ("succeeded", ["boat", "small"])
    assert api.post(f"/v1/workflows/{view['id']}/cancel").json() == {"id": view["id"], "outcome": "finished"}


def test_a_plan_of_a_workflow_costs_nothing(api: httpx.Client) -> None:
    plan = api.post("/v1/workflows", params={"dry_run": True}, json={"workflow": FLOW}).json()
    assert (plan["price_usd"], [step["name"] for step in plan["steps"]]) == (0.04, ["boat", "small"])
    assert api.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"workflow": {"steps": {"a": {"do": "nothing"}}}}, "/workflow/steps/a/do"),
        ({"workflow": FLOW, "budget_usd": 0.001}, "/budget_usd"),
        ({"workflow": FLOW, "finish_by": "2020-01-01T00:00:00Z"}, "/finish_by"),
        ({"workflow": FLOW, "template": "relight"}, "/workflow"),
        ({}, "/workflow"),
        ({"template": "nobody"}, "/template"),
        ({"template": "relight", "arguments": {"picture": "x"}}, "/arguments/picture"),
    ],
)
def test_what_is_wrong_with_a_workflow_is_told_with_its_place(api: httpx.Client, body: dict[str, Any], pointer: str) -> None:
    answer = api.post("/v1/workflows", json=body)
    assert answer.status_code == 422
    assert pointer in [row["pointer"] for row in answer.json()["errors"]]


def test_a_file_of_the_server_is_no_picture(api: httpx.Client) -> None:
    step = {"do": "background-removal", "with": {"image": "/etc/passwd"}}
    answer = api.post("/v1/workflows", json={"workflow": {"model": NOVA, "steps": {"cut": step}}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    asked = {"workflow": {"model": NOVA, "parameters": {"photo": {"type": "image"}}, "steps": {"cut": step}}}
    asked["workflow"]["steps"]["cut"] = {"do": "background-removal", "with": {"image": "$params.photo"}}
    answer = api.post("/v1/workflows", json={**asked, "arguments": {"photo": "/etc/passwd"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert "base64" in answer.json()["detail"]
    assert api.post("/v1/workflows", json={**asked, "arguments": {"photo": b64(picture())}}).status_code == 202


def test_a_person_decides_at_a_gate_by_name_or_by_token(api: httpx.Client, worker: HandWorker) -> None:
    by_name, by_token = begun(api, GATED), begun(api, GATED)
    worker.run()
    [gate] = api.get(f"/v1/workflows/{by_name}/gates").json()["items"]
    assert (gate["is_asked"], gate["question"], len(gate["pictures"])) == (True, "Good enough?", 1)
    wrong = api.post(f"/v1/workflows/{by_name}/steps/look/approve", json={"choose": [5]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/choose")
    assert api.post(f"/v1/workflows/{by_name}/steps/look/approve", json={"by": "Ann"}).json() == {"job_id": gate["job_id"]}
    [other] = api.get(f"/v1/workflows/{by_token}/gates").json()["items"]
    told = {"token": other["token"], "approve": False, "note": "too dark"}
    assert api.post("/v1/gates:decide", json=told).json() == {"job_id": other["job_id"]}
    assert api.post("/v1/gates:decide", json=told).json()["code"] == "nothing_to_decide"
    assert api.post("/v1/gates:decide", json={**told, "token": "ap_" + "0" * 58}).status_code == 422
    worker.run()
    assert api.get(f"/v1/workflows/{by_name}").json()["state"] == "succeeded"
    assert api.get(f"/v1/workflows/{by_token}").json()["state"] != "succeeded"


def test_what_is_missing_is_resumed_and_a_fork_begins_with_what_is_there(api: httpx.Client, worker: HandWorker) -> None:
    first = begun(api, GATED)
    worker.run()
    api.post(f"/v1/workflows/{first}/steps/look/reject")
    worker.run()
    resumed = api.post(f"/v1/workflows/{first}/resume")
    assert (resumed.status_code, resumed.json()["id"]) == (202, first)
    assert api.post(f"/v1/workflows/{first}/steps/look/approve").status_code == 200
    worker.run()
    assert api.get(f"/v1/workflows/{first}").json()["state"] == "succeeded"
    assert api.post(f"/v1/workflows/{first}/resume").json()["code"] == "nothing_to_decide"
    forked = api.post(f"/v1/workflows/{first}/fork", json={"after": "boat"})
    assert (forked.status_code, forked.json()["forked_from"]) == (202, first)
    wrong = api.post(f"/v1/workflows/{first}/fork", json={"after": "nobody"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/after")


def test_a_template_is_saved_once_and_run_by_its_name(api: httpx.Client, worker: HandWorker) -> None:
    saved = api.put("/v1/workflow-templates/boats", json=FLOW)
    assert (saved.status_code, saved.json()) == (201, {"id": "boats@1", "is_new": True})
    assert api.put("/v1/workflow-templates/boats", json=FLOW).status_code == 200
    names = [found["id"] for found in api.get("/v1/workflow-templates").json()["items"]]
    assert {"boats@1", "relight@builtin"} <= set(names)
    assert list(api.get("/v1/workflow-templates/boats@1").json()["document"]["steps"]) == ["boat", "small"]
    assert api.get("/v1/workflow-templates/boats@7").status_code == 404
    view = api.post("/v1/workflows", json={"template": "boats"}).json()
    assert view["name"] == "boats@1"
    assert api.put("/v1/workflow-templates/relight", json=FLOW).json()["errors"][0]["pointer"] == "/name"
