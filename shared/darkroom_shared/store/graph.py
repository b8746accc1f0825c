"""Operations on the ledger about graphs of jobs: a person's word at a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from darkroom_shared.store.answers import pair
from darkroom_shared.store.operation import Script


class DecisionVerdict(StrEnum):
    """What became of a person's word."""

    DECIDED = "decided"
    ALREADY = "already"
    """The gate had ended before."""
    NOT_ASKED = "not_asked"
    """What comes before the gate has not ended."""
    BAD_CHOICE = "bad_choice"
    """A picture that is not shown, one twice, or another number of them than the gate asks for."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, and how many pictures the gate shows."""

    verdict: DecisionVerdict
    shown: int


def decide(
    job_id: str, *, approve: bool, chosen: Sequence[int] | None = None, by: str | None = None, note: str | None = None
) -> Script[Decided]:
    """Ends a gate. `chosen`: numbers of the pictures that are handed on, from 0; None for all that it shows."""

    def parse(raw: object) -> Decided:
        verdict, shown = pair(raw)
        return Decided(DecisionVerdict(verdict), int(shown))

    args = {"job": job_id, "approve": approve, "chosen": None if chosen is None else list(chosen), "by": by, "note": note}
    return Script("decide", args, parse)
