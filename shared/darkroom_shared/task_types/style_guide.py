"""STYLE_GUIDE: a new picture in the style of another (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import StyleOption
from darkroom_shared.task_types.values import AspectRatio

STYLE_GUIDE = native_task("STYLE_GUIDE", ImageSlot(("image",), "image"))


@dataclass(frozen=True, slots=True)
class StyleGuide(StyleOption):
    """Makes a picture from words in the style of a given one.

    Attributes:
        image: the picture whose style is used; left out in a chain, where it is the previous step's output.
        prompt: what to show; at most 10 000 characters.
        aspect_ratio: of the new picture; the default is 1:1.
        fidelity: 0 to 1, how closely the style is followed; the default is 0.5.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    aspect_ratio: AspectRatio | None = None
    fidelity: float | None = None

    task_type: ClassVar[str] = STYLE_GUIDE.name
