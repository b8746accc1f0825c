"""Operations for models that retire: marks for the whole fleet, and another way for the jobs that wait for such a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from darkroom_shared.core.failure import Failure
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store.answers import loads, mapping, record, text, texts, whole
from darkroom_shared.store.operation import Command, Script

MarkSource = Literal["worker", "aws"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What says that a model is retired, whatever the catalogue's dates are.

    Attributes:
        at_ms: when it was marked, milliseconds on the ledger's clock.
        source: `worker`: AWS refused a call to it; `aws`: AWS was asked for its state.
        text: AWS's own words, or what was found.
    """

    at_ms: int
    source: MarkSource
    text: str


@dataclass(frozen=True, slots=True)
class NewMark:
    """A model to be marked; see `Mark`."""

    model: str
    source: MarkSource
    text: str


def _mark(raw: str) -> Mark:
    told = mapping(loads(raw))
    return Mark(whole(told["at_ms"]), cast("MarkSource", text(told["source"])), text(told["text"]))


def marks() -> Command[dict[str, Mark]]:
    """Every mark, by model id."""
    return Command(lambda keys: ("HGETALL", keys.retired), lambda raw: {name: _mark(told) for name, told in record(raw).items()})


def retire(marks: Sequence[NewMark], revive: Sequence[str] = ()) -> Script[list[str]]:
    """Marks models and takes the marks of others back; the models for which that changed something. Safe to repeat.

    A model that is marked already keeps its first mark.
    """
    rows = [{"model": mark.model, "source": mark.source, "text": mark.text[:400]} for mark in marks]
    return Script("retire", {"marks": rows, "revive": list(revive)}, texts)


def reroute(
    call_id: str,
    fence: int,
    *,
    model: str,
    failure: Failure | None,
    fields: Mapping[str, str],
    names: Sequence[str],
    calls: int,
    pools: Sequence[PoolQuota],
) -> Script[bool]:
    """Puts a job on another way in one step: this call and all that wait go to the new lane. False if the lease is lost.

    Args:
        model: the one that is retired. A job that is on another way by now stays on it, and only this call follows.
        failure: why the attempt failed; None where no call was made.
        fields: the new way, as text fields of the job.
        names: all fields that make a way; those that `fields` leaves out are not set any more.
        calls: how many calls the job has from now on, never fewer than before.
        pools: the quotas of the new way.
    """
    args = {
        "call": call_id,
        "fence": fence,
        "model": model,
        "failure": None if failure is None else failure.as_json(),
        "fields": dict(fields),
        "names": list(names),
        "calls": calls,
        "pools": [pool.as_json() for pool in pools],
    }
    return Script("reroute", args, lambda raw: raw == 1)
