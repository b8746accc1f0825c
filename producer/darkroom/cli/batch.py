"""`darkroom batch`: many jobs of one submit, from JSONL, CSV, a folder or a grid."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from darkroom.cli.delivery import Delivery, ready_folder, seconds
from darkroom.cli.exits import FAILED, BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.submit import read_object, with_signature
from darkroom_shared.core.holds import span

if TYPE_CHECKING:
    from darkroom.batches.following import BatchView
    from darkroom.batches.handles import BatchHandle
    from darkroom.batches.submitting import BatchPlan
    from darkroom_shared.contract.job_record import JobClass

_SOURCE = Annotated[Path, typer.Argument(metavar="SOURCE", help="A .jsonl or .csv file, a folder of pictures, or a .json grid.")]
_TEMPLATE = Annotated[
    str | None, typer.Option(metavar="JSON|FILE", help="A request with {column} in its texts; for a folder {file} and {stem}.")
]
_NAME = Annotated[str, typer.Option(help="For people.")]
_PARALLEL = Annotated[int, typer.Option(min=1, max=1000, help="Rows that are open at once.")]
_STOP = Annotated[int | None, typer.Option(min=1, help="Begin no more rows after so many without results.")]
_BUDGET = Annotated[float | None, typer.Option("--budget", metavar="USD", help="What all calls may cost together, at most.")]
_INVALID = Annotated[Literal["abort", "skip"], typer.Option(help="What happens if a row is wrong.")]
_DRY = Annotated[bool, typer.Option("--dry-run", help="Only check and price the rows.")]
_ID = Annotated[str, typer.Argument(metavar="ID", help="A batch (bt_…).")]
_TIMEOUT = Annotated[str | None, typer.Option(help="Wait at most this long, e.g. 90s; exit code 4 if it still runs.")]
_SAVE = Annotated[Path | None, typer.Option(metavar="DIR", help="Put results, errors, a table and the pictures there.")]
_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_RATE_OVER_S: Final = 30.0
_LINE_EVERY_S: Final = 30.0
"""The estimate goes by what ended within this time."""


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Many jobs of one submit.", rich_markup_mode=None, no_args_is_help=True)
    own = [
        Parameter("source", Parameter.KEYWORD_ONLY, annotation=_SOURCE),
        Parameter("template", Parameter.KEYWORD_ONLY, annotation=_TEMPLATE, default=None),
        Parameter("name", Parameter.KEYWORD_ONLY, annotation=_NAME, default=""),
        Parameter("parallel", Parameter.KEYWORD_ONLY, annotation=_PARALLEL, default=100),
        Parameter("stop_after_failures", Parameter.KEYWORD_ONLY, annotation=_STOP, default=None),
        Parameter("budget", Parameter.KEYWORD_ONLY, annotation=_BUDGET, default=None),
        Parameter("on_invalid", Parameter.KEYWORD_ONLY, annotation=_INVALID, default="abort"),
        Parameter("dry_run", Parameter.KEYWORD_ONLY, annotation=_DRY, default=False),
    ]
    summary = "Submit a batch. Every row is checked and priced first; a wrong one is told with its line and column."
    group.command("run", help=summary)(with_signature(_run, own, summary))
    for command in (status, wait, results, cancel, retry_failed, list_):
        group.command(command.__name__.rstrip("_").replace("_", "-"))(command)
    app.add_typer(group, name="batch")


def _run(context: typer.Context, source: Path, template: str | None, dry_run: bool, budget: float | None, **given: object) -> None:
    invocation = Invocation.of(context)
    own = {name: given.pop(name) for name in ("name", "parallel", "stop_after_failures", "on_invalid")}
    delivery = Delivery(**cast("dict[str, Any]", given))
    told: Any = read_object(source) if source.suffix.lower() == ".json" else source
    request = None if template is None else _template(template)
    with invocation.room() as room:
        ready_folder("--save", delivery.save)
        try:
            if dry_run:
                _tell_plan(invocation, room.plan_batch(told, template=request, budget_usd=budget, **delivery.options()), delivery)
                return
            handle = room.batch(told, template=request, budget_usd=budget, **cast("dict[str, Any]", own), **delivery.options())
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{source} cannot be read: {error}.") from error
        if not delivery.waits:
            _tell(invocation, handle.status(), as_json=delivery.as_json)
            invocation.say(f"Follow it with `darkroom batch wait {handle.id}`; it goes on without you.")
            return
        _end(invocation, handle, delivery.timeout_s, delivery.save, as_json=delivery.as_json)


def _template(text: str) -> Mapping[str, object]:
    if not text.lstrip().startswith("{"):
        return read_object(Path(text))
    try:
        return cast("Mapping[str, object]", json.loads(text))
    except ValueError as error:
        raise BadInput(f"--template is no JSON: {error}.") from error


def _tell_plan(invocation: Invocation, plan: BatchPlan, delivery: Delivery) -> None:
    price = None if plan.price_usd is None else float(plan.price_usd)
    if delivery.as_json:
        problems = [problem.as_json() for problem in plan.problems]
        document = {"rows": plan.rows, "invalid": plan.invalid, "problems": problems, "price_usd": price}
        invocation.document({**document, "calls": dict(plan.calls), "time_s": plan.time_s})
        return
    calls = ", ".join(f"{count} of {model}" for model, count in plan.calls.items())
    invocation.line(f"{plan.rows} rows, {'price not known' if price is None else f'${price:.4g}'}; calls: {calls or 'none'}")
    invocation.line("time not known" if plan.time_s is None else f"about {span(plan.time_s)} at the rates of this moment")
    for problem in plan.problems:
        invocation.say(f"  {problem.message}")
    if plan.invalid:
        raise BadInput(f"{plan.invalid} rows are wrong.")


def _end(invocation: Invocation, handle: BatchHandle, timeout_s: float | None, folder: Path | None, *, as_json: bool) -> None:
    view = _followed(invocation, handle, timeout_s)
    saved = [] if folder is None else handle.save(folder)
    _tell(invocation, view, as_json=as_json)
    if not as_json:
        for path in saved:
            invocation.line(str(path))
    if view.outcome == "none_succeeded":
        raise typer.Exit(FAILED)


def _followed(invocation: Invocation, handle: BatchHandle, timeout_s: float | None) -> BatchView:
    if not invocation.err.is_terminal:
        return _told_now_and_then(invocation, handle, timeout_s)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=invocation.err, transient=True) as bar:
        task = bar.add_task("", total=None, left="")
        seen: list[tuple[float, int]] = []
        for view in handle.progress(timeout_s):
            seen = [*((at, done) for at, done in seen if time.monotonic() - at < _RATE_OVER_S), (time.monotonic(), view.done)]
            told = f"{view.succeeded} well, {view.failed} not"
            bar.update(task, total=view.total, completed=view.done, description=told, left=left(view.total - view.done, seen))
            if view.is_terminal:
                return view
    return handle.status()


def _told_now_and_then(invocation: Invocation, handle: BatchHandle, timeout_s: float | None) -> BatchView:
    """For a log: a line at most every half minute, and none for a batch that is over before."""
    began = said = time.monotonic()
    before = 0
    for view in handle.progress(timeout_s):
        if view.is_terminal:
            return view
        if time.monotonic() - said >= _LINE_EVERY_S:
            said = time.monotonic()
            told = left(view.total - view.done, [(began, before), (said, view.done)])
            invocation.say(f"{view.done} of {view.total} rows, {view.failed} not well; {told}")
            began, before = said, view.done
    return handle.status()


def left(rows: int, seen: list[tuple[float, int]]) -> str:
    """How long the rest takes, and what that is judged by.

    Args:
        rows: that have not ended.
        seen: how many had ended at which time (seconds), the oldest first.
    """
    (start, before), (end, after) = seen[0], seen[-1]
    if after <= before or end - start < 1:
        return "no estimate yet"
    rate = (after - before) / (end - start)
    return f"about {span(rows / rate)} left, by the last {span(end - start)}"


def _tell(invocation: Invocation, view: BatchView, *, as_json: bool) -> None:
    if as_json:
        invocation.document(_document(view))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    price = "not known" if view.estimated_usd is None else f"${view.estimated_usd:.4g}"
    ended = ", ".join(f"{count} {state}" for state, count in sorted(view.ended.items())) or "none yet"
    left_out = f", {view.invalid} left out" if view.invalid else ""
    limit = "" if view.budget_usd is None else f", at most ${view.budget_usd:.4g}"
    rows = [
        ("batch", f"{view.name} {view.id}".strip()),
        ("state", ", ".join(word for word in (view.state, view.reason, view.outcome) if word)),
        ("rows", f"{view.total}, {view.open} open, {view.total - view.fed} not begun{left_out}"),
        ("ended", ended),
        ("cost", f"${view.spent_usd:.4g} of about {price}{limit}"),
    ]
    rows += [("retry of", view.retry_of)] if view.retry_of else []
    for name, text in rows:
        table.add_row(name, Text(text))
    invocation.out.print(table)


def _document(view: BatchView) -> dict[str, object]:
    return {
        "id": view.id,
        "name": view.name,
        "state": view.state,
        "reason": view.reason,
        "is_terminal": view.is_terminal,
        "outcome": view.outcome,
        "total": view.total,
        "begun": view.fed,
        "open": view.open,
        "ended": dict(view.ended),
        "invalid": view.invalid,
        "estimated_usd": view.estimated_usd,
        "spent_usd": view.spent_usd,
        "budget_usd": view.budget_usd,
        "created": view.created.isoformat(),
        "finished": None if view.finished is None else view.finished.isoformat(),
        "retry_of": view.retry_of,
    }


def status(context: typer.Context, identity: _ID, as_json: _AS_JSON = False) -> None:
    """Show how a batch stands."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        _tell(invocation, room.find_batch(identity).status(), as_json=as_json)


