"""Shows how the demo's jobs stand: a table that moves in a terminal, a line for each end elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from darkroom.demo.jobs import DemoJob
from darkroom_shared.contract.views import JobView, WorkflowView

Standing = JobView | WorkflowView
_MARKS = {"succeeded": ("✓", "green"), "partial": ("~", "yellow"), "running": ("●", "cyan")}
_BAD = ("✗", "red")
_WAITING = ("·", "dim")


class Progress:
    """The display for the length of a `with` block.

    Args:
        console: standard error.
        quiet: show nothing at all.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal and not quiet else None
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, standing: Mapping[DemoJob, Standing]) -> None:
        """Shows where the jobs stand now."""
        if self._live is not None:
            self._live.update(table(standing))
        elif not self._quiet:
            for job, view in standing.items():
                if view.is_terminal and job.name not in self._told:
                    self._told.add(job.name)
                    self._console.print(f"{view.state.value:>10}  {job.name}", markup=False)


def table(standing: Mapping[DemoJob, Standing]) -> Table:
    """One line for each entry."""
    found = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    found.add_column("", no_wrap=True, min_width=1)
    found.add_column("job", no_wrap=True)
    for title, width in (("model", 8), ("state", 11)):
        found.add_column(title, no_wrap=True, min_width=width)
    for title in ("time", "price"):
        found.add_column(title, justify="right", no_wrap=True, min_width=6)
    for job, view in standing.items():
        mark, style = _MARKS.get(view.state.value, _BAD if view.is_terminal else _WAITING)
        price = view.cost.actual_usd
        found.add_row(
            Text(mark, style=style),
            job.name,
            Text("Titan v2" if "titan" in job.model else "Nova", style="dim"),
            Text(_state(view), style=style),
            _time(view),
            f"${price:.3f}" if price else "",
        )
    return found


def _state(view: Standing) -> str:
    if isinstance(view, JobView) or view.is_terminal:
        return view.state.value
    done = sum(step.is_terminal for step in view.steps)
    return f"step {min(done + 1, len(view.steps))} of {len(view.steps)}"


def _time(view: Standing) -> str:
    steps = view.steps if isinstance(view, WorkflowView) else (view,)
    ends = [step.timings.finished for step in steps if step.timings.finished]
    starts = [step.timings.created for step in steps]
    return f"{(max(ends) - min(starts)).total_seconds():.1f} s" if len(ends) == len(steps) else ""
