"""Which part of some bytes a Range header asks for (RFC 9110, section 14): one range of bytes, as downloads that go on ask for."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Unsatisfiable(Exception):
    """The range begins behind the last byte."""


def part(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; None for the whole: no header, several ranges, or one that cannot be read.

    Raises:
        Unsatisfiable.
    """
    match = _ONE.fullmatch((header or "").strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last so many bytes
        first, end = max(0, size - int(match[2])), size
    else:
        first, end = int(match[1]), min(size, int(match[2] or size - 1) + 1)
        if match[2] and int(match[2]) < int(match[1]):
            return None
    if first >= size or first >= end:
        raise Unsatisfiable
    return first, end
