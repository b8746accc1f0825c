"""Reads answers of status 200: which pictures or documents are in them, and what a content filter kept back.

Pure, and without base64: pictures stay the strings that they are. Each family has its own form of answer, and all are told in one:
`Reading`.

Source: the response sections of the pages that the families name. What AWS does not say is noted where it is decided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from darkroom_shared.core.guardrail import findings_of, reason_of
from darkroom_shared.task_types import as_array, as_object

FILTER_TEXT = "blocked by our content filters"
"""Part of every text by which Amazon's models say that a filter kept something back."""
_STABILITY_INPUT = ("filter reason: prompt", "filter reason: input image")
_STABILITY_OUTPUT = "filter reason"
_ACTION = "amazon-bedrock-guardrailAction"
_TRACE = "amazon-bedrock-trace"
_TOO_FEW = "The answer held fewer pictures than were asked for."
_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_NOTHING = "it holds neither pictures nor a reason"

Outcome = Literal[
    "pictures",
    "document",
    "filtered_input",
    "filtered_output",
    "intervened",
    "model_error",
    "unfit",
    "cut_short",
    "unreadable",
]
"""What an answer is: pictures, be it fewer than asked for; documents; a filter's refusal of the request, or of all that was made
of it; a guardrail's, of either; the model's own failure; something else than what was asked for; what has no end, where only a
whole is of use; nonsense."""
DocumentRole = Literal["text", "json", "embedding"]
MEDIA_TYPES: Final[Mapping[DocumentRole, str]] = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "embedding": "application/json",
}
"""How each kind of document is stored."""


@dataclass(frozen=True, slots=True)
class Document:
    """A result that is no picture.

    Attributes:
        role: `text` for people, `json` for what a schema was given for, `embedding` for vectors.
        data: the bytes that are stored; UTF-8.
    """

    role: DocumentRole
    data: bytes

    @property
    def media_type(self) -> str:
        """As it is stored."""
        return MEDIA_TYPES[self.role]

    @property
    def text(self) -> str:
        """The bytes read."""
        return self.data.decode()


def text_document(text: str) -> Document:
    """Words of a model. What is no Unicode (half a surrogate pair, which JSON lets through) is replaced."""
    return Document("text", text.encode(errors="replace"))


