"""`darkroom doctor`: looks at everything a working installation needs, one line each, and says how to mend what is wrong."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.diagnosis.finding import Finding, Level
from darkroom.cli.exits import FAILED
from darkroom.cli.invocation import Invocation
from darkroom.embedded.stack_file import with_stack
from darkroom_shared.core.errors import Misconfigured

_STYLES: Final[dict[Level, str]] = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Check the installation, Redis, the worker, the asset store and the way to Bedrock. Exit code 1 if anything fails."""
    from darkroom.cli.diagnosis.everything import diagnose

    invocation = Invocation.of(context)
    try:
        settings = invocation.load_settings()
    except Misconfigured as error:
        findings = [Finding("settings", "fail", str(error), "Correct the variable named here.")]
    else:
        stack = invocation.stack(settings)
        known = settings if stack is None else with_stack(settings, stack)
        findings = diagnose(known, invocation.environment, is_stack=stack is not None)
    ok = all(finding.level != "fail" for finding in findings)
    if as_json:
        checks = [{"check": one.check, "level": one.level, "found": one.found, "mend": one.mend} for one in findings]
        invocation.document({"ok": ok, "checks": checks})
    else:
        _print(invocation, findings)
    if not ok:
        raise typer.Exit(FAILED)


def _print(invocation: Invocation, findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for one in findings:
        text = Text(one.found)
        if one.mend and one.level != "ok":
            text.append(f"\n-> {one.mend}", style=_STYLES[one.level])
        table.add_row(Text(one.level, style=_STYLES[one.level]), one.check, text)
    invocation.out.print(table)
