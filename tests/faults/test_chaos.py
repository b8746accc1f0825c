"""Kills, freezes, restarts, cut and half-open connections at random moments: every job ends once, every call is accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.faults.chaos import Chaos, Fault, Load, schedule
from tests.faults.checker import Findings, check, gather
from tests.integration.local_bedrock.endpoints import Running, running_endpoint
from tests.support.stack import Stack
from tests.support.valkey import Server

Measured = Callable[[str, str], None]
Seeds = Callable[[], int]
SERVICE_FAULTS = ("error=InternalServerException:0.03", "reset:0.02")
ROOM = {"DARKROOM_READ_TIMEOUT": "PT10S", "DARKROOM_CALL_BUDGET": "5"}
"""Answers are late on a busy machine, and that is not what is tested; nor are three errors in a row."""


@pytest.fixture(scope="module")
def slow_bedrock() -> Iterator[Running]:
    """An endpoint whose answers take 0.3 to 1.5 s, so that a fault finds calls under way."""
    with running_endpoint("--engine", "canned", "--quota", "off", "--latency", "0.3-1.5") as endpoint:
        yield endpoint


@pytest.fixture
def slow_stack(durable_server: Server, slow_bedrock: Running, tmp_path: Path) -> Iterator[Stack]:
    """A stack on that endpoint."""
    stack = Stack(durable_server.url, slow_bedrock, tmp_path / "home", f"chaos{time.monotonic_ns()}:")
    yield stack
    stack.faults()
    stack.close()


def run(
    stack: Stack, faults: Sequence[Fault], load: Load, *, jobs: int, seconds: float, workers: int, **environment: str
) -> Findings:
    """Submits so many jobs in so many seconds while the faults happen; waits for the end of all of them and checks."""
    with Chaos(stack, workers, **ROOM, **environment) as chaos:
        playing, began = chaos.play(faults), time.monotonic()
        ids: list[str] = []
        while len(ids) < jobs:
            ids += load.submit()
            time.sleep(max(0.0, began + seconds * len(ids) / jobs - time.monotonic()))
        playing.join()
        chaos.calm()
        stack.faults()
        for job in ids:
            stack.wait(job, 120)
        return check(gather(stack, ids, settle_s=5.0, call_budget=5), killed=True)


def assert_accounted(found: Findings, load: Load) -> None:
    assert found.problems == [], str(found)
    assert set(found.states) <= {"succeeded", "failed", "canceled"}, "canceled: a step whose step before it failed"
    sent = found.delivered + found.unknown + found.failed + found.snoozed - found.unsent - found.never_arrived
    assert found.calls == sent, "each request is one attempt in the ledger"
    if found.states == {"succeeded": found.jobs}:
        assert found.delivered == load.paid_calls, "each call was delivered once"


def test_a_handful_of_faults_costs_no_job_and_no_unmarked_call(slow_stack: Stack, seed: Seeds, measured: Measured) -> None:
    faults = [
        Fault(0.5, "cut", 1, 0, "both", "both"),
        Fault(0.8, "hold", 1, 0.5, "broker", "down"),
        Fault(1.2, "kill", 0, 0, "both", "both"),
        Fault(1.6, "cut", 1, 0, "ledger", "both"),
    ]
    load = Load(slow_stack, seed, Random(1))
    found = run(slow_stack, faults, load, jobs=40, seconds=1.5, workers=2, DARKROOM_LEASE="PT2S", DARKROOM_HEARTBEAT="PT0.5S")
    measured("chaos, short", str(found))
    assert_accounted(found, load)
    assert found.jobs >= 40
    assert found.unknown >= 1, "the kill met calls under way"


@pytest.mark.long(seconds=70)
@pytest.mark.parametrize("chaos_seed", [11, 12, 13])
def test_a_minute_of_random_faults_loses_no_job_and_no_call(
    slow_stack: Stack, seed: Seeds, measured: Measured, chaos_seed: int
) -> None:
    faults = schedule(chaos_seed, seconds=40, workers=3)
    load = Load(slow_stack, seed, Random(chaos_seed))
    slow_stack.faults(*SERVICE_FAULTS)
    began = time.monotonic()
    found = run(slow_stack, faults, load, jobs=200, seconds=40, workers=3)
    measured(f"chaos {chaos_seed}", f"{len(faults)} faults in {time.monotonic() - began:.0f} s: {found}")
    assert_accounted(found, load)
    assert found.jobs >= 200
