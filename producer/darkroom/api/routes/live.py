"""Live events by SSE: of one job, a workflow, a tenant. A snapshot comes first; `Last-Event-ID` goes on where a client stopped."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import StreamingResponse

from darkroom import watching, workflows
from darkroom.api.callers import Reader, may_see
from darkroom.api.problems import Refused
from darkroom.api.replies import problems
from darkroom.api.routes.jobs import JobId
from darkroom.api.service import Desk
from darkroom.api.streams import job_events, tenant_events, workflow_events
from darkroom_shared.core.ids import WORKFLOW_ID
from darkroom_shared.core.problems import Problem

router = APIRouter(prefix="/v1", tags=["live"])

MOST_LISTENERS: Final = 10_000
"""Listeners of one process; each costs some kilobytes."""
LastEvent = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=40, description="Where the client stopped; the browser sends it by itself."),
]
_PLACE: Final = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
_SEQUENCE: Final = re.compile(r"[0-9]{1,15}")
_STREAM: Final[dict[int | str, dict[str, object]]] = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "Events, see the description of the API.",
    }
}


def _stream(desk: Desk, events: AsyncIterator[bytes]) -> StreamingResponse:
    if desk.hub.listeners >= MOST_LISTENERS:
        raise Refused(503, "too_many_listeners", f"This process serves {MOST_LISTENERS:,} listeners already.")
    # A proxy that gathers an answer before it hands it on would make it useless.
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def _wrong(text: str) -> Refused:
    detail = f"{text!r} is no id of an event here."
    return Refused(422, "invalid_input", detail, problems=[Problem("/header/last-event-id", detail, "the id of an event before")])


@router.get("/jobs/{job_id}/events", response_class=StreamingResponse, responses={**_STREAM, **problems()})
async def of_job(desk: Desk, caller: Reader, job_id: JobId, last: LastEvent = None) -> StreamingResponse:
    """A job's events, to its last."""
    if last is not None and not _SEQUENCE.fullmatch(last):
        raise _wrong(last)
    view = await desk.run(watching.brief(job_id))
    may_see(caller, view.tenant, job_id)
    return _stream(desk, job_events(desk, job_id, None if last is None else int(last)))


@router.get("/workflows/{workflow_id}/events", response_class=StreamingResponse, responses={**_STREAM, **problems()})
async def of_workflow(
    desk: Desk, caller: Reader, workflow_id: Annotated[str, Path(pattern=WORKFLOW_ID.pattern)]
) -> StreamingResponse:
    """The events of a workflow's steps, until it has ended. Not resumed by id: a snapshot says all that was missed."""
    view = await desk.run(workflows.status(workflow_id))
    may_see(caller, view.steps[0].tenant, workflow_id)
    return _stream(desk, workflow_events(desk, workflow_id))


@router.get("/events", response_class=StreamingResponse, responses={**_STREAM, **problems()})
async def of_tenant(
    desk: Desk, caller: Reader, tenant: Annotated[str | None, Query(max_length=64)] = None, last: LastEvent = None
) -> StreamingResponse:
    """The events of all jobs of a tenant, without end."""
    if last is not None and not _PLACE.fullmatch(last):
        raise _wrong(last)
    return _stream(desk, tenant_events(desk, caller.tenant if caller.tenant is not None else tenant, last))
