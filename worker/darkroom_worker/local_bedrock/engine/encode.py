"""Pixels to PNG and back, and the marks that say where a picture comes from."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageOps, PngImagePlugin

from darkroom_worker.local_bedrock.engine.glyphs import text_font
from darkroom_worker.local_bedrock.engine.raster import Mask, Pixels

PREVIEW_NOTE = "darkroom local preview"
"""Value of the PNG text chunk `Software` in every picture of this engine."""
_EXPLANATION = "made by the local Bedrock endpoint of darkroom with image processing on the CPU; no model was called"
_LABEL = "LOCAL PREVIEW - procedural, not a model"
# Level 3 is a third of the time of Pillow's default 6 for files a few per cent larger (1024 x 1024 scenes).
_COMPRESS_LEVEL = 3


def decode(data: bytes) -> Pixels:
    """RGB pixels of an encoded picture, upright (EXIF), transparency laid on white."""
    with Image.open(io.BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


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
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=_COMPRESS_LEVEL, pnginfo=note)
    return buffer.getvalue()


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
