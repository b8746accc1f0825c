"""The options that Stability's models share, as `GenerationOptions` are those of Amazon's: each class adds one to the one before.

A request inherits the last one whose options its service takes; all of them are keywords, and left out where they are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from darkroom_shared.task_types.request import native_body
from darkroom_shared.task_types.values import OutputFormat, StylePreset


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatOption:
    """What every native request has: a file format for the answer, and its body.

    Attributes:
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    output_format: OutputFormat | None = None

    task_type: ClassVar[str]

    def to_body(self) -> dict[str, object]:
        """The tagged body: `taskType`, and every field that was given under its own name."""
        return native_body(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOption(FormatOption):
    """Services that draw.

    Attributes:
        seed: 0 to 4 294 967 294; 0 or none is a random one, which the answer names.
    """

    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeOption(SeedOption):
    """Services that may be told what not to draw.

    Attributes:
        negative_prompt: what not to show; at most 10 000 characters.
    """

    negative_prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleOption(NegativeOption):
    """Services that have ready-made looks as well.

    Attributes:
        style_preset: a ready-made look.
    """

    style_preset: StylePreset | None = None
