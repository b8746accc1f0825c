"""Reads the first bytes of a picture's file without a decoder: format, size, and how much work it would make to open it.

Everything here costs a few milliseconds at most, whatever the bytes are. A decoder is told only of files that passed: a file can be
small and within every limit of size and still keep a decoder busy for a minute, with millions of empty parts, hundreds of scans, or
text that unpacks to gigabytes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.core.image_facts import ImageFormat

_APP1: Final = 0xE1
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_MAX_JPEG_SEGMENTS: Final = 500
_MAX_JPEG_METADATA_BYTES: Final = 4_000_000
"""Decoders join and search the segments before the first scan over and over; profiles and camera data take a few hundred kB."""
_MAX_JPEG_FILL_BYTES: Final = 100
"""0xFF in a row, before a marker or among pixels. Any number is legal, nobody writes more than a few, and some decoders look at
each by itself."""
_MAX_SCANNED_PIXELS: Final = 500_000_000
"""Scans times pixels: each takes a nanosecond, and a progressive JPEG of many empty scans is small. Cameras and encoders use about
10 scans."""
_MAX_PNG_CHUNKS: Final = 10_000
"""A decoder takes some microseconds for each, several times; pixels come in chunks of 8 kB or more."""
_MAX_PNG_TEXT_BYTES: Final = 1_000_000
_MAX_PNG_TEXTS_BYTES: Final = 16_000_000
_MAX_EXIF_TAGS: Final = 1_000
"""Cameras write some dozens."""
_EXIF_START: Final = b"Exif\0\0"
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MARKER: Final = re.compile(rb"\xff+[^\x00\xff]")
_MARKER_IN_PIXELS: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends the pixels of a JPEG scan: any marker but the stuffed 0xFF and the restart marks. One 0xFF, as a search for many could
take the square of the file's length."""


@dataclass(frozen=True, slots=True)
class OpenLimits:
    """What is opened at all, whatever a model would take.

    Attributes:
        max_bytes: length of the encoded file; the default is all that a Bedrock body can hold.
        max_pixels: width times height; the default takes a 24-megapixel photograph, 134 MB decoded with alpha.
        max_side: pixels of the longer side.
    """

    max_bytes: int = 25_000_000
    max_pixels: int = 2 * 4096 * 4096
    max_side: int = 16_384


