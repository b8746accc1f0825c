"""`darkroom prices`: the prices that estimates are made of, where they are from, and which models have none."""

from __future__ import annotations

from typing import Annotated, cast

import typer
from rich.table import Table

from darkroom.cli.invocation import Invocation
from darkroom.describing import prices_document, without_price
from darkroom_shared.models.catalogue import MODELS, gives_documents
from darkroom_shared.models.prices import Price, PriceBook


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("prices")(prices)


def prices(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show the prices in force, by model, task, size and quality, with their sources; DARKROOM_PRICES puts your own before them."""
    invocation = Invocation.of(context)
    settings = invocation.load_settings()
    book = settings.price_book
    told = prices_document(book)
    if as_json:
        invocation.document({**told, "file": None if settings.prices is None else str(settings.prices)})
        return
    without, strange = without_price(book), cast("list[str]", told["not_in_catalogue"])
    invocation.out.print(_table(book))
    invocation.say(f"Version {book.version}, US dollars. Estimates, not a bill: AWS's own prices hold.")
    by_tokens = {model for model in without if gives_documents(MODELS[model])}
    if others := [model for model in without if model not in by_tokens]:
        invocation.say(f"No price is known of: {', '.join(others)}.")
    if by_tokens:
        labels = dict.fromkeys(MODELS[model].label for model in MODELS if model in by_tokens)
        invocation.say(f"Paid by tokens, of which no price is known: {', '.join(labels)}. A row with the unit call sets one.")
    if strange:
        invocation.say(f"Not in the catalogue, so that no job is priced by it: {', '.join(strange)}.")


def _table(book: PriceBook) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "task", "up to", "quality", "price", "as of", "source"):
        table.add_column(title, no_wrap=title in ("model", "price"), overflow="fold")
    for price in book.prices:
        size = "any size" if price.size is None else "{}x{}".format(*price.size)
        as_of = "" if price.as_of is None else price.as_of.isoformat()
        table.add_row(price.model, price.task or "any", size, price.quality or "any", _dollars(price), as_of, price.source)
    return table


def _dollars(price: Price) -> str:
    return "not known" if price.usd is None else f"${float(price.usd):.4g} {'an' if price.unit == 'image' else 'a'} {price.unit}"
