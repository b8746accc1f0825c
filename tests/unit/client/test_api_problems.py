"""Every error of darkroom has its HTTP status."""

from __future__ import annotations

from darkroom.api.problems import STATUSES
from darkroom_shared.core import errors


def test_every_error_has_a_status_of_its_own() -> None:
    every = {found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.DarkroomError)}
    assert set(STATUSES) == every
