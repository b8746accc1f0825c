"""Jobs over HTTP: submitted, waited for, listed, canceled, retried, and refused in words."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from darkroom import Darkroom, Settings
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import edited, sample

BODY = sample("TEXT_IMAGE")
NOBODY = "job_01k5w0v7d3e8r9t2y4v6h8j0p2"


def submitted(api: httpx.Client, **options: Any) -> dict[str, Any]:
    answer = api.post("/v1/jobs", json={"request": BODY, **options})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_a_job_is_submitted_done_and_read(api: httpx.Client, worker: HandWorker) -> None:
    answer = api.post("/v1/jobs", json={"request": BODY, "metadata": {"order": "7"}})
    assert (answer.status_code, answer.json()["state"], answer.headers["retry-after"]) == (202, "queued", "2")
    worker.run()
    job = api.get(answer.headers["location"]).json()
    assert (job["state"], job["is_terminal"], job["metadata"], len(job["outputs"])) == ("succeeded", True, {"order": "7"}, 1)
    assert [attempt["outcome"] for attempt in api.get(f"/v1/jobs/{job['id']}/attempts").json()["items"][0]["attempts"]] == [
        "answered"
    ]
    assert api.get(f"/v1/jobs/{job['id']}/check").json()["state"] == "succeeded"
    assert [hold["kind"] for hold in api.get(f"/v1/jobs/{job['id']}/explain").json()["holds"]] == ["ended"]


def test_prefer_wait_answers_when_the_job_has_ended(api: httpx.Client, worker: HandWorker) -> None:
    done: list[httpx.Response] = []
    waiting = threading.Thread(
        target=lambda: done.append(api.post("/v1/jobs", json={"request": BODY}, headers={"Prefer": "wait=30"}))
    )
    waiting.start()
    while not worker.messages():
        pass
    worker.run()
    waiting.join(20)
    assert (done[0].status_code, done[0].json()["state"], done[0].headers["preference-applied"]) == (201, "succeeded", "wait=30")


def test_a_wait_that_ran_out_answers_how_the_job_stands(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json={"request": BODY}, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.json()["is_terminal"]) == (202, False)


def test_a_long_poll_answers_at_the_next_change(api: httpx.Client, worker: HandWorker) -> None:
    job = submitted(api)
    seen = api.get(f"/v1/jobs/{job['id']}").json()["sequence"]
    found: list[dict[str, Any]] = []
    polling = threading.Thread(
        target=lambda: found.append(api.get(f"/v1/jobs/{job['id']}", params={"wait": 30, "after": seen}).json())
    )
    polling.start()
    worker.run()
    polling.join(20)
    assert found[0]["sequence"] > seen


def test_an_unchanged_job_is_not_sent_again(api: httpx.Client) -> None:
    job = submitted(api)
    first = api.get(f"/v1/jobs/{job['id']}")
    again = api.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_same_key_and_body_give_the_same_job_and_another_body_is_refused(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first = api.post("/v1/jobs", json={"request": BODY}, headers=headers)
    again = api.post("/v1/jobs", json={"request": BODY}, headers=headers)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")
    other = edited(BODY, "/textToImageParams/text", "a green boat")
    refused = api.post("/v1/jobs", json={"request": other}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_conflict")


def test_a_job_under_the_callers_own_id_is_made_once(api: httpx.Client) -> None:
    first, again = (api.put("/v1/jobs/order-7", json={"request": BODY}).json()["id"] for _ in range(2))
    assert first == again


def test_a_dry_run_tells_the_price_and_records_nothing(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", params={"dry_run": True}, json={"request": BODY})
    assert (answer.status_code, answer.json()["price_usd"]) == (200, 0.04)
    assert api.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"request": edited(BODY, "/textToImageParams/text", "")}, "invalid_input", "/request/textToImageParams/text"),
        ({"request": BODY, "job_class": "soon"}, "invalid_input", "/job_class"),
        ({"request": BODY, "start_within": -1}, "invalid_input", "/start_within"),
        ({"request": BODY, "colour": "red"}, "invalid_input", "/colour"),
        ({"request": BODY, "model": "nobody.knows-v1:0"}, "unknown_model", None),
        ({}, "invalid_input", "/request"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_records_nothing(
    api: httpx.Client, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    answer = api.post("/v1/jobs", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], answer.headers["content-type"]) == (422, code, "application/problem+json")
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert pointer is None or pointer in [row["pointer"] for row in problem["errors"]]
    assert api.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    "path", ["/v1/jobs/job_01k5w0v7d3e8r9t2y4v6h8j0p2", "/v1/jobs/job_01k5w0v7d3e8r9t2y4v6h8j0p2/events", "/v1/nothing"]
)
def test_what_is_not_there_is_told_as_a_problem(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_body_that_is_no_json_is_told_so(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", content=b'{"request": ', headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_a_cancel_says_what_came_of_it_and_may_be_repeated(api: httpx.Client) -> None:
    job = submitted(api)
    assert [api.post(f"/v1/jobs/{job['id']}/cancel").json()["outcome"] for _ in range(2)] == ["prevented", "finished"]


def test_several_are_canceled_each_with_its_own_outcome(api: httpx.Client) -> None:
    job = submitted(api)
    answer = api.post("/v1/jobs:cancel", json={"ids": [job["id"], NOBODY]})
    assert [(row["status"], row.get("outcome"), row.get("code")) for row in answer.json()["items"]] == [
        (200, "prevented", None),
        (404, None, "not_found"),
    ]


def test_a_job_that_did_not_fail_is_not_retried(api: httpx.Client, worker: HandWorker) -> None:
    job = submitted(api)
    worker.run()
    answer = api.post(f"/v1/jobs/{job['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_decide")


def test_pages_hold_every_job_once_while_new_ones_come(api: httpx.Client, settings: Settings) -> None:
    with Darkroom(settings=settings) as room:
        ids = [room.submit(edited(BODY, "/imageGenerationConfig/seed", seed)).id for seed in range(12)]
        page = api.get("/v1/jobs", params={"limit": 5}).json()
        seen = [job["id"] for job in page["items"]]
        room.submit(edited(BODY, "/imageGenerationConfig/seed", 99))
        while page["next"]:
            page = api.get("/v1/jobs", params={"limit": 5, "cursor": page["next"]}).json()
            seen += [job["id"] for job in page["items"]]
    assert sorted(seen) == sorted(ids)
    assert len(seen) == len(ids)


def test_a_list_is_filtered(api: httpx.Client, worker: HandWorker) -> None:
    done = submitted(api, metadata={"order": "1"})
    worker.run()
    open_one = submitted(api, metadata={"order": "2"}, cache="no-store")

    def ids(**params: Any) -> list[str]:
        return [job["id"] for job in api.get("/v1/jobs", params=params).json()["items"]]

    assert ids(state="succeeded") == [done["id"]]
    assert ids(state=["queued", "running"]) == [open_one["id"]]
    assert ids(metadata="order=2") == [open_one["id"]]
    assert ids(task="TEXT_IMAGE", metadata=["order=1"]) == [done["id"]]
    assert ids(task="INPAINTING") == []
    assert api.get("/v1/jobs", params={"metadata": "order"}).status_code == 422
    assert api.get("/v1/jobs", params={"cursor": "bm8"}).json()["errors"][0]["pointer"] == "/query/cursor"
