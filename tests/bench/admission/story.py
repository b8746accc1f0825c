"""Where a call's time went between letting go and arriving: from the job's events and the endpoint's log."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from darkroom_shared.store.reads import StreamEvent
from tests.bench.admission.judge import Arrival
from tests.bench.admission.scenes import Backlog
from tests.faults.crew import every_event
from tests.support.stack import Stack

__all__ = ["Story", "stories_of"]


@dataclass(frozen=True, slots=True)
class Story:
    """One request, in milliseconds.

    Attributes:
        seed: of the job.
        at_s: its arrival on the endpoint's clock, in seconds.
        claimed_ms: from letting go to a worker's claim.
        gated_ms: from the claim to the gate.
        sent_ms: from the gate to the arrival at the endpoint.
    """

    seed: int
    at_s: float
    claimed_ms: float
    gated_ms: float
    sent_ms: float

    @property
    def late_ms(self) -> float:
        """From letting go to the arrival."""
        return self.claimed_ms + self.gated_ms + self.sent_ms


def steady_s(event: StreamEvent) -> float:
    """An event's time on the endpoint's clock, to the millisecond. For a server on this machine."""
    return int(str(event.data["at_ms"])) / 1000 - (time.time() - time.monotonic())


def stories_of(stack: Stack, backlog: Backlog, calls: Iterable[Arrival]) -> list[Story]:
    """The stories of these calls; call it when the jobs are at rest."""
    return [_story(stack, backlog.job_ids[call.seed], call) for call in calls if call.seed in backlog.job_ids]


def _story(stack: Stack, job_id: str, call: Arrival) -> Story:
    """The last of each event before the arrival; events are written in whole milliseconds, rounded down."""
    times = {e.type: at for e in every_event(stack, job_id) if (at := steady_s(e)) <= call.at_s + 0.001}
    let_go, claimed, gated = (times[name] for name in ("call.admit", "call.claim", "call.gate"))
    assert call.seed is not None
    steps = (claimed - let_go, gated - claimed, call.at_s - gated)
    return Story(call.seed, call.at_s, *(round(seconds * 1000, 1) for seconds in steps))
