"""COLOR_GUIDED_GENERATION: a picture from words in given colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.generation_options import GenerationOptions
from darkroom_shared.task_types.request import ImageSource, body_of

COLOR_GUIDED_GENERATION = TaskType(
    name="COLOR_GUIDED_GENERATION",
    slug="color_guided_generation",
    params_key="colorGuidedGenerationParams",
    slots=(ImageSlot(("colorGuidedGenerationParams", "referenceImage"), "reference"),),
)


@dataclass(frozen=True, slots=True)
class ColorGuidedGeneration(GenerationOptions):
    """Makes pictures from a text in the colours of a palette.

    Attributes:
        text: what to show.
        colors: 1 to 10 colours as `#RRGGBB`.
        negative_text: what not to show.
        reference_image: a picture whose content and style are followed.
    """

    text: str
    colors: Sequence[str]
    _: KW_ONLY
    negative_text: str | None = None
    reference_image: ImageSource | None = field(default=None, repr=False)

    task_type: ClassVar[str] = COLOR_GUIDED_GENERATION.name

    def to_body(self) -> dict[str, object]:
        """Bedrock's COLOR_GUIDED_GENERATION body."""
        params: dict[str, object] = {
            "text": self.text,
            "colors": [self.colors] if isinstance(self.colors, str) else list(self.colors),
            "negativeText": self.negative_text,
            "referenceImage": self.reference_image,
        }
        return body_of(self.task_type, COLOR_GUIDED_GENERATION.params_key, params, self.config())
