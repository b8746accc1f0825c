"""All the ways in which a call that was let go can end or go back: each must give back what the call held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import RETRY, THROTTLED, Room, job_of

Ending = Callable[[Room, ops.Hint], object]
HOUR_MS: Final = 3_600_000


def _canceled_while_claimed(room: Room, hint: ops.Hint) -> None:
    room.advance(hint, "claimed")
    room.cancel(job_of(hint))
    assert room.gate(hint)[0] == "canceled"


def _lapsed(state: str) -> Ending:
    def end(room: Room, hint: ops.Hint) -> None:
        room.advance(hint, state, lease_ms=0)
        room.repair()

    return end


def _expired(room: Room, hint: ops.Hint) -> None:
    room.raw.hset(room.keys.job(job_of(hint)), "start_by_ms", 1)
    assert room.claim(hint).verdict is ops.ClaimVerdict.EXPIRED


def _out_of_money(room: Room, hint: ops.Hint) -> None:
    room.advance(hint, "claimed")
    assert room.spending_gate(hint, 1)[0] == "spent"


def _exhausted(room: Room, hint: ops.Hint) -> None:
    room.advance(hint, "claimed")
    assert room.gate(hint, call_budget=0)[0] == "exhausted"


QUIET: Final[dict[str, Ending]] = {
    "canceled before a worker had it": lambda room, hint: room.cancel(job_of(hint)),
    "canceled while a worker had it": _canceled_while_claimed,
    "expired": _expired,
    "no money left today": _out_of_money,
    "no attempt left": _exhausted,
    "no answer, tried again": lambda room, hint: room.doubt(room.advance(hint, "calling")),
    "no answer, held": lambda room, hint: room.doubt(room.advance(hint, "calling"), AfterDoubt.HOLD),
    "no answer, given up": lambda room, hint: room.doubt(room.advance(hint, "calling"), AfterDoubt.FAIL),
    "worker lost before the call": _lapsed("claimed"),
    "worker lost during the call": _lapsed("calling"),
}
"""Endings from which the pool learns nothing."""
TELLING: Final[dict[str, Ending]] = {
    "answered": lambda room, hint: room.finish(hint),
    "failed": lambda room, hint: room.fail(room.advance(hint, "calling")),
    "put off": lambda room, hint: room.snooze(room.advance(hint, "calling"), RETRY, delay_ms=HOUR_MS),
    "worker lost after the answer": _lapsed("responded"),
}
"""Endings that tell that the service took the request, or say nothing."""
REFUSED: Final[dict[str, Ending]] = {
    "refused": lambda room, hint: room.snooze(room.advance(hint, "calling"), THROTTLED, delay_ms=HOUR_MS, counts=False),
}
ENDINGS: Final[dict[str, Ending]] = {**QUIET, **TELLING, **REFUSED}
