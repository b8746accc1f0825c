"""The only transition table: which event may take a call from which state to which, and what that makes of its job.

The ledger's scripts hold no table of their own. The table is put in front of each when it is loaded, made of `TRANSITIONS`,
and a test walks random events against this module and the real scripts.

    parked -> admitted -> claimed -> calling -> responded -> done
       ^         |           |          |           |
       |         +-----------+----------+-----------+--> snoozed, unknown, failed, canceled, expired, quarantined
       +---- snoozed, unknown, and every state whose lease ran out
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CHECK_NOT_PASSED: Final = "check_not_passed"
"""Reason of a job that was rejected by its own verdict."""
CHECK_FAILED: Final = "check_failed"
"""Reason of a job of which pictures did not pass their automatic checks, and code of each of those pictures."""


class CallState(StrEnum):
    """Where a call stands. A call leaves `done`, `failed`, `canceled`, `expired` and `quarantined` never."""

    PARKED = "parked"
    """Waits in its lane for a rate token and a worker slot. Left by `admit`."""
    ADMITTED = "admitted"
    """Has a token; a message with its fence is on its way. Left by `claim`, or republished by the reconciler."""
    CLAIMED = "claimed"
    """A worker holds the lease and prepares the request. Nothing is paid yet."""
    CALLING = "calling"
    """The HTTP request may be on its way. From here on money may have been spent."""
    RESPONDED = "responded"
    """The answer's bytes are stored; what remains can be done without paying again."""
    DONE = "done"
    """Finished with its images, or with the filter's refusal."""
    SNOOZED = "snoozed"
    """Waits for a time (back-off, throttling, not_before) or for a step before it; uses up no attempt."""
    UNKNOWN = "unknown"
    """The request went out and no answer came back: possibly billed. A call rests here only if its job holds such calls."""
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    """Its deadline passed before it was called; cost 0."""
    QUARANTINED = "quarantined"
    """Took its worker down too often; waits for a person."""


class JobState(StrEnum):
    """What the producer sees. Clients read `is_terminal`, never a closed list."""

    SCHEDULED = "scheduled"
    """`not_before` lies ahead."""
    WAITING = "waiting"
    """A step before it has not finished, or a person is to decide."""
    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    """Cancel was asked for while a paid call was under way."""
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    """Some images came, some were filtered or failed."""
    REJECTED = "rejected"
    """A content filter refused everything, or a check of a chain did not pass: the reason tells."""
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"

    @property
    def is_terminal(self) -> bool:
        """True if the job will never change again."""
        return self in TERMINAL_JOB_STATES


class Event(StrEnum):
    """What can happen to a call; also the `type` of the event in the job's stream, as `call.<event>`."""

    ADMIT = "admit"
    CLAIM = "claim"
    ADOPT = "adopt"
    """A claim that finds a stored answer: it is decoded, nothing is paid."""
    GATE = "gate"
    RECEIPT = "receipt"
    COMMIT = "commit"
    SNOOZE = "snooze"
    PARK = "park"
    """A snooze is over, a lease ran out before the call, its queue lost its workers, or an unknown outcome may be tried again."""
    DOUBT = "doubt"
    RECOVER = "recover"
    """The answer of an attempt has been found after all: it waits to be adopted, and nothing is paid again."""
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"
    QUARANTINE = "quarantine"
    REUSE = "reuse"
    """The result of an equal job is taken over; nothing is called."""
    REROLL = "reroll"
    """Pictures of a paid answer did not pass their checks: the call waits for its turn, to make those again with another seed."""
    DECIDE = "decide"
    """A person, or the time that a gate allows, has ended a gate; nothing is called for one."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table."""

    sources: frozenset[CallState]
    target: CallState


def _row(target: CallState, *sources: CallState) -> Transition:
    return Transition(frozenset(sources), target)


_C = CallState
TRANSITIONS: Final[dict[Event, Transition]] = {
    Event.ADMIT: _row(_C.ADMITTED, _C.PARKED),
    Event.CLAIM: _row(_C.CLAIMED, _C.ADMITTED),
    Event.ADOPT: _row(_C.RESPONDED, _C.ADMITTED),
    Event.GATE: _row(_C.CALLING, _C.CLAIMED),
    Event.RECEIPT: _row(_C.RESPONDED, _C.CALLING),
    # From claimed: a guardrail refused the request before the call, which is a result, and free.
    Event.COMMIT: _row(_C.DONE, _C.CLAIMED, _C.CALLING, _C.RESPONDED),
    Event.SNOOZE: _row(_C.SNOOZED, _C.CLAIMED, _C.CALLING, _C.RESPONDED),
    Event.PARK: _row(_C.PARKED, _C.SNOOZED, _C.ADMITTED, _C.CLAIMED, _C.RESPONDED, _C.UNKNOWN),
    Event.DOUBT: _row(_C.UNKNOWN, _C.CALLING),
    Event.RECOVER: _row(_C.PARKED, _C.CALLING, _C.UNKNOWN, _C.PARKED, _C.SNOOZED, _C.ADMITTED, _C.CLAIMED),
    Event.FAIL: _row(_C.FAILED, _C.CLAIMED, _C.CALLING, _C.RESPONDED, _C.UNKNOWN),
    Event.CANCEL: _row(_C.CANCELED, _C.PARKED, _C.SNOOZED, _C.ADMITTED, _C.CLAIMED, _C.UNKNOWN),
    Event.EXPIRE: _row(_C.EXPIRED, _C.PARKED, _C.SNOOZED, _C.ADMITTED, _C.CLAIMED),
    Event.QUARANTINE: _row(_C.QUARANTINED, _C.CLAIMED, _C.RESPONDED),
    Event.REROLL: _row(_C.PARKED, _C.RESPONDED),
    Event.REUSE: _row(_C.DONE, _C.SNOOZED),
    Event.DECIDE: _row(_C.DONE, _C.SNOOZED),
}

TERMINAL_CALL_STATES: Final = frozenset({_C.DONE, _C.FAILED, _C.CANCELED, _C.EXPIRED, _C.QUARANTINED})
TERMINAL_JOB_STATES: Final = frozenset(
    {JobState.SUCCEEDED, JobState.PARTIAL, JobState.REJECTED, JobState.FAILED, JobState.EXPIRED, JobState.CANCELED}
)
LEASED_STATES: Final = frozenset({_C.CLAIMED, _C.CALLING, _C.RESPONDED})
"""States in which a worker holds the lease; the heartbeat renews exactly these."""

OPEN_JOB_STATE: Final[dict[CallState, JobState]] = {
    _C.SNOOZED: JobState.QUEUED,
    _C.PARKED: JobState.QUEUED,
    _C.ADMITTED: JobState.QUEUED,
    _C.UNKNOWN: JobState.RUNNING,
    _C.CLAIMED: JobState.RUNNING,
    _C.CALLING: JobState.RUNNING,
    _C.RESPONDED: JobState.RUNNING,
}
"""What an open call makes of its job; `running` wins over `queued`. A snooze for a step shows as `waiting`, one for a start time as
`scheduled`."""


def target(event: Event, state: CallState) -> CallState | None:
    """Where the event leads from this state, or None if it is not allowed there."""
    row = TRANSITIONS[event]
    return row.target if state in row.sources else None


def sources(event: Event) -> list[str]:
    """The allowed source states in a fixed order, the form a script takes them in."""
    return sorted(state.value for state in TRANSITIONS[event].sources)
