"""SEARCH_AND_RECOLOR: give another colour to a thing that words describe (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import StyleOption

SEARCH_AND_RECOLOR = native_task("SEARCH_AND_RECOLOR", ImageSlot(("image",), "image"))


@dataclass(frozen=True, slots=True)
class SearchAndRecolor(StyleOption):
    """Recolours a thing without a mask.

    Attributes:
        image: the picture to change; left out in a chain, where it is the previous step's output.
        prompt: the colour it is to have; at most 10 000 characters.
        select_prompt: the thing to recolour, in a few words.
        grow_mask: pixels by which the mask grows, 0 to 20; the default is 5.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    select_prompt: str | None = None
    _: KW_ONLY
    grow_mask: int | None = None

    task_type: ClassVar[str] = SEARCH_AND_RECOLOR.name
