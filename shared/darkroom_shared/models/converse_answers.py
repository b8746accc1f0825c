"""Reads answers of Converse: words, or the JSON that a forced tool was given, held against the schema that was asked for.

Source: ConverseResponse of the service model (botocore), and "Message" of the Bedrock API reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, cast

from darkroom_shared.models.answers import Document, Reading, TokenUsage, intervention, json_document, text_document
from darkroom_shared.models.json_schemas import UnusableSchema, breach
from darkroom_shared.task_types import as_array, as_object, forced_schema

_CUT: Final = {
    "max_tokens": "The answer was cut off at its longest length ({used} tokens); a larger inferenceConfig.maxTokens lets it end.",
    "model_context_window_exceeded": "The answer was cut off: request and answer together are longer than the model can take.",
}
_MALFORMED: Final = ("malformed_model_output", "malformed_tool_use")
_FILTERED: Final = "The generated text has been blocked by the model's content filters."


def converse_reading(answer: Mapping[str, object], wanted: int, body: Mapping[str, object]) -> Reading:
    """What is in an answer.

    Args:
        wanted: 1.
        body: the request; the tool that it forces says what the answer must be.
    """
    stop = str(answer.get("stopReason"))
    usage = _usage(as_object(answer.get("usage")))
    blocks = [as_object(block) for block in as_array(_message(answer).get("content"))]
    if stop == "guardrail_intervened":
        trace = as_object(as_object(answer.get("trace")).get("guardrail"))
        return Reading("intervened", missing=wanted, reason=intervention(trace, "the answer"), usage=usage)
    if stop == "content_filtered":
        return Reading("filtered_output", missing=wanted, reason=_words(blocks) or _FILTERED, usage=usage)
    if stop in _MALFORMED:
        return Reading("unfit", missing=wanted, reason=f"The model's answer was malformed ({stop}).", usage=usage)
    schema = forced_schema(body)
    if schema is not None:
        return _fitting(blocks, stop, schema, wanted, usage)
    warnings = (_cut(stop, usage),) if stop in _CUT else ()
    document = _document(blocks)
    if document is None:
        return Reading("unfit", missing=wanted, reason=f"The model answered nothing (stop reason {stop[:40]}).", usage=usage)
    return Reading("document", documents=(document,), usage=usage, warnings=warnings)


def _fitting(
    blocks: Sequence[Mapping[str, object]], stop: str, schema: Mapping[str, object], wanted: int, usage: TokenUsage
) -> Reading:
    """The input of the forced tool, if it is as its schema says."""
    if stop in _CUT:
        return Reading("cut_short", missing=wanted, reason=_cut(stop, usage), usage=usage)
    given = [as_object(block["toolUse"]).get("input") for block in blocks if "toolUse" in block]
    if not given:
        return Reading("unfit", missing=wanted, reason="The model answered with words, not with the JSON asked for.", usage=usage)
    if not isinstance(given[0], dict):
        return Reading("unfit", missing=wanted, reason="The model's JSON is no object.", usage=usage)
    value = cast("Mapping[str, object]", given[0])
    try:
        broken = breach(value, schema)
    except UnusableSchema:
        return Reading("unreadable", reason="its schema refers to what is not there", usage=usage)
    if broken:
        return Reading("unfit", missing=wanted, reason=f"The model's JSON does not keep its schema: {broken}.", usage=usage)
    return Reading("document", documents=(json_document(value),), usage=usage)


def _document(blocks: Sequence[Mapping[str, object]]) -> Document | None:
    """The words; the whole content, where a model that was free to do so uses a tool."""
    if any("toolUse" in block for block in blocks):
        return json_document(list(blocks))
    words = _words(blocks)
    return text_document(words) if words else None


def _words(blocks: Sequence[Mapping[str, object]]) -> str:
    return "".join(text for block in blocks if isinstance(text := block.get("text"), str))


def _message(answer: Mapping[str, object]) -> Mapping[str, object]:
    return as_object(as_object(answer.get("output")).get("message"))


def _usage(told: Mapping[str, object]) -> TokenUsage:
    read, made = told.get("inputTokens"), told.get("outputTokens")
    return TokenUsage(read if isinstance(read, int) else None, made if isinstance(made, int) else None)


def _cut(stop: str, usage: TokenUsage) -> str:
    used = "not told" if usage.output_tokens is None else f"{usage.output_tokens:,}"
    return _CUT[stop].format(used=used)


def verdict_of(document: Document) -> tuple[bool, str]:
    """Whether a check passes, and why; of a document that was held against the schema of a verdict."""
    told = as_object(json.loads(document.data))
    return told.get("passes") is True, str(told.get("reason", ""))
