"""`darkroom mcp`: the MCP server over standard input and output."""

from __future__ import annotations

import asyncio
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.programs import require


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("mcp")(mcp)


def mcp(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Whose jobs it submits and sees.")] = None,
    max_usd: Annotated[
        float | None, typer.Option(min=0, metavar="USD", help="What all its submits together may be estimated to cost.")
    ] = None,
    pictures: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Where it may read picture files; repeatable; none if left out.")
    ] = None,
) -> None:
    """Serve assistants over the Model Context Protocol (stdio) until the input ends."""
    require(("mcp",), "mcp", "`darkroom mcp`")
    invocation = Invocation.of(context)
    settings = invocation.settings()
    missing = [folder for folder in pictures or () if not folder.is_dir()]
    if missing:
        raise BadInput(f"--pictures: there is no folder {missing[0]}.")
    asyncio.run(_serve(invocation, tenant or settings.tenant, max_usd, pictures or []))


async def _serve(invocation: Invocation, tenant: str, max_usd: float | None, folders: list[Path]) -> None:
    from darkroom.client import AsyncDarkroom
    from darkroom.launching import DarkroomWarning
    from darkroom.mcp.budget import Purse
    from darkroom.mcp.server import Session, create_server

    # A job keeps its warnings itself; on standard error they would show words of its prompt.
    warnings.simplefilter("ignore", DarkroomWarning)
    limit = None if max_usd is None else Decimal(str(max_usd))
    async with AsyncDarkroom(settings=invocation.settings()) as room:
        await create_server(Session(room, tenant, Purse(limit), folders)).run_stdio_async()
