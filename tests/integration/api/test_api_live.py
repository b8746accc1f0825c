"""Live events: a snapshot first, every change once and in order, resumed where the client stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from darkroom import Darkroom, Settings, ZoomOut
from tests.integration.api.serving import Event, Served, events, serving
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import edited, picture, sample

BODY = sample("TEXT_IMAGE")


@contextmanager
def listening(api: httpx.Client, path: str, last: str | None = None) -> Iterator[Iterator[Event]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with api.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        yield events(answer.iter_lines())


def submitted(api: httpx.Client, seed: int = 42) -> str:
    return str(api.post("/v1/jobs", json={"request": edited(BODY, "/imageGenerationConfig/seed", seed)}).json()["id"])


def test_a_job_is_followed_from_a_snapshot_to_its_end(api: httpx.Client, worker: HandWorker) -> None:
    job = submitted(api)
    with listening(api, f"/v1/jobs/{job}/events") as heard:
        first = next(heard)
        assert (first.kind, first.data["id"], first.id) == ("snapshot", job, str(first.data["sequence"]))
        worker.run()
        changes = list(heard)
    sequences = [int(event.id) for event in changes]
    assert sequences == list(range(int(first.id) + 1, int(first.id) + 1 + len(changes)))
    assert (changes[-1].data["state"], changes[-1].data["terminal"]) == ("succeeded", True)


def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(api: httpx.Client, worker: HandWorker) -> None:
    job = submitted(api)
    with listening(api, f"/v1/jobs/{job}/events") as heard:
        last = next(heard).id
    worker.run()
    with listening(api, f"/v1/jobs/{job}/events", last) as heard:
        changes = list(heard)
    assert {event.kind for event in changes} == {"change"}
    assert [int(event.id) for event in changes] == list(range(int(last) + 1, int(last) + 1 + len(changes)))
    assert changes[-1].data["terminal"] is True


def test_a_job_that_has_ended_is_a_snapshot_and_the_end(api: httpx.Client, worker: HandWorker) -> None:
    job = submitted(api)
    worker.run()
    with listening(api, f"/v1/jobs/{job}/events") as heard:
        assert [event.kind for event in heard] == ["snapshot"]


def test_a_tenants_events_are_its_own(api: httpx.Client, settings: Settings) -> None:
    with Darkroom(settings=settings) as room, listening(api, "/v1/events?tenant=b") as heard:
        assert next(heard).data == {"jobs": []}
        room.submit(edited(BODY, "/imageGenerationConfig/seed", 1), tenant="a")
        mine = room.submit(edited(BODY, "/imageGenerationConfig/seed", 2), tenant="b")
        assert next(heard).data["job"] == mine.id


def test_the_tenants_events_go_on_where_the_client_stopped(api: httpx.Client) -> None:
    with listening(api, "/v1/events") as heard:
        last = next(heard).id
    jobs = [submitted(api, seed) for seed in range(3)]
    with listening(api, "/v1/events", last) as heard:
        seen: list[str] = []
        while len(set(seen)) < 3:
            event = next(heard)
            assert event.kind == "change"
            seen.append(event.data["job"])
    assert list(dict.fromkeys(seen)) == jobs


def test_a_place_that_is_not_of_this_ledger_starts_anew(api: httpx.Client) -> None:
    submitted(api)
    with listening(api, "/v1/events", "99999999999999-1") as heard:
        assert [next(heard).kind, next(heard).kind] == ["reset", "snapshot"]


def test_a_workflow_is_followed_to_its_end(api: httpx.Client, settings: Settings, worker: HandWorker) -> None:
    with Darkroom(settings=settings) as room:
        flow = room.chain(("wide", ZoomOut(width=640, height=640)), image=picture())
        with listening(api, f"/v1/workflows/{flow.id}/events") as heard:
            first = next(heard)
            assert (first.kind, first.data["id"]) == ("snapshot", flow.id)
            worker.run()
            rest = list(heard)
    assert {event.data["step"] for event in rest if event.kind == "change"} == {"wide"}
    assert (rest[-1].kind, rest[-1].data["is_terminal"]) == ("snapshot", True)


@pytest.mark.parametrize(("path", "last"), [("/v1/events", "yesterday"), ("/v1/jobs/{job}/events", "1-1")])
def test_an_id_that_is_none_is_refused(api: httpx.Client, path: str, last: str) -> None:
    answer = api.get(path.format(job=submitted(api)), headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/header/last-event-id")


def test_a_stopping_server_lets_go_of_its_listeners(settings: Settings) -> None:
    with serving(settings) as served, served.client() as api, listening(api, "/v1/events") as heard:
        next(heard)
        served.process.send_signal(signal.SIGTERM)
        with pytest.raises((httpx.RemoteProtocolError, StopIteration)):
            next(heard)
        assert served.process.wait(15) in (0, -signal.SIGTERM)


def test_many_listeners_cost_one_connection_to_the_ledger(served: Served, settings: Settings) -> None:
    def connections() -> int:
        import redis

        path = settings.redis_url.removeprefix("unix://").partition("?")[0]
        with redis.Redis(unix_socket_path=path, decode_responses=True) as server:
            return len(server.client_list())

    streams: list[Any] = []
    with served.client(limits=httpx.Limits(max_connections=None)) as api:
        job = submitted(api)
        before = connections()
        for _ in range(50):
            stream = listening(api, f"/v1/jobs/{job}/events")
            heard = stream.__enter__()
            assert next(heard).kind == "snapshot"
            streams.append((stream, heard))
        assert api.get("/healthz").json()["listeners"] == 50
        assert connections() - before <= 2
        for stream, _ in streams:
            stream.__exit__(None, None, None)
