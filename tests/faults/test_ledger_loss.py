"""Cases 9, 10, 13 and 32: the ledger's server dies, its connections are cut, it is full, or a worker is parted from it.

A paid answer waits in its worker until it can be recorded; a call that cannot be recorded is not started.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom_shared.store import reads
from tests.faults.crew import LEASE_S, RECOVERY_S, crewed
from tests.faults.fleet import Fleet
from tests.faults.ground import losable_server, prove, submit_all
from tests.faults.proxy import running_proxy
from tests.integration.local_bedrock.endpoints import Running
from tests.support.stack import Stack
from tests.support.valkey import Server

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]


def flood(bedrock: Running, folder: Path, seed: Seeds, jobs_in_all: int, kills: int) -> str:
    """Kills the server of ledger and broker in the middle of a flood, as often as asked; says what came of it."""
    with losable_server() as server:
        stack = Stack(server.url, bedrock, folder, "flood:")
        stack.faults("slow=0.3")
        seeds = [seed() for _ in range(jobs_in_all)]
        with Fleet(stack, 2, "--slots", "10") as fleet:
            jobs = submit_all(stack, seeds)
            for kill in range(1, kills + 1):
                done = jobs_in_all * kill // (kills + 2)
                stack.until(lambda done=done: len(stack.calls_of(*seeds)) >= done, f"{done} calls to end", 60)  # type: ignore[misc]
                server.kill()
                server.restart()
            back = time.monotonic()
            findings = prove(stack, jobs, extra=range(2 * 10 * kills + 1), within_s=120)
            took = time.monotonic() - back
            assert findings.calls <= findings.jobs + findings.unknown
            # Celery may give up when its broker vanishes at a bad moment: it ends its calls and exits; its supervisor starts it.
            restarts = fleet.restarts
        stack.faults()
        stack.close()
    return f"{findings}; {restarts} restarts of 2 workers; all over {took:.1f} s after the last return"


@pytest.mark.long
def test_a_ledger_that_is_killed_three_times_in_a_flood_loses_nothing(
    bedrock: Running, tmp_path: Path, seed: Seeds, measured: Measured
) -> None:
    measured("case 10", f"3 kills: {flood(bedrock, tmp_path, seed, 200, 3)}")


def test_a_ledger_that_is_killed_with_calls_in_work_loses_nothing(
    bedrock: Running, tmp_path: Path, seed: Seeds, measured: Measured
) -> None:
    measured("case 10", f"1 kill: {flood(bedrock, tmp_path, seed, 12, 1)}")


@pytest.mark.long
def test_cuts_of_the_ledger_connection_cost_no_call(durable_server: Server, stack: Stack, seed: Seeds, measured: Measured) -> None:
    """During heartbeats, receipts and commits: the answer in hand is recorded over a new connection."""
    assert durable_server.tcp_port is not None
    stack.faults("slow=1.5")
    cuts = 0
    with (
        running_proxy(("127.0.0.1", durable_server.tcp_port)) as proxy,
        crewed(stack, "--slots", "6", DARKROOM_REDIS_URL=proxy.redis_url(), DARKROOM_BROKER_URL=stack.redis_url),
    ):
        jobs = submit_all(stack, [seed() for _ in range(12)])
        seeds = tuple(jobs.values())
        for ended in (0, 6):
            busy = f"calls under way after {ended}"
            stack.until(lambda ended=ended: len(stack.calls_of(*seeds)) >= ended and stack.endpoint.stats()["in_flight"] >= 3, busy)  # type: ignore[misc]
            cuts += proxy.cut()  # heartbeats
            stack.until(lambda ended=ended: len(stack.calls_of(*seeds)) > ended, "the first answer")  # type: ignore[misc]
            cuts += proxy.cut()  # receipts and commits
        findings = prove(stack, jobs)
    assert cuts >= 4
    assert findings.unknown == 0
    measured("case 9", f"12 jobs, {cuts} connections cut in heartbeat and commit: {findings}")


@pytest.mark.long
def test_cuts_all_the_time_cost_no_more_than_what_is_counted(
    durable_server: Server, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """At any moment, between claim and gate too, where the worker cannot know whether it may call."""
    assert durable_server.tcp_port is not None
    stack.faults("slow=0.2")
    cuts = 0
    with (
        running_proxy(("127.0.0.1", durable_server.tcp_port)) as proxy,
        crewed(
            stack,
            "--slots",
            "8",
            DARKROOM_REDIS_URL=proxy.redis_url(),
            DARKROOM_BROKER_URL=stack.redis_url,
            DARKROOM_CALL_BUDGET="10",
            DARKROOM_AFTER_UNKNOWN="3",
            DARKROOM_CRASH_BUDGET="10",
        ),
    ):
        jobs = submit_all(stack, [seed() for _ in range(80)])
        for ended in range(5, 80, 5):
            stack.until(lambda ended=ended: len(stack.calls_of(*jobs.values())) >= ended, f"{ended} calls", 60)  # type: ignore[misc]
            cuts += proxy.cut()
        findings = prove(stack, jobs, extra=range(20), call_budget=10, after_unknown=3)
    assert findings.calls + findings.never_arrived <= findings.jobs + findings.unknown
    measured("case 9", f"80 jobs, {cuts} connections cut: {findings}")


@pytest.mark.parametrize(
    "slow_s",
    [pytest.param(1.0, id="the answer comes in the partition"), pytest.param(8.5, id="the answer comes after it")],
)
@pytest.mark.long
def test_a_worker_parted_from_the_ledger_starts_nothing_and_keeps_what_it_was_answered(
    slow_s: float, durable_server: Server, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """For two leases; the endpoint and the broker stay in reach. Nobody else is there to take over."""
    assert durable_server.tcp_port is not None
    stack.faults(f"slow={slow_s}:count=1")
    apart_s = 2 * LEASE_S + 1
    with (
        running_proxy(("127.0.0.1", durable_server.tcp_port)) as proxy,
        crewed(
            stack,
            DARKROOM_REDIS_URL=proxy.redis_url(),
            DARKROOM_BROKER_URL=stack.redis_url,
            DARKROOM_READ_TIMEOUT="PT20S",
        ) as worker,
    ):
        running = submit_all(stack, [seed()])
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the call to be under way")
        proxy.drop("both")
        parted = time.monotonic()
        waiting = submit_all(stack, [seed() for _ in range(3)])
        stack.until(lambda: time.monotonic() - parted > apart_s, "two leases", apart_s + 5)
        assert stack.calls_of(*waiting.values()) == [], "no call was started that could not be recorded"
        assert worker.process.poll() is None
        proxy.forward()
        back = time.monotonic()
        findings = prove(stack, running | waiting)
        took = time.monotonic() - back
    assert findings.unknown == 0
    measured("case 32", f"answer after {slow_s} s, parted {apart_s:.0f} s: {findings}; over {took:.1f} s later")


@pytest.mark.long
def test_the_call_of_a_parted_worker_is_taken_over_and_has_one_result(
    durable_server: Server, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    assert durable_server.tcp_port is not None
    stack.faults("slow=18:count=1")  # the other worker must be done before this answer comes, or it would take that one instead
    with (
        running_proxy(("127.0.0.1", durable_server.tcp_port)) as proxy,
        crewed(
            stack,
            DARKROOM_REDIS_URL=proxy.redis_url(),  # and its broker: in reach of that it would eat every other hint
            DARKROOM_READ_TIMEOUT="PT20S",
        ) as parted,
    ):
        jobs = submit_all(stack, [seed()])
        [job] = jobs
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the call to be under way")
        proxy.drop("both")
        began = time.monotonic()
        with crewed(stack):
            stack.wait(job)
            took = time.monotonic() - began
            stack.until(lambda: stack.endpoint.stats()["in_flight"] == 0, "the first answer to come")
            proxy.forward()
            proxy.cut()  # what was lost in them would keep its old connections waiting
            stack.until(parted.outcomes, "the parted worker to give up")
            findings = prove(stack, jobs, extra=[1])
    assert (findings.calls, findings.unknown) == (2, 1)
    commits = [event for event in stack.ledger.run(reads.events(job)) if event.type == "call.commit"]
    assert len(commits) == 1
    assert took < RECOVERY_S + 5
    measured("case 32", f"taken over after {took:.1f} s: {findings}, one commit")
