"""Stable Image, SD 3.5 and the image services: `{"seeds": [...], "finish_reasons": [...], "images": [...]}`.

A reason of null means success. A filtered answer, of the input or the output, is a 200 with its reason and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from darkroom_shared.core.problems import Problem
from darkroom_worker.local_bedrock.dialects.dialect import NOT_BASE64, Drawn, Told, quoted
from darkroom_worker.local_bedrock.filters import Filter
from darkroom_worker.local_bedrock.wire import ServiceError
from darkroom_worker.local_bedrock.wording import refusal_text

_INPUT_REASONS: Mapping[Filter, str] = {"prompt": "Filter reason: prompt", "image": "Filter reason: input image"}
_OUTPUT_REASON = "Filter reason: output image"
_FAILED = "Inference error"


class Stability:
    """See Dialect."""

    def malformed(self, problems: Sequence[Problem], body: Mapping[str, object], schema: Mapping[str, object] | None) -> str:
        """See Dialect."""
        return refusal_text(problems, body, schema, titan=False)

    def refused(self, kind: Filter) -> ServiceError | Told | None:
        """See Dialect."""
        reason = _INPUT_REASONS.get(kind)
        return None if reason is None else Told(_only(reason))

    def answer(self, drawn: Drawn) -> Told:
        """The one picture, or the reason that keeps it back."""
        if drawn.filtered is not None:
            return Told(_only(_OUTPUT_REASON))
        encoded = drawn.pictures.encoded
        return Told(_body([drawn.seed] * len(encoded), [None] * len(encoded), encoded), drawn.pictures.sha256)

    def intervened(self, added: Mapping[str, object]) -> bytes:
        """See Dialect. Nothing else: no seed was used and no reason given."""
        return orjson.dumps(dict(added))

    def without_images(self, seed: int | None) -> bytes:
        """See Dialect."""
        return _body([seed], [None], ())

    def not_base64(self, seed: int | None) -> bytes:
        """See Dialect."""
        return _body([seed], [None], [NOT_BASE64])

    def inference_error(self, seed: int | None) -> bytes:
        """See Dialect."""
        return _only(_FAILED)


def _only(reason: str) -> bytes:
    return orjson.dumps({"finish_reasons": [reason]})


def _body(seeds: Sequence[int | None], reasons: Sequence[str | None], encoded: Sequence[bytes]) -> bytes:
    head = orjson.dumps({"seeds": seeds, "finish_reasons": reasons})
    return head[:-1] + b',"images":' + quoted(encoded) + b"}"
