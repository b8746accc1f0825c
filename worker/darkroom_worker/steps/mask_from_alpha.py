"""Makes a pure black and white mask of a cut-out's alpha channel."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from darkroom_shared.contract.steps import MaskFromAlpha
from darkroom_worker.steps.pixels import BLACK, WHITE, encoded, opened


def run(spec: MaskFromAlpha, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, its mask out; a picture without alpha is all subject."""
    image = opened(images[0])
    subject, rest = (BLACK, WHITE) if spec.subject == "black" else (WHITE, BLACK)
    made = Image.new("RGB", image.size, subject)
    if image.mode == "RGBA":
        outside = image.getchannel("A").point([255 if alpha < spec.threshold else 0 for alpha in range(256)])
        made.paste(rest, mask=outside)
    return [encoded(made)]
