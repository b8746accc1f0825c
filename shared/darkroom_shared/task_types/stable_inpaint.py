"""STABLE_INPAINT: change what is inside a mask (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import OutputFormat, StylePreset

STABLE_INPAINT = TaskType(
    name="STABLE_INPAINT",
    slug="stable_inpaint",
    params_key="",
    slots=(
        ImageSlot(("image",), "image"),
        ImageSlot(("mask",), "mask"),
    ),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class StableInpaint:
    """Repaints the masked part of a picture.

    Attributes:
        image: the picture to change; left out in a chain, where it is the previous step's output.
        prompt: what to put there; at most 10 000 characters.
        mask: white is repainted, black is kept, grey is in between; of any size. Without it the picture's own transparency is the
            mask: transparent is repainted.
        grow_mask: pixels by which the mask grows, 0 to 20; the default is 5.
        negative_prompt: what not to show; at most 10 000 characters.
        style_preset: a ready-made look.
        seed: 0 to 4 294 967 294; 0 or none is a random one, which the answer names.
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    mask: ImageSource | None = field(default=None, repr=False)
    grow_mask: int | None = None
    negative_prompt: str | None = None
    style_preset: StylePreset | None = None
    seed: int | None = None
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = STABLE_INPAINT.name

    def to_body(self) -> dict[str, object]:
        """The tagged STABLE_INPAINT body."""
        return native_body(self)
