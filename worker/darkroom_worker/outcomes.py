"""What a failed attempt leads to: `core.retry.decide` says it, the ledger records it."""

from __future__ import annotations

import random
from typing import assert_never

import structlog

from darkroom_shared import failpoints
from darkroom_shared.core.errors import DarkroomError
from darkroom_shared.core.failure import Failure
from darkroom_shared.core.retry import Budget, Doubt, GiveUp, History, Reject, Snooze, decide
from darkroom_shared.failpoints import Point
from darkroom_shared.store import ops
from darkroom_worker.story import tell
from darkroom_worker.work import Held, Worker, insist

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.outcomes")

LEASE_LOST = "lease_lost"


async def settle(worker: Worker, held: Held, failure: Failure, attempt: int | None = None, *, call_again: bool = False) -> str:
    """Records a failed attempt the way `decide` says.

    Args:
        attempt: number of the attempt that failed; None if none was opened.
        call_again: another try must not adopt the stored answer.

    Returns:
        A word for the log.
    """
    before = held.history
    history = before if attempt is None else History(attempt, before.unknowns, before.snoozes)
    budget = Budget(worker.settings.call_budget, worker.settings.after_unknown, held.record.on_unknown == "hold")
    decision = decide(failure, history, budget, random.random())
    _log.info("attempt_failed", code=failure.code, decision=type(decision).__name__, request_id=failure.request_id)
    failpoints.reach(Point.FAILURE_SENDING)
    match decision:
        case Snooze(delay_s, reason, counts):
            kept = await insist(
                worker,
                ops.snooze(
                    held.id,
                    held.fence,
                    delay_ms=round(delay_s * 1000),
                    reason=reason,
                    failure=failure,
                    counts=counts,
                    call_again=call_again,
                ),
            )
            return "snoozed" if kept else LEASE_LOST
        case Doubt(after):
            kept = await insist(worker, ops.doubt(held.id, held.fence, failure, after=after))
        case Reject():
            kept = await _reject(worker, held, failure, called=attempt is not None)
        case GiveUp(reason):
            kept = await insist(worker, ops.fail(held.id, held.fence, failure, reason))
        case _ as never:
            assert_never(never)
    if kept:
        await tell_if_over(worker, held)
    return type(decision).__name__.lower() if kept else LEASE_LOST


async def _reject(worker: Worker, held: Held, failure: Failure, *, called: bool) -> bool:
    rows: list[dict[str, object]] = [
        {"index": held.index_of(n), "code": failure.code, "message": failure.message, "billed": failure.billed}
        for n in range(held.images_wanted)
    ]
    end = {"outcome": "rejected", "billed": failure.billed, "failure": failure.as_json(), "request_id": failure.request_id}
    what = ops.commit(held.id, held.fence, outputs=[], rejected=rows, reason="content_filter", end_attempt=end if called else None)
    commit = await insist(worker, what)
    return commit.verdict is ops.Committed.DONE


async def tell_if_over(worker: Worker, held: Held) -> None:
    """Writes the job's story if it has ended; what cannot be written now is left to the reconciler."""
    try:
        await tell(worker.ledger, worker.store, held.job_id)
    except DarkroomError as error:
        _log.warning("story_later", error=str(error))
