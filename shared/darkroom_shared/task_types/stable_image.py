"""STABLE_IMAGE: a picture from words, or from words and a picture (Stable Image Core and Ultra, Stable Diffusion 3.5 Large)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import NegativeOption
from darkroom_shared.task_types.values import AspectRatio, GenerationMode

STABLE_IMAGE = native_task("STABLE_IMAGE", ImageSlot(("image",), "image", chained_with=("strength",)))


@dataclass(frozen=True, slots=True)
class StableImage(NegativeOption):
    """Makes one picture from a text; with an image and a strength (not on Core) it changes that image.

    In a chain it works on the previous step's output if `strength` is given, and starts from the text if not.

    Attributes:
        prompt: what to show; at most 10 000 characters.
        image: the picture to start from.
        strength: 0 keeps the image, 1 ignores it; required with an image on Stable Diffusion 3.5, Ultra's default is 0.35.
        mode: `text-to-image` or `image-to-image`; left out, it follows from whether there is an image.
        aspect_ratio: of a picture from words alone; the default is 1:1.
        output_format: `png`, `jpeg`, or `webp` (Stable Diffusion 3.5 only); the default is `png`.
    """

    prompt: str
    _: KW_ONLY
    image: ImageSource | None = field(default=None, repr=False)
    strength: float | None = None
    mode: GenerationMode | None = None
    aspect_ratio: AspectRatio | None = None

    task_type: ClassVar[str] = STABLE_IMAGE.name
