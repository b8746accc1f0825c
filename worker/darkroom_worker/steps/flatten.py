"""Puts a picture on a plain colour."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.contract.steps import Flatten
from darkroom_worker.steps.pixels import color, encoded, on_color, opened


def run(spec: Flatten, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, one out; the result is RGB."""
    return [encoded(on_color(opened(images[0]), color(spec.background)))]
