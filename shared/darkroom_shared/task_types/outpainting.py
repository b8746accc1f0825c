"""OUTPAINTING: replace what is outside a mask, for example the background of a subject."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.generation_options import GenerationOptions
from darkroom_shared.task_types.request import ImageSource, body_of
from darkroom_shared.task_types.values import OutpaintingMode

OUTPAINTING = TaskType(
    name="OUTPAINTING",
    slug="outpainting",
    params_key="outPaintingParams",
    slots=(
        ImageSlot(("outPaintingParams", "image"), "image"),
        ImageSlot(("outPaintingParams", "maskImage"), "mask"),
    ),
)


@dataclass(frozen=True, slots=True)
class Outpainting(GenerationOptions):
    """Paints around the masked part of a picture. Exactly one of `mask_image` and `mask_prompt` must be given.

    In a chain the picture may be left out (it is the previous step's output), and so may the mask after a background removal,
    whose transparency becomes the mask.

    Attributes:
        image: the picture to change.
        text: what to paint around the kept part; Titan requires it.
        mask_image: black is kept, white is repainted (the reverse of in-painting); as large as the image, pure black and white.
        mask_prompt: words for the part to keep, instead of a mask.
        negative_text: what not to show.
        mode: DEFAULT lets masked pixels change for a smooth join, PRECISE keeps to the mask. Bedrock's default is DEFAULT.
        return_mask: whether the answer brings the mask along (Titan only).
    """

    image: ImageSource | None = field(default=None, repr=False)
    text: str | None = None
    _: KW_ONLY
    mask_image: ImageSource | None = field(default=None, repr=False)
    mask_prompt: str | None = None
    negative_text: str | None = None
    mode: OutpaintingMode | None = None
    return_mask: bool | None = None

    task_type: ClassVar[str] = OUTPAINTING.name

    def to_body(self) -> dict[str, object]:
        """Bedrock's OUTPAINTING body."""
        params: dict[str, object] = {
            "image": self.image,
            "text": self.text,
            "negativeText": self.negative_text,
            "maskImage": self.mask_image,
            "maskPrompt": self.mask_prompt,
            "outPaintingMode": self.mode,
            "returnMask": self.return_mask,
        }
        return body_of(self.task_type, OUTPAINTING.params_key, params, self.config())
