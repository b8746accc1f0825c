"""Brings a picture into the form that ApplyGuardrail takes. For the check only: what is sent and stored stays as it is.

The limits are AWS's: PNG or JPEG, at most 4 MB (read as 4,000,000 bytes) and 8000x8000 pixels.
Source: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, Literal

from PIL import Image

from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.images import measure

if TYPE_CHECKING:
    from types_aiobotocore_bedrock_runtime.type_defs import GuardrailContentBlockTypeDef

MOST_BYTES: Final = 4_000_000
MOST_SIDE: Final = 8000
_FORMATS: Final[dict[str, Literal["png", "jpeg"]]] = {"PNG": "png", "JPEG": "jpeg"}
_QUALITY: Final = 90
_SMALLER: Final = 0.7


def checkable(data: bytes) -> GuardrailContentBlockTypeDef:
    """The picture as content of a request: its very bytes if they keep the limits, otherwise a JPEG of it that does.

    What is transparent is laid on white. Takes some 100 ms for a large picture: run it beside the loop.

    Raises:
        ImageRefused: the bytes are no picture.
    """
    size = measure(data)
    kind = _FORMATS.get(size.format)
    if kind and len(data) <= MOST_BYTES and max(size.width, size.height) <= MOST_SIDE:
        return {"image": {"format": kind, "source": {"bytes": data}}}
    return {"image": {"format": "jpeg", "source": {"bytes": _jpeg(data)}}}


def _jpeg(data: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.thumbnail((MOST_SIDE, MOST_SIDE))
            picture = _on_white(opened)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageRefused("A picture cannot be decoded for its guardrail.") from error
    while True:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=_QUALITY)
        if out.tell() <= MOST_BYTES:
            return out.getvalue()
        picture = picture.resize((max(1, round(picture.width * _SMALLER)), max(1, round(picture.height * _SMALLER))))


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16 bits: a plain conversion would clip every grey to white
        return picture.convert("I").point(lambda value: value * (1 / 256)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
