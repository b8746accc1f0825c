"""`darkroom models`: the catalogue as a table: what a model can do, how fast, at what price, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli import model_marks
from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.model_marks import known_marks, mark_text
from darkroom.describing import QUALITIES, SIZES, model_document, price
from darkroom_shared.models.catalogue import MODELS, without_profile
from darkroom_shared.models.model import Model
from darkroom_shared.models.prices import PriceBook
from darkroom_shared.store.retirement import Mark

_HELP = "List the models of the catalogue; `sync` asks AWS in which state they are, `revive` takes a mark back."


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help=_HELP, rich_markup_mode=None)
    group.callback(invoke_without_command=True)(models)
    model_marks.add_to(group)
    app.add_typer(group, name="models")


def models(
    context: typer.Context,
    every: Annotated[
        bool, typer.Option("--all", help="A row for each id; else those that differ by profile only share one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output, with every id.")] = False,
) -> None:
    """List the models of the catalogue with their task types, quotas, prices and lifecycle dates."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise BadInput(f"Write the options behind the command: `darkroom models {context.invoked_subcommand} … --json`.")
        return
    if every and as_json:
        raise BadInput("--json has every id already; leave --all out.")
    invocation = Invocation.of(context)
    marks = known_marks(invocation)
    today, prices = datetime.now(UTC).date(), invocation.load_settings().price_book
    if as_json:
        invocation.document({"models": [model_document(model, today, prices, marks.get(model.id)) for model in MODELS.values()]})
        return
    rows = [_row(model, today, prices, marks.get(model.id)) for model in MODELS.values()]
    shown = rows if every else _together(rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "profiles", "calls a minute", "an image or call", "lifecycle", "task types"):
        table.add_column(title, no_wrap=title == "model")
    for row in shown:
        table.add_row(row.name, row.profiles, row.quota, row.price, row.lifecycle, row.tasks)
    invocation.out.print(table)
    if len(shown) < len(rows):
        told = "a model with profiles is called by an id for each, such as us.MODEL; --all has a row for every id"
        invocation.say(f"{len(rows)} ids in {len(shown)} rows: {told}.")


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table, for one id or for several that differ by their profile only."""

    name: str
    """The id; the bare one where there are profiles."""
    quota: str
    price: str
    lifecycle: Text
    tasks: str
    profiles: str = ""
    """What stands in front of the bare id, with commas between."""

    @property
    def fits(self) -> tuple[str, ...]:
        """What rows must have in common to become one."""
        return (without_profile(self.name), self.quota, self.price, self.lifecycle.plain, self.tasks)


def _row(model: Model, today: date, prices: PriceBook, mark: Mark | None) -> _Row:
    return _Row(
        model.id,
        "learned" if model.requests_per_minute is None else str(model.requests_per_minute),
        _price_range(model, prices),
        _lifecycle(model, today) if mark is None else mark_text(mark),
        ", ".join(model.task_types),
    )


def _together(rows: Sequence[_Row]) -> list[_Row]:
    """The rows, with those of one model that say the same as one, where the first of them stood."""
    groups: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        groups.setdefault(row.fits, []).append(row)
    return [_joined(group) if len(group) > 1 else group[0] for group in groups.values()]


def _joined(group: Sequence[_Row]) -> _Row:
    bare = without_profile(group[0].name)
    profiles = [row.name.removesuffix(f".{bare}") for row in group if row.name != bare]
    without = [] if len(profiles) == len(group) else ["or none"]
    return replace(group[0], name=bare, profiles=", ".join([*profiles, *without]))


def _price_range(model: Model, prices: PriceBook) -> str:
    known = [
        found
        for width, height in SIZES
        for quality in QUALITIES
        if (found := price(model, width, height, quality, prices)) is not None
    ]
    if not known:
        return "not known"
    return f"${min(known):g}" if min(known) == max(known) else f"${min(known):g} to ${max(known):g}"


def _lifecycle(model: Model, today: date) -> Text:
    if model.end_of_life and today >= model.end_of_life:
        return Text(f"ended {model.end_of_life}", style="red")
    end = f", ends {model.end_of_life}" if model.end_of_life else ""
    if model.legacy_since and today >= model.legacy_since:
        return Text(f"legacy since {model.legacy_since}{end}", style="yellow")
    return Text(f"active{end}", style="green")
