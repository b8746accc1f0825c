"""`darkroom intake`: takes jobs and workflows that programs in any language send as Celery tasks."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from darkroom.cli.invocation import Invocation
from darkroom.cli.programs import require


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("intake")(intake)


def intake(
    context: typer.Context,
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], typer.Option("--loglevel", help="How much is told.")
    ] = "INFO",
) -> None:
    """Take `darkroom.submit` and `darkroom.workflow`, Celery tasks of the queue darkroom.intake, until Ctrl-C."""
    require(("celery",), "direct", "`darkroom intake`")
    from darkroom.intake.app import serve

    invocation = Invocation.of(context)
    serve(invocation.settings(), log_level)
