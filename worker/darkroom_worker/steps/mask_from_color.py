"""Makes a pure black and white mask of the places that have given colours."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops

from darkroom_shared.contract.steps import MaskFromColor
from darkroom_worker.steps.pixels import BLACK, WHITE, color, encoded, opened


def run(spec: MaskFromColor, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, its mask out."""
    image = opened(images[0])
    plain = image.convert("RGB")
    near = [255 if distance <= spec.tolerance else 0 for distance in range(256)]
    found = Image.new("L", image.size)
    for text in spec.colors:
        red, green, blue = ImageChops.difference(plain, Image.new("RGB", image.size, color(text))).split()
        found = ImageChops.lighter(found, ImageChops.lighter(ImageChops.lighter(red, green), blue).point(near))
    if image.mode == "RGBA":
        found = ImageChops.darker(found, image.getchannel("A").point([0] + [255] * 255))
    subject, rest = (BLACK, WHITE) if spec.subject == "black" else (WHITE, BLACK)
    made = Image.new("RGB", image.size, rest)
    made.paste(subject, mask=found)
    return [encoded(made)]
