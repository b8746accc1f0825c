"""What to do after an attempt that gave no images: a function from a failure and the call's history to a decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from darkroom_shared.core.failure import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class Budget:
    """How often a call may be tried.

    Attributes:
        attempts: paid attempts in all, 1 or more.
        after_unknown: attempts that may follow an unknown outcome; 0 means never pay twice.
        hold_unknown: an unknown outcome waits for a decision, whatever the numbers.
    """

    attempts: int = 3
    after_unknown: int = 1
    hold_unknown: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What a call has been through, the attempt just ended included."""

    attempts: int
    unknowns: int
    snoozes: int


@dataclass(frozen=True, slots=True)
class Snooze:
    """Wait `delay_s` seconds, then park again. `counts` is False where the wait was the quota's doing."""

    delay_s: float
    reason: str
    counts: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The call fails for good."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The filter's refusal is the result."""


class AfterDoubt(StrEnum):
    """What follows an attempt whose outcome nobody knows."""

    RETRY = "retry"
    HOLD = "hold"
    """Wait for a person or a program that finds out what happened."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Record a possibly billed attempt."""

    then: AfterDoubt


Decision = Snooze | GiveUp | Reject | Doubt

BASE_S = 1.0
CAP_S = 60.0
THROTTLED = "throttled"
"""The reason by which the ledger's scripts know a call that goes to the head of its queue."""


def full_jitter(exponent: int, base_s: float, cap_s: float, draw: float) -> float:
    """A delay drawn evenly from 0 to `base * 2^exponent`, capped.

    >>> full_jitter(0, 1.0, 60.0, 0.5)
    0.5
    >>> full_jitter(10, 1.0, 60.0, 1.0)
    60.0
    """
    return draw * min(cap_s, base_s * float(2 ** min(exponent, 30)))


def _patience(snoozes: int, draw: float) -> float:
    """Seconds to wait for a service out of reach: at least half the span, an immediate return is sure to hear the same."""
    span_s = full_jitter(snoozes, BASE_S, CAP_S, 1.0)
    return span_s / 2 + full_jitter(0, span_s / 2, CAP_S, draw)


def after_doubt(history: History, budget: Budget) -> AfterDoubt:
    """What follows an attempt that got no answer; `history.unknowns` counts the ones before it."""
    if budget.hold_unknown:
        return AfterDoubt.HOLD
    may_retry = history.unknowns < budget.after_unknown and history.attempts < budget.attempts
    return AfterDoubt.RETRY if may_retry else AfterDoubt.FAIL


def decide(failure: Failure, history: History, budget: Budget, draw: float) -> Decision:
    """What the ledger is told to do.

    Args:
        draw: a random number in [0, 1), handed in so that this stays a function.
    """
    match failure.kind:
        case FailureKind.PERMANENT:
            return GiveUp(failure.code)
        case FailureKind.FILTERED:
            return Reject()
        case FailureKind.THROTTLED:
            # To the head of its queue at once: its pool knows when to go on, and another may be free.
            return Snooze(0.0, THROTTLED, counts=False)
        case FailureKind.UNREACHED:
            return Snooze(_patience(history.snoozes, draw), failure.code, counts=False)
        case FailureKind.UNKNOWN:
            return Doubt(after_doubt(history, budget))
        case FailureKind.RETRY:
            delay_s = full_jitter(history.attempts - 1, BASE_S, CAP_S, draw)
            used_up = history.attempts >= budget.attempts
            return GiveUp("attempts_exhausted") if used_up else Snooze(delay_s, failure.code, counts=True)
        case _ as never:
            assert_never(never)
