"""STABLE_INPAINT: change what is inside a mask (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import StyleOption

STABLE_INPAINT = native_task("STABLE_INPAINT", ImageSlot(("image",), "image"), ImageSlot(("mask",), "mask"))


@dataclass(frozen=True, slots=True)
class StableInpaint(StyleOption):
    """Repaints the masked part of a picture.

    Attributes:
        image: the picture to change; left out in a chain, where it is the previous step's output.
        prompt: what to put there; at most 10 000 characters.
        mask: white is repainted, black is kept, grey is in between; of any size. Without it the picture's own transparency is the
            mask: transparent is repainted.
        grow_mask: pixels by which the mask grows, 0 to 20; the default is 5.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    mask: ImageSource | None = field(default=None, repr=False)
    grow_mask: int | None = None

    task_type: ClassVar[str] = STABLE_INPAINT.name
