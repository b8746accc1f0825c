"""The models that look at pictures, by Converse: `{"output": {"message": ...}, "stopReason": ..., "usage": ..., "metrics": ...}`.

Filtered answers are a 200 with a stop reason of their own, and so are those in which a guardrail stepped in. How many tokens there
are is counted roughly: four characters, or 750 pixels, are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.vision import CHARACTERS_A_TOKEN, PIXELS_A_TOKEN
from darkroom_shared.task_types import as_array, as_object, forced_schema
from darkroom_worker.local_bedrock import replies
from darkroom_worker.local_bedrock.dialects.dialect import Drawn, Told
from darkroom_worker.local_bedrock.filters import Filter, prompts_in
from darkroom_worker.local_bedrock.guardrails import BLOCKED
from darkroom_worker.local_bedrock.looks import Look
from darkroom_worker.local_bedrock.wire import ServiceError
from darkroom_worker.local_bedrock.wording import refusal_text

_FILTERED: Final = "The generated text has been blocked by our content filters."


class Conversation:
    """See Dialect."""

    def malformed(self, problems: Sequence[Problem], body: Mapping[str, object], schema: Mapping[str, object] | None) -> str:
        """See Dialect."""
        return refusal_text(problems, body, schema, titan=False)

    def refused(self, kind: Filter) -> ServiceError | Told | None:
        """See Dialect."""
        return Told(_filtered()) if kind in ("prompt", "image") else None

    def answer(self, drawn: Drawn) -> Told:
        """Words about the pictures, or the input of the tool that is forced."""
        if drawn.filtered is not None:
            return Told(_filtered())
        body, looks = drawn.body, drawn.pictures.looks
        most = as_object(body.get("inferenceConfig")).get("maxTokens")
        read = _tokens("".join(prompts_in(dict(body)))) + sum(look.width * look.height // PIXELS_A_TOKEN for look in looks)
        schema = forced_schema(body)
        if schema is not None:
            return Told(_with_tool(body, schema, looks, read, most))
        words = replies.described(looks)
        cut = isinstance(most, int) and _tokens(words) > most
        told = words[: most * CHARACTERS_A_TOKEN] if cut and isinstance(most, int) else words
        return Told(_answer([{"text": told}], "max_tokens" if cut else "end_turn", read, _tokens(told)))

    def intervened(self, added: Mapping[str, object]) -> bytes:
        """See Dialect."""
        return orjson.dumps({**_members([{"text": BLOCKED}], "guardrail_intervened", 0, 0), **added})

    def without_images(self, seed: int | None) -> bytes:
        """An answer that should say something and says nothing."""
        return _answer([], "end_turn", 0, 0)

    def not_base64(self, seed: int | None) -> bytes:
        """An answer whose tool input could not be read by the service itself."""
        return _answer([], "malformed_tool_use", 0, 0)

    def inference_error(self, seed: int | None) -> bytes:
        """See Dialect."""
        return _answer([], "malformed_model_output", 0, 0)


def _with_tool(body: Mapping[str, object], schema: Mapping[str, object], looks: Sequence[Look], read: int, most: object) -> bytes:
    value = replies.filled(schema, _question(body), looks)
    made = _tokens(orjson.dumps(value).decode())
    if isinstance(most, int) and made > most:
        return _answer([], "max_tokens", read, most)
    name = as_object(as_object(as_object(body.get("toolConfig")).get("toolChoice")).get("tool")).get("name")
    use = {"toolUseId": "tooluse_local_preview", "name": name, "input": value}
    return _answer([{"toolUse": use}], "tool_use", read, made)


def _question(body: Mapping[str, object]) -> str:
    """The words of the last message."""
    messages = as_array(body.get("messages"))
    blocks = as_array(as_object(messages[-1]).get("content")) if messages else ()
    return " ".join(text for block in blocks if isinstance(text := as_object(block).get("text"), str))


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)


def _filtered() -> bytes:
    return _answer([{"text": _FILTERED}], "content_filtered", 0, 0)


def _answer(content: Sequence[object], stop: str, read: int, made: int) -> bytes:
    return orjson.dumps(_members(content, stop, read, made))


def _members(content: Sequence[object], stop: str, read: int, made: int) -> dict[str, object]:
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {"inputTokens": read, "outputTokens": made, "totalTokens": read + made},
        "metrics": {"latencyMs": 0},
    }
