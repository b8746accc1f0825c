"""What a task type is: its names, and where pictures stand in its request body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

EACH: Final = "*"
"""Stands in a path for every item of a list."""
ImageRole = Literal["image", "mask", "reference", "condition", "source"]
"""What a picture is for: `image` is worked on, `mask` says where, `reference` lends its look or garment, `condition` lends its
layout, `source` is the person or room of a try-on."""


@dataclass(frozen=True, slots=True)
class ImageSlot:
    """A place of a request body that may hold a picture, or a list of pictures.

    Attributes:
        path: keys from the top of the body; `EACH` for every item of a list.
        role: what the picture is for.
        many: True if the place holds a list of pictures.
        chained_with: keys at the top of the body. Where there are some, a chain fills the place only if the body has one of them:
            without them the task starts from text.
        chained_most: how many pictures of the step before it a chain puts there.
    """

    path: tuple[str, ...]
    role: ImageRole
    many: bool = False
    chained_with: tuple[str, ...] = ()
    chained_most: int = 1


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """One picture that is present in one particular body.

    Attributes:
        pointer: RFC 6901 pointer to it; a picture of a list ends in its index.
        role: what the picture is for.
    """

    pointer: str
    role: ImageRole


@dataclass(frozen=True, slots=True)
class TaskType:
    """A kind of image work.

    Attributes:
        name: the value of `taskType`: Bedrock's own, or darkroom's tag on the body of a native task.
        slug: the name for Celery tasks, metrics and files (lower case, underscores).
        params_key: key of the object that holds the parameters; empty for a native task.
        slots: where pictures may stand, in the order of the documentation.
        takes_config: whether `imageGenerationConfig` belongs in the body.
    """

    name: str
    slug: str
    params_key: str
    slots: tuple[ImageSlot, ...]
    takes_config: bool = True

    @property
    def native(self) -> bool:
        """Whether the parameters stand at the top of the body, and `taskType` is a tag that Bedrock does not know."""
        return self.params_key == ""

    @property
    def chained_slot(self) -> ImageSlot | None:
        """The slot that takes the previous step's output in a chain; None for a task that starts from text."""
        return next((slot for slot in self.slots if slot.role in ("image", "source")), None)
