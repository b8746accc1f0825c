"""Which bytes a Range header asks for."""

from __future__ import annotations

import pytest

from darkroom.api.ranges import Unsatisfiable, part


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, 100)),
        ("bytes=-7", (93, 100)),
        ("bytes=-700", (0, 100)),
        ("bytes=90-700", (90, 100)),
        ("bytes=99-99", (99, 100)),
        ("bytes=9-3", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(header: str | None, found: tuple[int, int] | None) -> None:
    assert part(header, 100) == found


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_last_byte_cannot_be_had(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        part(header, 100)