DEFAULT_LIMITS = OpenLimits()


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes say.

    Attributes:
        bits: per channel.
        complete: whether the file's own end mark or length says that nothing is missing; for PNG this is left to `verify`.
    """

    format: ImageFormat
    width: int
    height: int
    bits: int
    complete: bool = True


def refuse(reason: str) -> NoReturn:
    """Raises ImageRefused."""
    raise ImageRefused(reason)


def checked_header(data: bytes, limits: OpenLimits) -> Header:
    """Format, size and completeness of a file that may be given to a decoder.

    Raises:
        ImageRefused: it may not: no such file, beyond the limits, or built to make work.
    """
    if not data:
        refuse("The picture is empty: 0 bytes.")
    if len(data) > limits.max_bytes:
        refuse(f"The picture's file has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.")
    try:
        if data.startswith(_PNG_SIGNATURE):
            return _png(data, limits)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data, limits)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data, limits)
    except (struct.error, IndexError):
        refuse("The picture's file ends inside its header.")
    refuse("The bytes are neither a PNG nor a JPEG nor a WebP file.")


def check_exif(exif: bytes) -> None:
    """Refuses EXIF data with so many tags that reading one of them takes seconds; what is damaged in it does no harm."""
    data = exif.removeprefix(_EXIF_START).removeprefix(_EXIF_START)
    order: Literal["little", "big"] = "big" if data[:2] == b"MM" else "little"
    start = int.from_bytes(data[4:8], order)
    tags = int.from_bytes(data[start : start + 2], order)
    if tags > _MAX_EXIF_TAGS:
        refuse(f"The picture's EXIF data has {tags:,} tags; at most {_MAX_EXIF_TAGS:,} are accepted.")


def _check_size(width: int, height: int, limits: OpenLimits) -> None:
    if min(width, height) < 1:
        refuse(f"The picture claims a size of {width}x{height} pixels.")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        refuse(
            f"The picture claims {width}x{height} pixels; at most {limits.max_pixels:,} pixels and {limits.max_side:,} a side "
            "are accepted."
        )


def _png(data: bytes, limits: OpenLimits) -> Header:
    if data[12:16] != b"IHDR":
        refuse("The PNG file does not begin with its header.")
    width, height, bits = struct.unpack_from(">IIB", data, 16)
    _check_size(width, height, limits)
    _check_chunks(data)
    return Header("PNG", width, height, bits)


def _check_chunks(data: bytes) -> None:
    position, texts_bytes = len(_PNG_SIGNATURE), 0
    for _ in range(_MAX_PNG_CHUNKS):
        if position + 8 > len(data):
            return  # cut off: whoever verifies the file says so
        size, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IEND":
            return
        if kind in (b"iCCP", b"zTXt", b"iTXt"):
            texts_bytes += _unpacked_bytes(kind, data[position + 8 : position + 8 + size])
            if texts_bytes > _MAX_PNG_TEXTS_BYTES:
                refuse(f"The PNG file's texts unpack to more than {_MAX_PNG_TEXTS_BYTES:,} bytes.")
        position += 12 + size
    refuse(f"The PNG file has more than {_MAX_PNG_CHUNKS:,} chunks.")


def _unpacked_bytes(kind: bytes, body: bytes) -> int:
    """How long the text or colour profile of a chunk is; what is damaged in it is found elsewhere."""
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\x01":
            return len(body)
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        rest = rest[1:]
    try:
        unpacked = len(zlib.decompressobj().decompress(rest, _MAX_PNG_TEXT_BYTES + 1))
    except zlib.error:
        return 0
    if unpacked > _MAX_PNG_TEXT_BYTES:
        refuse(f"The PNG file's {kind.decode()} chunk unpacks to more than {_MAX_PNG_TEXT_BYTES:,} bytes.")
    return unpacked


def _jpeg(data: bytes, limits: OpenLimits) -> Header:
    frame: tuple[int, int, int] | None = None
    scans, complete = 0, False
    exif: list[bytes] = []
    for marker, position in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and frame is None:
            bits, height, width = struct.unpack_from(">BHH", data, position + 2)
            _check_size(width, height, limits)
            frame = (width, height, bits)
        if marker == _APP1 and data.startswith(_EXIF_START, position + 2):
            size = int(struct.unpack_from(">H", data, position)[0])
            exif.append(data[position + 2 + len(_EXIF_START) : position + size])
        if marker == _END_OF_IMAGE:
            complete = scans > 0
        if frame is None:
            if marker in (_START_OF_SCAN, _END_OF_IMAGE):
                break
        elif marker == _START_OF_SCAN:
            scans += 1
            most = max(1, _MAX_SCANNED_PIXELS // (frame[0] * frame[1]))
            if scans > most:
                refuse(f"The JPEG file has more than {most} scans; for {frame[0]}x{frame[1]} pixels no more are accepted.")
    if frame is None:
        refuse("The JPEG file has no frame header.")
    check_exif(b"".join(exif))
    width, height, bits = frame
    return Header("JPEG", width, height, bits, complete)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and position of each segment up to the end of the first picture, or of the data."""
    position, metadata_bytes, scanning = 2, 0, False
    for _ in range(_MAX_JPEG_SEGMENTS):
        # Behind a scan's header come its pixels; before the first one segment follows another.
        match = _MARKER_IN_PIXELS.search(data, position) if scanning else _MARKER.match(data, position)
        if match is None:
            if scanning:
                return
            if position + 1 >= len(data):
                raise IndexError
            refuse("The JPEG file is damaged before its first scan.")
        if data.find(b"\xff" * (_MAX_JPEG_FILL_BYTES + 1), position, match.end()) >= 0:
            refuse(f"The JPEG file has more than {_MAX_JPEG_FILL_BYTES} fill bytes in a row.")
        marker, position = data[match.end() - 1], match.end()
        yield marker, position
        if marker == _END_OF_IMAGE:
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a segment
            continue
        if scanning and position + 2 > len(data):
            return
        if marker == _START_OF_SCAN:
            scanning = True
            continue
        size = int(struct.unpack_from(">H", data, position)[0])
        metadata_bytes += 0 if scanning else size
        if metadata_bytes > _MAX_JPEG_METADATA_BYTES:
            refuse(f"The JPEG file has more than {_MAX_JPEG_METADATA_BYTES:,} bytes of metadata before its first scan.")
        position += size
    refuse(f"The JPEG file has more than {_MAX_JPEG_SEGMENTS:,} segments.")


def _webp(data: bytes, limits: OpenLimits) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        packed = int(struct.unpack_from("<I", data, 21)[0])
        width, height = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (int(side) & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        refuse("The WebP file does not begin with a picture.")
    _check_size(width, height, limits)
    return Header("WEBP", width, height, 8, 8 + int.from_bytes(data[4:8], "little") <= len(data))
