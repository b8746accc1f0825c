"""How long a plan takes, judged by how long calls took lately and by the rates of this moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from darkroom.effects import Flow, ask
from darkroom.plans import Plan, PlannedStep
from darkroom_shared.core.errors import Unavailable
from darkroom_shared.core.forecast import LaneState
from darkroom_shared.store import steering


def time_s(steps: Sequence[PlannedStep], lanes: Mapping[str, LaneState]) -> float | None:
    """Seconds from the submit to the end of the last step, if nothing fails and every condition holds; None where nobody can know.

    The calls of a lane go one after the other at the rate of its pools, behind what waits there; free steps count as nothing.

    Args:
        steps: in an order in which they can run.
        lanes: by model.
    """
    ends: dict[str, float] = {}
    next_s: dict[str, float] = {}
    for step in steps:
        ready = max((ends[name] for name in step.waits_for if name in ends), default=0.0)
        if step.kind == "gate":
            return None  # a person takes as long as it takes
        if step.kind == "local":
            ends[step.name] = ready
            continue
        lane = lanes.get(step.model)
        if lane is None or lane.took_ms is None:
            return None
        rate = sum(pool.rate for pool in lane.pools if pool.rate)
        between = 60 / rate if rate else 0.0
        first = max(ready, next_s.get(step.model, lane.waiting * between))
        next_s[step.model] = first + step.calls * between
        ends[step.name] = first + (step.calls - 1) * between + lane.took_ms / 1000
    return max(ends.values(), default=0.0)


def with_time(planned: Plan) -> Flow[Plan]:
    """The plan with its time; without one if the ledger cannot be asked."""
    lanes: dict[str, LaneState] = {}
    with suppress(Unavailable):
        for model in dict.fromkeys(step.model for step in planned.steps if step.model):
            found = (yield from ask(steering.lanes(model))).lanes
            lanes |= {lane.lane: lane for lane in found}
    return replace(planned, time_s=time_s(planned.steps, lanes))
