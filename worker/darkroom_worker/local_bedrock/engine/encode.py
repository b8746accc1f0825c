"""Pixels to PNG (JPEG, WebP) and back, and the marks that say where a picture comes from."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageOps, PngImagePlugin

from darkroom_worker.local_bedrock.engine.glyphs import text_font
from darkroom_worker.local_bedrock.engine.raster import Mask, Pixels, Plane, to_float

PictureFormat = Literal["PNG", "JPEG", "WEBP"]
PREVIEW_NOTE = "darkroom local preview"
"""Value of the PNG text chunk `Software`, or of the EXIF tag of that name, in every picture of this engine."""
_EXPLANATION = "made by the local Bedrock endpoint of darkroom with image processing on the CPU; no model was called"
_LABEL = "LOCAL PREVIEW - procedural, not a model"
# Level 3 is a third of the time of Pillow's default 6 for files a few per cent larger (1024 x 1024 scenes).
_COMPRESS_LEVEL = 3
_LARGE_COMPRESS_LEVEL = 1  # 16 MP: 1.6 s instead of 2.2 s for files a tenth larger
_LARGE_PIXELS = 4_000_000
_LOSSY_QUALITY = 95
_EXIF_SOFTWARE = 0x0131


def decode(data: bytes) -> Pixels:
    """RGB pixels of an encoded picture, upright (EXIF), transparency laid on white."""
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(_on_white(_eight_bits(ImageOps.exif_transpose(opened))).convert("RGB"), dtype=np.uint8)


def decode_with_alpha(data: bytes) -> tuple[Pixels, Plane]:
    """RGB pixels as they are, not laid on anything, and their opacity 0-1; upright (EXIF)."""
    with Image.open(io.BytesIO(data)) as opened:
        rgba = np.asarray(_eight_bits(ImageOps.exif_transpose(opened)).convert("RGBA"), dtype=np.uint8)
    return np.ascontiguousarray(rgba[..., :3]), to_float(rgba[..., 3])


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits as one of 8: Pillow would cut its values off at 255 instead of scaling them."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def decode_alpha(data: bytes) -> Mask | None:
    """Where an encoded picture is more opaque than not; None if it is opaque throughout."""
    with Image.open(io.BytesIO(data)) as opened:
        if not opened.has_transparency_data:
            return None
        alpha = np.asarray(ImageOps.exif_transpose(opened).convert("RGBA"), dtype=np.uint8)[..., 3] > 127
    return None if alpha.all() else alpha


def encode(pixels: Pixels) -> bytes:
    """PNG of RGB, RGBA or single-channel bytes, with the text chunk that names its origin."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Software", PREVIEW_NOTE)
    note.add_text("Description", _EXPLANATION)
    buffer = io.BytesIO()
    large = pixels.shape[0] * pixels.shape[1] > _LARGE_PIXELS
    level = _LARGE_COMPRESS_LEVEL if large else _COMPRESS_LEVEL
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=level, pnginfo=note)
    return buffer.getvalue()


def encode_as(pixels: Pixels, file_format: PictureFormat) -> bytes:
    """RGB or RGBA bytes as a file of that format, its origin named in it. JPEG knows no alpha: it is laid on white."""
    if file_format == "PNG":
        return encode(pixels)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[_EXIF_SOFTWARE] = PREVIEW_NOTE
    buffer = io.BytesIO()
    if file_format == "JPEG":
        _on_white(image).save(buffer, "JPEG", quality=_LOSSY_QUALITY, subsampling=0, exif=exif)
    else:
        image.save(buffer, "WEBP", quality=_LOSSY_QUALITY, method=2, exif=exif)
    return buffer.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba).convert("RGB")


def encode_mask(black: Mask) -> bytes:
    """PNG of a pure black and white RGB mask; True becomes black."""
    plane = np.where(black, 0, 255).astype(np.uint8)
    return encode(np.repeat(plane[..., None], 3, axis=2))


def with_label(pixels: Pixels) -> Pixels:
    """The picture with a small label in its lower left corner (pure generations only: an edit must not change kept pixels)."""
    height, width = pixels.shape[:2]
    font = text_font(max(9, round(min(width, height) * 0.016)))
    image = Image.fromarray(pixels).convert("RGBA")
    left, top, right, bottom = (round(value) for value in ImageDraw.Draw(image).textbbox((0, 0), _LABEL, font=font))
    pad = max(3, round((bottom - top) * 0.45))
    tag = Image.new("RGBA", (right - left + 2 * pad, bottom - top + 2 * pad), (10, 12, 16, 110))
    ImageDraw.Draw(tag).text((pad - left, pad - top), _LABEL, font=font, fill=(255, 255, 255, 205))
    image.alpha_composite(tag.crop((0, 0, min(tag.width, width), tag.height)), (0, max(0, height - tag.height)))
    return np.asarray(image.convert("RGB"), dtype=np.uint8)
