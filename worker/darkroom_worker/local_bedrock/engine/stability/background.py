"""REMOVE_BACKGROUND: the subject on transparency."""

from __future__ import annotations

from darkroom_worker.local_bedrock.engine.background_removal import cut_out
from darkroom_worker.local_bedrock.engine.raster import Pixels
from darkroom_worker.local_bedrock.engine.stability.ask import Ask


def paint_cut_out(ask: Ask) -> Pixels:
    """RGBA of the image's size; JPEG, which knows no alpha, gets it laid on white."""
    return cut_out(ask.pixels())
