"""What is measured of a picture: colours by area, the subject's before the surroundings', and how the light is."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.embedding.colours import nearest
from darkroom_worker.local_bedrock.embedding.space import COLOURS, measures
from darkroom_worker.local_bedrock.engine.encode import decode
from darkroom_worker.local_bedrock.engine.oklab import to_lab
from darkroom_worker.local_bedrock.engine.raster import resize_pixels

_SIDE: Final = 64
"""Pixels a side of what is looked at: colours and light need no more, and a picture costs hardly more than its decoding."""
_SUBJECT: Final = 3.0
"""How much more a pixel counts that stands out from the surroundings."""
_STANDS_OUT: Final = 0.12
"""OKLab distance from the colour of the border at which a pixel is taken for the subject's; twice that counts in full."""


def see(data: bytes) -> NDArray[np.float64]:
    """The measures of an encoded picture; transparency is laid on white."""
    pixels = decode(data)
    height, width = pixels.shape[:2]
    lab = to_lab(resize_pixels(pixels, _SIDE, _SIDE, "area"))
    border = np.concatenate((lab[0], lab[-1], lab[:, 0], lab[:, -1])).mean(axis=0)
    apart = np.linalg.norm(lab - border, axis=2)
    weight = 1 + _SUBJECT * np.clip((apart - _STANDS_OUT / 2) / (1.5 * _STANDS_OUT), 0, 1)
    area = np.bincount(nearest(lab.reshape(-1, 3)), weight.ravel(), minlength=len(COLOURS)) / weight.sum()
    return measures(dict(zip(COLOURS, np.sqrt(area).tolist(), strict=True)), _light(lab, apart, width / height), {})


def _light(lab: NDArray[np.float32], apart: NDArray[np.float32], aspect: float) -> dict[str, float]:
    lightness, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    edges = np.abs(np.diff(lightness, axis=0)).mean() + np.abs(np.diff(lightness, axis=1)).mean()
    told = {
        "bright": (lightness.mean() - 0.6) / 0.35,
        "contrast": (lightness.std() - 0.18) / 0.15,
        "warm": lab[..., 2].mean() / 0.08,
        "vivid": (chroma.mean() - 0.08) / 0.08,
        "textured": (edges - 0.06) / 0.06,
        "subject": ((apart > _STANDS_OUT).mean() - 0.4) / 0.4,
        "wide": np.log2(aspect),
    }
    return {name: float(np.clip(value, -1, 1)) for name, value in told.items()}
