"""`darkroom models`: the catalogue as a table: what a model can do, how fast, at what price, and until when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.invocation import Invocation
from darkroom_shared.models.catalogue import MODELS, lifecycle_warning, price_usd
from darkroom_shared.models.model import Model
from darkroom_shared.task_types import TASK_TYPES

_SIZES = ((512, 512), (1024, 1024))
_QUALITIES = ("standard", "premium")


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("models")(models)


def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """List the models of the catalogue with their task types, quotas, prices and lifecycle dates."""
    invocation = Invocation.of(context)
    today = datetime.now(UTC).date()
    if as_json:
        invocation.document({"models": [_document(model, today) for model in MODELS.values()]})
        return
    known = list(MODELS.values())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "calls a minute", "an image", "lifecycle"):
        table.add_column(title, no_wrap=title == "model")
    for model in known:
        table.add_row(model.id, str(model.requests_per_minute), _price_range(model), _lifecycle(model, today))
    tasks = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("task type", *(model.label for model in known)):
        tasks.add_column(title)
    for name in TASK_TYPES:
        tasks.add_row(name, *("yes" if name in model.task_types else "-" for model in known))
    invocation.out.print(table, "", tasks)


def _document(model: Model, today: date) -> dict[str, object]:
    return {
        "id": model.id,
        "label": model.label,
        "family": model.family,
        "task_types": list(model.task_types),
        "regions": list(model.regions),
        "requests_per_minute": model.requests_per_minute,
        "prices_usd": [
            {"width": width, "height": height, "quality": quality, "price_usd": _price(model, width, height, quality)}
            for width, height in _SIZES
            for quality in _QUALITIES
        ],
        "legacy_since": model.legacy_since.isoformat() if model.legacy_since else None,
        "end_of_life": model.end_of_life.isoformat() if model.end_of_life else None,
        "successors": list(model.successors),
        "warning": lifecycle_warning(model, today),
    }


def _price(model: Model, width: int, height: int, quality: str) -> float | None:
    config = {"width": width, "height": height, "quality": quality, "numberOfImages": 1}
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "-"}, "imageGenerationConfig": config}
    price = price_usd(model, body, {})
    return None if price is None else float(price)


def _price_range(model: Model) -> str:
    known = [
        price for width, height in _SIZES for quality in _QUALITIES if (price := _price(model, width, height, quality)) is not None
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
