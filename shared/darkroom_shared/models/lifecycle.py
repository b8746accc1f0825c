"""Says in one sentence whether AWS still answers calls to a model on a given day."""

from __future__ import annotations

from datetime import date

from darkroom_shared.models.model import Model

STILL_ON_OFFER = (
    "stability.stable-image-core-v1:1",
    "stability.stable-image-ultra-v1:1",
    "stability.sd3-5-large-v1:0",
)
"""Image generators that Bedrock lists as active (November 2026); no Amazon model is among them."""


def lifecycle_warning(model: Model, today: date) -> str | None:
    """A warning for a model that is Legacy or past its end of life, None for an active one.

    Args:
        today: the day to judge by; the end-of-life day itself counts as past.
    """
    if model.end_of_life is not None and today >= model.end_of_life:
        return (
            f"{model.id} reached its end of life on {model.end_of_life}: AWS refuses calls to it, except where an account has an "
            f"agreement of its own. The local Bedrock endpoint still answers for it.{_instead(model)}"
        )
    if model.legacy_since is not None and today >= model.legacy_since:
        end = f" and reaches its end of life on {model.end_of_life}" if model.end_of_life else ""
        return f"{model.id} is Legacy since {model.legacy_since}{end}: AWS refuses new customers.{_instead(model)}"
    return None


def _instead(model: Model) -> str:
    return f" AWS offers {', '.join(model.successors)} for similar work." if model.successors else ""
