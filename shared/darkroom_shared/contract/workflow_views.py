"""What the steps of a workflow make of the whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, cast

from darkroom_shared.contract.views import Cost, JobView, WorkflowView, instant, total_usd
from darkroom_shared.core.lifecycle import CHECK_NOT_PASSED, JobState

SKIPPED: Final = "skipped"
"""Reason of a step whose condition did not hold, and of those that cannot do without it: canceled, and nothing is wrong."""
_WELL: Final = (JobState.SUCCEEDED, JobState.PARTIAL)


def workflow_view(fields: Mapping[str, str], steps: Sequence[JobView]) -> WorkflowView:
    """Reads a workflow's record together with the jobs of its steps, in order."""
    created = instant(fields["created_ms"])
    assert created is not None
    plan: list[Mapping[str, object]] = json.loads(fields.get("plan", "[]"))
    needs = {str(step["name"]): step.get("needs") for step in plan}
    budget = fields.get("budget_microusd")
    # A fork shows the finished steps of another workflow, which paid for them.
    own = [step for step in steps if step.workflow in ("", fields["id"])]
    return WorkflowView(
        id=fields["id"],
        state=workflow_state([(step.step, step.state, step.reason) for step in steps], _names(needs)),
        is_terminal=all(step.is_terminal for step in steps),
        created=created,
        steps=tuple(steps),
        plan=tuple(plan),
        name=fields.get("name", ""),
        budget_usd=int(budget) / 1_000_000 if budget else None,
        forked_from=fields.get("forked_from", ""),
        cost=Cost(
            estimated_usd=total_usd(step.cost.estimated_usd for step in own),
            actual_usd=total_usd(step.cost.actual_usd for step in own),
            uncertain_usd=total_usd(step.cost.uncertain_usd for step in own),
            saved_usd=total_usd(step.cost.saved_usd for step in own),
            price_book=",".join(dict.fromkeys(step.cost.price_book for step in own if step.cost.price_book)),
        ),
    )


def _names(needs: Mapping[str, object]) -> dict[str, list[str]]:
    return {name: [str(need) for need in cast("list[object]", found)] for name, found in needs.items() if isinstance(found, list)}


def workflow_state(steps: Sequence[tuple[str, JobState, str]], needs: Mapping[str, Sequence[str]]) -> JobState:
    """What its steps, as (name, state, reason) in order, make of a workflow.

    While a step is open, the workflow is. Then the last steps decide, those that no other waited for, skipped ones aside: if all of
    them gave results it has succeeded, or partly so where another step ended badly (a check that says no does not); if only some
    did, partly; if none did, the first step that ended badly by itself tells how.

    Args:
        needs: for each step the names of those it waits for; a step that is not among them waits for the one before it.
    """
    taken = [step for step in steps if not (step[1] is JobState.CANCELED and step[2] == SKIPPED)]
    if any(not state.is_terminal for _, state, _ in steps):
        return _open_state([state for _, state, _ in steps])
    before: list[str] = []
    waited_for: set[str] = set()
    for name, _, _ in taken:
        waited_for |= set(needs.get(name, before[-1:]))
        before.append(name)
    last = [state for name, state, _ in taken if name not in waited_for] or [state for _, state, _ in taken[-1:]]
    bad = [(state, reason) for _, state, reason in taken if state not in _WELL]
    if not any(state in _WELL for state in last):
        own = [state for state, reason in bad if reason != "dependency"] or [state for state, _ in bad]
        return own[0] if own else JobState.CANCELED
    spoiled = (
        any(reason != CHECK_NOT_PASSED for _, reason in bad)
        or JobState.PARTIAL in last
        or not all(state in _WELL for state in last)
    )
    return JobState.PARTIAL if spoiled else JobState.SUCCEEDED


def _open_state(states: Sequence[JobState]) -> JobState:
    moving = [state for state in states if not state.is_terminal and state is not JobState.WAITING]
    started = any(state.is_terminal for state in states)
    first = moving[0] if moving else JobState.WAITING
    return JobState.RUNNING if started and first is JobState.QUEUED else first
