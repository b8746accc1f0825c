"""Picture files in two parts: a long first one, made once for a size, and a short end that makes each file differ from the others.

The first part is cut at a multiple of three bytes, so that the base64 of both can be joined; its base64 and hash are kept.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pybase64
from PIL import Image

FileFormat = Literal["png", "jpeg", "webp"]

STAMP_BYTES = 48
"""Length of the stamp in the end of a file: WebP tells its whole length at its head."""
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_LARGE_PIXELS = 4_000_000
_NOTE = b"LOCAL PREVIEW - canned picture, no model made it"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The first part of a file.

    Attributes:
        encoded: its base64.
        digest: tells the SHA-256, in hex, of the first part and a given end.
        end: makes the end of the file from a stamp of STAMP_BYTES.
    """

    encoded: bytes
    digest: Callable[[bytes], str]
    end: Callable[[bytes], bytes]


def prepare(image: Image.Image, file_format: FileFormat) -> Prepared:
    """Encodes all of a picture but its end."""
    start, end = _WRITERS[file_format](image)
    running = hashlib.sha256(start)

    def digest(tail: bytes) -> str:
        whole = running.copy()
        whole.update(tail)
        return whole.hexdigest()

    return Prepared(pybase64.b64encode(start), digest, end)


def finish(prepared: Prepared, stamp: str) -> tuple[bytes, str]:
    """The whole file with a stamp that stands for this text in it: its base64, and the SHA-256 of its bytes in hex."""
    end = prepared.end(hashlib.sha256(stamp.encode()).hexdigest()[:STAMP_BYTES].encode())
    return prepared.encoded + pybase64.b64encode(end), prepared.digest(end)


_Parts = tuple[bytes, Callable[[bytes], bytes]]


def _png(image: Image.Image) -> _Parts:
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=1 if image.width * image.height > _LARGE_PIXELS else 6)
    start = data.getvalue()[: -len(_PNG_END)]
    label = b"Comment\x00" + _NOTE
    start += _chunk(b"tEXt", label + b"." * (-(len(start) + 12 + len(label)) % 3))
    return start, lambda stamp: _chunk(b"tEXt", b"darkroom\x00" + stamp) + _PNG_END


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _jpeg(image: Image.Image) -> _Parts:
    """The stamp is a comment between the picture and the end mark."""
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=90, comment=_NOTE)
    start = data.getvalue()[: -len(_JPEG_END)]
    start += _comment(b"." * (-(len(start) + 4) % 3))
    return start, lambda stamp: _comment(stamp) + _JPEG_END


def _comment(data: bytes) -> bytes:
    return b"\xff\xfe" + struct.pack(">H", len(data) + 2) + data


def _webp(image: Image.Image) -> _Parts:
    """The stamp stands in the EXIF chunk, which is the last one."""
    room = b"." * STAMP_BYTES
    data = io.BytesIO()
    image.save(data, "WEBP", quality=90, method=0, exif=b"Exif\x00\x00" + _NOTE + b".." + room)
    whole = data.getvalue()
    at = whole.rindex(room)
    cut = at - at % 3
    head, tail = whole[cut:at], whole[at + STAMP_BYTES :]
    return whole[:cut], lambda stamp: head + stamp + tail


_WRITERS: Mapping[FileFormat, Callable[[Image.Image], _Parts]] = {"png": _png, "jpeg": _jpeg, "webp": _webp}
