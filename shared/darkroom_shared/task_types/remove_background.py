"""REMOVE_BACKGROUND: the subject of a picture on a transparent ground (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import FormatOption

REMOVE_BACKGROUND = native_task("REMOVE_BACKGROUND", ImageSlot(("image",), "image"))


@dataclass(frozen=True, slots=True)
class RemoveBackground(FormatOption):
    """Cuts the subject out. Takes neither a prompt nor a seed.

    Attributes:
        image: the picture; left out in a chain, where it is the previous step's output.
        output_format: `png` (the default), `jpeg`, which has no transparency, or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY

    task_type: ClassVar[str] = REMOVE_BACKGROUND.name
