"""`darkroom keys`: the API keys of the HTTP API; `darkroom audit`: what operators did."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast

import typer
from rich.table import Table

from darkroom.access import KeyView, NewKeyView
from darkroom.cli.delivery import length
from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.tables import document
from darkroom_shared.contract.access import EVERY_TENANT, Scope

_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_KEY = Annotated[str, typer.Argument(metavar="KEY", help="The id of a key, as `list` shows it.")]


def add_to(app: typer.Typer) -> None:
    """Adds the group and `audit`."""
    group = typer.Typer(help="API keys of the HTTP API.", rich_markup_mode=None, no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(list_keys)
    group.command("rotate")(rotate)
    group.command("revoke")(revoke)
    app.add_typer(group, name="keys")
    app.command("audit")(audit)


def create(
    context: typer.Context,
    *,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Whose jobs it sees and submits.")] = None,
    every_tenant: Annotated[bool, typer.Option("--every-tenant", help="It sees all, and names the tenant as it likes.")] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="submit, read, operate or admin; repeatable; submit and read if left out."),
    ] = None,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    expires_in: Annotated[str | None, typer.Option(metavar="TIME", help="After this time it opens nothing, e.g. 90d.")] = None,
    as_json: _AS_JSON = False,
) -> None:
    """Make an API key. It is shown this once. From the first key on, the API answers nobody without one."""
    if (tenant is None) != every_tenant:
        raise BadInput("Say whose key it is: --tenant NAME, or --every-tenant.")
    invocation = Invocation.of(context)
    life: timedelta | None = None if expires_in is None else length("--expires-in", expires_in)
    with invocation.room() as room:
        made = room.create_key(
            tenant=tenant or EVERY_TENANT, scopes=cast("list[Scope]", scope or ["submit", "read"]), name=name, expires_in=life
        )
    _show(invocation, made, as_json=as_json)


def _show(invocation: Invocation, made: NewKeyView, *, as_json: bool) -> None:
    if as_json:
        invocation.document(document(made))
        return
    invocation.say("Keep this key now: nobody can show it again.")
    invocation.line(made.key)


def list_keys(context: typer.Context, as_json: _AS_JSON = False) -> None:
    """List the keys, those included that open nothing any more."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        found = room.keys()
    if as_json:
        invocation.document({"keys": [document(view) for view in found]})
    elif found:
        invocation.out.print(_table(found))
    else:
        invocation.say("There are no API keys: the API answers whoever reaches it, and so it listens on this machine only.")


def _table(found: list[KeyView]) -> Table:
    table = Table("key", "name", "tenant", "scopes", "made", "last used", "state", box=None, pad_edge=False)
    for view in found:
        state = "revoked" if view.revoked else f"until {view.expires:%Y-%m-%d %H:%M}" if view.expires else "in use"
        used = f"{view.used:%Y-%m-%d %H:%M}" if view.used else "never"
        table.add_row(view.id, view.name, view.tenant, " ".join(view.scopes), f"{view.created:%Y-%m-%d %H:%M}", used, state)
    return table


def rotate(
    context: typer.Context,
    key: _KEY,
    overlap: Annotated[str, typer.Option(metavar="TIME", help="How long the old secret still opens, 30d at most.")] = "1d",
    as_json: _AS_JSON = False,
) -> None:
    """Give a key another secret."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        made = room.rotate_key(key, overlap=length("--overlap", overlap))
    _show(invocation, made, as_json=as_json)


def revoke(context: typer.Context, key: _KEY) -> None:
    """Make a key open nothing any more."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        room.revoke_key(key)
    invocation.say(f"{key} opens nothing any more.")


def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, the newest first.")] = 50,
    as_json: _AS_JSON = False,
) -> None:
    """Show what operators did: pauses, limits, replays, decisions about calls, keys."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        found = room.audit(limit)
    if as_json:
        invocation.document({"actions": [document(view) for view in found]})
    elif found:
        table = Table("at", "by", "action", "on", "more", box=None, pad_edge=False)
        for view in found:
            table.add_row(f"{view.at:%Y-%m-%d %H:%M:%S}", view.by, view.action, view.subject, view.detail)
        invocation.out.print(table)
    else:
        invocation.say("Operators have done nothing yet.")
