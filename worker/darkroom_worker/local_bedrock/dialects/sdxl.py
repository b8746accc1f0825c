"""SDXL 1.0: `{"result": "success", "artifacts": [{"seed": ..., "base64": ..., "finishReason": "SUCCESS"}]}`."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import orjson
import pybase64
from PIL import Image

from darkroom_shared.core.problems import Problem
from darkroom_worker.local_bedrock.dialects.dialect import NOT_BASE64, Drawn, Told
from darkroom_worker.local_bedrock.filters import Filter
from darkroom_worker.local_bedrock.wire import ServiceError, validation_error
from darkroom_worker.local_bedrock.wording import refusal_text

_PROMPT = "invalid_prompts: One or more prompts contains filtered words."
# What the service says of a filtered init image is not known.
_IMAGE = "invalid_init_image: The init image contains filtered content."
_BLURRED_SIDE = 8


class Sdxl:
    """See Dialect."""

    def malformed(self, problems: Sequence[Problem], body: Mapping[str, object], schema: Mapping[str, object] | None) -> str:
        """See Dialect."""
        return refusal_text(problems, body, schema, titan=False)

    def refused(self, kind: Filter) -> ServiceError | Told | None:
        """See Dialect."""
        if kind == "prompt":
            return validation_error(_PROMPT)
        return validation_error(_IMAGE) if kind == "image" else None

    def answer(self, drawn: Drawn) -> Told:
        """The one picture; one that is filtered comes back blurred."""
        if drawn.filtered is not None:
            return Told(_body([(drawn.seed, _blurred(encoded), "CONTENT_FILTERED") for encoded in drawn.pictures.encoded]))
        return Told(_body([(drawn.seed, encoded, "SUCCESS") for encoded in drawn.pictures.encoded]), drawn.pictures.sha256)

    def intervened(self, added: Mapping[str, object]) -> bytes:
        """See Dialect."""
        return orjson.dumps({"result": "success", "artifacts": [], **added})

    def without_images(self, seed: int | None) -> bytes:
        """See Dialect."""
        return _body([])

    def not_base64(self, seed: int | None) -> bytes:
        """See Dialect."""
        return _body([(seed, NOT_BASE64, "SUCCESS")])

    def inference_error(self, seed: int | None) -> bytes:
        """See Dialect."""
        return _body([(seed, b"", "ERROR")])


def _body(artifacts: Sequence[tuple[int | None, bytes, str]]) -> bytes:
    told = [
        b'{"seed":%b,"base64":"%b","finishReason":"%b"}' % (orjson.dumps(seed), encoded, reason.encode())
        for seed, encoded, reason in artifacts
    ]
    return b'{"result":"success","artifacts":[' + b",".join(told) + b"]}"


def _blurred(encoded: bytes) -> bytes:
    """The picture with nothing left of it but its colours."""
    with Image.open(io.BytesIO(pybase64.b64decode(encoded))) as picture:
        small = picture.convert("RGB").resize((_BLURRED_SIDE, _BLURRED_SIDE), Image.Resampling.BOX)
        blurred = small.resize(picture.size, Image.Resampling.BICUBIC)
    png = io.BytesIO()
    blurred.save(png, "PNG", compress_level=1)
    return pybase64.b64encode(png.getvalue())
