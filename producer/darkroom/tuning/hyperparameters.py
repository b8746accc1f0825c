"""What a fine-tuning job may be told, by base model, and where such a job runs. Pure.

Source: "cm-hp-titan-image" of the Bedrock user guide and the fine-tuning page for Nova Canvas, read in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import find_model
from darkroom_shared.models.model import Model
from darkroom_shared.models.nova_canvas import NOVA_CANVAS
from darkroom_shared.models.titan import TITAN_V1, TITAN_V2

AUTO_STEPS: Final = "auto"


@dataclass(frozen=True, slots=True)
class Range:
    """What a hyperparameter may be.

    Attributes:
        low, high: both included.
        default: what AWS takes if it is left out; None where it must be given.
        multiple: of which whole number it must be a multiple; 0 where it may be a fraction.
        words: what else is accepted.
    """

    low: Decimal
    high: Decimal
    default: Decimal | None
    multiple: int = 1
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people: the range and what counts if nothing is given."""
        step = f", a multiple of {self.multiple}" if self.multiple > 1 else ", whole" if self.multiple else ""
        words = "".join(f' or "{word}"' for word in self.words)
        default = "must be given" if self.default is None else f"default {self.default:f}"
        return f"{self.low:f} to {self.high:f}{step}{words}; {default}"


@dataclass(frozen=True, slots=True)
class Base:
    """A model that was open to fine-tuning.

    Attributes:
        model: the catalogue's record, whose dates decide.
        id: what a job names it by.
        regions: where it could be tuned.
        ranges: by hyperparameter.
    """

    model: Model
    id: str
    regions: tuple[str, ...]
    ranges: Mapping[str, Range]


_TITAN: Final[Mapping[str, Range]] = {
    "stepCount": Range(Decimal(10), Decimal(40_000), None, words=(AUTO_STEPS,)),
    "batchSize": Range(Decimal(8), Decimal(192), Decimal(8), multiple=8),
    "learningRate": Range(Decimal("1E-7"), Decimal(1), Decimal("0.00001"), multiple=0),
}
_NOVA: Final[Mapping[str, Range]] = {
    "stepCount": Range(Decimal(10), Decimal(20_000), Decimal(500)),
    "batchSize": Range(Decimal(8), Decimal(192), Decimal(8)),
    "learningRate": Range(Decimal("1E-7"), Decimal("0.0001"), Decimal("0.00001"), multiple=0),
}
BASES: Final = (
    # Its id for training has a version, that for calls has none.
    Base(TITAN_V1, "amazon.titan-image-generator-v1:0", ("us-east-1", "us-west-2"), _TITAN),
    Base(TITAN_V2, TITAN_V2.id, ("us-east-1", "us-west-2"), _TITAN),
    Base(NOVA_CANVAS, NOVA_CANVAS.id, ("us-east-1",), _NOVA),
)


def find_base(model_id: str) -> Base:
    """The base model that an id or ARN names.

    Raises:
        UnknownModel: it names no model, or one that never was open to fine-tuning.
    """
    model = find_model(model_id)
    for base in BASES:
        if base.model is model:
            return base
    raise UnknownModel(f"{model.id} was never open to fine-tuning. Base models: {', '.join(base.id for base in BASES)}.")


def hyperparameters(base: Base, given: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """The hyperparameters as they are sent, and everything that is wrong with those given.

    Args:
        given: by their names, as texts; what is left out is left to AWS.
    """
    sent: dict[str, str] = {}
    problems: list[Problem] = []
    for name, text in given.items():
        place, allowed = f"/hyperParameters/{name}", base.ranges.get(name)
        if allowed is None:
            problems.append(Problem(place, f"there is no hyperparameter {name}", list(base.ranges)))
        elif text in allowed.words:
            sent[name] = text
        elif (number := _number(text)) is not None and _is_in(number, allowed):
            sent[name] = format(number.normalize(), "f")
        else:
            problems.append(Problem(place, f"{name} cannot be {text[:40]}", str(allowed)))
    for name, allowed in base.ranges.items():
        if allowed.default is None and name not in given:
            problems.append(Problem(f"/hyperParameters/{name}", f"{name} must be given", str(allowed)))
    return sent, problems


def value_of(base: Base, sent: Mapping[str, str], name: str) -> int | None:
    """The whole number that a job has for a hyperparameter; None where AWS chooses it."""
    default = base.ranges[name].default
    text = sent.get(name, "" if default is None else str(default))
    return int(text) if text.isdecimal() else None


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _is_in(number: Decimal, allowed: Range) -> bool:
    if not number.is_finite() or not allowed.low <= number <= allowed.high:
        return False
    return not allowed.multiple or number % allowed.multiple == 0
