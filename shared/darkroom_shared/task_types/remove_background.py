"""REMOVE_BACKGROUND: the subject of a picture on a transparent ground (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import OutputFormat

REMOVE_BACKGROUND = TaskType(
    name="REMOVE_BACKGROUND",
    slug="remove_background",
    params_key="",
    slots=(ImageSlot(("image",), "image"),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class RemoveBackground:
    """Cuts the subject out. Takes neither a prompt nor a seed.

    Attributes:
        image: the picture; left out in a chain, where it is the previous step's output.
        output_format: `png` (the default), `jpeg`, which has no transparency, or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = REMOVE_BACKGROUND.name

    def to_body(self) -> dict[str, object]:
        """The tagged REMOVE_BACKGROUND body."""
        return native_body(self)