def json_document(value: object, role: DocumentRole = "json") -> Document:
    """A value of JSON; several vectors of one call stand in one document.

    Raises:
        ValueError: it holds NaN or an infinite number.
    """
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Document(role, told.encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """The tokens that a model counted for one answer; None for what it does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None

    def as_json(self) -> dict[str, int | None]:
        """The form that the ledger stores."""
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was in an answer.

    Attributes:
        outcome: what the answer is.
        images: the pictures as base64, in order.
        seeds: the seed of each picture, None where the answer does not say it; as long as `images`.
        mask: the mask that the model used, as base64.
        missing: how many of the pictures asked for did not come.
        reason: why, in the service's own words where it has some; empty if none is missing.
        documents: what came in place of pictures, in order.
        usage: what the model counted; None for models that count no tokens.
        warnings: what a person should know of the result, in sentences.
    """

    outcome: Outcome
    images: tuple[str, ...] = ()
    seeds: tuple[int | None, ...] = ()
    mask: str | None = None
    missing: int = 0
    reason: str = ""
    documents: tuple[Document, ...] = ()
    usage: TokenUsage | None = None
    warnings: tuple[str, ...] = ()


def guarded_reading(answer: Mapping[str, object], wanted: int) -> Reading | None:
    """A guardrail's intervention, which looks the same for every family; None where there was none, or where it only masked.

    A guardrail does two things: it blocks, or it masks personal data in a text. A picture cannot be masked, so pictures beside an
    intervention are those that a masked prompt made, if the trace says that it was masked and not that anything was blocked:
    then the answer is read as any other. In every other case, and without a trace, what is there is what the guardrail objected to,
    and it is not kept.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html and guardrails-use-independent-api.html.
    """
    if answer.get(_ACTION) != "INTERVENED":
        return None
    trace = as_object(as_object(answer.get(_TRACE)).get("guardrail"))
    said = str(trace.get("actionReason", "")).casefold()
    if answer.get("images") and "masked" in said and "blocked" not in said:
        return None
    return Reading("intervened", missing=wanted, reason=intervention(trace, "the pictures"))


def intervention(trace: Mapping[str, object], results: str) -> str:
    """Why a guardrail stepped in, by its trace: in the request or in the results, which are called so; never what it saw there."""
    for part, what in (("input", "the request"), ("output", results)):
        told = [value for name, value in trace.items() if name.startswith(part)]
        if findings_of(told):
            return reason_of(what, told)
    return reason_of("the call", None)


def amazon_reading(answer: Mapping[str, object], wanted: int, _: Mapping[str, object]) -> Reading:
    """Titan and Nova Canvas: `images`, `error`, and `maskImage` where a mask was asked for."""
    found = as_array(answer.get("images"))
    error, mask = answer.get("error"), answer.get("maskImage") or None
    reason = error if isinstance(error, str) else ""
    images = _strings(found)
    if images is None or not isinstance(mask, str | None):
        return Reading("unreadable", reason="a picture in it is not base64")
    if not images and reason and FILTER_TEXT not in reason:
        return Reading("model_error", missing=wanted, reason=reason)
    return _pictures(images, (None,) * len(images), wanted, reason, mask)


def stability_reading(answer: Mapping[str, object], wanted: int, _: Mapping[str, object]) -> Reading:
    """Stable Image, Stable Diffusion 3 and the image services: `images`, `seeds` and `finish_reasons`, one of each for a picture.

    A filtered answer may have `finish_reasons` alone. A reason of null means success.
    """
    reasons = as_array(answer.get("finish_reasons"))
    told = [reason for reason in reasons if isinstance(reason, str)]
    images = _strings(as_array(answer.get("images")))
    if images is None:
        return Reading("unreadable", reason="a picture in it is not base64")
    refusal = next((reason for reason in told if reason.casefold().startswith(_STABILITY_INPUT)), None)
    if refusal is not None:
        return Reading("filtered_input", missing=wanted, reason=refusal)
    # Pictures and reasons go by pairs; where the filtered ones were left out, what is there is good.
    paired = len(images) == len(reasons)
    good = [index for index in range(len(images)) if not (paired and isinstance(reasons[index], str))]
    failure = next((reason for reason in told if not reason.casefold().startswith(_STABILITY_OUTPUT)), None)
    if failure is not None and not good:
        return Reading("model_error", missing=wanted, reason=failure)
    found = as_array(answer.get("seeds"))
    seeds = [_seed(seed) for seed in found] if len(found) == len(images) else [None] * len(images)
    reason = told[0] if told else ""
    return _pictures(tuple(images[index] for index in good), tuple(seeds[index] for index in good), wanted, reason)


def sdxl_reading(answer: Mapping[str, object], wanted: int, _: Mapping[str, object]) -> Reading:
    """SDXL 1.0: `artifacts`, each with `seed`, `base64` and `finishReason` SUCCESS, ERROR or CONTENT_FILTERED.

    The picture of a filtered artifact is blurred by the service, and not kept.
    """
    artifacts = [as_object(item) for item in as_array(answer.get("artifacts"))]
    reasons = [str(item.get("finishReason")) for item in artifacts]
    good = [item for item, reason in zip(artifacts, reasons, strict=True) if reason == "SUCCESS"]
    images = _strings([item.get("base64") for item in good])
    if images is None:
        return Reading("unreadable", reason="a picture in it is not base64")
    bad = next((reason for reason in reasons if reason != "SUCCESS"), "")
    if not images and artifacts and "CONTENT_FILTERED" not in reasons:
        return Reading("model_error", missing=wanted, reason=f"The model ended with the finish reason {bad[:100]}.")
    return _pictures(images, tuple(_seed(item.get("seed")) for item in good), wanted, bad)


def _pictures(images: tuple[str, ...], seeds: tuple[int | None, ...], wanted: int, reason: str, mask: str | None = None) -> Reading:
    if len(images) > wanted:
        return Reading("unreadable", reason=f"it holds {len(images):,} pictures, {wanted} were asked for")
    missing = wanted - len(images)
    if missing and not images and not reason:
        return Reading("unreadable", reason=_NOTHING)
    return Reading("pictures", images, seeds, mask, missing, reason or _TOO_FEW if missing else reason)


def _strings(values: Sequence[object]) -> tuple[str, ...] | None:
    texts = tuple(value for value in values if isinstance(value, str))
    return texts if len(texts) == len(values) else None


def _seed(value: object) -> int | None:
    # One of AWS's pages calls the list of seeds a string, so digits in a string are read as well.
    if isinstance(value, str):
        return int(value) if _DIGITS.fullmatch(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
