"""For operators: lanes, tenants, workers, dead letters, calls of unknown outcome. A tenant's key sees and steers its own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkroom import access, decisions, operating, watching
from darkroom.access import audited
from darkroom.api.bodies import Body, Duration, Json
from darkroom.api.callers import Operator, Reader, run_for
from darkroom.api.problems import Refused
from darkroom.api.replies import Items, document, job_reply, problems
from darkroom.api.routes.jobs import JobId, seen_by
from darkroom.api.service import Desk
from darkroom.operating import ACTIONS, Setting, TenantView
from darkroom.watching import WorkerView
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.views import JobView, View
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.forecast import LaneState
from darkroom_shared.core.problems import Problem
from darkroom_shared.store.steering import Mode

router = APIRouter(prefix="/v1", tags=["operations"])

Name = Annotated[str, Path(max_length=64)]
Lane = Annotated[str, Path(max_length=2048, description="A model id, or `local`.")]
Verb = Literal["pause", "resume", "drain"]
_MODES: Mapping[Verb, Mode] = {"pause": "paused", "resume": "active", "drain": "draining"}
LANE_NOTE = "Lanes are everybody's: this wants a key for every tenant."


class LaneReply(View):
    """One lane: its pools, its workers' slots, and what waits in it."""

    lane: str
    mode: Mode
    waiting: int
    free_slots: int
    slots: int
    oldest_ms: int | None
    took_ms: float | None
    pools: Sequence[Mapping[str, object]]
    tenants: Sequence[Mapping[str, object]]


class Limits(Body):
    """What a tenant may do; null takes a limit away, what is left out stays as it is."""

    weight: float | None = None
    running: int | None = None
    queued: int | None = None
    queue_ttl: Duration | None = None
    guardrail: str | None = Field(default=None, max_length=2048)


class Replay(Body):
    """How a dead letter is submitted again."""

    changes: Json = Field(default={}, description="JSON merge patch (RFC 7396) on Bedrock's body.")


class Resolution(Body):
    """What becomes of held calls."""

    decision: Literal["retry", "give_up"] | None = None
    answer: str | None = Field(default=None, max_length=64_000_000, description="Bedrock's own answer as base64, if it was found.")
    billed: bool | None = Field(default=None, description="Whether AWS billed the call; null if nobody knows.")


class Resolved(View):
    """The calls that were decided about."""

    calls: Sequence[str]


def _by(caller: Caller) -> str:
    return caller.key_id or access.here()


def _of_all(caller: Caller) -> None:
    if caller.tenant is not None:
        raise Refused(403, "forbidden", LANE_NOTE)


def _lane(lane: LaneState, caller: Caller) -> LaneReply:
    """What a caller sees of a lane: of tenants its own alone."""
    told = asdict(lane)
    told["tenants"] = [queue for queue in told["tenants"] if caller.tenant in (None, queue["tenant"])]
    return LaneReply.model_validate({name: value for name, value in told.items() if name in LaneReply.model_fields})


@router.get("/lanes", response_model=Items[LaneReply], responses=problems())
async def lanes(desk: Desk, caller: Reader) -> Response:
    """The lanes with their pools, rates, refusals, free slots, and what waits."""
    found = await desk.run(operating.lanes(None))
    return document(Items[LaneReply](items=[_lane(lane, caller) for lane in found]))


@router.get("/lanes/{lane:path}", response_model=LaneReply, responses=problems())
async def lane(desk: Desk, caller: Reader, lane: Lane) -> Response:
    """One lane."""
    try:
        [found] = await desk.run(operating.lanes(lane))
    except InvalidRequest as error:
        raise Refused(404, "not_found", str(error)) from None
    return document(_lane(found, caller))


@router.post("/lanes:{verb}", status_code=204, responses=problems())
async def steer_lane(desk: Desk, caller: Operator, verb: Verb, lane: Annotated[str, Query(max_length=2048)]) -> Response:
    """Pause, resume or drain a lane. Calls under way go on; a paused lane takes jobs, a draining one does not."""
    _of_all(caller)
    mode = _MODES[verb]
    await desk.run(audited(operating.steer(lane, None, mode), _by(caller), ACTIONS[mode], lane))
    return Response(status_code=204)


@router.get("/tenants", response_model=Items[TenantView], responses=problems())
async def tenants(desk: Desk, caller: Reader) -> Response:
    """Tenants for which something was set or of which something waits."""
    if caller.tenant is not None:
        return document(Items[TenantView](items=[await desk.run(operating.tenant(caller.tenant))]))
    return document(Items[TenantView](items=await desk.run(operating.tenants())))


