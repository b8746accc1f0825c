"""`darkroom webhooks`: where events are sent, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from darkroom.cli.delivery import length
from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.tables import document
from darkroom.endpoints import DeliveryView, EndpointView, EndpointWish, NewEndpointView

_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_ENDPOINT = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The id of an endpoint, wh_...")]
_TENANT = Annotated[str | None, typer.Option(metavar="NAME", help="Whose events; the default tenant's if left out.")]
_TYPES = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="job.succeeded, job.*, workflow.finished, ...; repeatable; all if left out."),
]


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Have events sent to other services.", rich_markup_mode=None, no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("list", list_endpoints),
        ("change", change),
        ("test", send_test),
        ("deliveries", deliveries),
        ("redeliver", redeliver),
        ("rotate", rotate),
        ("delete", delete),
    ):
        group.command(name)(command)
    app.add_typer(group, name="webhooks")


def create(
    context: typer.Context,
    *,
    url: Annotated[str, typer.Argument(metavar="URL", help="https://..., on the public internet or in DARKROOM_PRIVATE_NETWORKS.")],
    types: _TYPES = None,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    asymmetric: Annotated[bool, typer.Option("--asymmetric", help="Sign with the ledger's key pair, too.")] = False,
    tenant: _TENANT = None,
    as_json: _AS_JSON = False,
) -> None:
    """Have events sent to a URL, signed as Standard Webhooks are. The secret is shown this once."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        made = room.create_webhook(url, types=types or ["*"], name=name, asymmetric=asymmetric, tenant=tenant)
    _show(invocation, made, as_json=as_json)


def _show(invocation: Invocation, made: NewEndpointView, *, as_json: bool) -> None:
    if as_json:
        invocation.document(document(made))
        return
    invocation.say(f"{made.id}: keep this secret now, nobody can show it again.")
    invocation.line(made.secret)


def list_endpoints(context: typer.Context, tenant: _TENANT = None, as_json: _AS_JSON = False) -> None:
    """List the endpoints of a tenant."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        found = room.webhooks(tenant)
    if as_json:
        invocation.document({"endpoints": [document(view) for view in found]})
    elif found:
        table = Table("endpoint", "to", "types", "state", box=None, pad_edge=False)
        for view in found:
            table.add_row(view.id, view.url, " ".join(view.types), _state(view))
        invocation.out.print(table)
    else:
        invocation.say("There are no webhook endpoints.")


def _state(view: EndpointView) -> str:
    if view.disabled:
        return f"disabled: {view.disabled_why}"
    return f"takes nothing since {view.failing_since:%Y-%m-%d %H:%M}" if view.failing_since else "in use"


def change(
    context: typer.Context,
    *,
    endpoint: _ENDPOINT,
    url: Annotated[str | None, typer.Option(help="Where messages go from now on.")] = None,
    types: _TYPES = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Take a disabling back, or disable it.")] = None,
    tenant: _TENANT = None,
    as_json: _AS_JSON = False,
) -> None:
    """Change an endpoint; what is left out stays."""
    if url is None and not types and enable is None:
        raise BadInput("Nothing is to be changed. Give --url, --type, --enable or --disable.")
    invocation = Invocation.of(context)
    with invocation.room() as room:
        view = room.change_webhook(endpoint, EndpointWish(url=url, types=types, enabled=enable), tenant=tenant)
    if as_json:
        invocation.document(document(view))
    else:
        invocation.say(f"{view.id} goes to {view.url}: {_state(view)}.")


def send_test(context: typer.Context, endpoint: _ENDPOINT, tenant: _TENANT = None) -> None:
    """Send a message of the type endpoint.test."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        delivery = room.send_test_webhook(endpoint, tenant=tenant)
    invocation.say("A worker delivers it; `darkroom webhooks deliveries` tells what came of it.")
    invocation.line(delivery)


def deliveries(
    context: typer.Context,
    endpoint: _ENDPOINT,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, the newest first.")] = 20,
    tenant: _TENANT = None,
    as_json: _AS_JSON = False,
) -> None:
    """Show what was sent to an endpoint, and what came of each try."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        found = room.deliveries(endpoint, limit, tenant=tenant)
    if as_json:
        invocation.document({"deliveries": [document(view) for view in found]})
    elif found:
        table = Table("at", "type", "of", "state", "tries", "last", "delivery", box=None, pad_edge=False)
        for view in found:
            table.add_row(
                f"{view.created:%Y-%m-%d %H:%M:%S}", view.type, view.subject, view.state, str(len(view.tries)), _last(view), view.id
            )
        invocation.out.print(table)
    else:
        invocation.say("Nothing was sent to it yet.")


def _last(view: DeliveryView) -> str:
    if not view.tries:
        return ""
    last = view.tries[-1]
    return last.error or str(last.status)


def redeliver(
    context: typer.Context,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="A delivery, as `deliveries` lists it.")],
    tenant: _TENANT = None,
) -> None:
    """Send a message once more, under the same id."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        room.redeliver(delivery, tenant=tenant)
    invocation.say("A worker sends it again.")


def rotate(
    context: typer.Context,
    endpoint: _ENDPOINT,
    overlap: Annotated[str, typer.Option(metavar="TIME", help="How long messages are signed with the old secret, too.")] = "1d",
    tenant: _TENANT = None,
    as_json: _AS_JSON = False,
) -> None:
    """Give an endpoint another secret."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        made = room.rotate_webhook(endpoint, overlap=length("--overlap", overlap), tenant=tenant)
    _show(invocation, made, as_json=as_json)


def delete(context: typer.Context, endpoint: _ENDPOINT, tenant: _TENANT = None) -> None:
    """Forget an endpoint, and what waits for it."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        room.delete_webhook(endpoint, tenant=tenant)
    invocation.say(f"{endpoint} is forgotten.")
