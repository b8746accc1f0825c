"""STYLE_GUIDE: a new picture in the style of another (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import AspectRatio, OutputFormat, StylePreset

STYLE_GUIDE = TaskType(
    name="STYLE_GUIDE",
    slug="style_guide",
    params_key="",
    slots=(ImageSlot(("image",), "image"),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class StyleGuide:
    """Makes a picture from words in the style of a given one.

    Attributes:
        image: the picture whose style is used; left out in a chain, where it is the previous step's output.
        prompt: what to show; at most 10 000 characters.
        aspect_ratio: of the new picture; the default is 1:1.
        fidelity: 0 to 1, how closely the style is followed; the default is 0.5.
        negative_prompt: what not to show; at most 10 000 characters.
        style_preset: a ready-made look.
        seed: 0 to 4 294 967 294; 0 or none is a random one, which the answer names.
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    aspect_ratio: AspectRatio | None = None
    fidelity: float | None = None
    negative_prompt: str | None = None
    style_preset: StylePreset | None = None
    seed: int | None = None
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = STYLE_GUIDE.name

    def to_body(self) -> dict[str, object]:
        """The tagged STYLE_GUIDE body."""
        return native_body(self)
