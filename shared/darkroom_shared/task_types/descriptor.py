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
        path: keys from the top of the body; EACH stands for every item of a list.
        role: what the picture is for.
        many: True if the place holds a list of pictures.
        chained_with: keys at the top of the body. Where there are some, a chain fills the place only if the body has one of them:
            without them the task starts from text.
        chained_most: how many pictures of the step before it a chain puts there.
        instead: paths of what may be given instead of a picture. Where the body has one of them, a chain does not fill the place.
        data_url: whether the service wants a picture there as a data URL, not as base64 alone.
        format_at: path of the field beside it that names the picture's format; a body with a reference may leave it out.
    """

    path: tuple[str, ...]
    role: ImageRole
    many: bool = False
    chained_with: tuple[str, ...] = ()
    chained_most: int = 1
    instead: tuple[tuple[str, ...], ...] = ()
    data_url: bool = False
    format_at: tuple[str, ...] = ()

    @property
    def is_optional(self) -> bool:
        """Whether the task can do without a picture there."""
        return bool(self.chained_with or self.instead)


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """One picture that is present in one particular body.

    Attributes:
        pointer: RFC 6901 pointer to it; a picture of a list ends in its index.
        role: what the picture is for.
        data_url: whether the service wants it as a data URL.
        format_at: JSON pointer of the field that names its format; empty where there is none.
    """

    pointer: str
    role: ImageRole
    data_url: bool = False
    format_at: str = ""


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


def native_task(name: str, *slots: ImageSlot) -> TaskType:
    """A task whose parameters stand at the top of its body, and whose slug is its name.

    Args:
        slots: in the order of the documentation.
    """
    return TaskType(name, slug=name.lower(), params_key="", slots=slots, takes_config=False)
