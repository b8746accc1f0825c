"""Lays one picture over another."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.contract.steps import Composite
from darkroom_worker.steps.pixels import encoded, opened


def run(spec: Composite, images: Sequence[bytes]) -> list[bytes]:
    """Background and foreground in, one picture of the background's size out."""
    back, front = opened(images[0]), opened(images[1])
    canvas = back.convert("RGBA")
    canvas.alpha_composite(front.convert("RGBA"), (spec.x, spec.y))
    return [encoded(canvas.convert(back.mode))]
