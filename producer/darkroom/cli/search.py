"""`darkroom index` and `darkroom search`: finds a tenant's pictures by words or by another picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.delivery import ready_folder
from darkroom.cli.exits import FAILED, BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.pictures import existing
from darkroom.cli.tables import document

if TYPE_CHECKING:
    from darkroom import Found, Indexed

_SHOWN_PROMPT: Final = 60
_Tenant = Annotated[str | None, typer.Option(metavar="NAME", help="Whose pictures; the settings' if left out.")]
_Model = Annotated[str | None, typer.Option(metavar="ID", help="The embedding model; its index is its own.")]
_Dimension = Annotated[int | None, typer.Option(metavar="N", help="Numbers of a vector: 256, 384, 1024, … as the model has them.")]
_AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("index")(index)
    app.command("search")(search)


def index(
    context: typer.Context,
    *,
    tenant: _Tenant = None,
    model: _Model = None,
    dimension: _Dimension = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="How long it may take.")] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Drop the index first; vectors older than an hour are paid again.")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Bring a tenant's index up to date: a vector for each new picture, made by an embedding job; removed pictures leave it."""
    invocation = Invocation.of(context)

    def tell(done: Indexed) -> None:
        if invocation.err.is_terminal:
            invocation.say(f"{done.added} vectors made, {done.total} pictures in the index")

    with invocation.room() as room:
        done = room.index_images(tenant=tenant, model=model, dimension=dimension, timeout=timeout, tell=tell, rebuild=rebuild)
    if as_json:
        invocation.document(document(done))
    else:
        invocation.line(
            f"{done.total} pictures in the index of {done.tenant} by {done.model} with {done.dimension} numbers: "
            f"{done.added + done.copied} new, {done.removed} removed, {done.failed} without a vector; {_cost(done.cost_usd)}"
        )
        invocation.say(f"The index is kept in {done.place}.")
        for reason in done.reasons:
            invocation.say(f"Without a vector: {reason}")
    if done.failed:
        raise typer.Exit(FAILED)


def search(
    context: typer.Context,
    *,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Words that the pictures should be near to.")] = None,
    image: Annotated[str | None, typer.Option(metavar="FILE", help="A picture in place of words.")] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="How many pictures.")] = 10,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the pictures there, and search.json.")] = None,
    tenant: _Tenant = None,
    model: _Model = None,
    dimension: _Dimension = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long the question's vector may take.")] = 60.0,
    as_json: _AsJson = False,
) -> None:
    """Find pictures that were indexed, by words or by another picture; the question is one embedding job."""
    invocation = Invocation.of(context)
    if (text is None) == (image is None):
        raise BadInput("Give words or --image FILE, one of the two.")
    if image is not None:
        existing(image)
    with invocation.room() as room:
        ready_folder("--save", save)
        found = room.search_images(text, image=image, top=top, tenant=tenant, model=model, dimension=dimension, timeout=timeout)
        saved = [] if save is None else room.save_found(found, save)
    if as_json:
        invocation.document(document(found) | {"saved": [str(path) for path in saved]})
    else:
        invocation.out.print(_table(found))
        for path in saved:
            invocation.line(str(path))
        invocation.say(f"{len(found.hits)} found by {found.model}; the question: {found.query_job}, {_cost(found.cost_usd)}")


def _cost(usd: float | None) -> str:
    return "price not known" if usd is None else f"{usd:.4f} USD"


def _table(found: Found) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("score", "job", "n", "size", "prompt"):
        table.add_column(title, no_wrap=title != "prompt", justify="right" if title == "n" else "left")
    for hit in found.hits:
        prompt = hit.prompt if len(hit.prompt) <= _SHOWN_PROMPT else hit.prompt[: _SHOWN_PROMPT - 1] + "…"
        size = "" if hit.width is None else f"{hit.width}x{hit.height}"
        table.add_row(f"{hit.score:.3f}", hit.job, str(hit.output), size, Text(prompt))
    return table
