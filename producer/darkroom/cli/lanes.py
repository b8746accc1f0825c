"""`darkroom lanes`: each lane with its pools, the slots of its workers and what waits, once or again every second."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from darkroom.cli.invocation import Invocation
from darkroom.cli.lane_tables import is_quiet, lane_picture
from darkroom_shared.core.forecast import LaneState

_EVERY_S: Final = 1.0
"""Between two looks of --watch; each costs the ledger well under a millisecond but for thousands of tenants."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("lanes")(lanes)


def lanes(
    context: typer.Context,
    lane: Annotated[str | None, typer.Argument(metavar="[LANE]", help="A model id, or local; all lanes if left out.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those in which nothing happens.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output; with --watch one a line.")] = False,
) -> None:
    """Show lanes: pace, refusals and circuit of each pool, free slots, and what waits by tenant and class."""
    invocation = Invocation.of(context)
    every = every or lane is not None
    with invocation.room() as room:
        found = room.lanes(lane)
        if watch and not as_json and invocation.out.is_terminal:
            with Live(_picture(found, every=every), console=invocation.out, auto_refresh=False) as live:
                while True:
                    time.sleep(_EVERY_S)
                    live.update(_picture(room.lanes(lane), every=every), refresh=True)
        while True:
            _print(invocation, found, as_json=as_json, one_line=watch, every=every)
            if not watch:
                return
            time.sleep(_EVERY_S)
            found = room.lanes(lane)


def _print(invocation: Invocation, found: list[LaneState], *, as_json: bool, one_line: bool, every: bool) -> None:
    if as_json:
        document = {"lanes": [asdict(lane) for lane in found]}
        if one_line:
            invocation.line(json.dumps(document, ensure_ascii=False))
        else:
            invocation.document(document)
    elif found:
        invocation.out.print(_picture(found, every=every))
    else:
        invocation.say("There are no lanes yet: one comes with the first worker, or the first job of its model.")


def _picture(found: list[LaneState], *, every: bool) -> Group:
    shown = [lane for lane in found if every or not is_quiet(lane)]
    hidden = len(found) - len(shown)
    rest = [Text(f"Nothing happens in {hidden} {'more ' if shown else ''}lanes; --all shows them.", style="dim")] if hidden else []
    return Group(*(part for lane in shown for part in lane_picture(lane)), *rest)
