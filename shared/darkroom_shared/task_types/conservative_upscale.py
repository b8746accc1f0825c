"""CONSERVATIVE_UPSCALE: a picture enlarged to about 4K with as little change as possible (Stability AI Image Services)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import OutputFormat

CONSERVATIVE_UPSCALE = TaskType(
    name="CONSERVATIVE_UPSCALE",
    slug="conservative_upscale",
    params_key="",
    slots=(ImageSlot(("image",), "image"),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class ConservativeUpscale:
    """Enlarges a picture and keeps to it. The answer may be as large as Bedrock allows: prefer `jpeg` or `webp`.

    Attributes:
        image: the picture; left out in a chain, where it is the previous step's output.
        prompt: what it shows; at most 10 000 characters.
        creativity: 0.1 to 0.5, how freely detail is added; the default is 0.35.
        negative_prompt: what not to show; at most 10 000 characters.
        seed: 0 to 4 294 967 294; 0 or none is a random one, which the answer names.
        output_format: `png` (the default), `jpeg` or `webp`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str | None = None
    _: KW_ONLY
    creativity: float | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    output_format: OutputFormat | None = None

    task_type: ClassVar[str] = CONSERVATIVE_UPSCALE.name

    def to_body(self) -> dict[str, object]:
        """The tagged CONSERVATIVE_UPSCALE body."""
        return native_body(self)
