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
from dataclasses import dataclass

from PIL import Image, ImageOps

from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.core.image_facts import ImageFacts, ImageFormat
from darkroom_shared.images.headers import DEFAULT_LIMITS, Header, OpenLimits, check_exif, checked_header, refuse

__all__ = ["DEFAULT_LIMITS", "Measure", "OpenLimits", "inspect", "measure", "upright"]

_ORIENTATION_TAG = 0x0112
_SWAPS_SIDES = frozenset((5, 6, 7, 8))
_PNG_END = b"IEND\xaeB`\x82"


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
    header = checked_header(data, limits)
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
    header = checked_header(data, limits)
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
    header = checked_header(data, limits)
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


def _damaged(header: Header) -> ImageRefused:
    return ImageRefused(f"The {header.format} file of {header.width}x{header.height} pixels is damaged or cut off.")


def _check_end(data: bytes, header: Header) -> None:
    """Refuses a file that is cut off, be it behind its last pixel, or that has wrong checksums."""
    try:
        complete = _is_complete(data, header)
    except Exception as error:
        raise _damaged(header) from error
    if not complete:
        raise _damaged(header)


def _is_complete(data: bytes, header: Header) -> bool:
    if header.format == "PNG":
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.verify()  # walks all chunks to the end mark and compares their checksums
        return _PNG_END in data
    # A JPEG ends with its own end mark: behind it may follow anything (previews, the film of a motion photo).
    return header.complete


def _opened(data: bytes, header: Header) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(header.format,))
    # Only Pillow's own idea of the size decides what it allocates, so it must be the size that was checked.
    if image.size != (header.width, header.height):
        refuse(f"The {header.format} file names two different sizes.")
    # A JPEG may carry more pictures behind the first (previews, depth maps of phones); it is still one photograph.
    if header.format != "JPEG" and getattr(image, "is_animated", False):
        refuse(f"The {header.format} file is animated; only still pictures are accepted.")
    check_exif(_exif(image))
    return image


def _exif(image: Image.Image) -> bytes:
    """What Pillow would read the orientation from: EXIF data, or a text chunk of a PNG that holds it as hex digits."""
    found = image.info.get("exif")
    if isinstance(found, bytes):
        return found
    text = image.info.get("Raw profile type exif")
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else b""
    except ValueError:
        return b""


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
