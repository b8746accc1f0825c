"""CREATIVE_UPSCALE: a small or poor picture enlarged to about 4K with new detail (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import StyleOption

CREATIVE_UPSCALE = native_task("CREATIVE_UPSCALE", ImageSlot(("image",), "image"))


@dataclass(frozen=True, slots=True)
class CreativeUpscale(StyleOption):
    """Enlarges a picture and invents detail. The answer may be as large as Bedrock allows: prefer `jpeg` or `webp`.

    Attributes:
        image: the picture; each side at least 64 pixels, 4 096 to 1 048 576 in all; left out in a chain, where it is the previous
            step's output.
        prompt: what it shows; at most 10 000 characters.
        creativity: 0.1 to 0.5, how freely detail is added; the default is 0.3.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    creativity: float | None = None

    task_type: ClassVar[str] = CREATIVE_UPSCALE.name
