"""What the fault `blank` makes of an answer: each picture in its size and format, of one colour."""

from __future__ import annotations

import io
from typing import cast

import orjson
import pybase64
from PIL import Image


def blanked(body: bytes) -> bytes:
    """The answer with blank pictures in the place of those that were made; one without pictures is left as it is."""
    told = cast("dict[str, object]", orjson.loads(body))
    if isinstance(told.get("images"), list):
        told["images"] = [_blank(str(image)) for image in cast("list[object]", told["images"])]
    for artifact in cast("list[dict[str, object]]", told.get("artifacts", [])):
        artifact["base64"] = _blank(str(artifact["base64"]))
    return orjson.dumps(told)


def _blank(encoded: str) -> str:
    with Image.open(io.BytesIO(pybase64.b64decode(encoded))) as image:
        empty, out = Image.new(image.mode, image.size), io.BytesIO()
        empty.save(out, image.format or "PNG")
    return pybase64.b64encode_as_string(out.getvalue())
