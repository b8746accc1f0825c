"""SEARCH_AND_REPLACE: put something else in the place of a thing that words describe (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import OutputFormat, StylePreset

SEARCH_AND_REPLACE = TaskType(
    name="SEARCH_AND_REPLACE",
    slug="search_and_replace",
    params_key="",
    slots=(ImageSlot(("image",), "image"),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class SearchAndReplace:
    """Replaces a thing without a mask.

    Attributes:
        image: the picture to change; left out in a chain, where it is the previous step's output.
        prompt: what to put there; at most 10 000 characters.
        search_prompt: the thing to replace, in a few words.
        grow_mask: pixels by which the mask grows, 0 to 20; the default is 5.
        negative_prompt: what not to show; at most 10 000 characters.
        style_preset: a ready-made look.
        seed: 0 to 4 294 967 294; 0 or none is a random one, which the answer names.
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    search_prompt: str | None = None
    _: KW_ONLY
    grow_mask: int | None = None
    negative_prompt: str | None = None
    style_preset: StylePreset | None = None
    seed: int | None = None
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = SEARCH_AND_REPLACE.name

    def to_body(self) -> dict[str, object]:
        """The tagged SEARCH_AND_REPLACE body."""
        return native_body(self)
