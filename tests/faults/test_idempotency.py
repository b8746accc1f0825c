"""Case 17: the same submit again, at once from fifty threads, or after the first one died half way."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from darkroom import Darkroom, IdempotencyConflict, TextImage
from darkroom_shared.failpoints import Point
from darkroom_shared.store import reads
from tests.faults.crew import at_once, crewed
from tests.faults.ground import produced, prove, quick_settings, register_nobody
from tests.support.stack import Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
THREADS = 50

pytestmark = pytest.mark.filterwarnings("ignore::darkroom.ModelRetiredWarning")


def test_fifty_threads_with_one_key_make_one_job_and_one_call(stack: Stack, seed: Seeds, measured: Measured) -> None:
    number = seed()
    barrier = threading.Barrier(THREADS)
    with crewed(stack), Darkroom(settings=quick_settings(stack)) as room:

        def submit() -> tuple[str, bool]:
            barrier.wait(20)
            job = room.submit(TextImage("a boat", seed=number), idempotency_key="once")
            return job.id, job.replayed

        answers = at_once([submit] * THREADS, THREADS)
        [job] = {job for job, _ in answers}
        assert sorted(replayed for _, replayed in answers) == [False] + [True] * (THREADS - 1)
        assert stack.ledger.run(reads.jobs()) == [job]
        findings = prove(stack, {job: number})
        with pytest.raises(IdempotencyConflict, match=job):
            room.submit(TextImage("another boat", seed=number), idempotency_key="once")
        assert stack.ledger.run(reads.jobs()) == [job]
    measured("case 17", f"{THREADS} submits with one key: 1 job, {findings.calls} call")


SLOW_REPUBLISH = {"DARKROOM_REPUBLISH": "PT60S", "DARKROOM_RECONCILE": "PT60S"}
"""What comes in a few seconds comes from the replay itself."""


@pytest.mark.long
def test_a_job_whose_producer_died_before_letting_it_go_is_let_go_by_the_replay(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    number = seed()
    with crewed(stack, **SLOW_REPUBLISH):
        dead = produced(stack, number, key="again", DARKROOM_FAILPOINTS=f"{Point.ACCEPT_DONE}=kill", **SLOW_REPUBLISH)
        assert dead.returncode == -signal.SIGKILL
        [job] = stack.ledger.run(reads.jobs())
        assert stack.view(job).calls[0].state == "parked"
        again = produced(stack, number, key="again", **SLOW_REPUBLISH)
        returned = time.monotonic()
        assert again.stdout.split() == [job], again.stderr
        stack.wait(job)
        took = time.monotonic() - returned
        findings = prove(stack, {job: number})
    assert took < 5
    measured("case 17", f"replay after a death at {Point.ACCEPT_DONE}: over after {took:.2f} s, {findings.calls} call")


@pytest.mark.long
def test_a_call_let_go_whose_message_was_never_sent_is_published_by_the_replay(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    number = seed()
    register_nobody(stack, slots=1, ttl_ms=20_000)
    dead = produced(stack, number, key="again", DARKROOM_FAILPOINTS=f"{Point.PUBLISH_SENDING}=kill", **SLOW_REPUBLISH)
    assert dead.returncode == -signal.SIGKILL
    [job] = stack.ledger.run(reads.jobs())
    assert stack.view(job).calls[0].state == "admitted"
    with crewed(stack, **SLOW_REPUBLISH):
        again = produced(stack, number, key="again", **SLOW_REPUBLISH)
        returned = time.monotonic()
        assert again.stdout.split() == [job], again.stderr
        stack.wait(job, 8)
        took = time.monotonic() - returned
        findings = prove(stack, {job: number})
    measured("case 17", f"replay after a death at {Point.PUBLISH_SENDING}: over after {took:.2f} s, {findings.calls} call")
