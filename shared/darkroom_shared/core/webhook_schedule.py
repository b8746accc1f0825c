"""When a webhook that was not taken is sent again, and what an answer means. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

DELAYS_S: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds after each try but the last: ten tries over three days and four hours."""
JITTER: Final = 0.2
"""Part of a delay by which it may be longer, so that those that failed together do not come together again."""
MOST_RETRY_AFTER_S: Final = 86_400
Verdict = Literal["delivered", "retry", "gone"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer means.

    Attributes:
        verdict: `delivered`; `retry`; or `gone`: the receiver wants nothing more at all.
        wait_s: how long the receiver wants to be left alone; None if it does not say.
    """

    verdict: Verdict
    wait_s: float | None = None


def judged(status: int | None, retry_after: str | None = None) -> Judged:
    """Only 2xx is success; redirects are not followed. None for no answer at all."""
    if status is not None and 200 <= status < 300:
        return Judged("delivered")
    if status == 410:
        return Judged("gone")
    asked = retry_after or ""
    return Judged("retry", min(float(asked), MOST_RETRY_AFTER_S) if re.fullmatch(r"\d{1,9}", asked) else None)


def delay_s(tries: int, chance: float, wait_s: float | None = None) -> float | None:
    """Seconds to wait after so many tries; None if that was the last.

    Args:
        tries: so far, from 1.
        chance: a number of 0 to 1 at random.
        wait_s: what the receiver asked for, at least.
    """
    if tries > len(DELAYS_S):
        return None
    return max(DELAYS_S[tries - 1] * (1 + JITTER * chance), wait_s or 0.0)
