"""What AWS still permits with fine-tuned image models, said plainly. Pure.

Source: "model-lifecycle", "prov-throughput" and "custom-model-on-demand" of the Bedrock user guide, read in November 2026.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from darkroom.tuning.hyperparameters import BASES, Base
from darkroom_shared.core.errors import RequestRejected

STATEMENT: Final = (
    "For a base model that is Legacy or past its end of life AWS takes no new fine-tuning job and sells no new Provisioned "
    "Throughput.",
    "A custom image model that exists can be called only through Provisioned Throughput that was bought before; for how long AWS "
    "keeps it up is stated differently on its pages: ask AWS about yours.",
    "There is no on-demand deployment of custom image models: a custom model's own ARN cannot be called.",
    "A fine-tuned Titan model does no INPAINTING, no OUTPAINTING and no COLOR_GUIDED_GENERATION.",
)


class NotPermitted(RequestRejected):
    """AWS does not permit this any more."""

    code = "not_permitted"


def closed_since(base: Base, today: date) -> date | None:
    """The day since which AWS takes no new jobs for a base model; None while it does."""
    past = [day for day in (base.model.legacy_since, base.model.end_of_life) if day is not None and day <= today]
    return min(past, default=None)


def check_permitted(base: Base, today: date) -> None:
    """Refuses what AWS would refuse.

    Raises:
        NotPermitted: the base model is closed to new jobs; says what is left.
    """
    day = closed_since(base, today)
    if day is None:
        return
    state = "is past its end of life" if base.model.end_of_life and today >= base.model.end_of_life else "is Legacy"
    every = "; so are all that were open to fine-tuning" if all(closed_since(one, today) for one in BASES) else ""
    raise NotPermitted(f"{base.model.id} {state} (closed to new jobs since {day}{every}). {' '.join(STATEMENT)} --anyway asks AWS.")
