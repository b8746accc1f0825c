"""`darkroom features`: what can be asked for, and which model does it how well today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.invocation import Invocation
from darkroom_shared.models.catalogue import MODELS, check_body
from darkroom_shared.plan.choosing import is_living
from darkroom_shared.plan.features import FEATURES, Feature, ways
from darkroom_shared.plan.route import Route

_AMAZON = ("amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0")


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("features")(features)


def features(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a table for a page of documentation.")] = False,
) -> None:
    """List what can be asked for, and what the models on offer today make of it: exact, equivalent, approximate."""
    invocation = Invocation.of(context)
    today = datetime.now(UTC).date()
    if as_json:
        rows = [{"feature": one.name, "task_type": one.task_type, "ways": _documents(one, today)} for one in FEATURES]
        invocation.document({"today": today.isoformat(), "features": rows})
        return
    if markdown:
        invocation.out.print(markdown_table(today), markup=False, highlight=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("asked for", "task type", "today", "fidelity", "an image", "what is lost"):
        table.add_column(title, no_wrap=title in ("task type", "today"))
    for one in FEATURES:
        best = _best(one, today)
        lost = "" if best is None else " ".join(best.translation.lost)
        told = ("-", "", "") if best is None else (best.model.label, best.fidelity, _price(best))
        table.add_row(one.name, one.task_type, *told, Text(lost, style="dim"))
    invocation.out.print(table)


def markdown_table(today: date) -> str:
    """The features and the models that do them, as Markdown: what the old ones did, and the best that is left on that day."""
    old = [MODELS[name] for name in _AMAZON]
    titles = [
        "asked for",
        "task type",
        *(_with_end(model.label, model.end_of_life) for model in old),
        "on offer",
        "fidelity",
        "USD",
    ]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for one in FEATURES:
        exact = {model.id for model in old if not check_body(model, one.body)}
        best = _best(one, today)
        told = ["-", "", ""] if best is None else [best.model.label, best.fidelity, _price(best).removeprefix("$")]
        lines.append(_line([one.name, f"`{one.task_type}`", *("yes" if model.id in exact else "" for model in old), *told]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _with_end(label: str, end: date | None) -> str:
    return label if end is None else f"{label} (to {end})"


def _best(feature: Feature, today: date) -> Route | None:
    best = next(iter(ways(feature, today)), None)
    return None if best is None or best.refused or not is_living(best.model, today) else best


def _price(route: Route) -> str:
    return "?" if route.price_usd is None else f"${float(route.price_usd):.4g}"


def _documents(feature: Feature, today: date) -> list[dict[str, object]]:
    return [route.as_json() for route in ways(feature, today)]
