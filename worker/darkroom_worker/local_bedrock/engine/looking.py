"""Looks at a picture: what `looks` measures, and where the subject stands."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from darkroom_worker.local_bedrock.engine.subject import subject_mask
from darkroom_worker.local_bedrock.looks import Look, Subject, look

_SIDE: Final = 512
"""The subject is looked for in a picture of at most this size."""


def look_closely(data: bytes) -> Look:
    """Measures an encoded picture, its subject included."""
    return look(data, _subject(data))


def _subject(data: bytes) -> Subject | None:
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (_SIDE, _SIDE))
        picture = opened.convert("RGB")
    picture.thumbnail((_SIDE, _SIDE))
    mask = subject_mask(np.asarray(picture))
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return None
    return Subject(float(mask.mean()), _place(float(columns.mean()) / mask.shape[1], float(rows.mean()) / mask.shape[0]))


def _place(across: float, down: float) -> str:
    side = "left" if across < 0.4 else "right" if across > 0.6 else ""
    level = "top" if down < 0.4 else "bottom" if down > 0.6 else ""
    return f"at the {' '.join(part for part in (level, side) if part)}" if side or level else "in the center"
