"""Titan and Nova Canvas: `{"images": [...], "maskImage": ..., "error": ...}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from darkroom_shared.core.problems import Problem
from darkroom_worker.local_bedrock.dialects.dialect import NOT_BASE64, Drawn, Told, quoted
from darkroom_worker.local_bedrock.filters import Filter
from darkroom_worker.local_bedrock.wire import MESSAGES, ServiceError, validation_error
from darkroom_worker.local_bedrock.wording import refusal_text

_NOVA_PROMPT = "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request."
_TITAN_PROMPT = (
    "This request has been blocked by our content filters. Our filters automatically flagged this prompt because it may conflict"
    " our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
)
_IMAGE = "This request has been blocked by our content filters. Please adjust your input image to submit a new request."


@dataclass(frozen=True, slots=True)
class Amazon:
    """See Dialect.

    Attributes:
        titan: Titan words a filtered prompt and a wrong size in its own way, and its answers always have an `error`.
    """

    titan: bool

    def malformed(self, problems: Sequence[Problem], body: Mapping[str, object], schema: Mapping[str, object] | None) -> str:
        """See Dialect."""
        return refusal_text(problems, body, schema, titan=self.titan)

    def refused(self, kind: Filter) -> ServiceError | Told | None:
        """See Dialect."""
        if kind == "prompt":
            return validation_error(_TITAN_PROMPT if self.titan else _NOVA_PROMPT)
        return validation_error(_IMAGE) if kind == "image" else None

    def answer(self, drawn: Drawn) -> Told:
        """All pictures, none, or one fewer than was made, as the filter says."""
        made = len(drawn.pictures.encoded)
        left = images_left(drawn.filtered, made)
        body = self._body(drawn.pictures.encoded[:left], output_error(left, made), drawn.pictures.mask)
        return Told(body, drawn.pictures.sha256[:left])

    def intervened(self, added: Mapping[str, object]) -> bytes:
        """See Dialect."""
        return orjson.dumps({"images": [], **({"error": None} if self.titan else {}), **added})

    def without_images(self, seed: int | None) -> bytes:
        """See Dialect."""
        return b'{"images":[]}'

    def not_base64(self, seed: int | None) -> bytes:
        """See Dialect."""
        return b'{"images":' + quoted([NOT_BASE64]) + b"}"

    def inference_error(self, seed: int | None) -> bytes:
        """See Dialect. The text is that of the exception: a 200 of this kind was not seen."""
        return self._body((), MESSAGES["ModelErrorException"], None)

    def _body(self, encoded: Sequence[bytes], error: str | None, mask: bytes | None) -> bytes:
        parts = [b'{"images":', quoted(encoded)]
        if mask is not None:
            parts += [b',"maskImage":"', mask, b'"']
        if error is not None or self.titan:
            parts += [b',"error":', orjson.dumps(error)]
        return b"".join((*parts, b"}"))


def images_left(kind: Filter | None, count: int) -> int:
    """How many of `count` images pass the output filter."""
    return 0 if kind == "all" else count - 1 if kind == "some" else count


def output_error(left: int, count: int) -> str | None:
    """The `error` text of a 200 answer from which images were taken away."""
    if left == count:
        return None
    return f"{'Some' if left else 'All'} of the generated images have been blocked by our content filters."
