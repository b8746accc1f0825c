"""STYLE_TRANSFER: a picture repainted in the style of another (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import NegativeOption

STYLE_TRANSFER = native_task("STYLE_TRANSFER", ImageSlot(("init_image",), "image"), ImageSlot(("style_image",), "reference"))


@dataclass(frozen=True, slots=True)
class StyleTransfer(NegativeOption):
    """Repaints a picture in the style of a second one.

    Attributes:
        init_image: the picture to repaint; left out in a chain, where it is the previous step's output.
        style_image: the picture whose style is used.
        prompt: what to show; at most 10 000 characters.
        composition_fidelity: 0 to 1, how closely the composition is kept; the default is 0.9.
        style_strength: 0 to 1, how strongly the style is used; the default is 1.
        change_strength: 0.1 to 1, how much may change; the default is 0.9.
    """

    init_image: ImageSource | None = field(default=None, repr=False)
    style_image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    prompt: str | None = None
    composition_fidelity: float | None = None
    style_strength: float | None = None
    change_strength: float | None = None

    task_type: ClassVar[str] = STYLE_TRANSFER.name
