"""FAST_UPSCALE: a picture four times as wide and high, at once and without a prompt (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import OutputFormat

FAST_UPSCALE = TaskType(
    name="FAST_UPSCALE",
    slug="fast_upscale",
    params_key="",
    slots=(ImageSlot(("image",), "image"),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class FastUpscale:
    """Enlarges a small picture four times.

    Attributes:
        image: the picture; each side 32 to 1536 pixels, 1 024 to 1 048 576 in all; left out in a chain, where it is the previous
            step's output.
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = FAST_UPSCALE.name

    def to_body(self) -> dict[str, object]:
        """The tagged FAST_UPSCALE body."""
        return native_body(self)
