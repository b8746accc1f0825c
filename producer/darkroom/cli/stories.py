"""How dead letters, held calls and the attempts of a job look in a terminal: what a person needs to decide about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from darkroom.cli.tables import STYLES, paid, state, substitution
from darkroom_shared.contract.views import Attempt, CallView, FailureView, JobView, instant
from darkroom_shared.core.lifecycle import CallState


def dead_letters_table(views: Sequence[JobView], *, now: datetime | None = None) -> Table:
    """One line a job: why it gave up, after how many attempts, how long ago, and what that cost."""
    table = _table("id", "does", "why", "attempts", "ended", "paid")
    for view in views:
        why = view.error.code if view.error else view.reason
        tries = sum(len(call.attempts) for call in view.calls)
        table.add_row(
            view.id, _task(view), Text(why, style=STYLES["failed"]), str(tries), _ago(view.timings.finished, now), paid(view.cost)
        )
    return table


def held_table(views: Sequence[JobView], *, now: datetime | None = None) -> Table:
    """One line a job: how many of its calls are held, since when, and what they may have cost."""
    table = _table("id", "does", "held", "attempts", "called", "paid")
    for view in views:
        held = [call for call in view.calls if call.state is CallState.UNKNOWN]
        last = max((attempt.started_ms for call in held for attempt in call.attempts), default=None)
        tries = sum(len(call.attempts) for call in held)
        called = _ago(None if last is None else instant(str(last)), now)
        table.add_row(view.id, _task(view), f"{len(held)} of {len(view.calls)}", str(tries), called, paid(view.cost))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=title not in ("does", "why"), overflow="fold")
    return table


def _task(view: JobView) -> str:
    words = view.task_type.removeprefix("local.").lower().replace("_", " ")
    return f"{words} ({view.step})" if view.step else words


def _ago(at: datetime | None, now: datetime | None) -> str:
    if at is None:
        return "?"
    passed = max(0.0, ((now or datetime.now(UTC)) - at).total_seconds())
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= length:
            return f"{passed / length:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


def job_story(view: JobView) -> Group:
    """A job with everything about each attempt that helps to find it in a log or on a bill."""
    table = _pairs()
    rows: list[tuple[str, str | Text]] = [
        ("id", view.id),
        ("task type", view.task_type),
        ("state", state(view)),
        ("model", f"{view.model or 'local step'} {view.region}".strip()),
        *substitution(view),
        *([("diverted to", ", ".join(view.diverted_to))] if view.diverted_to else []),
        ("tenant", view.tenant),
        ("created", _at(view.timings.created)),
        ("paid", paid(view.cost)),
    ]
    rows += [("ended", _at(view.timings.finished))] if view.timings.finished else []
    rows += [("kept until", _at(view.timings.expires))] if view.timings.expires else []
    rows += [("workflow", f"{view.workflow}, step {view.step}")] if view.workflow else []
    rows += [("replays", view.replays)] if view.replays else []
    rows += [("replayed as", view.replaced_by)] if view.replaced_by else []
    rows += [("discarded", _at(view.discarded))] if view.discarded else []
    tried = [attempt for call in view.calls for attempt in call.attempts]
    told = any(attempt.failure == view.error for attempt in tried[-1:])  # as the last attempt's, below
    rows += [("error", _error(view.error))] if view.error and not told else []
    for name, value in rows:
        table.add_row(name, value)
    several = len(view.calls) > 1
    return Group(table, *(_attempt(call, one, several=several) for call in view.calls for one in call.attempts))


def _pairs() -> Table:
    # One blank between the columns, as in `darkroom status`.
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(style="bold", no_wrap=True, min_width=12)
    table.add_column(overflow="fold")
    return table


def _attempt(call: CallView, attempt: Attempt, *, several: bool) -> Table:
    table = _pairs()
    # A refusal by the quota uses up no attempt: its number comes again.
    title = f"{'put off' if attempt.snoozed else 'attempt'} {attempt.attempt}"
    length = "" if attempt.duration_s is None else f" after {attempt.duration_s:.1f} s"
    table.add_row(title, f"{attempt.outcome}{length}, billed: {_billed(attempt)}{', found later' if attempt.recovered else ''}")
    rows = [
        ("call", call.id if several else ""),
        ("started", _at(instant(str(attempt.started_ms)))),
        ("worker", attempt.worker),
        ("region", attempt.region),
        ("request id", attempt.request_id or (attempt.failure.request_id if attempt.failure else "") or ""),
        ("error", _error(attempt.failure) if attempt.failure else ""),
    ]
    for name, value in rows:
        if value:
            table.add_row(f"  {name}", value)
    return table


def _billed(attempt: Attempt) -> str:
    if attempt.outcome == "calling":
        return "not known yet"
    return {True: "yes", False: "no", None: "unknown"}[attempt.billed]


def _error(failure: FailureView) -> str:
    status = "" if failure.http_status is None else f", HTTP {failure.http_status}"
    return f"{failure.code}: {failure.message}" + (f" ({failure.provider_code}{status})" if failure.provider_code else "")


def _at(instant_: datetime | None) -> str:
    return "?" if instant_ is None else f"{instant_:%Y-%m-%d %H:%M:%S} UTC"
