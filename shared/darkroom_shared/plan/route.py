"""What a plan is made of: a translation of a request, and the route that it makes on one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from darkroom_shared.contract.job_record import Fidelity, Substitute
from darkroom_shared.contract.steps import StepSpec
from darkroom_shared.models.model import Body, Model

RANK: Final[Mapping[Fidelity, int]] = {"exact": 0, "equivalent": 1, "approximate": 2}
ALLOWED: Final[Mapping[Substitute, int]] = {"never": 0, "equivalent": 1, "approximate": 2}

MADE: Final = "$made"
"""Stands for the picture that the call made, among the pictures of a `Finish`."""
CUTOUT: Final = "$cutout"
"""Stands, in a body, for the picture that the step before it (`Translation.cutout`) will give."""


@dataclass(frozen=True, slots=True)
class Finish:
    """A free step on each picture that a call made.

    Attributes:
        spec: what is done.
        images: its pictures: `$made`, and references as in a request.
    """

    spec: StepSpec
    images: tuple[str, ...] = (MADE,)

    def as_json(self) -> dict[str, object]:
        """The recorded form."""
        return {"step": self.spec.model_dump(exclude_none=True), "images": list(self.images)}


@dataclass(frozen=True, slots=True)
class Translation:
    """A request in the words of other models, whichever of them it will be.

    Attributes:
        body: the tagged body, with references.
        fidelity: `equivalent` or `approximate`, or `exact` for the request itself.
        calls: how many calls it takes; each gives `numberOfImages` or one picture.
        prepare: free steps on the picture at a place of the body, by JSON pointer, before it is sent.
        finish: free steps on each picture that came back.
        lost: what is not as it was asked for, in sentences for a person.
        cutout: a body that must be called first, for the picture that stands at `$cutout`.
        dear: whether the dearest of several models is the nearest.
    """

    body: Body = field(repr=False)
    fidelity: Fidelity = "equivalent"
    calls: int = 1
    prepare: Mapping[str, tuple[StepSpec, ...]] = field(default_factory=dict[str, tuple[StepSpec, ...]])
    finish: tuple[Finish, ...] = ()
    lost: tuple[str, ...] = ()
    cutout: Body | None = field(default=None, repr=False)
    dear: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A translation on one model.

    Attributes:
        model: who is asked.
        regions: where, best first; empty if it may be asked nowhere.
        translation: what is sent, and what is done around it.
        price_usd: US dollars for all calls together, the cut-out included; None if it is not known.
        refused: why this route cannot be taken, in a sentence; empty if it can.
        cutout_model: who is asked for the cut-out, if one is needed.
    """

    model: Model
    regions: tuple[str, ...]
    translation: Translation
    price_usd: Decimal | None
    refused: str = ""
    cutout_model: Model | None = None

    @property
    def fidelity(self) -> Fidelity:
        """How near it comes to what was asked for."""
        return self.translation.fidelity

    def as_json(self) -> dict[str, object]:
        """What a plan shows: no prompts, no pictures."""
        told = self.translation
        return {
            "model": self.model.id,
            "regions": list(self.regions),
            "task_type": told.body.get("taskType"),
            "fidelity": told.fidelity,
            "calls": told.calls + (told.cutout is not None),
            "price_usd": None if self.price_usd is None else float(self.price_usd),
            "before": [] if told.cutout is None else [told.cutout.get("taskType")],
            "prepare": {place: [spec.kind for spec in specs] for place, specs in told.prepare.items()},
            "finish": [finish.spec.kind for finish in told.finish],
            "lost": list(told.lost),
            "refused": self.refused,
        }
