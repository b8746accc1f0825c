"""`darkroom watch`: one job or workflow, live, from its event stream, until it has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from darkroom.cli.delivery import seconds
from darkroom.cli.exits import FAILED
from darkroom.cli.follow import GOOD, picture, tell
from darkroom.cli.invocation import Invocation
from darkroom_shared.core.errors import StillRunning
from darkroom_shared.store.reads import StreamEvent

if TYPE_CHECKING:
    from darkroom import JobHandle, WorkflowHandle
    from darkroom.workflows import StepEvent


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("watch")(watch)


def watch(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="A job or a workflow.")],
    timeout: Annotated[str | None, typer.Option(help="Stop watching after this time, e.g. 90s; exit code 4.")] = None,
    after: Annotated[int, typer.Option(help="Begin behind the event with this number (jobs only).")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each event.")] = False,
) -> None:
    """Follow a job or workflow until it has ended. Exit code 1 if it ends without pictures."""
    invocation = Invocation.of(context)
    timeout_s = None if timeout is None else seconds("--timeout", timeout)
    with invocation.room() as room:
        handle = room.find(identity)
        (_lines if as_json or not invocation.err.is_terminal else _live)(invocation, handle, after, timeout_s, as_json)
        view = handle.status()
        if not view.is_terminal:
            raise StillRunning(handle.id, view.state.value, timeout_s or 0.0)
        if not as_json:
            tell(invocation, view, [], as_json=False)
        if view.state not in GOOD:
            raise typer.Exit(FAILED)


def _events(handle: JobHandle | WorkflowHandle, after: int, timeout_s: float | None) -> Iterator[StreamEvent | StepEvent]:
    """The events of a job or of all steps of a workflow; ends quietly when the time is over, the caller looks why."""
    from darkroom import JobHandle

    with suppress(StillRunning):
        if isinstance(handle, JobHandle):
            yield from handle.events(after=after, timeout=timeout_s)
        else:
            yield from handle.events(timeout=timeout_s)


def _lines(invocation: Invocation, handle: JobHandle | WorkflowHandle, after: int, timeout_s: float | None, as_json: bool) -> None:
    """A line for each event: JSON on standard output, or words on standard error."""
    for event in _events(handle, after, timeout_s):
        if as_json:
            step = {"step": event.step, "job": event.job_id} if not isinstance(event, StreamEvent) else {}
            invocation.line(json.dumps({**step, "sequence": event.sequence, "type": event.type, **event.data}))
        else:
            invocation.say(in_words(event))


def in_words(event: StreamEvent | StepEvent) -> str:
    """An event for a person: time, step, state, what happened."""
    at = event.data.get("at_ms")
    clock = time.strftime("%H:%M:%S", time.localtime(int(at) / 1000)) if isinstance(at, int) else ""
    step = f"{event.step}: " if not isinstance(event, StreamEvent) else ""
    reason = event.data.get("reason")
    return f"{clock} {step}{event.data.get('state', '')}, {event.type}" + (f" ({reason})" if reason else "")


def _live(invocation: Invocation, handle: JobHandle | WorkflowHandle, after: int, timeout_s: float | None, as_json: bool) -> None:
    """A table that is drawn again at every event."""
    with Live(picture(handle.status()), console=invocation.err, transient=True, refresh_per_second=8) as live:
        for _ in _events(handle, after, timeout_s):
            live.update(picture(handle.status()))
