"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        check: what was looked at, in a word or two.
        level: `fail` for what keeps jobs from running, `warn` for what will hurt later.
        found: one sentence or figure.
        mend: what to do about it; empty if nothing needs doing.
    """

    check: str
    level: Level
    found: str
    mend: str = ""
