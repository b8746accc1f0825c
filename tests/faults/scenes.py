"""One crash, played to its end: a worker that dies or freezes at a failpoint, and a second one that finds what it left."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from darkroom_shared.contract.views import JobView
from darkroom_shared.failpoints import Point
from darkroom_shared.storage import open_store
from darkroom_shared.store import ops, presence, reads
from tests.faults.checker import Findings, check, gather
from tests.faults.crew import LEASE_S, PATIENCE_S, PATIENT, Hand, crewed, every_event, until_told
from tests.integration.local_bedrock.endpoints import Running, text_image
from tests.support.bodies import picture
from tests.support.stack import Stack, new_job_id, unpaced

__all__ = ["PATIENT_CALLS", "Ending", "Frozen", "Scene", "Stage", "frozen_at", "in_so_many_seconds", "stored_picture"]

_numbers = itertools.count(1)
PATIENT_CALLS = {"DARKROOM_CONNECT_TIMEOUT": "PT5S", "DARKROOM_READ_TIMEOUT": "PT20S"}
"""No call takes long here: one that does, on a busy machine, is no part of the scene."""
_REFUSED_SIZE = 100
"""A width that the service answers with a ValidationException: an attempt that fails."""


@dataclass(frozen=True)
class Scene:
    """What happens to the first worker, where, and in which kind of job."""

    point: Point
    action: Literal["kill", "stop"]
    kind: Literal["paid", "free"] = "paid"

    def __str__(self) -> str:
        return f"{self.kind} {self.point}={self.action}"


@dataclass(frozen=True)
class Place:
    """What ledger, endpoint and store hold of a job while its worker is at a failpoint."""

    state: str
    requests: int
    receipt: bool = False


PLACES: Mapping[Point, Place] = {
    Point.TASK_RECEIVED: Place("admitted", 0),
    Point.CLAIM_TAKEN: Place("claimed", 0),
    Point.GATE_OPENED: Place("calling", 0),
    Point.CALL_ANSWERED: Place("calling", 1),
    Point.RECEIPT_STORED: Place("calling", 1, receipt=True),
    Point.RECEIPT_NOTED: Place("responded", 1, receipt=True),
    Point.PICTURES_STORED: Place("responded", 1, receipt=True),
    Point.COMMIT_DONE: Place("done", 1, receipt=True),
    Point.FAILURE_SENDING: Place("calling", 1),
    Point.PUBLISH_SENDING: Place("admitted", 0),
    Point.PUBLISH_DONE: Place("admitted", 0),
    Point.RECONCILE_DONE: Place("admitted", 0),
}
LOOPS = (Point.PUBLISH_SENDING, Point.PUBLISH_DONE, Point.RECONCILE_DONE)
FREE_PLACES: Mapping[Point, Place] = {
    Point.GATE_OPENED: Place("calling", 0),
    Point.PICTURES_STORED: Place("calling", 0),
    Point.COMMIT_DONE: Place("done", 0),
}


@dataclass
class Ending:
    """What was left when the second worker was done and the first, if it had been frozen, had come back and ended.

    Attributes:
        requests: the endpoint's log of the job's seed, in order of arrival.
        last_words: what the first worker said of each call after it came back.
        claimed_by_first: claims that the first worker got.
        noticed: whether the first worker saw by its clock that it had stood still before it sent anything.
        recovered_s: seconds from the crash to the job's end.
        findings: what the checker found.
    """

    view: JobView
    requests: list[dict[str, Any]]
    events: list[str]
    last_words: list[str]
    claimed_by_first: int
    noticed: bool
    recovered_s: float
    findings: Findings

    @property
    def unknown(self) -> int:
        """Attempts that the ledger holds for possibly billed."""
        return sum(attempt.outcome == "unknown" for call in self.view.calls for attempt in call.attempts)


@dataclass(frozen=True)
class Stage:
    """Where scenes are played: each has a ledger prefix and a folder of its own, so that many can be played at once."""

    redis_url: str
    endpoint: Running
    folder: Path
    seed: Callable[[], int]

    @contextmanager
    def stack(self) -> Generator[Stack]:
        """A ledger of its own."""
        name = f"scene{next(_numbers)}"
        stack = Stack(self.redis_url, self.endpoint, self.folder / name, f"{name}:")
        yield stack
        stack.close()

    def play(self, scene: Scene) -> Ending:
        """From submit to the end of both workers."""
        with self.stack() as stack:
            return self._play(stack, scene)

    def _play(self, stack: Stack, scene: Scene) -> Ending:
        number, job_id = self.seed(), new_job_id()
        job = ops.NewJob(job_id, _record(stack, scene, number))
        if scene.point is Point.RECONCILE_DONE:
            _admit_without_message(stack, job)
        with crewed(stack, DARKROOM_FAILPOINTS=f"{scene.point}={scene.action}", **PATIENT_CALLS) as first:
            if scene.point in (Point.PUBLISH_SENDING, Point.PUBLISH_DONE):
                stack.ledger.run(ops.accept([job], unpaced(job)))  # the worker lets it go and publishes
            elif scene.point is not Point.RECONCILE_DONE:
                stack.accept([job])
            (first.until_killed if scene.action == "kill" else first.until_frozen)()
            crashed = time.monotonic()
            if scene.action == "stop":
                assert_at(stack, job_id, number, scene)
            with crewed(stack, **PATIENT_CALLS):
                stack.wait(job_id, PATIENCE_S)
                recovered_s = time.monotonic() - crashed
                if scene.action == "stop":
                    stack.until(lambda: time.monotonic() - crashed > LEASE_S + 0.5, "the lease of the frozen worker to be over")
                    first.thaw()
                    first.process.terminate()
                    # Failpoints of the background loops may be reached before Celery has its signal handlers in place.
                    expected = (0,) if scene.point not in LOOPS else (0, -signal.SIGTERM)
                    assert first.process.wait(30) in expected, first.said()
                until_told(stack, [job_id])
        findings = check(gather(stack, [job_id], settle_s=3), torn=scene.action == "kill")
        events = every_event(stack, job_id)
        by_first = sum(
            event.type in ("call.claim", "call.adopt") and str(event.data.get("worker")).endswith(f":{first.pid}")
            for event in events
        )
        requests = sorted(stack.calls_of(number), key=lambda entry: int(entry["arrival"]))
        types = [event.type for event in events]
        return Ending(
            stack.view(job_id), requests, types, first.outcomes(), by_first, "worker_frozen" in first.said(), recovered_s, findings
        )


@dataclass(frozen=True)
class Frozen:
    """A worker that stands still with one job in hand."""

    worker: Hand
    job_id: str
    number: int


@contextmanager
def frozen_at(
    stack: Stack, point: Point, seed: Callable[[], int], deadlines: Mapping[str, float] | None = None
) -> Generator[Frozen]:
    """A new job, and a worker that is frozen at this point of it; no lease runs out meanwhile.

    Args:
        deadlines: `start_by_ms` or `finish_by_ms` of the job, as seconds from its submit.
    """
    with crewed(stack, **PATIENT, DARKROOM_FAILPOINTS=f"{point}=stop") as worker:
        number = seed()
        job_id = stack.submit(text_image(seed=number), **in_so_many_seconds(deadlines or {}))
        worker.until_frozen()
        assert_at(stack, job_id, number, Scene(point, "stop"))
        yield Frozen(worker, job_id, number)


def in_so_many_seconds(deadlines: Mapping[str, float]) -> dict[str, int]:
    """Fields of a job's record, from seconds to come."""
    return {name: int((time.time() + seconds) * 1000) for name, seconds in deadlines.items()}


