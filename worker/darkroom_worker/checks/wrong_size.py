"""Does the picture have the size that was asked for?"""

from __future__ import annotations

from darkroom_shared.contract.checks import WrongSize
from darkroom_worker.checks.seeing import Given


def run(spec: WrongSize, given: Given) -> str | None:
    """What is wrong, or None."""
    width, height = given.picture.width, given.picture.height
    if spec.aspect_within is None:
        if (width, height) == (spec.width, spec.height):
            return None
        return f"The picture has {width}x{height} pixels, not {spec.width}x{spec.height}."
    # By the larger of the two, so that turning both by 90 degrees gives the same answer.
    wanted, found = spec.width / spec.height, width / height
    off = max(wanted, found) / min(wanted, found) - 1
    if off <= spec.aspect_within:
        return None
    return (
        f"The picture's proportions are {width}:{height}, which is {off:.1%} off {spec.width}:{spec.height}; "
        f"at most {spec.aspect_within:.1%} is allowed."
    )
