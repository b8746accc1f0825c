"""`darkroom pause`, `resume` and `drain`: what an operator does to a lane or a tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import Invocation

if TYPE_CHECKING:
    from darkroom import Darkroom

_LANE = Annotated[str | None, typer.Option(metavar="LANE", help="A lane, as `darkroom lanes` names it.")]
_MODEL = Annotated[str | None, typer.Option("--model", "-m", metavar="MODEL", help="The lane of a model.")]
_TENANT = Annotated[str | None, typer.Option(metavar="TENANT", help="All jobs of a tenant.")]
_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_DONE: Final = {
    "paused": "{What} is paused: jobs are taken, nothing new starts, calls under way go on. `darkroom resume {option}` ends it.",
    "active": "{What} is active.",
    "draining": "{What} is draining: nothing new is taken, what waits is finished. `darkroom resume {option}` ends it.",
}


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("drain")(drain)


def pause(
    context: typer.Context, *, lane: _LANE = None, model: _MODEL = None, tenant: _TENANT = None, as_json: _AS_JSON = False
) -> None:
    """Let nothing new start in a lane or of a tenant. Jobs are still taken; calls under way go on."""
    _steer(context, "paused", lane, model, tenant, as_json=as_json)


def resume(
    context: typer.Context, *, lane: _LANE = None, model: _MODEL = None, tenant: _TENANT = None, as_json: _AS_JSON = False
) -> None:
    """End a pause or a drain of a lane or a tenant."""
    _steer(context, "active", lane, model, tenant, as_json=as_json)


def drain(
    context: typer.Context, *, lane: _LANE = None, model: _MODEL = None, tenant: _TENANT = None, as_json: _AS_JSON = False
) -> None:
    """Take nothing new in a lane or of a tenant, and finish what waits."""
    _steer(context, "draining", lane, model, tenant, as_json=as_json)


def _steer(context: typer.Context, mode: str, lane: str | None, model: str | None, tenant: str | None, *, as_json: bool) -> None:
    invocation = Invocation.of(context)
    if sum(given is not None for given in (lane, model, tenant)) != 1:
        raise BadInput("Give exactly one of --lane LANE, --model MODEL and --tenant TENANT.")
    lane = invocation.load_settings().find_model(model).id if model is not None else lane
    with invocation.room() as room:
        _do(room, mode, lane, tenant)
    if as_json:
        invocation.document({"lane": lane, "tenant": tenant, "mode": mode})
        return
    invocation.line(mode)
    kind, name = ("lane", lane) if lane is not None else ("tenant", tenant)
    invocation.say(_DONE[mode].format(What=f"{'The lane' if kind == 'lane' else 'Tenant'} {name}", option=f"--{kind} {name}"))


def _do(room: Darkroom, mode: str, lane: str | None, tenant: str | None) -> None:
    if mode == "paused":
        room.pause(lane=lane, tenant=tenant)
    elif mode == "draining":
        room.drain(lane=lane, tenant=tenant)
    else:
        room.resume(lane=lane, tenant=tenant)
