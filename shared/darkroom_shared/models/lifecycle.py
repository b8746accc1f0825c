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

SOON_DAYS = 180
"""How long before its end a model is warned of, whatever its state: AWS keeps models Legacy for at least six months."""


def lifecycle_warning(model: Model, today: date) -> str | None:
    """A warning for a model that is Legacy, past its end of life or soon to reach it; None for any other.

    Args:
        today: the day to judge by; the end-of-life day itself counts as past.
    """
    if model.end_of_life is not None and today >= model.end_of_life:
        return (
            f"{model.id} reached its end of life on {model.end_of_life}: AWS refuses calls to it, except where an account has an "
            f"agreement of its own. The local Bedrock endpoint still answers for it.{_instead(model)}"
        )
    left = None if model.end_of_life is None else (model.end_of_life - today).days
    soon = f", in {left} {'day' if left == 1 else 'days'}" if left is not None and left <= SOON_DAYS else ""
    if model.legacy_since is not None and today >= model.legacy_since:
        end = f" and reaches its end of life on {model.end_of_life}{soon}" if model.end_of_life else ""
        return f"{model.id} is Legacy since {model.legacy_since}{end}: AWS refuses new customers.{_instead(model)}"
    return f"{model.id} reaches its end of life on {model.end_of_life}{soon}.{_instead(model)}" if soon else None


def _instead(model: Model) -> str:
    return f" AWS offers {', '.join(model.successors)} for similar work." if model.successors else ""
