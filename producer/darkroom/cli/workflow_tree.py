"""A workflow as a tree in a terminal: each step below the last of those it waits for, with its state, its time and its price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from darkroom.cli.tables import cost, seconds, state, task_words
from darkroom_shared.contract.views import JobView, WorkflowView
from darkroom_shared.contract.workflow_views import SKIPPED
from darkroom_shared.task_types import as_array

MOST_RUNS: Final = 12
"""Runs of one step that are shown one by one; of more, how many are in which state."""
WIDE: Final = 110
"""From so many columns on, the ids of the jobs are shown, too."""


@dataclass(frozen=True, slots=True)
class WorkflowTree:
    """What `print` and the moving table show of a workflow."""

    view: WorkflowView

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _title(self.view)
        wide = options.max_width >= WIDE
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("step", "does", "state", "images", "queue + run", "cost", *(["job"] if wide else [])):
            table.add_column(name, no_wrap=name not in ("does", "state"), overflow="fold")
        for prefix, views in rows(self.view):
            table.add_row(*_cells(prefix, views, wide=wide))
        yield table


def _title(view: WorkflowView) -> Text:
    name = f"{view.name} " if view.name else ""
    budget = "" if view.budget_usd is None else f" of at most ${view.budget_usd:.4g}"
    fork = f", forked from {view.forked_from}" if view.forked_from else ""
    return Text.assemble("workflow ", name, view.id, ": ", state(view), f", {cost(view.cost, over=view.is_terminal)}{budget}{fork}")


def _cells(prefix: str, views: Sequence[JobView], *, wide: bool) -> list[str | Text]:
    first = views[0]
    made = sum(len(view.pictures) + len(view.documents) for view in views)
    images = f"{made}/{sum(view.images_wanted for view in views)}"
    if len(views) > 1:
        counts = Counter(SKIPPED if view.reason == SKIPPED else view.state.value for view in views)
        told = Text(", ".join(f"{count} {name}" for name, count in counts.most_common()))
        return [
            f"{prefix}{first.step.rpartition('_')[0]} x{len(views)}",
            task_words(first),
            told,
            images,
            "",
            "",
            *([""] if wide else []),
        ]
    style = "dim" if first.reason == SKIPPED else ""
    return [
        Text(f"{prefix}{first.step}", style=style),
        task_words(first),
        state(first),
        images,
        seconds(first),
        cost(first.cost, over=first.is_terminal),
        *([first.id] if wide else []),
    ]


def rows(view: WorkflowView) -> Iterator[tuple[str, list[JobView]]]:
    """The lines of the tree from the top: what stands before the name, and the step; several where a step runs very often."""
    plan: Mapping[str, Mapping[str, object]] = {str(row["name"]): row for row in view.plan}
    steps = {step.step: step for step in view.steps}
    fans = Counter(str(row["of"]) for row in view.plan if row.get("of"))
    groups: dict[str, list[JobView]] = {}
    parents: dict[str, str] = {}
    places = {name: place for place, name in enumerate(steps)}
    leaders: dict[str, str] = {}
    for name, step in steps.items():
        row = plan.get(name, {})
        fan = str(row.get("of") or "")
        leader = leaders.setdefault(fan, name) if fans[fan] > MOST_RUNS else name
        groups.setdefault(leader, []).append(step)
        before = [str(need) for need in as_array(row.get("needs")) if str(need) in steps]
        if before and leader == name:
            last = max(before, key=places.__getitem__)
            other = str(plan.get(last, {}).get("of") or "")
            parents[name] = leaders.get(other, last) if fans[other] > MOST_RUNS else last
    children: dict[str, list[str]] = {}
    for name in groups:
        children.setdefault(parents.get(name, ""), []).append(name)
    yield from _below("", "", children, groups)


def _below(
    name: str, prefix: str, children: Mapping[str, Sequence[str]], groups: Mapping[str, list[JobView]]
) -> Iterator[tuple[str, list[JobView]]]:
    """A step that alone stands below another goes on straight down; where there are several, the line branches."""
    own = children.get(name, ())
    for number, child in enumerate(own):
        last = number == len(own) - 1
        if name == "":
            yield "", groups[child]
            yield from _below(child, "", children, groups)
        else:
            yield f"{prefix}{'└ ' if last else '├ '}", groups[child]
            yield from _below(child, f"{prefix}{'  ' if last else '│ '}", children, groups)
