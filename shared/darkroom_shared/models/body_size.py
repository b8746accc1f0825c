"""How many bytes a request body has on the wire, and whether Bedrock takes that many.

The limit is the length of `Body` in the service model of InvokeModel (botocore). botocore itself does not enforce it.
"""

from __future__ import annotations

import json

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.model import Body, Facts
from darkroom_shared.task_types import image_values, replace_at

MAX_BODY_BYTES = 25_000_000


def _size_without_images(body: Body) -> int | None:
    bare = replace_at(body, {place.pointer: "" for place in image_values(body)})
    try:
        return len(json.dumps(bare, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        return None


def size_as_given(body: Body) -> int | None:
    """Bytes of the body with its image strings as they are; None for something that is no JSON."""
    rest = _size_without_images(body)
    if rest is None:
        return None
    return rest + sum(len(value) for value in image_values(body).values() if isinstance(value, str))


def is_plain_json(body: Body) -> bool:
    """Whether the body can be written as JSON in UTF-8."""
    return size_as_given(body) is not None


def size_when_sent(body: Body, facts: Facts) -> int | None:
    """Bytes of the body once every picture with known facts stands in it as base64; None for something that is no JSON."""
    rest = _size_without_images(body)
    if rest is None:
        return None
    values = {place.pointer: value for place, value in image_values(body).items()}
    for where, value in values.items():
        if where in facts:
            rest += 4 * ((facts[where].size_bytes + 2) // 3)
        elif isinstance(value, str):
            rest += len(value)
    return rest


def _problem(size: int) -> Problem:
    message = f"The body has {size:,} bytes, Bedrock takes at most {MAX_BODY_BYTES:,}"
    return Problem("", message, {"maximum": MAX_BODY_BYTES, "unit": "bytes"})


def body_size_problems(body: Body) -> list[Problem]:
    """The problem of a body that is too large as it stands, or that is no JSON at all."""
    size = size_as_given(body)
    if size is None:
        message = "The body is not plain JSON: it holds other values or characters that are no Unicode, or is nested too deeply"
        return [Problem("", message, "a JSON object")]
    return [_problem(size)] if size > MAX_BODY_BYTES else []


def resolved_size_problems(body: Body, facts: Facts) -> list[Problem]:
    """The problem of a body that gets too large when its references are replaced by the pictures."""
    given, sent = size_as_given(body), size_when_sent(body, facts)
    if given is None or sent is None or given > MAX_BODY_BYTES:
        return []
    return [_problem(sent)] if sent > MAX_BODY_BYTES else []
