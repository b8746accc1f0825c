"""`darkroom demo`: the embedded stack for a minute, one job of every kind, and a page with what came of it."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from darkroom.cli.exits import FAILED
from darkroom.cli.invocation import Invocation

_OUT = Path("demo-output")
_OWN_PREFIX = "DARKROOM_"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the page and its pictures.")] = _OUT,
    photo: Annotated[Path | None, typer.Option(metavar="FILE", help="Your own photograph instead of the sample ones.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the stack's data and logs in DIR/home.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Only a summary as one JSON document on standard output.")] = False,
) -> None:
    """Run one job of every kind against the local endpoint and make a page of the results. Needs no account and costs nothing."""
    from darkroom.cli.stack_plan import stack_plan
    from darkroom.demo.run import run_demo

    invocation = Invocation.of(context)
    environment = {name: value for name, value in invocation.environment.items() if not name.startswith(_OWN_PREFIX)}
    with _home(out, keep=keep) as home:
        plan = stack_plan(home, environment, key_prefix="dr:")
        summary = run_demo(plan, out, photo, invocation.err, quiet=as_json)
    if as_json:
        invocation.document(summary.as_json())
    else:
        invocation.say(summary.sentence)
        invocation.line(summary.page.resolve().as_uri())
    if not summary.ok:
        raise typer.Exit(FAILED)


@contextmanager
def _home(out: Path, *, keep: bool) -> Generator[Path]:
    """A stack of its own, so that a running `darkroom up` is left alone."""
    if keep:
        yield out / "home"
        return
    with tempfile.TemporaryDirectory(prefix="darkroom-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