def wait(context: typer.Context, identity: _ID, timeout: _TIMEOUT = None, save: _SAVE = None, as_json: _AS_JSON = False) -> None:
    """Wait for the end of a batch; exit code 1 if no row gave results."""
    invocation = Invocation.of(context)
    timeout_s = None if timeout is None else seconds("--timeout", timeout)
    with invocation.room() as room:
        ready_folder("--save", save)
        _end(invocation, room.find_batch(identity), timeout_s, save, as_json=as_json)


def results(
    context: typer.Context,
    identity: _ID,
    errors: Annotated[bool, typer.Option("--errors", help="Only the rows that gave no results.")] = False,
) -> None:
    """Write what came of each row, in the order of the source: a line of JSON each."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        handle = room.find_batch(identity)
        for row in handle.errors() if errors else handle.results():
            invocation.line(json.dumps(row.as_json(), ensure_ascii=False))


def cancel(context: typer.Context, identity: _ID) -> None:
    """Begin no more rows, and cancel those that are open."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        invocation.line(room.find_batch(identity).cancel())


def retry_failed(
    context: typer.Context,
    identity: _ID,
    budget: _BUDGET = None,
    parallel: Annotated[int | None, typer.Option(min=1, max=1000, help="Rows that are open at once.")] = None,
    job_class: Annotated[str | None, typer.Option("--class", metavar="CLASS", help="interactive, standard or bulk.")] = None,
) -> None:
    """Begin a new batch of the rows that gave no results. Asked again, it gives the same new batch."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        told = cast("JobClass | None", job_class)
        invocation.line(room.find_batch(identity).retry_failed(budget_usd=budget, parallel=parallel, job_class=told).id)


def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most this many.")] = 20,
    tenant: Annotated[str | None, typer.Option(help="Whose.")] = None,
    as_json: _AS_JSON = False,
) -> None:
    """List batches, newest first."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        views = room.batches(limit, tenant)
    if as_json:
        invocation.document({"batches": [_document(view) for view in views]})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "name", "state", "rows", "well", "not", "cost"):
        table.add_column(title, no_wrap=title != "name", overflow="fold")
    for view in views:
        state = view.outcome or view.state
        table.add_row(
            view.id, Text(view.name), state, str(view.total), str(view.succeeded), str(view.failed), f"${view.spent_usd:.4g}"
        )
    invocation.out.print(table)
