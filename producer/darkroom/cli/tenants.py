"""`darkroom tenants`: what tenants may do, and what they have waiting."""

from __future__ import annotations

from datetime import timedelta
from types import EllipsisType
from typing import Annotated, Any, Final, cast

import typer

from darkroom.cli.delivery import length
from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.lane_tables import tenants_table
from darkroom.cli.tables import document

_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_NONE: Final = "none"


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="What tenants may do, and what they have waiting; alone, `list`.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_group)
    group.command("list")(list_tenants)
    group.command("set")(set_tenant)
    app.add_typer(group, name="tenants")


def _group(context: typer.Context, as_json: _AS_JSON = False) -> None:
    """What tenants may do, and what they have waiting. Alone it lists them."""
    if context.invoked_subcommand is None:
        list_tenants(context, as_json)
    elif as_json:
        raise BadInput(f"Write the options behind the command: `darkroom tenants {context.invoked_subcommand} … --option`.")


def list_tenants(context: typer.Context, as_json: _AS_JSON = False) -> None:
    """List tenants for which something was set or of which something waits."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        views = room.tenants()
    if as_json:
        invocation.document({"tenants": [document(view) for view in views]})
    elif views:
        invocation.out.print(tenants_table(views))
    else:
        invocation.say("Nothing is set for any tenant, and nothing waits: all have equal shares and no limits.")


def set_tenant(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tenant.")],
    weight: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Its part of the turns against the others', 1 unless set.")
    ] = None,
    running: Annotated[str | None, typer.Option(metavar="N", help="Most calls that it may have running at once.")] = None,
    queued: Annotated[str | None, typer.Option(metavar="N", help="Most jobs that it may have queued.")] = None,
    queue_ttl: Annotated[
        str | None, typer.Option(metavar="TIME", help="Its jobs expire if they have not started after this time, e.g. 10m.")
    ] = None,
    guardrail: Annotated[
        str | None, typer.Option(metavar="ID:VERSION", help="The Bedrock guardrail of its jobs that name none.")
    ] = None,
    as_json: _AS_JSON = False,
) -> None:
    """Set what a tenant may do; `none` takes a limit away, what is left out stays as it is. Counts at once."""
    invocation = Invocation.of(context)
    given: dict[str, float | timedelta | str | EllipsisType | None] = {
        "weight": _number("--weight", weight),
        "running": _count("--running", running),
        "queued": _count("--queued", queued),
        "queue_ttl": ... if queue_ttl is None else None if queue_ttl == _NONE else length("--queue-ttl", queue_ttl),
        "guardrail": ... if guardrail is None else None if guardrail == _NONE else guardrail,
    }
    if all(value is ... for value in given.values()):
        raise BadInput(
            "Nothing is to be set. Give --weight, --running, --queued, --queue-ttl or --guardrail; `none` takes it away."
        )
    with invocation.room() as room:
        view = room.set_tenant(name, **cast("dict[str, Any]", given))
    if as_json:
        invocation.document(document(view))
    else:
        invocation.out.print(tenants_table([view]))


def _number(option: str, text: str | None) -> float | EllipsisType | None:
    if text is None or text == _NONE:
        return ... if text is None else None
    try:
        return float(text)
    except ValueError as error:
        raise BadInput(f"{option} {text[:80]!r} is no number; none takes it away.") from error


def _count(option: str, text: str | None) -> int | EllipsisType | None:
    if text is None or text == _NONE:
        return ... if text is None else None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadInput(f"{option} {text[:80]!r} is no whole number from 0; none takes the limit away.")
    return int(text)
