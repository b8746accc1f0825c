"""`darkroom serve`: the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from darkroom.cli.invocation import NO_LEDGER, Invocation
from darkroom.cli.programs import require
from darkroom_shared.core.errors import Misconfigured

NEEDED = ("fastapi", "uvicorn", "httptools", "multipart", "jinja2", "prometheus_client")
"""What the extra `api` brings."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("serve")(serve)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; 127.0.0.1 is reached from this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8080,
    host_name: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further name by which it may be asked, e.g. that of a proxy.")
    ] = None,
    announce: Annotated[bool, typer.Option("--announce", help="Print one JSON line with the address once it listens.")] = False,
) -> None:
    """Serve the HTTP API until Ctrl-C."""
    require(NEEDED, "api", "The HTTP API")
    from darkroom.api.server import Place
    from darkroom.api.server import serve as run

    invocation = Invocation.of(context)
    settings = invocation.settings()
    if not settings.redis_url:
        raise Misconfigured(NO_LEDGER.format(home=settings.home_folder))

    def ready(url: str) -> None:
        if announce:
            invocation.line(json.dumps({"ready": True, "url": url}))
        else:
            invocation.say(f"The API is served on {url}; Ctrl-C stops it.")

    run(settings, Place(host, port, tuple(host_name or ())), ready)
