"""Writes a picture in another format."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.contract.steps import Convert
from darkroom_worker.steps.pixels import encoded, opened


def run(spec: Convert, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, one out."""
    image = opened(images[0])
    match spec.format:
        case "png":
            return [encoded(image)]
        case "jpeg":
            return [encoded(image, "JPEG", spec.quality)]
        case "webp":
            return [encoded(image, "WEBP", spec.quality)]
