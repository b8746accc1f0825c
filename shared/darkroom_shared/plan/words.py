"""Reads a request in Amazon's words: what every translation of it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from darkroom_shared.models.catalogue import image_count
from darkroom_shared.models.model import Body
from darkroom_shared.models.options import option, whole_number
from darkroom_shared.task_types import as_array, as_object, task_type_of

USUAL_SIDE: Final = 1024
"""Pixels a side where the request names none: Nova Canvas's own default."""
SEED_FOR_ZERO: Final = 2_147_483_647
"""Stability takes 0 for "draw one"; this number is the first that no Amazon request can name."""


@dataclass(frozen=True, slots=True)
class Words:
    """An Amazon request, opened.

    Attributes:
        body: the request itself.
        params: the task's own object.
        key: JSON pointer of that object.
    """

    body: Body
    params: Body
    key: str

    def text(self, name: str) -> str:
        """A text of the task's object, empty if it is not there."""
        value = self.params.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str, default: float) -> float:
        """A number of the task's object."""
        value = self.params.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default

    def pictures(self, name: str) -> list[str]:
        """The references at a place that holds a list of pictures."""
        return [str(item) for item in as_array(self.params.get(name))]

    @property
    def images(self) -> int:
        """How many pictures are wanted."""
        return image_count(self.body)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, for tasks whose size is chosen."""
        return (
            whole_number(option(self.body, "width"), USUAL_SIDE),
            whole_number(option(self.body, "height"), USUAL_SIDE),
        )

    @property
    def premium(self) -> bool:
        """Whether the better quality is asked for."""
        return option(self.body, "quality") == "premium"

    def common(self) -> dict[str, object]:
        """The fields that all of Stability's bodies have: what is not to be seen, and the seed."""
        fields: dict[str, object] = {}
        if negative := self.text("negativeText"):
            fields["negative_prompt"] = negative
        seed = option(self.body, "seed")
        if isinstance(seed, int) and not isinstance(seed, bool):
            fields["seed"] = seed or SEED_FOR_ZERO
        return fields

    def lost(self) -> list[str]:
        """The options that no Stability model takes, in sentences."""
        found: list[str] = []
        if option(self.body, "cfgScale") is not None:
            found.append("cfgScale is not taken: the model follows the prompt as it always does.")
        if self.params.get("returnMask") is True:
            found.append("No mask comes back.")
        return found


def opened(body: Body) -> Words:
    """The request, opened.

    Raises:
        ValueError: it names no task type in Amazon's words.
    """
    task = task_type_of(body)
    if task is None or not task.params_key:
        raise ValueError("the body names no task of the Amazon models")
    return Words(body, as_object(body.get(task.params_key)), f"/{task.params_key}")
