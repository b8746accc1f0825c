"""STABLE_OUTPAINT: paint on beyond the borders of a picture (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import SeedOption
from darkroom_shared.task_types.values import StylePreset

STABLE_OUTPAINT = native_task("STABLE_OUTPAINT", ImageSlot(("image",), "image"))


@dataclass(frozen=True, slots=True)
class StableOutpaint(SeedOption):
    """Enlarges a picture to the sides; at least one of the four must be more than 0.

    Attributes:
        image: the picture to enlarge; left out in a chain, where it is the previous step's output.
        left, right, up, down: pixels to add on this side, 0 to 2000; the default is 0.
        creativity: 0.1 to 1.0, how freely; the default is 0.5.
        prompt: what to show there; at most 10 000 characters.
        style_preset: a ready-made look.
    """

    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    left: int | None = None
    right: int | None = None
    up: int | None = None
    down: int | None = None
    creativity: float | None = None
    prompt: str | None = None
    style_preset: StylePreset | None = None

    task_type: ClassVar[str] = STABLE_OUTPAINT.name
