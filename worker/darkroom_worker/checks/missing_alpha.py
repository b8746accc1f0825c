"""Is the picture a cut-out, with transparent pixels?"""

from __future__ import annotations

from darkroom_shared.contract.checks import MissingAlpha
from darkroom_worker.checks.seeing import Given


def run(spec: MissingAlpha, given: Given) -> str | None:
    """What is wrong, or None."""
    transparent = given.picture.transparent
    share = transparent / (given.picture.width * given.picture.height)
    if share >= spec.least:
        return None
    found = f"only {share:.2%} of the picture is transparent" if transparent else "no pixel of the picture is transparent"
    return f"The background is still there: {found}; at least {spec.least:.2%} should be."
