"""Is the picture the same as one of its siblings?"""

from __future__ import annotations

from typing import Final

from darkroom_shared.contract.checks import NearDuplicate
from darkroom_worker.checks.seeing import Given, difference, extremes, seen

_FIELDS: Final = 32
"""A side: coarse enough that another encoding changes none much, and fine enough that a small thing fills one."""


def run(spec: NearDuplicate, given: Given) -> str | None:
    """What is wrong, or None; the first sibling that is like it is named."""
    fields = given.picture.fields(_FIELDS, _FIELDS)
    for number, sibling in enumerate(given.siblings, start=1):
        _, most = extremes(difference(fields, seen(sibling).fields(_FIELDS, _FIELDS)))
        if most < spec.least:
            return (
                f"The picture is nearly the same as number {number} of its {len(given.siblings)} siblings: "
                f"no place differs by more than {most} of 255; at least one should by {spec.least:g}."
            )
    return None
