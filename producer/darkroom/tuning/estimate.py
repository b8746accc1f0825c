"""What a fine-tuning job may cost, as far as it was ever published. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from darkroom.tuning.hyperparameters import Base
from darkroom_shared.models.titan import TITAN_V1

STEP_USD: Final = Decimal("0.005")
"""For each step and each picture of a batch."""
STORAGE_USD: Final = Decimal("1.95")
"""For each month that a custom model is kept."""
SOURCE: Final = "AWS's example for Titan Image Generator v1 of February 2024"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What training and keeping a model may cost, in US dollars.

    Attributes:
        training_usd: once; None where it is not known.
        storage_usd_a_month: None likewise.
        why: where the numbers are from, or why there are none.
    """

    training_usd: Decimal | None
    storage_usd_a_month: Decimal | None
    why: str

    def as_json(self) -> dict[str, object]:
        """The wire form; what is not known is null."""
        numbers = {"training_usd": self.training_usd, "storage_usd_a_month": self.storage_usd_a_month}
        return {**{name: None if usd is None else float(usd) for name, usd in numbers.items()}, "why": self.why}


def estimate(base: Base, images: int | None, steps: int | None, batch: int | None) -> Estimate:
    """An estimate, not a bill.

    Args:
        images: records of the manifest; None where nobody counted them.
        steps: None where AWS chooses them.
        batch: pictures that are looked at in each step.
    """
    if base.model is not TITAN_V1:
        return Estimate(None, None, f"No price is known for {base.model.label}.")
    if images is None or steps is None or batch is None:
        missing = "steps" if steps is None else "pictures"
        return Estimate(None, STORAGE_USD, f"The number of {missing} is not known. Storage: {SOURCE}.")
    return Estimate(min(images, batch) * steps * STEP_USD, STORAGE_USD, f"min(pictures, batch) x steps x ${STEP_USD}: {SOURCE}.")
