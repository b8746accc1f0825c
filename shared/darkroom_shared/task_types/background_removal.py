"""BACKGROUND_REMOVAL: the subject of a picture on a transparent ground."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, body_of

BACKGROUND_REMOVAL = TaskType(
    name="BACKGROUND_REMOVAL",
    slug="background_removal",
    params_key="backgroundRemovalParams",
    slots=(ImageSlot(("backgroundRemovalParams", "image"), "image"),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class BackgroundRemoval:
    """Cuts the subject out. Takes neither a prompt nor options; the result is a PNG with transparency.

    Attributes:
        image: the picture; left out in a chain, where it is the previous step's output.
    """

    image: ImageSource | None = field(default=None, repr=False)

    task_type: ClassVar[str] = BACKGROUND_REMOVAL.name

    def to_body(self) -> dict[str, object]:
        """Bedrock's BACKGROUND_REMOVAL body."""
        return body_of(self.task_type, BACKGROUND_REMOVAL.params_key, {"image": self.image})
