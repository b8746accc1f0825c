"""What the ledger's scripts cost a call, as a multiple of the cheapest round trip to the same server in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from darkroom_shared.settings import Settings
from darkroom_shared.store import ops, reads
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, raw_redis, sync_executor

CALLS = 300


def timed(steps: Sequence[Callable[[], object]]) -> float:
    """Milliseconds a step."""
    begin = time.perf_counter()
    for step in steps:
        step()
    return (time.perf_counter() - begin) / len(steps) * 1000


def test_what_the_scripts_cost(redis_url: str) -> None:
    with raw_redis(redis_url) as raw, sync_executor(redis_url, "dr:") as run:
        room = Room(run, raw, Keys("dr:"))
        room.worker(slots=CALLS * 2)
        jobs = [room.new_job() for _ in range(CALLS)]
        floor = timed([lambda: run(reads.pool("none"))] * CALLS)
        costs = {"accept": timed([partial(room.accept, job) for job in jobs])}
        hints: list[ops.Hint] = []
        costs["admit"] = timed([lambda: hints.extend(run(ops.admit(Settings().class_floors, 60_000, 1)).hints)] * CALLS)
        costs["claim"] = timed([partial(room.claim, hint) for hint in hints])
        costs["gate"] = timed([partial(room.gate, hint) for hint in hints])
        costs["receipt"] = timed([partial(room.receipt, hint) for hint in hints])
        costs["commit"] = timed([partial(room.commit, hint) for hint in hints])
        assert {room.state(job.job_id) for job in jobs} == {"succeeded"}
    print(f"\nHGETALL round trip {floor:.3f} ms")
    for name, cost in costs.items():
        print(f"  {name:8} {cost:.3f} ms  {cost / floor:4.1f} x")
    print(f"  a call   {sum(costs.values()):.3f} ms  {sum(costs.values()) / floor:4.1f} x")
    assert sum(costs.values()) < 60 * floor
