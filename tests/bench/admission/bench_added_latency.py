"""What darkroom adds to a call on a free system: single jobs, one after the other, by a producer in a process of its own right.

    make bench ARGS="-s -k added_latency"

One worker with nothing to do, a quota that never holds anything back, 60 jobs; the first 10 warm up and do not count. A job's time
begins when the ledger has recorded it (`job.accepted`) and ends when its request arrives at the endpoint. Also shown: the same from
the caller's side, from the beginning and from the return of `submit`, and where the time goes. Some twenty seconds in all.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom import Darkroom
from darkroom_shared.settings import Settings
from tests.bench.admission.judge import Arrival, accepted, arrivals, percentile, table
from tests.bench.admission.scenes import Quota, endpoint_with, fleet_of, stack_on, until_instant
from tests.bench.admission.story import steady_s
from tests.faults.crew import every_event, until_told
from tests.integration.local_bedrock.endpoints import NOVA, text_image
from tests.support.stack import Stack

ADDED_S = 0.010
JOBS, WARMING = 60, 10
REST_S = 0.1
"""Between a submit and the first look at its job, which has ended by then, and between two jobs: a system that still tidies up
after the one before is not free."""
QUOTA = Quota(60_000)
EVENTS = ("job.accepted", "call.admit", "call.claim", "call.gate")


@dataclass(frozen=True, slots=True)
class Way:
    """One job's way to the endpoint, in seconds.

    Attributes:
        begun_s, returned_s: from the beginning and from the return of `submit` to the arrival of the request.
        events_s: from each of EVENTS to the arrival; the ledger notes whole milliseconds, rounded down.
    """

    begun_s: float
    returned_s: float
    events_s: tuple[float, ...]


def way_of(stack: Stack, job_id: str, begun_s: float, returned_s: float, call: Arrival) -> Way:
    """Puts a job's instants on the endpoint's clock; half a millisecond makes up for the ledger's rounding."""
    instants = {event.type: steady_s(event) + 0.0005 for event in every_event(stack, job_id)}
    return Way(call.at_s - begun_s, call.at_s - returned_s, tuple(call.at_s - instants[name] for name in EVENTS))


@pytest.mark.timeout(120)
def test_a_free_system_adds_little_between_submit_and_the_call(redis_url: str, tmp_path: Path) -> None:
    with endpoint_with(QUOTA, latency="0.02") as endpoint, stack_on(redis_url, endpoint, tmp_path) as stack:
        settings = Settings(redis_url=redis_url, key_prefix=stack.prefix, home=tmp_path, bedrock_url=endpoint.url)
        with fleet_of(stack, 1, {NOVA: QUOTA.per_minute}), Darkroom(settings=settings) as client:
            told: list[tuple[str, float, float]] = []
            for seed in range(1, JOBS + 1):
                begun_s = time.monotonic()
                handle = client.submit(text_image(seed=seed))
                returned_s = time.monotonic()
                told.append((handle.id, begun_s, returned_s))
                # Not at once: who watches the job on its way takes processor time from those who bring it there.
                until_instant(returned_s + REST_S)
                until_told(stack, [stack.wait(handle.id).id])
                until_instant(time.monotonic() + REST_S)
            calls = {call.seed: call for call in accepted(arrivals(endpoint.log()))}
            ways = [way_of(stack, *one, calls[seed]) for seed, one in enumerate(told, 1)][WARMING:]

    def row(name: str, values: list[float], required: object = "") -> tuple[object, ...]:
        return name, percentile(values, 0.5) * 1000, percentile(values, 0.95) * 1000, required

    by_event = [[way.events_s[n] for way in ways] for n in range(len(EVENTS))]
    rows = [
        row("recorded -> request arrives", by_event[0], ADDED_S * 1000),
        row("submit begins -> request arrives", [way.begun_s for way in ways]),
        row("submit returns -> request arrives", [way.returned_s for way in ways]),
        row("  recorded -> let go", [a - b for a, b in zip(by_event[0], by_event[1], strict=True)]),
        row("  let go -> claimed", [a - b for a, b in zip(by_event[1], by_event[2], strict=True)]),
        row("  claimed -> gate", [a - b for a, b in zip(by_event[2], by_event[3], strict=True)]),
        row("  gate -> request arrives", by_event[3]),
    ]
    print(f"\n{len(ways)} jobs one after the other, one worker; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(table(("milliseconds", "p50", "p95", "p50 required"), rows))
    assert percentile(by_event[0], 0.5) <= ADDED_S
