"""Reads an answer of the Titan Image and Nova Canvas models: pictures, the mask, and what a content filter kept back."""

from __future__ import annotations

import binascii
from dataclasses import dataclass

import orjson
import pybase64

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.task_types import as_array, as_object

FILTER_TEXT = "blocked by our content filters"


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was in an answer.

    Attributes:
        images: the pictures' bytes as Bedrock made them, in order.
        mask: the mask it used, if the request asked for it.
        missing: how many of the pictures asked for did not come.
        reason: why, in the service's own words; empty if none is missing.
    """

    images: tuple[bytes, ...]
    mask: bytes | None
    missing: int
    reason: str


def read_answer(body: bytes, wanted: int, request_id: str | None = None) -> Pictures | Failure:
    """Decodes an answer.

    A filter's refusal is a result (fewer pictures, a reason). An answer that cannot be read is a permanent Failure that counts as
    billed: its raw bytes stay in the store for inspection.

    Args:
        wanted: how many pictures the request asked for, 1 or more.
    """
    try:
        answer = as_object(orjson.loads(body))
        found = as_array(answer.get("images"))
        if len(found) > wanted:  # before they are decoded: millions of tiny ones fit into an answer
            return _unreadable(f"it holds {len(found):,} pictures, {wanted} were asked for", request_id)
        images = tuple(_decode(item) for item in found)
        mask = _decode(answer["maskImage"]) if answer.get("maskImage") else None
    except orjson.JSONDecodeError:
        return _unreadable("it is not JSON", request_id)
    except (binascii.Error, ValueError, TypeError):
        return _unreadable("a picture in it is not base64", request_id)
    error = answer.get("error")
    reason = error if isinstance(error, str) else ""
    missing = max(0, wanted - len(images))
    if missing and not reason:
        if not images:
            return _unreadable("it holds neither pictures nor a reason", request_id)
        reason = "The answer held fewer pictures than were asked for."
    if missing and not images and FILTER_TEXT not in reason:
        return Failure(FailureKind.RETRY, "model_error", reason[:400], True, None, request_id, 200)
    return Pictures(images, mask, missing, reason)


def _decode(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError("a picture is a string")
    return pybase64.b64decode(text, validate=True)


def _unreadable(why: str, request_id: str | None) -> Failure:
    text = f"The answer cannot be used: {why}. Its bytes are kept as a receipt."
    return Failure(FailureKind.PERMANENT, "invalid_answer", text, True, None, request_id, 200)