def assert_at(stack: Stack, job_id: str, number: int, scene: Scene) -> None:
    """The worker stands still where it was told to: ledger, endpoint and store say so."""
    receipts = stack.folder / "store" / "receipts"
    state = stack.ledger.run(reads.call(f"{job_id}.0"))["state"]
    receipt = any(job_id in path.name for path in receipts.rglob("*"))
    places = PLACES if scene.kind == "paid" else FREE_PLACES
    assert Place(state, len(stack.calls_of(number)), receipt) == places[scene.point], scene


def stored_picture(stack: Stack) -> str:
    """Puts a small picture into the stack's store, as a producer does; its name."""
    store = open_store(stack.settings.store_url)
    try:
        return store.put(picture(), "image/png").sha256
    finally:
        store.close()


def _record(stack: Stack, scene: Scene, number: int) -> dict[str, str]:
    if scene.kind == "free":
        sha256 = stored_picture(stack)
        return stack.local_record({"kind": "invert"}, [f"asset:{sha256}"], inputs=[sha256]).as_fields()
    body = text_image(seed=number)
    if scene.point is Point.FAILURE_SENDING:
        body = text_image(seed=number, size=_REFUSED_SIZE)
    return stack.record(body).as_fields()


def _admit_without_message(stack: Stack, job: ops.NewJob) -> None:
    """A producer that died between admission and publication: the first look of a reconciler finds the call."""
    stack.ledger.run(presence.register("died", 60_000, {"slots": "1", "host": "h", "pid": "1", "started_ms": "1"}, []))
    stack.ledger.run(ops.accept([job], unpaced(job)))
    assert len(stack.ledger.run(ops.admit({"standard": 0.0}, 1)).hints) == 1
    stack.ledger.run(presence.leave("died"))