@router.get("/tenants/{name}", response_model=TenantView, responses=problems())
async def tenant(desk: Desk, caller: Reader, name: Name) -> Response:
    """What a tenant may do, and what it has waiting."""
    if caller.tenant not in (None, name):
        raise Refused(404, "not_found", f"There is no tenant {name}.")
    return document(await desk.run(operating.tenant(name)))


@router.patch("/tenants/{name}", response_model=TenantView, responses=problems())
async def set_tenant(desk: Desk, caller: Operator, name: Name, body: Limits) -> Response:
    """Set what a tenant may do. Counts at once, for what waits, too."""
    _of_all(caller)
    given: dict[str, Setting] = {word: getattr(body, word) for word in Limits.model_fields if word in body.model_fields_set}
    done = await desk.run(audited(operating.set_tenant(name, given), _by(caller), "tenant.set", name, operating.told(given)))
    return document(done)


@router.post("/tenants/{name}/{verb}", status_code=204, responses=problems())
async def steer_tenant(desk: Desk, caller: Operator, name: Name, verb: Verb) -> Response:
    """Pause, resume or drain a tenant."""
    if caller.tenant not in (None, name):
        raise Refused(403, "forbidden", "This key is for another tenant.")
    mode = _MODES[verb]
    await desk.run(audited(operating.steer(None, name, mode), _by(caller), ACTIONS[mode], f"tenant {name}"))
    return Response(status_code=204)


@router.get("/workers", response_model=Items[WorkerView], responses=problems())
async def workers(desk: Desk, caller: Reader) -> Response:
    """Registered workers."""
    return document(Items[WorkerView](items=await desk.run(watching.workers())))


@router.get("/dead-letters", response_model=Items[JobView], responses=problems())
async def dead_letters(
    desk: Desk,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    tenant: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Jobs that gave up and wait for a person, newest first, with every attempt."""
    whose = caller.tenant if caller.tenant is not None else tenant
    return document(Items[JobView](items=await desk.run(decisions.dead_letters(limit, whose))))


@router.post("/dead-letters/{job_id}/replay", status_code=202, response_model=JobView, responses=problems(409))
async def replay(request: Request, desk: Desk, caller: Operator, job_id: JobId, body: Replay | None = None) -> Response:
    """Submit a dead letter again as a new job, its request changed or not."""
    await seen_by(desk, caller, job_id)
    changes = body.changes if body else {}
    flow = decisions.replay(desk.scene, job_id, changes, {})
    done = await run_for(desk, caller, audited(flow, _by(caller), "dead_letter.replay", job_id))
    view = await desk.run(watching.status(done.id))
    return job_reply(request, view, 202, {"Location": f"/v1/jobs/{done.id}"})


@router.post("/dead-letters/{job_id}/discard", status_code=204, responses=problems(409))
async def discard(desk: Desk, caller: Operator, job_id: JobId) -> Response:
    """Let a dead letter go."""
    await seen_by(desk, caller, job_id)
    await desk.run(audited(decisions.discard(job_id), _by(caller), "dead_letter.discard", job_id))
    return Response(status_code=204)


@router.get("/held", response_model=Items[JobView], responses=problems())
async def held(desk: Desk, caller: Reader, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
    """Jobs with a call that may have been billed without an answer, and that waits for a decision."""
    return document(Items[JobView](items=await desk.run(decisions.held(limit, caller.tenant))))


@router.post("/held/{job_id}/resolve", response_model=Resolved, responses=problems(409))
async def resolve(desk: Desk, caller: Operator, job_id: JobId, body: Resolution) -> Response:
    """Decide about the held calls of a job: one more call, none, or deliver the answer that was found."""
    await seen_by(desk, caller, job_id)
    decision = _decision(body)
    flow = decisions.resolve(job_id, decision, body.billed)
    done = await desk.run(audited(flow, _by(caller), "call.resolve", job_id, decisions.told(decision)))
    return document(Resolved(calls=done))


def _decision(body: Resolution) -> decisions.Decision | bytes:
    if (body.decision is None) == (body.answer is None):
        raise InvalidRequest([Problem("/decision", "give a decision or an answer", "one of the two")])
    if body.decision is not None:
        return body.decision
    try:
        return base64.b64decode(body.answer or "", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest([Problem("/answer", "this is not base64")]) from None
