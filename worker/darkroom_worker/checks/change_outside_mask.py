"""Did the picture change where the mask said that it should not?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageChops

from darkroom_shared.contract.checks import ChangeOutsideMask
from darkroom_worker.checks.seeing import Given, difference, seen
from darkroom_worker.steps.pixels import grown, opened

_FIELDS: Final = 128
"""Along the longer side. More of them would see the grain of another encoding, fewer would not see a shift."""
_LEAST_SIDE: Final = 8
"""Of a field, in pixels: in smaller ones, what JPEG does to a sharp edge between colours would look like a change."""

_GREYISH: Final = 15
"""How far a mask's black and white may be from pure: JPEG does not keep them."""


def run(spec: ChangeOutsideMask, given: Given) -> str | None:
    """What is wrong, or None; also None where nothing is kept far enough from the edited part to be compared."""
    before = seen(given.references[spec.original])
    longer = max(before.width, before.height)
    scale = min(_FIELDS / longer, 1 / _LEAST_SIDE)
    size = max(1, round(before.width * scale)), max(1, round(before.height * scale))
    kept = _kept(spec, given.references[spec.mask], (before.width, before.height)).resize(size, Image.Resampling.BOX)
    whole = kept.point([0] * 255 + [255])  # fields of which a part is edited say nothing
    changed = difference(given.picture.fields(*size), before.fields(*size)).histogram(whole)
    if not sum(changed):
        return None
    mean, high = _mean(changed), _percentile(changed, 0.95)
    if mean <= spec.mean and high <= spec.percentile_95:
        return None
    return (
        f"The picture changed outside of the edited part: by {mean:.1f} of 255 in the mean and {high} at the 95th percentile; "
        f"at most {spec.mean:g} and {spec.percentile_95:g} are allowed."
    )


def _kept(spec: ChangeOutsideMask, data: bytes, size: tuple[int, int]) -> Image.Image:
    """255 for what is kept and lies further than the margin from what is not; greys are edited in part."""
    edited = opened(data).convert("L").point([0 if _is_pure(spec, value) else 255 for value in range(256)])
    if edited.size != size:
        edited = edited.resize(size, Image.Resampling.NEAREST)
    return ImageChops.invert(grown(edited, spec.margin))


def _is_pure(spec: ChangeOutsideMask, value: int) -> bool:
    return value <= _GREYISH if spec.kept == "black" else value >= 255 - _GREYISH


def _mean(histogram: Sequence[int]) -> float:
    return sum(value * count for value, count in enumerate(histogram)) / sum(histogram)


def _percentile(histogram: Sequence[int], share: float) -> int:
    """The lowest value that so many are not above."""
    wanted, count = share * sum(histogram), 0
    for value, some in enumerate(histogram):
        count += some
        if count >= wanted:
            return value
    return len(histogram) - 1
