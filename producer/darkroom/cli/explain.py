"""`darkroom explain`: why a job waits, what would free it, and when it may be expected to start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.invocation import Invocation
from darkroom.cli.tables import STYLES, document
from darkroom_shared.core.holds import span

if TYPE_CHECKING:
    from darkroom import Explanation

_ON_THE_WAY = ("admitted", "running", "ended")
"""Kinds of holds that say where a call is rather than what it waits for."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="JOB", help="A job (job_…), or a workflow (wf_…) for its next step.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Tell why a job waits, what would free it, and when it may be expected to start."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        told = room.explain(identity)
    if as_json:
        invocation.document(document(told))
    else:
        invocation.out.print(explanation_table(told))


def explanation_table(told: Explanation) -> Table:
    """Everything, in the words of the explanation; what would free it in its own line below each hold."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows: list[tuple[str, str | Text]] = [
        ("id", told.id),
        ("state", Text(told.state.value, style=STYLES.get(told.state.value, ""))),
        ("queue", f"{told.lane}, {told.job_class}, tenant {told.tenant}"),
    ]
    rows += waiting_rows(told)
    rows += [("deadline", f"{told.deadline:%Y-%m-%d %H:%M:%S} UTC{_chance(told.is_late)}")] if told.deadline else []
    if not told.holds:
        rows.append(("waits for", "nothing: it goes at the next look at its lane"))
    for hold in told.holds:
        text = Text(hold.what)
        if hold.kind not in _ON_THE_WAY:
            text.append(f"\n-> {hold.frees}", style="dim")
        rows.append((hold.kind.replace("_", " "), text))
    for name, value in rows:
        table.add_row(name, value)
    return table


def waiting_rows(told: Explanation) -> list[tuple[str, str | Text]]:
    """Where it stands and when it may be expected to start; nothing for a job that waits in no queue."""
    if told.holds and told.holds[0].kind in _ON_THE_WAY:
        return []
    found: list[tuple[str, str | Text]] = []
    if told.position is not None:
        first = "next" if told.position == 0 else f"about {told.position} {'call goes' if told.position == 1 else 'calls go'} first"
        found.append(("position", first))
    if told.start_p50_s is not None and told.start_p90_s is not None:
        likely, late = span(told.start_p50_s), span(told.start_p90_s)
        found.append(("start", f"in about {likely}" + (f", in {late} at worst" if late != likely else "")))
    elif told.holds:
        found.append(("start", "nobody can say yet"))
    return found


def _chance(is_late: bool | None) -> str:
    return {True: ", will probably be missed", False: ", will probably be met", None: ""}[is_late]
