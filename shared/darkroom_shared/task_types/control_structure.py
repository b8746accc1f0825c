"""CONTROL_STRUCTURE: a new picture with the structure of another (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import StyleOption

CONTROL_STRUCTURE = native_task("CONTROL_STRUCTURE", ImageSlot(("image",), "image"))


@dataclass(frozen=True, slots=True)
class ControlStructure(StyleOption):
    """Makes a picture that keeps the layout of another.

    Attributes:
        image: the picture whose structure is kept; left out in a chain, where it is the previous step's output.
        prompt: what to show; at most 10 000 characters.
        control_strength: 0 to 1, how closely the structure is kept; the default is 0.7.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    control_strength: float | None = None

    task_type: ClassVar[str] = CONTROL_STRUCTURE.name
