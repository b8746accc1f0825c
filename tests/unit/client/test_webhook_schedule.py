"""When a webhook is sent again."""

from __future__ import annotations

import pytest

from darkroom_shared.core.webhook_schedule import DELAYS_S, Judged, delay_s, judged


@pytest.mark.parametrize(
    ("status", "retry_after", "found"),
    [
        (200, None, Judged("delivered")),
        (204, "60", Judged("delivered")),
        (301, None, Judged("retry")),
        (400, None, Judged("retry")),
        (410, None, Judged("gone")),
        (429, "120", Judged("retry", 120.0)),
        (503, "999999999", Judged("retry", 86_400)),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", Judged("retry")),
        (None, None, Judged("retry")),
    ],
)
def test_an_answer_means_what_it_should(status: int | None, retry_after: str | None, found: Judged) -> None:
    assert judged(status, retry_after) == found


def test_tries_go_on_for_three_days_and_come_to_an_end() -> None:
    waits = [delay_s(tries, 0.0) for tries in range(1, len(DELAYS_S) + 1)]
    assert 3 * 86_400 < sum(wait for wait in waits if wait is not None) < 4 * 86_400
    assert delay_s(len(DELAYS_S) + 1, 0.0) is None
    assert (delay_s(1, 1.0), delay_s(1, 0.0, 90.0)) == (6.0, 90.0)
