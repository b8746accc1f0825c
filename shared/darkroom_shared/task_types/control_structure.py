"""CONTROL_STRUCTURE: a new picture with the structure of another (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import OutputFormat, StylePreset

CONTROL_STRUCTURE = TaskType(
    name="CONTROL_STRUCTURE",
    slug="control_structure",
    params_key="",
    slots=(ImageSlot(("image",), "image"),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class ControlStructure:
    """Makes a picture that keeps the layout of another.

    Attributes:
        image: the picture whose structure is kept; left out in a chain, where it is the previous step's output.
        prompt: what to show; at most 10 000 characters.
        control_strength: 0 to 1, how closely the structure is kept; the default is 0.7.
        negative_prompt: what not to show; at most 10 000 characters.
        style_preset: a ready-made look.
        seed: 0 to 4 294 967 294; 0 or none is a random one, which the answer names.
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    control_strength: float | None = None
    negative_prompt: str | None = None
    style_preset: StylePreset | None = None
    seed: int | None = None
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = CONTROL_STRUCTURE.name

    def to_body(self) -> dict[str, object]:
        """The tagged CONTROL_STRUCTURE body."""
        return native_body(self)
