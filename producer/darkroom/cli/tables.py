"""How jobs and workflows look in a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from darkroom_shared.contract.views import Cost, JobView, Output, View, WorkflowView

STYLES: Final = {
    "succeeded": "green",
    "partial": "yellow",
    "rejected": "magenta",
    "failed": "red",
    "expired": "red",
    "canceled": "dim",
    "running": "cyan",
    "canceling": "yellow",
}


def document(view: View, *, without: Collection[str] = ()) -> dict[str, object]:
    """A view as JSON, without some of its fields."""
    return view.model_dump(mode="json", exclude=set(without))


def state(view: JobView | WorkflowView) -> Text:
    """The state with its reason, in its colour."""
    reason = view.reason if isinstance(view, JobView) else ""
    text = f"{view.state.value} ({reason})" if reason and reason != view.state.value else view.state.value
    return Text(text, style=STYLES.get(view.state.value, ""))


def substitution(view: JobView) -> list[tuple[str, str | Text]]:
    """What was done in place of what was asked for, as rows of a table; none where that is the same."""
    lost: list[tuple[str, str | Text]] = [("lost", Text(text)) for text in view.lost]
    if view.fidelity == "exact":
        return lost
    what = view.asked_model or f"{view.asked.get('taskType')} in other words"
    return [("in place of", f"{what}, {view.fidelity}"), *lost]


_BYPASSES: Final = {
    "no_seed": "no seed was given",
    "no_store": "nothing was to be shared",
    "no_cache": "it was to be made anew",
    "not_before": "it was to begin later",
    "on_unknown": "it may be held for a decision",
    "text": "a model writes something else each time",
    "guardrail_draft": "its guardrail is a draft, which may change",
    "replay": "it replaces a dead letter",
    "rerouted": "its model turned out retired",
}


def reuse(view: JobView) -> list[tuple[str, str | Text]]:
    """What came of looking for an equal job, as rows of a table; none where nobody looked yet."""
    if view.reused_from:
        saved = view.cost.saved_usd
        spared = ", saved: not known" if saved is None else f", ${saved:.4g} saved" if saved else ""
        return [("cache", f"{view.cache or 'hit'}: the results of {view.reused_from}; nothing was called, nothing paid{spared}")]
    if view.follows and not view.is_terminal:
        return [("cache", f"waits for the results of {view.follows}, an equal job that is under way")]
    if view.cache == "bypass":
        return [("cache", f"bypassed: {_BYPASSES.get(view.cache_reason, view.cache_reason)}")]
    return [("cache", "miss: there was no equal job")] if view.cache == "miss" else []


def guarding(view: JobView) -> list[tuple[str, str | Text]]:
    """The guardrail of a job and what it was asked, as rows of a table; none where it has none."""
    sent = {attempt.guardrail for call in view.calls for attempt in call.attempts}
    names = sorted({view.guardrail, *sent} - {""})
    gates = f", asked about {', '.join(view.guardrail_gates)}" if view.guardrail_gates else ""
    uses = [call.guardrail_use for call in view.calls if call.guardrail_use is not None]
    asked = f"{sum(use.requests for use in uses)} requests, {sum(use.image_units for use in uses)} pictures"
    rows: list[tuple[str, str | Text]] = [("guardrail", f"{', '.join(names)}{gates}")] if names or gates else []
    return rows + ([("gates", asked)] if uses else [])


def cost(value: Cost, *, over: bool = False) -> str:
    """Dollars paid, or estimated while nothing is paid; the doubtful part behind a plus sign.

    Args:
        over: nothing more will be called: what is not paid by now never will be.
    """
    if (value.actual_usd, value.uncertain_usd) != (0, 0) or (over and value.estimated_usd != 0):
        return paid(value)
    return "not known" if value.estimated_usd is None else "free" if value.estimated_usd == 0 else f"~${value.estimated_usd:.4g}"


def paid(value: Cost) -> str:
    """What was billed, and what may have been behind a plus sign; never an estimate."""
    sure = "not known" if value.actual_usd is None else f"${value.actual_usd:.4g}"
    if value.uncertain_usd is None:
        return f"{sure} + ?"
    return f"{sure} + ${value.uncertain_usd:.4g}?" if value.uncertain_usd else sure


def seconds(view: JobView, now: datetime | None = None) -> str:
    """Time in the queue and running time, `0.1 + 2.3 s`."""
    times = view.timings
    at = now or datetime.now(UTC)
    queued = ((times.started or times.finished or at) - times.created).total_seconds()
    if times.started is None:
        return f"{queued:.1f} s"
    return f"{queued:.1f} + {((times.finished or at) - times.started).total_seconds():.1f} s"


def jobs_table(views: Sequence[JobView], *, now: datetime | None = None) -> Table:
    """One line a job, within 80 columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "does", "state", "images", "queue + run", "cost"):
        table.add_column(title, no_wrap=title not in ("does", "state"), overflow="fold")
    for view in views:
        images = f"{len(view.pictures) + len(view.documents)}/{view.images_wanted}"
        table.add_row(view.id, task_words(view), state(view), images, seconds(view, now), cost(view.cost, over=view.is_terminal))
    return table


