"""Operations on the ledger that look after jobs from outside their calls: cancel, repair, decide, remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from darkroom_shared.store.answers import loads, mapping, pair, record, rows, text, texts, whole
from darkroom_shared.store.operation import Script
from darkroom_shared.store.ops import Hint, hints_of_rows


def _done(raw: object) -> bool:
    return raw == 1


def guarded(call_id: str, fence: int, gate: Literal["before", "after"], use: Mapping[str, int]) -> Script[bool]:
    """Counts what a guardrail was asked before or after a paid call: `requests`, `image_units`, `text_units`. Safe to repeat."""
    return Script("guarded", {"call": call_id, "fence": fence, "gate": gate, "use": dict(use)}, _done)


def cancel(job_id: str, reason: str = "user", *, discard: bool = False) -> Script[tuple[str, str]]:
    """Cancels. Answers `prevented`, `detached`, `finished` or `gone`, and the job's state. Asking twice is safe.

    `discard`: the images of a call that is paid already are not kept.
    """
    return Script("cancel", {"job": job_id, "reason": reason, "discard": discard or None}, pair)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A paid call whose worker was lost while it was out. Its answer may lie in the store: the ledger cannot know.

    Attributes:
        holds: its job wants unknown outcomes held for a decision.
    """

    call_id: str
    fence: int
    attempts: int
    unknowns: int
    snoozes: int
    holds: bool

    @property
    def receipt(self) -> str:
        """The name under which its worker stored the answer, if it came that far."""
        return f"{self.call_id}:{self.fence}"


@dataclass(frozen=True, slots=True)
class Repairs:
    """What one run of the reconciler found."""

    republish: tuple[Hint, ...]
    suspects: tuple[Suspect, ...]
    lost: int
    expired: int


def reconcile(*, republish_ms: int, crash_budget: int, gap_ms: int, lease_ms: int, most: int = 200) -> Script[Repairs]:
    """Repairs what crashes left behind. If nobody looked for `gap_ms`, leases that ran out are forgiven for `lease_ms`."""

    def suspect(row: dict[str, str]) -> Suspect:
        fence, attempts, unknowns, snoozes = (int(row[name]) for name in ("fence", "attempts", "unknowns", "snoozes"))
        return Suspect(row["id"], fence, attempts, unknowns, snoozes, row.get("on_unknown") == "hold")

    def parse(raw: object) -> Repairs:
        value = mapping(loads(raw))
        suspects = tuple(suspect(record(row)) for row in rows(value["suspects"]))
        return Repairs(hints_of_rows(value["republish"]), suspects, whole(value["lost"]), whole(value["expired"]))

    args = {"republish_ms": republish_ms, "crash_budget": crash_budget, "gap_ms": gap_ms, "lease_ms": lease_ms, "most": most}
    return Script("reconcile", args, parse)


def recover(
    call_id: str, receipt: str, *, fence: int | None = None, lapsed: bool = False, request_id: str | None = None
) -> Script[bool]:
    """Hands over a stored answer whose call was given up for unknown, or (`lapsed`) whose worker was lost before it could note it.

    False if the call is not in a state that could use it. `fence` is that of the attempt; None for the last one.
    """
    args = {"call": call_id, "receipt": receipt, "fence": fence, "lapsed": lapsed or None, "request_id": request_id}
    return Script("recover", args, _done)


def resolve(call_id: str, decision: Literal["retry", "fail"], billed: bool | None = None) -> Script[bool]:
    """Decides about a call that is held; `billed` says what has become known of its last attempt. False if it is not held."""
    return Script("resolve", {"call": call_id, "decision": decision, "billed": billed}, _done)


def discard(job_id: str) -> Script[bool]:
    """Takes a job off the dead letters; False if it is none."""
    return Script("discard", {"job": job_id}, _done)


def hints(identity: str, republish_ms: int) -> Script[tuple[Hint, ...]]:
    """The hints of a job's or workflow's calls that are admitted and not claimed, to be published by whoever asks."""
    return Script("hints", {"id": identity, "republish_ms": republish_ms}, lambda raw: hints_of_rows(loads(raw)))


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to be removed from the asset store: `kind` is `story`, `receipt` or `asset`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Removals:
    """Things handed out for removal, and when, on the ledger's clock."""

    handed_ms: int
    things: tuple[Thing, ...]


def purge(again_ms: int, most: int = 100) -> Script[Removals]:
    """Removes records whose retention is over. Answers what is to be removed from the store, and then reported by `removed`.

    What is not reported within `again_ms` is handed out again.
    """

    def parse(raw: object) -> Removals:
        handed_ms, *things = texts(raw)
        return Removals(int(handed_ms), tuple(Thing(*thing.split(":", 1)) for thing in things))

    return Script("purge", {"most": most, "again_ms": again_ms}, parse)


def removed(things: Sequence[Thing], handed_ms: int) -> Script[bool]:
    """Notes that things are gone from the store; `handed_ms` is when they were handed out."""
    return Script("removed", {"things": [str(thing) for thing in things], "handed_ms": handed_ms}, _done)


def sweep(every_ms: int, ledger: str) -> Script[str]:
    """Asks for the turn to look through the asset store; empty if somebody did within `every_ms`, else the ledger's own name.

    `ledger` becomes that name if it has none yet.
    """
    return Script("sweep", {"every_ms": every_ms, "ledger": ledger}, text)


def unheld(assets: Sequence[str]) -> Script[int]:
    """Marks those of these stored assets that no job holds for removal; how many."""
    return Script("unheld", {"assets": list(assets)}, whole)


def told(job_id: str) -> Script[bool]:
    """Notes that a terminal job's story is written."""
    return Script("told", {"job": job_id}, _done)
