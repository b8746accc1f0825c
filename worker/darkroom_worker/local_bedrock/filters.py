"""Plays Bedrock's content filters: a request asks to be filtered by a marker, in any prompt or in the bytes of an input image.

    [blocked]        the prompt is refused
    [block-image]    the input image is refused (also found inside an image, in a PNG text chunk for example)
    [block-output]   no images come out
    [block-some]     one image fewer than asked for comes out (none if one was asked for)

How that is told is a matter of the family's dialect: exceptions and an `error` beside fewer images (Titan, Nova Canvas), a 200 that
holds a finish reason and nothing else (Stable Image and the image services), an exception or a blurred picture (SDXL).

The real service says nothing about who pays for filtered output; here its work counts as billed, the refusals do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

Filter = Literal["prompt", "image", "all", "some"]
_MARKERS: Mapping[str, Filter] = {"[blocked]": "prompt", "[block-image]": "image", "[block-output]": "all", "[block-some]": "some"}
_PROMPT_FIELDS = frozenset(
    {
        "text",
        "negativeText",
        "maskPrompt",
        "prompt",
        "negative_prompt",
        "search_prompt",
        "select_prompt",
        "inputText",
        "texts",
        "value",
    }
)


def find_filter(body: object, images: Iterable[bytes]) -> Filter | None:
    """Which filter the request's markers ask for."""
    text = "\n".join(prompts_in(body))
    for marker, kind in _MARKERS.items():
        if marker in text:
            return kind
    return "image" if any(b"[block-image]" in data for data in images) else None


def prompts_in(value: object, *, named: bool = False) -> Iterable[str]:
    """The texts of a body, wherever they stand; `named`: whether the value is in a field for texts."""
    if isinstance(value, str):
        if named:
            yield value
    elif isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            yield from prompts_in(member, named=name in _PROMPT_FIELDS)
    elif isinstance(value, list):
        for member in cast("list[object]", value):
            yield from prompts_in(member, named=named)