def task_words(view: JobView) -> str:
    """What a job does, in words, with the name of its step where that says more."""
    words = view.task_type.removeprefix("local.").lower().replace("_", " ")
    return f"{words} ({view.step})" if view.step and view.step.replace("_", " ") not in words else words


def job_details(view: JobView, waits: Sequence[tuple[str, str | Text]] = ()) -> Table:
    """Everything about one job that a person asks for first; `waits`: rows on why it has not started."""
    # One blank between the columns: the name of an asset then fits into 80.
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows: list[tuple[str, str | Text]] = [
        ("id", view.id),
        ("task type", view.task_type),
        ("state", state(view)),
        ("model", f"{view.model or 'local step'} {view.region}".strip()),
        ("created", f"{view.timings.created:%Y-%m-%d %H:%M:%S} UTC, queue + run {seconds(view)}"),
        ("cost", cost(view.cost, over=view.is_terminal)),
    ]
    rows += [("workflow", f"{view.workflow}, step {view.step}")] if view.workflow else []
    rows += reuse(view)
    rows += waits
    rows += substitution(view)
    rows += [("diverted to", ", ".join(view.diverted_to))] if view.diverted_to else []
    rows += guarding(view)
    rows += [("error", f"{view.error.code}: {view.error.message}")] if view.error else []
    rows += [("warning", warning) for warning in view.warnings]
    for one in view.outputs:
        rows += [(f"{one.role} {one.index}", output(one)), ("", one.asset)]
    rows += [("tokens", tokens(view))] if any(call.usage for call in view.calls) else []
    rows += [(f"refused {one.index}", f"{one.code} {one.message}") for one in view.rejected]
    for name, value in rows:
        table.add_row(name, value)
    for call in view.calls:
        for attempt in call.attempts:
            time = "" if attempt.duration_s is None else f", {attempt.duration_s:.1f} s"
            failure = f": {attempt.failure.message}" if attempt.failure else ""
            table.add_row(f"attempt {attempt.attempt}", f"{attempt.outcome}{time}{failure}")
    return table


def output(one: Output) -> Text:
    """A picture's size, or how a document begins. As plain text: what a model wrote is no markup."""
    if one.is_document:
        words = " ".join(one.excerpt.split())
        if not words:
            return Text(f"{one.size_bytes:,} bytes")
        return Text(f"{words}…" if one.size_bytes > len(one.excerpt.encode()) else words)
    seed = "" if one.seed is None else f", seed {one.seed}"
    return Text(f"{one.width}x{one.height}, {one.size_bytes / 1000:.0f} kB{seed}")


def tokens(view: JobView) -> str:
    """What the model counted for the results, of all calls together."""
    told = [call.usage for call in view.calls if call.usage]
    read = sum(usage.input_tokens or 0 for usage in told)
    return f"{read:,} in, {sum(usage.output_tokens or 0 for usage in told):,} out"
