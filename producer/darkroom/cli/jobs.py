"""`darkroom status`, `list`, `fetch` and `cancel`: what can be asked of jobs that were submitted before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darkroom.cli.exits import FAILED
from darkroom.cli.explain import waiting_rows
from darkroom.cli.follow import save, tell
from darkroom.cli.invocation import Invocation
from darkroom.cli.tables import cost, document, job_details, jobs_table
from darkroom_shared.contract.views import JobView, WorkflowView
from darkroom_shared.core.errors import StillRunning
from darkroom_shared.core.lifecycle import JobState

Identity = Annotated[str, typer.Argument(metavar="ID", help="A job (job_…) or a workflow (wf_…).")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]

_WAITING = (JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED)


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("status")(status)
    app.command("list")(list_jobs)
    app.command("fetch")(fetch)
    app.command("cancel")(cancel)


def status(context: typer.Context, identity: Identity, as_json: AsJson = False) -> None:
    """Show a job with its calls and attempts, or a workflow with its steps."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        view = room.find(identity).status()
        waits = isinstance(view, JobView) and view.state in _WAITING and not as_json
        told = room.explain(identity) if waits else None
    if as_json:
        invocation.document(document(view))
    elif isinstance(view, JobView) and told is not None and told.state is view.state:
        why = [("" if number else "waits for", hold.what) for number, hold in enumerate(told.holds)]
        invocation.out.print(job_details(view, waits=[*waiting_rows(told), *why]))
        invocation.say(f"`darkroom explain {view.id}` says what would free it.")
    else:
        tell(invocation, view, [], as_json=False)


def list_jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most this many.")] = 20,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        views = room.jobs(limit=limit, tenant=tenant)
    if as_json:
        invocation.document({"jobs": [document(view) for view in views]})
    elif views:
        invocation.out.print(jobs_table(views))
    else:
        invocation.say('There are no jobs. Submit one with `darkroom submit text-image "a red sailboat"`.')


def fetch(
    context: typer.Context,
    identity: Identity,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the pictures and job.json; made if needed.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Copy a finished job's pictures, byte for byte, and its job.json to a folder."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        handle = room.find(identity)
        view = handle.status()
        if not view.is_terminal:
            raise StillRunning(handle.id, view.state.value, 0.0)
        saved = save(handle, out)
    if as_json:
        invocation.document({"id": identity, "state": view.state.value, "files": [str(path) for path in saved]})
    else:
        for path in saved:
            invocation.line(str(path))


def cancel(
    context: typer.Context,
    identity: Identity,
    discard: Annotated[bool, typer.Option("--discard", help="Do not keep the pictures of a paid call that is under way.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cancel a job or workflow. A paid call that is under way cannot be recalled: the outcome is then `detached`."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        handle = room.find(identity)
        outcome = handle.cancel(keep=not discard)
        view = handle.status()
    if as_json:
        invocation.document({"id": identity, "outcome": outcome, "state": view.state.value})
    else:
        invocation.line(outcome)
        invocation.say(_canceled(outcome, view, discard=discard))
    if outcome == "finished":
        raise typer.Exit(FAILED)


def _canceled(outcome: str, view: JobView | WorkflowView, *, discard: bool) -> str:
    if outcome == "detached":
        return f"A call was under way and is paid; its result is {'not ' if discard else ''}kept, nothing more will be called."
    if outcome == "finished":
        return "It had already ended; nothing was changed."
    if (view.cost.actual_usd, view.cost.uncertain_usd) != (0, 0):
        return f"Canceled; nothing more will be called. Its cost so far: {cost(view.cost)}."
    return "Canceled before anything was called or paid."
