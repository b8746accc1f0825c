"""How long a plan is said to take: arms side by side, calls of a lane one after the other, nothing where nobody can know."""

from __future__ import annotations

import pytest

from darkroom.estimate import time_s
from darkroom.plans import PlannedStep
from darkroom_shared.core.forecast import LaneState, PoolState


def step(name: str, *needs: str, model: str = "m", calls: int = 1, kind: str = "bedrock") -> PlannedStep:
    return PlannedStep(
        name=name,
        kind="local" if kind == "local" else "gate" if kind == "gate" else "bedrock",
        task_type="T",
        request={},
        needs=needs,
        inputs=(),
        outputs=(),
        images=1,
        model="" if kind != "bedrock" else model,
        calls=calls,
    )


def lane(name: str = "m", took_ms: float | None = 5000, rate: float | None = 60, waiting: int = 0) -> LaneState:
    pool = PoolState("p", "aws", 0, 0, 0, 0, "closed", 0, rate=rate)
    return LaneState(name, "active", waiting, 1, 1, (pool,), took_ms=took_ms)


CUT, LEFT, RIGHT, JOIN = step("cut"), step("left", "cut"), step("right", "cut"), step("join", "left", "right", kind="local")


@pytest.mark.parametrize(
    ("steps", "known", "seconds"),
    [
        ([CUT], lane(), 5),
        ([CUT, LEFT], lane(), 10),
        ([CUT, LEFT, RIGHT, JOIN], lane(), 5 + 1 + 5),
        ([CUT, LEFT, RIGHT, JOIN], lane(rate=None), 10),
        ([step("many", calls=4)], lane(rate=30), 3 * 2 + 5),
        ([CUT], lane(waiting=10), 10 + 5),
        ([JOIN], lane(), 0),
        ([CUT], lane(took_ms=None), None),
        ([CUT, step("ask", "cut", kind="gate")], lane(), None),
        ([step("cut", model="another")], lane(), None),
    ],
)
def test_a_plan_takes_as_long_as_its_longest_way(steps: list[PlannedStep], known: LaneState, seconds: float | None) -> None:
    assert time_s(steps, {known.lane: known}) == (None if seconds is None else pytest.approx(seconds))
