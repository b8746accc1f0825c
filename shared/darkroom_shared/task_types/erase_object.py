"""ERASE_OBJECT: remove what is inside a mask (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource
from darkroom_shared.task_types.service_options import SeedOption

ERASE_OBJECT = native_task("ERASE_OBJECT", ImageSlot(("image",), "image"), ImageSlot(("mask",), "mask"))


@dataclass(frozen=True, slots=True)
class EraseObject(SeedOption):
    """Removes the masked thing and fills in what was behind it.

    Attributes:
        image: the picture to change; left out in a chain, where it is the previous step's output.
        mask: white is removed, black is kept, grey is in between; of any size. Without it the picture's own transparency is the
            mask: transparent is removed.
        grow_mask: pixels by which the mask grows, 0 to 20; the default is 5.
    """

    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    mask: ImageSource | None = field(default=None, repr=False)
    grow_mask: int | None = None

    task_type: ClassVar[str] = ERASE_OBJECT.name
