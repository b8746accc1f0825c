"""FAST_UPSCALE: a picture four times as wide and high, at once and without a prompt (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import FormatOption

FAST_UPSCALE = native_task("FAST_UPSCALE", ImageSlot(("image",), "image"))


@dataclass(frozen=True, slots=True)
class FastUpscale(FormatOption):
    """Enlarges a small picture four times.

    Attributes:
        image: the picture; each side 32 to 1536 pixels, 1 024 to 1 048 576 in all; left out in a chain, where it is the previous
            step's output.
    """

    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY

    task_type: ClassVar[str] = FAST_UPSCALE.name
