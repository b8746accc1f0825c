"""What happens after a submit: the id is told, or the job is followed to its end, its pictures are saved, its outcome told."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import RenderableType
from rich.live import Live

from darkroom.cli.delivery import Delivery, owned_by
from darkroom.cli.exits import FAILED
from darkroom.cli.invocation import Invocation
from darkroom.cli.tables import document, job_details, jobs_table
from darkroom.cli.workflow_tree import WorkflowTree
from darkroom_shared.contract.views import JobView, WorkflowView
from darkroom_shared.core.errors import DarkroomError, Misconfigured, StillRunning
from darkroom_shared.core.lifecycle import JobState

if TYPE_CHECKING:
    from darkroom import JobHandle, WorkflowHandle

GOOD = (JobState.SUCCEEDED, JobState.PARTIAL)


def finish(invocation: Invocation, handle: JobHandle | WorkflowHandle, delivery: Delivery) -> None:
    """Ends a submitting command.

    Raises:
        StillRunning: the time-out passed.
        BadInput: the folder holds the results of another job.
        typer.Exit: with code 1, the job ended without a picture.
    """
    if not delivery.waits:
        _tell_id(invocation, handle, delivery.as_json)
        return
    if delivery.save is not None:
        owned_by(handle.id, delivery.save)
    view = follow(invocation, handle, delivery.timeout_s)
    saved = save(handle, delivery.save) if delivery.save is not None and view.state in GOOD else []
    tell(invocation, view, saved, as_json=delivery.as_json)
    if view.state not in GOOD:
        raise typer.Exit(FAILED)


def save(handle: JobHandle | WorkflowHandle, folder: Path) -> list[Path]:
    """Writes the pictures.

    Raises:
        BadInput: the folder holds the results of another job.
        Misconfigured: it cannot be written; the text says how to get them all the same.
    """
    owned_by(handle.id, folder)
    try:
        return handle.save(folder)
    except DarkroomError:
        raise  # StillRunning is an OSError, too: it is a TimeoutError
    except OSError as error:
        raise Misconfigured(
            f"{handle.id} has ended, but {folder} cannot be written: {error.strerror or error}. "
            f"Get the pictures with `darkroom fetch {handle.id} --out DIR`."
        ) from error


def _tell_id(invocation: Invocation, handle: JobHandle | WorkflowHandle, as_json: bool) -> None:
    if as_json:
        invocation.document(document(handle.status()))
        return
    invocation.line(handle.id)
    view = handle.status()
    for warning in view.warnings if isinstance(view, JobView) else ():
        invocation.say(f"Warning: {warning}")
    invocation.say(f"Follow it with `darkroom watch {handle.id}`; get the pictures with `darkroom fetch {handle.id} --out DIR`.")


def tell(invocation: Invocation, view: JobView | WorkflowView, saved: list[Path], *, as_json: bool) -> None:
    """Writes the outcome: one document, or a table for a person and the files on standard output."""
    if as_json:
        invocation.document(document(view) | {"saved": [str(path) for path in saved]})
        return
    invocation.out.print(job_details(view) if isinstance(view, JobView) else WorkflowTree(view))
    for path in saved:
        invocation.line(str(path))


def follow(invocation: Invocation, handle: JobHandle | WorkflowHandle, timeout_s: float | None) -> JobView | WorkflowView:
    """Waits for the end; in a terminal, with a table that moves.

    Raises:
        StillRunning: the time-out passed.
    """
    if not invocation.err.is_terminal:
        return handle.wait(timeout_s)
    with Live(console=invocation.err, transient=True, refresh_per_second=8) as live:
        return watched(handle, timeout_s, lambda view: live.update(picture(view)))


def picture(view: JobView | WorkflowView) -> RenderableType:
    """What the moving table shows."""
    return jobs_table([view]) if isinstance(view, JobView) else WorkflowTree(view)


def watched(
    handle: JobHandle | WorkflowHandle,
    timeout_s: float | None,
    show: Callable[[JobView | WorkflowView], None],
    every_s: float = 0.5,
) -> JobView | WorkflowView:
    """Shows the state on every change, and twice a second for its clock, until the end.

    Raises:
        StillRunning: the time-out passed.
    """
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        show(handle.status())
        left = every_s if until is None else min(every_s, until - time.monotonic())
        try:
            view = handle.wait(max(0.0, left))
        except StillRunning as error:
            if until is not None and time.monotonic() >= until:
                raise StillRunning(error.job_id, error.state, timeout_s or 0.0) from None
            continue
        show(view)
        return view
