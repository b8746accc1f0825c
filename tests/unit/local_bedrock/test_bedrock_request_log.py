"""What the endpoint remembers of requests."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from darkroom_worker.local_bedrock.request_log import Ending, RequestLog, Visit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def serve_one(log: RequestLog, **changes: Any) -> None:
    visit = Visit(
        log.arrived(), "id-1", "invoke", "us-west-2", "amazon.nova-canvas-v1:0", NOON, 100.0, task_type="TEXT_IMAGE", seed=7
    )
    ending = Ending(NOON, 101.5, status=200, outcome="answered", billed=True, client_gone=False)
    log.ended(visit, replace(ending, **changes))


def entries(log: RequestLog, after: int = 0) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.lines(after)]


def test_an_entry_tells_who_when_and_how_it_ended() -> None:
    log = RequestLog()
    serve_one(log, image_sha256=("ab", "cd"), response_bytes=99)
    assert entries(log) == [
        {
            "n": 1,
            "arrival": 1,
            "request_id": "id-1",
            "operation": "invoke",
            "region": "us-west-2",
            "model": "amazon.nova-canvas-v1:0",
            "task_type": "TEXT_IMAGE",
            "seed": 7,
            "received_at": "2026-11-21T12:00:00+00:00",
            "ended_at": "2026-11-21T12:00:00+00:00",
            "received_s": 100.0,
            "ended_s": 101.5,
            "duration_s": 1.5,
            "request_bytes": 0,
            "response_bytes": 99,
            "status": 200,
            "error_code": None,
            "outcome": "answered",
            "billed": True,
            "images": 2,
            "image_sha256": ["ab", "cd"],
            "body_sha256": "",
            "filtered": None,
            "fault": None,
            "client_gone": False,
        }
    ]


def test_reading_goes_on_behind_a_number() -> None:
    log = RequestLog()
    for _ in range(5):
        serve_one(log)
    assert [entry["n"] for entry in entries(log, after=3)] == [4, 5]
    assert entries(log, after=5) == []


def test_a_reset_forgets_entries_and_sums_but_not_the_numbering() -> None:
    log = RequestLog()
    serve_one(log)
    log.reset()
    assert entries(log) == []
    assert log.stats()["received"] == 0
    serve_one(log)
    assert [entry["n"] for entry in entries(log, after=1)] == [2]


def test_a_reset_keeps_requests_in_flight_counted() -> None:
    log = RequestLog()
    log.arrived()
    log.reset()
    assert (log.stats()["in_flight"], log.stats()["received"]) == (1, 1)


def test_the_sums_count_what_was_billed_cut_and_refused() -> None:
    log = RequestLog()
    serve_one(log, image_sha256=("ab",))
    serve_one(log, status=429, billed=False, error_code="ThrottlingException")
    serve_one(log, status=0, outcome="cut")
    assert log.stats() == {
        "received": 3,
        "in_flight": 0,
        "max_in_flight": 1,
        "billed": 2,
        "images": 1,
        "cut": 1,
        "by_status": {"200": 1, "429": 1, "0": 1},
        "by_error": {"ThrottlingException": 1},
    }


def test_the_file_grows_across_restarts(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    for _ in range(2):
        log = RequestLog(path)
        serve_one(log)
        log.close()
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 1]
