"""Whether the process lives and whether it can do its work; for load balancers and monitoring."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from darkroom.api.replies import JSON
from darkroom.api.service import Desk
from darkroom.effects import ask
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import Unavailable
from darkroom_shared.store import presence, reads

router = APIRouter(tags=["health"])


class Health(View):
    """What was found."""

    status: Literal["ok", "unavailable"]
    ledger: bool = True
    workers: int | None = None
    """Registered workers; jobs are taken without any, and wait."""
    listeners: int = 0


@router.get("/healthz", response_model=Health)
async def alive(desk: Desk) -> Health:
    """The process answers. Says nothing of the ledger: restarting this process does not mend that."""
    return Health(status="ok", listeners=desk.hub.listeners)


@router.get("/readyz", response_model=Health, responses={503: {"model": Health}})
async def ready(desk: Desk) -> Response:
    """Jobs can be taken: the ledger answers."""
    try:
        await desk.run(ask(reads.clock_ms()))
        health = Health(status="ok", workers=len(await desk.run(ask(presence.fleet()))), listeners=desk.hub.listeners)
    except Unavailable:
        health = Health(status="unavailable", ledger=False)
    return Response(health.model_dump_json(), 200 if health.ledger else 503, media_type=JSON)
