"""Jobs: submit, look, wait, cancel, retry, list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import Field

from darkroom import decisions, explaining, flows, listing, watching
from darkroom.api.bodies import Body, NewJob, pointing
from darkroom.api.callers import Reader, Submitter, may_see, run_for
from darkroom.api.hub import Stopped
from darkroom.api.replies import Items, PlanDocument, document, job_reply, problems
from darkroom.api.service import Desk, Service
from darkroom.examples import SHOWN, example
from darkroom.explaining import Explanation
from darkroom.listing import Filters
from darkroom.options import SubmitOptions
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.views import CallView, JobView, View
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.ids import JOB_ID
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.core.problems import Problem

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

LONGEST_WAIT_S = 60
JobId = Annotated[str, Path(pattern=JOB_ID.pattern, examples=["job_01k5w0v7d3e8r9t2y4u6i8o0p2"])]
Key = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, description="The same key and body: the same job.")
]
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for a change.")]
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")


class Check(View):
    """The least that tells how a job stands."""

    id: str
    state: JobState
    reason: str
    is_terminal: bool
    sequence: int


class CancelOutcome(View):
    """What came of a cancel."""

    id: str
    outcome: Literal["prevented", "detached", "finished"]
    """`prevented`: no call goes on for it. `detached`: a paid call is under way and cannot be recalled. `finished`: too late."""


class Changes(Body):
    """What is changed in the request of a dead letter before it is submitted again."""

    changes: dict[str, object] = Field(default={}, description="JSON merge patch (RFC 7396) on Bedrock's body.")


_EXAMPLES: Final = {
    "requestBody": {
        "content": {
            "application/json": {
                "examples": {
                    name: {"summary": name, "value": {"request": example(name), "model": model, "job_class": "interactive"}}
                    for name, model in SHOWN.items()
                }
            }
        }
    }
}


@router.post(
    "",
    status_code=202,
    response_model=JobView,
    responses={201: {"model": JobView}, 200: {"model": PlanDocument}, **problems()},
    openapi_extra=_EXAMPLES,
)
async def submit(
    request: Request,
    desk: Desk,
    caller: Submitter,
    body: NewJob,
    key: Key = None,
    prefer: Annotated[str | None, Header(description="`wait=20`: answer when it ended, after 20 s at the latest.")] = None,
    dry_run: Annotated[bool, Query(description="Answer what would be done and what it costs; record nothing.")] = False,
) -> Response:
    """Submit one job. 202 with its `Location`; 201 if it ended within `Prefer: wait`; 200 with a plan for a dry run."""
    options = body.told(caller, key)
    if dry_run:
        return await _plan(desk, caller, body, options)
    return await _submitted(request, desk, caller, body, options, prefer)


@router.put("/{job_id}", status_code=202, response_model=JobView, responses={201: {"model": JobView}, **problems()})
async def put(
    request: Request,
    desk: Desk,
    caller: Submitter,
    body: NewJob,
    client_id: Annotated[
        str,
        Path(
            alias="job_id",
            min_length=1,
            max_length=200,
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$",
            description="The caller's own id.",
        ),
    ],
    prefer: Annotated[str | None, Header()] = None,
) -> Response:
    """Submit one job under an id of the caller's own choice: sent again, it gives the same job."""
    return await _submitted(request, desk, caller, body, body.told(caller, f"put:{client_id}"), prefer)


async def _submitted(
    request: Request, desk: Service, caller: Caller, body: NewJob, options: SubmitOptions, prefer: str | None
) -> Response:
    with pointing("/request"):
        done = await run_for(desk, caller, flows.submit(desk.scene, body.request, options))
    view = await desk.run(watching.status(done.id))
    headers = {"Location": f"/v1/jobs/{done.id}"} | ({"Idempotent-Replayed": "true"} if done.replayed else {})
    wait_s = preferred(prefer)
    if wait_s is not None:
        headers["Preference-Applied"] = f"wait={wait_s}"
        view = await changed(desk, view, wait_s, to_the_end=True)
    return job_reply(request, view, 201 if view.is_terminal else 202, headers)


def preferred(prefer: str | None) -> int | None:
    """Seconds of `Prefer: wait=…`, at most `LONGEST_WAIT_S`; None if there is none."""
    found = _WAIT.search(prefer or "")
    return min(LONGEST_WAIT_S, int(found[1])) if found else None


async def _plan(desk: Service, caller: Caller, body: NewJob, options: SubmitOptions) -> Response:
    with pointing("/request"):
        problems = await run_for(desk, caller, flows.problems_of(desk.scene, body.request, body.model))
        if problems:
            raise InvalidRequest(problems)
        plan = await run_for(desk, caller, flows.preview(desk.scene, (body.request,), None, options))
    return document(PlanDocument.model_validate(plan.as_json()))


async def seen_by(desk: Service, caller: Caller, job_id: str) -> JobView:
    """The job with its calls, for a caller who may see it. Raises Refused, UnknownJob."""
    view = await desk.run(watching.status(job_id))
    may_see(caller, view.tenant, job_id)
    return view


