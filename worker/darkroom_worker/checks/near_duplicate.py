"""Is the picture the same as one of its siblings?"""

from __future__ import annotations

from typing import Final

from darkroom_shared.contract.checks import NearDuplicate
from darkroom_worker.checks.seeing import Given, difference, extremes, seen

_FIELDS: Final = 32
"""A side: coarse enough that another encoding changes none much, and fine enough that a small thing fills one."""
_LEAST_SIDE: Final = 12
"""Of a field, in pixels: JPEG and WebP keep a colour for 2x2 of them, and spread it over 16x16."""


def run(spec: NearDuplicate, given: Given) -> str | None:
    """What is wrong, or None; the first sibling that is like it is named."""
    size = _fields(given.picture.width), _fields(given.picture.height)
    fields = given.picture.fields(*size)
    for number, sibling in enumerate(given.siblings, start=1):
        _, most = extremes(difference(fields, seen(sibling).fields(*size)))
        if most < spec.least:
            return (
                f"The picture is nearly the same as number {number} of its {len(given.siblings)} siblings: "
                f"no place differs by more than {most} of 255; at least one should by {spec.least:g}."
            )
    return None


def _fields(side: int) -> int:
    return max(1, min(_FIELDS, side // _LEAST_SIDE))
