"""Many requests from one call, with a real worker: in order, bounded, and one that is wrong stops no other."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from darkroom import AsyncDarkroom, Darkroom, InvalidRequest, Settings, TextImage
from tests.integration.client.live import bedrock, live, settings, stack
from tests.support.stack import Stack
from tests.support.valkey import redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "settings", "stack", "valkey_server"]

_seeds = itertools.count(120_000)
NOVA = "amazon.nova-canvas-v1:0"


def boats(count: int) -> list[TextImage]:
    return [TextImage(f"boat {number}", seed=next(_seeds), width=512, height=512) for number in range(count)]


def test_results_come_in_the_order_of_the_requests_and_a_wrong_one_stops_no_other(settings: Settings) -> None:
    requests = boats(5)
    requests[2] = TextImage("", width=512, height=512)
    told: list[tuple[int, int | None]] = []
    with Darkroom(settings=settings) as room:
        found = list(room.map(requests, model=NOVA, concurrency=2, progress=lambda done, total: told.append((done, total))))
    assert [one.number for one in found] == [0, 1, 2, 3, 4]
    assert [one.is_good for one in found] == [True, True, False, True, True]
    assert isinstance(found[2].error, InvalidRequest)
    assert [one.view.outputs[0].seed for one in found if one.view] == [requests[n].seed for n in (0, 1, 3, 4)]
    assert told == [(number, 5) for number in range(1, 6)]


def test_no_more_jobs_are_open_than_were_asked_for(settings: Settings, stack: Stack) -> None:
    taken = 0

    def endless() -> Iterator[TextImage]:
        nonlocal taken
        while True:
            taken += 1
            yield boats(1)[0]

    stack.faults("slow=0.2")
    with Darkroom(settings=settings) as room:
        results = room.map(endless(), model=NOVA, concurrency=3)
        for done in range(1, 5):
            assert next(results).is_good
            assert taken <= done + 3
        results.close()  # type: ignore[attr-defined]


async def collected(room: AsyncDarkroom, requests: list[TextImage]) -> list[bool]:
    return [one.is_good async for one in room.map(requests, model=NOVA, concurrency=2)]


def test_the_other_colour_does_the_same(settings: Settings) -> None:

    async def run() -> list[bool]:
        async with AsyncDarkroom(settings=settings) as room:
            return await collected(room, boats(3))

    assert asyncio.run(run()) == [True, True, True]


@pytest.mark.parametrize(
    ("options", "pointer"), [({"concurrency": 0}, "/concurrency"), ({"idempotency_key": "k"}, "/options/idempotency_key")]
)
def test_what_makes_no_sense_for_many_is_refused_at_once(settings: Settings, options: dict[str, object], pointer: str) -> None:
    with Darkroom(settings=settings) as room, pytest.raises(InvalidRequest) as caught:
        room.map(boats(1), **options)  # type: ignore[arg-type]
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
