"""Decodes an answer of status 200: its pictures and documents as bytes, or the Failure that it is. The catalogue reads it."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import orjson
import pybase64

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.guardrail import INTERVENED
from darkroom_shared.models.answers import Document, Reading, TokenUsage
from darkroom_shared.models.catalogue import Model
from darkroom_shared.models.catalogue import read_answer as reading_of
from darkroom_shared.task_types import as_object


@dataclass(frozen=True, slots=True)
class Contents:
    """What was in an answer.

    Attributes:
        images: the pictures' bytes as Bedrock made them, in order.
        seeds: the seed of each, None where the answer does not say it; as long as `images`.
        mask: the mask it used, if the request asked for it.
        missing: how many of the pictures asked for did not come.
        reason: why, in the service's own words; empty if none is missing.
        documents: what came in place of pictures, in order.
        usage: the tokens that the model counted; None where it counts none.
        warnings: what a person should know of the result, in sentences.
    """

    images: tuple[bytes, ...] = ()
    seeds: tuple[int | None, ...] = ()
    mask: bytes | None = None
    missing: int = 0
    reason: str = ""
    documents: tuple[Document, ...] = ()
    usage: TokenUsage | None = None
    warnings: tuple[str, ...] = ()

    @property
    def came(self) -> int:
        """How many results there are; an answer has pictures or documents, never both."""
        return len(self.images) + len(self.documents)


def read_answer(
    model: Model, body: bytes, wanted: int, request: Mapping[str, object], request_id: str | None = None
) -> Contents | Failure:
    """Decodes an answer.

    Outputs that a filter kept back are a result (fewer pictures, a reason). An answer that cannot be read is a permanent Failure
    that counts as billed: its raw bytes stay in the store for inspection.

    Args:
        model: whose answer it is.
        wanted: how many pictures the request asked for, 1 or more.
        request: what was sent, tagged, with references.
    """
    try:
        reading = reading_of(model, as_object(orjson.loads(body)), wanted, request)
    except orjson.JSONDecodeError:
        return _unreadable("it is not JSON", request_id)
    return _failure(reading, request_id) or _decoded(reading, request_id)


def _failure(reading: Reading, request_id: str | None) -> Failure | None:
    match reading.outcome:
        case "pictures" | "document":
            return None
        case "filtered_input" | "filtered_output" | "intervened":
            # Whether AWS bills a refused input is not documented, nor whether a call in which a guardrail stepped in.
            code = INTERVENED if reading.outcome == "intervened" else f"content_{reading.outcome}"
            return Failure(FailureKind.FILTERED, code, reading.reason[:400], None, None, request_id, 200)
        case "model_error" | "unfit":
            # Paid, and of no use as it is; asked again, a model may well answer as it should.
            code = "unfit_answer" if reading.outcome == "unfit" else "model_error"
            return Failure(FailureKind.RETRY, code, reading.reason[:400], True, None, request_id, 200)
        case "cut_short":
            # Asked again, it would be cut off again.
            return Failure(FailureKind.PERMANENT, "answer_cut_short", reading.reason[:400], True, None, request_id, 200)
        case "unreadable":
            return _unreadable(reading.reason, request_id)
        case _:
            assert_never(reading.outcome)


def _decoded(reading: Reading, request_id: str | None) -> Contents | Failure:
    try:
        images = tuple(pybase64.b64decode(text, validate=True) for text in reading.images)
        mask = None if reading.mask is None else pybase64.b64decode(reading.mask, validate=True)
    except (binascii.Error, ValueError):
        return _unreadable("a picture in it is not base64", request_id)
    return Contents(
        images, reading.seeds, mask, reading.missing, reading.reason, reading.documents, reading.usage, reading.warnings
    )


def _unreadable(why: str, request_id: str | None) -> Failure:
    text = f"The answer cannot be used: {why}. Its bytes are kept as a receipt."
    return Failure(FailureKind.PERMANENT, "invalid_answer", text, True, None, request_id, 200)
