"""Plays Bedrock's content filters: a request asks to be filtered by a marker, in any prompt or in the bytes of an input image.

    [blocked]        the prompt is refused: ValidationException
    [block-image]    the input image is refused: ValidationException (also found inside an image, in a PNG text chunk for example)
    [block-output]   200, `error`, no images
    [block-some]     200, `error`, one image fewer than asked for (none if one was asked for)

The real service says nothing about who pays for filtered output; here its work counts as billed, the refusals do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

from darkroom_worker.local_bedrock.wire import ServiceError, validation_error

Filter = Literal["prompt", "image", "all", "some"]
_MARKERS: Mapping[str, Filter] = {"[blocked]": "prompt", "[block-image]": "image", "[block-output]": "all", "[block-some]": "some"}
_PROMPT_FIELDS = frozenset({"text", "negativeText", "maskPrompt"})

_NOVA_PROMPT = "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request."
_TITAN_PROMPT = (
    "This request has been blocked by our content filters. Our filters automatically flagged this prompt because it may conflict"
    " our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
)
_IMAGE = "This request has been blocked by our content filters. Please adjust your input image to submit a new request."


def find_filter(body: object, images: Iterable[bytes]) -> Filter | None:
    """Which filter the request's markers ask for."""
    text = "\n".join(_prompts(body))
    for marker, kind in _MARKERS.items():
        if marker in text:
            return kind
    return "image" if any(b"[block-image]" in data for data in images) else None


def _prompts(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            if isinstance(member, str):
                if name in _PROMPT_FIELDS:
                    yield member
            else:
                yield from _prompts(member)
    elif isinstance(value, list):
        for member in cast("list[object]", value):
            yield from _prompts(member)


def input_refusal(kind: Filter | None, titan: bool) -> ServiceError | None:
    """The exception for a refused prompt or image; the two families word the first differently."""
    if kind == "prompt":
        return validation_error(_TITAN_PROMPT if titan else _NOVA_PROMPT)
    return validation_error(_IMAGE) if kind == "image" else None


def images_left(kind: Filter | None, count: int) -> int:
    """How many of `count` images pass the output filter."""
    return 0 if kind == "all" else count - 1 if kind == "some" else count


def output_error(left: int, count: int) -> str | None:
    """The `error` text of a 200 answer from which images were taken away."""
    if left == count:
        return None
    return f"{'Some' if left else 'All'} of the generated images have been blocked by our content filters."
