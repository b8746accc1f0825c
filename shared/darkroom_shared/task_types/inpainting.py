"""INPAINTING: change what is inside a mask, or remove it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.generation_options import GenerationOptions
from darkroom_shared.task_types.request import ImageSource, body_of

INPAINTING = TaskType(
    name="INPAINTING",
    slug="inpainting",
    params_key="inPaintingParams",
    slots=(
        ImageSlot(("inPaintingParams", "image"), "image"),
        ImageSlot(("inPaintingParams", "maskImage"), "mask"),
    ),
)


@dataclass(frozen=True, slots=True)
class Inpainting(GenerationOptions):
    """Repaints the masked part of a picture. Exactly one of `mask_image` and `mask_prompt` must be given.

    Attributes:
        image: the picture to change; left out in a chain, where it is the previous step's output.
        text: what to put there; without it the masked thing is removed.
        mask_image: black is repainted, white is kept; the same size as the image, pure black and white.
        mask_prompt: words for the part to repaint, instead of a mask.
        negative_text: what not to show.
        return_mask: whether the answer brings the mask along (Titan only).
    """

    image: ImageSource | None = field(default=None, repr=False)
    text: str | None = None
    _: KW_ONLY
    mask_image: ImageSource | None = field(default=None, repr=False)
    mask_prompt: str | None = None
    negative_text: str | None = None
    return_mask: bool | None = None

    task_type: ClassVar[str] = INPAINTING.name

    def to_body(self) -> dict[str, object]:
        """Bedrock's INPAINTING body."""
        params: dict[str, object] = {
            "image": self.image,
            "text": self.text,
            "negativeText": self.negative_text,
            "maskImage": self.mask_image,
            "maskPrompt": self.mask_prompt,
            "returnMask": self.return_mask,
        }
        return body_of(self.task_type, INPAINTING.params_key, params, self.config())