async def changed(desk: Service, view: JobView, wait_s: float, *, to_the_end: bool = False, after: int | None = None) -> JobView:
    """The job once its sequence is beyond `after` (or it ended), or after so many seconds."""
    known = view.sequence if after is None else after
    until = desk.hub.clock() + wait_s
    with desk.hub.listen("job", view.id) as listener:
        while True:
            view = await desk.run(watching.status(view.id))
            left = until - desk.hub.clock()
            if view.is_terminal or left <= 0 or (view.sequence > known and not to_the_end):
                return view
            try:
                await listener.changed(left)
            except Stopped:
                return view


@router.get("/{job_id}", response_model=JobView, responses={304: {}, **problems()})
async def look(
    request: Request,
    desk: Desk,
    caller: Reader,
    job_id: JobId,
    wait: Wait = 0,
    after: Annotated[int | None, Query(ge=0, description="Wait for a sequence beyond this one.")] = None,
) -> Response:
    """How a job stands. With `wait`, a long poll: answers at the next change, or when the time is over."""
    view = await seen_by(desk, caller, job_id)
    if wait and not view.is_terminal:
        view = await changed(desk, view, wait, after=after)
    return job_reply(request, view)


@router.get("/{job_id}/check", response_model=Check, responses=problems())
async def check(desk: Desk, caller: Reader, job_id: JobId) -> Check:
    """The least that tells how a job stands, for those who ask often."""
    view = await desk.run(watching.brief(job_id))
    may_see(caller, view.tenant, job_id)
    return Check.model_validate(view.model_dump())


@router.get("/{job_id}/attempts", response_model=Items[CallView], responses=problems())
async def attempts(desk: Desk, caller: Reader, job_id: JobId) -> Response:
    """Every attempt of every call: worker, Region, times, AWS's request id, error, whether it was billed."""
    view = await seen_by(desk, caller, job_id)
    return document(Items[CallView](items=view.calls))


@router.get("/{job_id}/explain", response_model=Explanation, responses=problems())
async def explain(desk: Desk, caller: Reader, job_id: JobId) -> Response:
    """Why a job waits, what would free it, and when it may be expected to start."""
    await seen_by(desk, caller, job_id)
    return document(await desk.run(explaining.explain(desk.settings.class_floors, job_id)))


@router.post("/{job_id}/cancel", response_model=CancelOutcome, responses=problems())
async def cancel(desk: Desk, caller: Submitter, job_id: JobId, discard: bool = False) -> CancelOutcome:
    """Cancel a job; safe to repeat. `discard`: the pictures of a call that is paid already are not wanted either."""
    await seen_by(desk, caller, job_id)
    outcome = await desk.run(watching.cancel(job_id, not discard))
    return CancelOutcome.model_validate({"id": job_id, "outcome": outcome})


@router.post("/{job_id}/retry", status_code=202, response_model=JobView, responses=problems(409))
async def retry(request: Request, desk: Desk, caller: Submitter, job_id: JobId, body: Changes | None = None) -> Response:
    """Submit a job that failed again, as a new job; the old one names it as `replaced_by`."""
    await seen_by(desk, caller, job_id)
    done = await run_for(desk, caller, decisions.replay(desk.scene, job_id, body.changes if body else {}, {}))
    view = await desk.run(watching.status(done.id))
    return job_reply(request, view, 202, {"Location": f"/v1/jobs/{done.id}"})


@router.get("", response_model=Items[JobView], responses=problems())
async def every(
    desk: Desk,
    caller: Reader,
    state: Annotated[list[JobState] | None, Query(max_length=12)] = None,
    task: Annotated[str | None, Query(max_length=64, description="The task type.")] = None,
    model: Annotated[str | None, Query(max_length=2048)] = None,
    job_class: Annotated[str | None, Query(max_length=16)] = None,
    workflow: Annotated[str | None, Query(max_length=64)] = None,
    batch: Annotated[str | None, Query(max_length=64)] = None,
    error: Annotated[str | None, Query(max_length=64, description="Code of the failure.")] = None,
    metadata: Annotated[list[str] | None, Query(max_length=10, description="`name=value`; all of them.")] = None,
    tenant: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=listing.MOST)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Jobs, newest first, without their calls. A page may hold fewer than `limit` although there are more: follow `next`."""
    filters = Filters(
        states=tuple(found.value for found in state or ()),
        task_type=task,
        model=model,
        job_class=job_class,
        workflow=workflow,
        batch=batch,
        error=error,
        metadata=_pairs(metadata or ()),
    )
    whose = caller.tenant if caller.tenant is not None else tenant
    page = await desk.run(listing.page(whose, limit, cursor, filters))
    headers = {"Link": f'</v1/jobs?cursor={page.next}>; rel="next"'} if page.next else {}
    return document(Items[JobView](items=page.items, next=page.next), headers=headers)


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    wrong = [
        Problem("/query/metadata", f"{text[:80]!r} is no pair", "name=value")
        for text, pair in zip(texts, pairs, strict=True)
        if not pair[1]
    ]
    if wrong:
        raise InvalidRequest(wrong)
    return {name: value for name, _, value in pairs}
