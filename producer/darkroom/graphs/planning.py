"""Plans a graph of steps: what each takes from the others, the free steps in between, sizes, prices; all before it costs."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom.planning import Draft, Placing, Planner, runnable
from darkroom.plans import Plan
from darkroom.routing import Source


def plan_graph(drafts: Sequence[Draft], placing: Placing) -> Plan:
    """The plan of steps that say themselves what they take.

    Args:
        drafts: 1 or more.
        placing: which models do the Bedrock steps.

    Raises:
        InvalidRequest: every problem of every step, pointers under `/steps/<name>`.
        NoRoute: a step is right, but no model may do it.
    """
    planner = Planner(placing, [draft.name for draft in drafts])
    handed: dict[str, list[Source]] = {}
    for draft in runnable(drafts):
        previous = [source for name in draft.feeds or () for source in handed[name]]
        handed[draft.name] = planner.add(draft, previous)
    return planner.plan(unused=False)
