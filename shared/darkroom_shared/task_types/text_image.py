"""TEXT_IMAGE: a picture from words, and with a condition image from words and a layout."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.generation_options import GenerationOptions
from darkroom_shared.task_types.request import ImageSource, body_of
from darkroom_shared.task_types.values import ControlMode, Style

TEXT_IMAGE = TaskType(
    name="TEXT_IMAGE",
    slug="text_image",
    params_key="textToImageParams",
    slots=(ImageSlot(("textToImageParams", "conditionImage"), "condition"),),
)


@dataclass(frozen=True, slots=True)
class TextImage(GenerationOptions):
    """Makes pictures from a text.

    Attributes:
        text: what to show; at most 512 characters for Titan, 1024 for Nova Canvas.
        negative_text: what not to show; the same lengths.
        style: a ready-made look (Nova Canvas only).
        condition_image: a picture whose layout is followed (not on Titan v1).
        control_mode: what is taken from the condition image, its edges or its areas; Bedrock's default is CANNY_EDGE.
        control_strength: 0 to 1, how closely the layout is followed; Bedrock's default is 0.7.
    """

    text: str
    _: KW_ONLY
    negative_text: str | None = None
    style: Style | None = None
    condition_image: ImageSource | None = field(default=None, repr=False)
    control_mode: ControlMode | None = None
    control_strength: float | None = None

    task_type: ClassVar[str] = TEXT_IMAGE.name

    def to_body(self) -> dict[str, object]:
        """Bedrock's TEXT_IMAGE body."""
        params: dict[str, object] = {
            "text": self.text,
            "negativeText": self.negative_text,
            "style": self.style,
            "conditionImage": self.condition_image,
            "controlMode": self.control_mode,
            "controlStrength": self.control_strength,
        }
        return body_of(self.task_type, TEXT_IMAGE.params_key, params, self.config())
