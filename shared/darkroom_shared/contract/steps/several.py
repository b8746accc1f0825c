"""Steps that take several pictures, as many as there are: contact_sheet, select."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from darkroom_shared.contract.steps.base import Color, Step, too_large
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem

MOST: Final = 100


class ContactSheet(Step):
    """Puts pictures on one sheet, row by row, each scaled into a square cell with its proportions kept."""

    most_inputs: ClassVar[int | None] = MOST

    kind: Literal["contact_sheet"] = "contact_sheet"
    columns: Annotated[int, Field(ge=1, le=MOST)] | None = None
    """None: as many as make the sheet about square."""
    cell: Annotated[int, Field(ge=16, le=2048)] = 256
    """Side of a cell in pixels; smaller pictures are not enlarged."""
    gap: Annotated[int, Field(ge=0, le=256)] = 8
    """Pixels between the cells, and around them."""
    background: Color = "#ffffff"
    numbers: bool = False
    """Whether each cell shows in its upper left corner which picture it holds, counted from 1."""

    def grid(self, count: int) -> tuple[int, int]:
        """Columns and rows for so many pictures."""
        columns = min(count, self.columns or math.ceil(math.sqrt(count)))
        return columns, math.ceil(count / columns)

    def size(self, count: int) -> tuple[int, int]:
        """Width and height of the sheet in pixels."""
        columns, rows = self.grid(count)
        return columns * (self.cell + self.gap) + self.gap, rows * (self.cell + self.gap) + self.gap

    def _number_problems(self, count: int) -> list[Problem]:
        text = too_large(*self.size(count))
        return [Problem("", text)] if text else []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [ImageFacts(*self.size(len(inputs)), "PNG", "RGB", 0)]


class Select(Step):
    """Keeps the best of several pictures by what was said of them: takes the pictures, and as many answers in JSON.

    The chosen pictures are handed on as they are, the best first; where two are equal, the earlier one. A picture without an answer
    does not count, nor one whose answer has no such value. If none is left, the step ends as rejected.
    """

    most_inputs: ClassVar[int | None] = MOST

    kind: Literal["select"] = "select"
    by: Annotated[str, Field(pattern=r"^(/[^/]+)+$", max_length=200)]
    """JSON pointer to what an answer is judged by: a number, of which more is better, or a boolean, which must be true."""
    keep: Annotated[int, Field(ge=1, le=MOST)] = 1
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Numbers below it do not count."""

    @property
    def images(self) -> int:
        """As many as are kept."""
        return self.keep

    @property
    def outputs(self) -> int:
        """As many as are kept."""
        return self.keep

    def _number_problems(self, count: int) -> list[Problem]:
        if self.keep <= count:
            return []
        return [Problem("/keep", f"{self.keep} of {count} pictures cannot be kept", {"minimum": 1, "maximum": count})]

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        """Of the first ones; which are chosen nobody knows before."""
        return [*inputs[: self.keep]]
