"""ERASE_OBJECT: remove what is inside a mask (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import OutputFormat

ERASE_OBJECT = TaskType(
    name="ERASE_OBJECT",
    slug="erase_object",
    params_key="",
    slots=(
        ImageSlot(("image",), "image"),
        ImageSlot(("mask",), "mask"),
    ),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class EraseObject:
    """Removes the masked thing and fills in what was behind it.

    Attributes:
        image: the picture to change; left out in a chain, where it is the previous step's output.
        mask: white is removed, black is kept, grey is in between; of any size. Without it the picture's own transparency is the
            mask: transparent is removed.
        grow_mask: pixels by which the mask grows, 0 to 20; the default is 5.
        seed: 0 to 4 294 967 294; 0 or none is a random one, which the answer names.
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    mask: ImageSource | None = field(default=None, repr=False)
    grow_mask: int | None = None
    seed: int | None = None
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = ERASE_OBJECT.name

    def to_body(self) -> dict[str, object]:
        """The tagged ERASE_OBJECT body."""
        return native_body(self)
