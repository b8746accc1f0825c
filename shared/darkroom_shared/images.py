"""Opens pictures from outside: decides whether bytes are a picture at all, and says the facts that the rules need.

Nothing is believed before it was looked at: the size is read from the header and held against the limits before Pillow sees the
file, so a decompression bomb is refused at the price of a few bytes. Then the end of the file is looked for (and the checksums of a
PNG), because a decoder is content once it has all pixels; and the file is decoded once, because a check of the structure alone
would miss bit flips inside a compressed stream, which surface only when somebody draws the picture: in a worker, or after a call to
Bedrock. Decoding costs 5 to 40 ms for one megapixel, once per picture at submit (JPEG files are decoded at an eighth of their size,
which still reads every byte).

Safe to use from several threads: no global setting or warnings filter is touched.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from PIL import Image, ImageOps

from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.core.image_facts import ImageFacts, ImageFormat

_ORIENTATION_TAG = 0x0112
_SWAPS_SIDES = frozenset((5, 6, 7, 8))
_PNG_END = b"IEND\xaeB`\x82"
_START_OF_SCAN = 0xDA
_MAX_JPEG_SCANS = 500
"""A progressive JPEG of many thousand empty scans is small and takes minutes to decode; cameras and encoders use about 10."""


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
class _Header:
    """What the first bytes say, read without a decoder."""

    format: ImageFormat
    width: int
    height: int
    bits: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Format and size of a picture, as its header says."""

    format: ImageFormat
    width: int
    height: int


def measure(data: bytes, limits: OpenLimits = DEFAULT_LIMITS) -> Measure:
    """Format and size without decoding: far cheaper than `inspect`. For bytes from Bedrock, which are kept as they are.

    Raises:
        ImageRefused: the bytes are no such file, end too early, or are beyond the limits.
    """
    header = _checked_header(data, limits)
    _check_end(data, header)
    return Measure(header.format, header.width, header.height)


