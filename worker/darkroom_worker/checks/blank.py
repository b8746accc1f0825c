"""Is there anything in the picture?"""

from __future__ import annotations

from typing import Final

from darkroom_shared.contract.checks import Blank
from darkroom_worker.checks.seeing import Given, extremes

_RANGE: Final = 12
"""Of 255, in which one colour may vary; what was measured stands at `Blank`."""


def run(spec: Blank, given: Given) -> str | None:
    """What is wrong, or None."""
    ranges = [extremes(band) for band in given.picture.bands]
    if ranges[3] == (0, 0):
        return "The picture is blank: every pixel is fully transparent."
    if all(high - low <= _RANGE for low, high in ranges):
        middle = "".join(f"{(low + high) // 2:02x}" for low, high in ranges[:3])
        return f"The picture is blank: all of it has the colour #{middle}."
    return None
