"""Decodes an answer of status 200: pictures as bytes, or the Failure that the answer is. What is in it is told by the catalogue."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import assert_never

import orjson
import pybase64

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.guardrail import INTERVENED
from darkroom_shared.models.catalogue import Model
from darkroom_shared.models.catalogue import read_answer as reading_of
from darkroom_shared.task_types import as_object


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was in an answer.

    Attributes:
        images: the pictures' bytes as Bedrock made them, in order.
        seeds: the seed of each, None where the answer does not say it; as long as `images`.
        mask: the mask it used, if the request asked for it.
        missing: how many of the pictures asked for did not come.
        reason: why, in the service's own words; empty if none is missing.
    """

    images: tuple[bytes, ...]
    seeds: tuple[int | None, ...]
    mask: bytes | None
    missing: int
    reason: str


def read_answer(model: Model, body: bytes, wanted: int, request_id: str | None = None) -> Pictures | Failure:
    """Decodes an answer.

    Outputs that a filter kept back are a result (fewer pictures, a reason). An answer that cannot be read is a permanent Failure
    that counts as billed: its raw bytes stay in the store for inspection.

    Args:
        model: whose answer it is.
        wanted: how many pictures the request asked for, 1 or more.
    """
    try:
        reading = reading_of(model, as_object(orjson.loads(body)), wanted)
    except orjson.JSONDecodeError:
        return _unreadable("it is not JSON", request_id)
    match reading.outcome:
        case "pictures":
            pass
        case "filtered_input" | "intervened":
            # Whether AWS bills a refused input is not documented, nor whether a call in which a guardrail stepped in.
            code = INTERVENED if reading.outcome == "intervened" else "content_filtered_input"
            return Failure(FailureKind.FILTERED, code, reading.reason[:400], None, None, request_id, 200)
        case "model_error":
            return Failure(FailureKind.RETRY, "model_error", reading.reason[:400], True, None, request_id, 200)
        case "unreadable":
            return _unreadable(reading.reason, request_id)
        case _:
            assert_never(reading.outcome)
    try:
        images = tuple(pybase64.b64decode(text, validate=True) for text in reading.images)
        mask = None if reading.mask is None else pybase64.b64decode(reading.mask, validate=True)
    except (binascii.Error, ValueError):
        return _unreadable("a picture in it is not base64", request_id)
    return Pictures(images, reading.seeds, mask, reading.missing, reading.reason)


def _unreadable(why: str, request_id: str | None) -> Failure:
    text = f"The answer cannot be used: {why}. Its bytes are kept as a receipt."
    return Failure(FailureKind.PERMANENT, "invalid_answer", text, True, None, request_id, 200)
