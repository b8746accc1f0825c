"""IMAGE_VARIATION: new pictures that resemble one to five given ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.generation_options import GenerationOptions
from darkroom_shared.task_types.request import ImageSource, body_of

IMAGE_VARIATION = TaskType(
    name="IMAGE_VARIATION",
    slug="image_variation",
    params_key="imageVariationParams",
    slots=(ImageSlot(("imageVariationParams", "images"), "image", many=True, chained_most=5),),
)


@dataclass(frozen=True, slots=True)
class ImageVariation(GenerationOptions):
    """Varies pictures.

    Attributes:
        images: 1 to 5 pictures; a single one needs no list; left out in a chain, where it is the previous step's output.
        text: what to keep or to change.
        negative_text: what not to show.
        similarity_strength: 0.2 (free) to 1.0 (close); Titan's default is 0.7.
    """

    images: ImageSource | Sequence[ImageSource] | None = field(default=None, repr=False)
    text: str | None = None
    _: KW_ONLY
    negative_text: str | None = None
    similarity_strength: float | None = None

    task_type: ClassVar[str] = IMAGE_VARIATION.name

    def to_body(self) -> dict[str, object]:
        """Bedrock's IMAGE_VARIATION body."""
        params: dict[str, object] = {
            "images": _as_list(self.images),
            "text": self.text,
            "negativeText": self.negative_text,
            "similarityStrength": self.similarity_strength,
        }
        return body_of(self.task_type, IMAGE_VARIATION.params_key, params, self.config())


def _as_list(images: ImageSource | Sequence[ImageSource] | None) -> list[ImageSource] | None:
    if images is None:
        return None
    if isinstance(images, str | bytes | os.PathLike):
        return [images]
    return list(images)
