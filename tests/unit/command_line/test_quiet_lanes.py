"""Which lanes `darkroom lanes` leaves out unless it is asked for all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darkroom.cli.lane_tables import is_quiet
from darkroom_shared.core.forecast import LaneState, PoolState

POOL = PoolState("us-east-1/m", "catalogue", 0, 0, 0, 0, "closed", 1000.0)
LANE = LaneState("m", "active", waiting=0, free_slots=1, slots=1, pools=(POOL,))


def test_a_lane_in_which_nothing_happens_is_quiet() -> None:
    assert is_quiet(LANE)
    assert is_quiet(replace(LANE, pools=()))


@pytest.mark.parametrize(
    "lane",
    [
        replace(LANE, waiting=1),
        replace(LANE, mode="paused"),
        replace(LANE, took_ms=900.0),
        replace(LANE, pools=(replace(POOL, sent=1),)),
        replace(LANE, pools=(POOL, replace(POOL, refused_in_all=1))),
        replace(LANE, pools=(replace(POOL, circuit="open"),)),
    ],
    ids=["waits", "paused", "worked", "sent", "refused", "circuit"],
)
def test_a_lane_with_something_to_tell_is_shown(lane: LaneState) -> None:
    assert not is_quiet(lane)
