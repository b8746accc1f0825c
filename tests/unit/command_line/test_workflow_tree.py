"""A workflow as a tree: every step below the last it waits for, many runs of one step on one line."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from darkroom.cli.workflow_tree import WorkflowTree, rows
from darkroom_shared.contract.views import JobView, job_view
from darkroom_shared.contract.workflow_views import workflow_view


def job(step: str, state: str = "succeeded", **more: str) -> JobView:
    fields = {"id": f"job_{step}", "state": state, "sequence": "1", "created_ms": "1700000000000", "kind": "local", "tenant": "t"}
    fields |= {"task_type": "local.resize", "task_name": "x", "request": "{}", "lane": "local", "class": "standard"}
    return job_view({**fields, "retention_ms": "1", "price_microusd": "0", "workflow": "wf_1", "step": step, **more})


def tree(needs: dict[str, list[str]], fans: dict[str, str] | None = None, **states: str) -> WorkflowTree:
    of = fans or {}
    plan = [{"name": name, "needs": before, "of": of.get(name, "")} for name, before in needs.items()]
    record = {"id": "wf_1", "created_ms": "1700000000000", "plan": json.dumps(plan), "name": "shop@2"}
    return WorkflowTree(workflow_view(record, [job(name, states.get(name, "succeeded")) for name in needs]))


def drawn(shown: WorkflowTree, width: int) -> list[str]:
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(shown)
    return capture.get().splitlines()


def test_a_diamond_is_drawn_below_its_last_arm() -> None:
    shown = tree({"cut": [], "left": ["cut"], "right": ["cut"], "sheet": ["left", "right"]})
    assert [prefix + views[0].step for prefix, views in rows(shown.view)] == ["cut", "├ left", "└ right", "  └ sheet"]


def test_steps_that_wait_for_nobody_stand_side_by_side() -> None:
    shown = tree({"one": [], "two": [], "below": ["one"]})
    assert [prefix + views[0].step for prefix, views in rows(shown.view)] == ["one", "└ below", "two"]


def test_many_runs_of_a_step_are_one_line_with_their_states() -> None:
    runs = {f"vary_{number}": ["make"] for number in range(1, 14)}
    fans = dict.fromkeys(runs, "vary")
    shown = tree({"make": [], **runs, "sheet": list(runs)}, fans, vary_3="failed", vary_4="running")
    lines = drawn(shown, 100)
    assert [line.split()[0] for line in lines[2:]] == ["make", "└", "└"]
    assert "vary x13" in lines[3]
    assert "11 succeeded, 1 failed, 1 running" in " ".join(lines[3:])


@pytest.mark.parametrize(("width", "shows"), [(80, False), (140, True)])
def test_the_ids_of_the_jobs_are_shown_where_there_is_room(width: int, shows: bool) -> None:
    lines = drawn(tree({"cut": []}), width)
    assert ("job_cut" in " ".join(lines)) is shows
    assert "shop@2 wf_1: succeeded" in lines[0]
    assert max(map(len, lines)) <= width
