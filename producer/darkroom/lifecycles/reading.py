"""Holds what AWS says of models against the catalogue, and decides which marks to set and to take back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from darkroom_shared.models.model import Model
from darkroom_shared.store.retirement import NewMark

Word = Literal["active", "legacy", "gone", "unknown"]


@dataclass(frozen=True, slots=True)
class State:
    """What AWS says of a model in a Region.

    Attributes:
        word: `gone`: it has no such model (any more); `unknown`: a state that this version does not know.
        legacy_since, end_of_life: days in UTC; None where AWS, or an older SDK, does not tell.
        text: AWS's own words, where there are some.
    """

    model: str
    region: str
    word: Word
    legacy_since: date | None = None
    end_of_life: date | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What follows for the fleet.

    Attributes:
        marks: models that are gone in every Region that offers them.
        revive: models that are active somewhere: a mark of theirs is taken back.
    """

    marks: tuple[NewMark, ...]
    revive: tuple[str, ...]


def read_state(model: str, region: str, lifecycle: Mapping[str, object]) -> State:
    """Reads `modelLifecycle`: `status`, and since 2026 `legacyTime` and `endOfLifeTime`."""
    words: Mapping[str, Word] = {"ACTIVE": "active", "LEGACY": "legacy"}
    status = str(lifecycle.get("status", ""))
    return State(
        model, region, words.get(status, "unknown"), _day(lifecycle.get("legacyTime")), _day(lifecycle.get("endOfLifeTime")), status
    )


def _day(value: object) -> date | None:
    return value.astimezone(UTC).date() if isinstance(value, datetime) else None


def changes(models: Collection[Model], states: Sequence[State]) -> Changes:
    """The marks that follow. A model is gone only if AWS said so of each Region that the catalogue has of it."""
    marks: list[NewMark] = []
    revive: list[str] = []
    for model in models:
        told = {state.region: state for state in states if state.model == model.id}
        if any(state.word == "active" for state in told.values()):
            revive.append(model.id)
        elif all(region in told and told[region].word == "gone" for region in model.regions):
            text = told[model.regions[0]].text
            marks.append(NewMark(model.id, "aws", f"AWS has it no more in {', '.join(model.regions)} ({text})."))
    return Changes(tuple(marks), tuple(revive))


def difference(model: Model, state: State, today: date) -> str:
    """In which way the catalogue is wrong about the model, in words; empty if it is not."""
    found: list[str] = []
    for name, ours, theirs in (
        ("Legacy since", model.legacy_since, state.legacy_since),
        ("end of life", model.end_of_life, state.end_of_life),
    ):
        if theirs is not None and theirs != ours:
            found.append(f"{name} {theirs}, not {ours or 'unknown'}")
    ended = model.end_of_life is not None and today >= model.end_of_life
    if state.word == "gone" and not ended:
        found.append("gone before its end")
    if state.word in ("active", "legacy") and ended:
        found.append("still there after its end")
    if state.word == "legacy" and not ended and (model.legacy_since is None or today < model.legacy_since) and not found:
        found.append("Legacy, which the catalogue does not know")
    return "; ".join(found)