def inspect(data: bytes, *, mask: bool = False, limits: OpenLimits = DEFAULT_LIMITS) -> ImageFacts:
    """The facts about an encoded picture.

    Args:
        data: a PNG, JPEG or WebP file.
        mask: also look whether every pixel is pure black or white.
        limits: what is opened at all.

    Raises:
        ImageRefused: the bytes are no such file, are damaged, animated, or beyond the limits.
    """
    header = _checked_header(data, limits)
    # A decoder fed with hostile bytes raises whatever its parts raise (struct.error, SyntaxError, ValueError, MemoryError,
    # DecompressionBombError, ...): every one of them means that this is no usable picture.
    try:
        _check_end(data, header)
        with _opened(data, header) as image:
            if header.format == "JPEG" and not mask:
                image.draft("L", (max(1, header.width // 8), max(1, header.height // 8)))
            mode = image.mode if header.format != "JPEG" else _jpeg_mode(image)
            image.load()
            turned = _orientation(image) in _SWAPS_SIDES
            return ImageFacts(
                width=header.height if turned else header.width,
                height=header.width if turned else header.height,
                format=header.format,
                mode=mode,
                size_bytes=len(data),
                bits_per_channel=header.bits,
                transparent=_has_transparent_pixel(image),
                black_and_white=_is_black_and_white(image) if mask else None,
            )
    except ImageRefused:
        raise
    except MemoryError as error:
        raise ImageRefused("There is not enough memory to decode the picture; make it smaller.") from error
    except Exception as error:
        raise _damaged(header) from error


def upright(data: bytes, *, mask: bool = False, limits: OpenLimits = DEFAULT_LIMITS) -> bytes:
    """The picture with its EXIF orientation applied to the pixels; the very same bytes if there is nothing to turn.

    Only a file that has to be turned is decoded, so this does not stand in for `inspect`. A turned picture keeps its format and its
    colour profile, and loses the rest of its metadata (place, camera). JPEG is written at quality 95 without colour subsampling.

    Args:
        mask: write PNG whatever the format was, as another round of JPEG would make grey out of black and white.

    Raises:
        ImageRefused: the bytes are no picture, or damaged so that they cannot be turned, or beyond the limits.
    """
    header = _checked_header(data, limits)
    try:
        with _opened(data, header) as image:
            if _orientation(image) not in range(2, 9):
                return data
            _check_end(data, header)
            image.load()
            turned = ImageOps.exif_transpose(image)
            profile = image.info.get("icc_profile")
            return _encoded(turned, "PNG" if mask else header.format, profile if isinstance(profile, bytes) else None)
    except ImageRefused:
        raise
    except MemoryError as error:
        raise ImageRefused("There is not enough memory to decode the picture; make it smaller.") from error
    except Exception as error:
        raise _damaged(header) from error


def _encoded(image: Image.Image, file_format: ImageFormat, profile: bytes | None) -> bytes:
    out = io.BytesIO()
    options: dict[str, object] = {"icc_profile": profile, "exif": b""}
    if file_format == "JPEG":
        options |= {"quality": 95, "subsampling": 0}
    elif file_format == "WEBP":
        options |= {"lossless": True, "exact": True}
    image.save(out, file_format, **options)
    return out.getvalue()


def _refuse(reason: str) -> NoReturn:
    raise ImageRefused(reason)


def _damaged(header: _Header) -> ImageRefused:
    return ImageRefused(f"The {header.format} file of {header.width}x{header.height} pixels is damaged or cut off.")


def _checked_header(data: bytes, limits: OpenLimits) -> _Header:
    if not data:
        _refuse("The picture is empty: 0 bytes.")
    if len(data) > limits.max_bytes:
        _refuse(f"The picture's file has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.")
    header = _header(data)
    _check_size(header.width, header.height, limits)
    if header.format == "JPEG" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        _refuse(f"The JPEG file has more than {_MAX_JPEG_SCANS} scans.")
    return header


def _check_size(width: int, height: int, limits: OpenLimits) -> None:
    if min(width, height) < 1:
        _refuse(f"The picture claims a size of {width}x{height} pixels.")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        _refuse(
            f"The picture claims {width}x{height} pixels; at most {limits.max_pixels:,} pixels and {limits.max_side:,} a side "
            "are accepted."
        )


def _check_end(data: bytes, header: _Header) -> None:
    """Refuses a file that is cut off, be it behind its last pixel, or that has wrong checksums."""
    try:
        complete = _is_complete(data, header)
    except Exception as error:
        raise _damaged(header) from error
    if not complete:
        raise _damaged(header)


def _is_complete(data: bytes, header: _Header) -> bool:
    if header.format == "PNG":
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.verify()  # walks all chunks to the end mark and compares their checksums
        return _PNG_END in data
    if header.format == "WEBP":
        return 8 + int.from_bytes(data[4:8], "little") <= len(data)
    # Inside a scan there can be no end mark; behind it may follow anything (previews, the film of a motion photo).
    return data.find(b"\xff\xd9", _first_scan(data)) > 0


def _opened(data: bytes, header: _Header) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(header.format,))
    # Only Pillow's own idea of the size decides what it allocates, so it must be the size that was checked.
    if image.size != (header.width, header.height):
        _refuse(f"The {header.format} file names two different sizes.")
    # A JPEG may carry more pictures behind the first (previews, depth maps of phones); it is still one photograph.
    if header.format != "JPEG" and getattr(image, "is_animated", False):
        _refuse(f"The {header.format} file is animated; only still pictures are accepted.")
    return image


def _jpeg_mode(image: Image.Image) -> str:
    layers = getattr(image, "layers", 3)
    return {1: "L", 4: "CMYK"}.get(layers, "RGB")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 where there is none or where it cannot be read: damaged metadata does not spoil a picture."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _has_transparent_pixel(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    alpha = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
    low, _ = alpha.getchannel("A").getextrema()
    return low != 255


def _is_black_and_white(image: Image.Image) -> bool:
    if image.mode.startswith("I;16"):  # a conversion would clip greys to white; pure values have two equal bytes, 0 or 255
        raw = image.tobytes()
        return raw[0::2] == raw[1::2] and raw.count(0) + raw.count(255) == len(raw)
    colors = image.convert("RGB").getcolors(2)
    return colors is not None and {color for _, color in colors} <= {(0, 0, 0), (255, 255, 255)}


def _header(data: bytes) -> _Header:
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png_header(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg_header(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_header(data)
    except (struct.error, IndexError):
        _refuse("The picture's file ends inside its header.")
    _refuse("The bytes are neither a PNG nor a JPEG nor a WebP file.")


def _png_header(data: bytes) -> _Header:
    if data[12:16] != b"IHDR":
        _refuse("The PNG file does not begin with its header.")
    width, height, bits = struct.unpack_from(">IIB", data, 16)
    return _Header("PNG", width, height, bits)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and position of each segment up to the first scan."""
    position = 2
    while True:
        while data[position] == 0xFF and data[position + 1] == 0xFF:  # fill bytes
            position += 1
        if data[position] != 0xFF:
            _refuse("The JPEG file is damaged before its first scan.")
        marker = data[position + 1]
        yield marker, position + 2
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a segment
            position += 2
        else:
            position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])


def _jpeg_header(data: bytes) -> _Header:
    for marker, position in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width = struct.unpack_from(">BHH", data, position + 2)
            return _Header("JPEG", width, height, bits)
        if marker in (_START_OF_SCAN, 0xD9):
            break
    _refuse("The JPEG file has no frame header.")


def _first_scan(data: bytes) -> int:
    return next(position for marker, position in _jpeg_segments(data) if marker == _START_OF_SCAN)


def _webp_header(data: bytes) -> _Header:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        packed = int(struct.unpack_from("<I", data, 21)[0])
        width, height = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (int(side) & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        _refuse("The WebP file does not begin with a picture.")
    return _Header("WEBP", width, height, 8)
