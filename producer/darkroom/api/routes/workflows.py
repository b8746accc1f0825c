"""Workflows: run a document or a template, look, wait, cancel, resume, fork, and decide at gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final, cast

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkroom import workflows
from darkroom.api.bodies import Body, Json, Options, pointing
from darkroom.api.callers import Reader, Submitter, may_see, run_for
from darkroom.api.hub import Stopped
from darkroom.api.replies import Items, PlanDocument, document, problems
from darkroom.api.routes.jobs import CancelOutcome, Key, Wait, preferred
from darkroom.api.service import Desk, Service
from darkroom.graphs import approving, resuming, running
from darkroom.graphs.approving import GateView, Word
from darkroom.graphs.resuming import Again
from darkroom.graphs.running import Asked
from darkroom.launching import Recorded
from darkroom.runners import document_of
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.views import Output, View, WorkflowView
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.ids import WORKFLOW_ID
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.core.problems import Problem

router = APIRouter(prefix="/v1", tags=["workflows"])

WorkflowId = Annotated[str, Path(pattern=WORKFLOW_ID.pattern, examples=["wf_01k5w0v7d3e8r9t2y4v6h8j0p2"])]
StepName = Annotated[str, Path(max_length=64)]
_BESIDE: Final = {name: name for name in ("after", "budget_usd", "changes", "template", "workflow")} | {"parameters": "arguments"}
_EXAMPLE: Mapping[str, object] = {
    "workflow": {
        "model": "auto",
        "steps": {
            "boat": {"do": "text-image", "with": {"text": "a red sailboat", "seed": 7}},
            "small": {"step": {"kind": "resize", "width": 512, "height": 512}},
        },
    }
}


class NewWorkflow(Options):
    """A workflow to run: a document, or the name of a template."""

    workflow: Json | None = Field(
        default=None, description="A document: steps, and parameters if it has any.", examples=[_EXAMPLE["workflow"]]
    )
    template: str | None = Field(default=None, max_length=80, description="`NAME` or `NAME@VERSION`.", examples=["relight"])
    arguments: Json = Field(default={}, description="Values of its parameters; pictures as base64, data URL, `asset:…`.")
    budget_usd: float | None = Field(default=None, gt=0, le=1e6, description="What its calls may cost together.")


class AgainBody(Options):
    """How a workflow goes on."""

    changes: dict[str, Json] = Field(default={}, description="By step: JSON merge patch (RFC 7396) on its request.")
    budget_usd: float | None = Field(default=None, gt=0, le=1e6)


class ForkBody(AgainBody):
    """How a new workflow begins with what another has finished."""

    after: str | None = Field(default=None, max_length=64, description="All that comes after this step runs anew.")


class Decision(Body):
    """A person's word."""

    choose: list[Annotated[int, Field(ge=0, le=10_000)]] | None = Field(
        default=None, max_length=1000, description="Numbers of the pictures that are handed on, from 0; all if left out."
    )
    by: str = Field(default="", max_length=approving.LONGEST_NOTE)
    note: str = Field(default="", max_length=approving.LONGEST_NOTE)


class TokenDecision(Decision):
    """A person's word at the gate of a token."""

    token: str = Field(max_length=80)
    approve: bool


class GateReply(View):
    """A gate: what is asked, and the token for whoever is to decide."""

    step: str
    job_id: str
    state: JobState
    is_asked: bool
    question: str
    choose: int | None
    until: datetime | None
    pictures: tuple[Output, ...]
    decision: Mapping[str, object] | None
    token: str


class Decided(View):
    """Which gate was decided about."""

    job_id: str


@router.post(
    "/workflows",
    status_code=202,
    response_model=WorkflowView,
    responses={201: {"model": WorkflowView}, 200: {"model": PlanDocument}, **problems()},
)
async def run(
    request: Request,
    desk: Desk,
    caller: Submitter,
    body: NewWorkflow,
    key: Key = None,
    dry_run: Annotated[bool, Query(description="Answer the plan; record nothing.")] = False,
) -> Response:
    """Run a workflow. Everything is checked first, with the path of the step; then all steps are recorded at once."""
    options = body.told(caller, key)
    with pointing("/workflow" if body.template is None else "/template", **_BESIDE):
        asked = await _asked(desk, body, options.get("tenant"))
        if dry_run:
            plan = await run_for(desk, caller, running.preview(desk.scene, asked, options))
            return document(PlanDocument.model_validate(plan.as_json()))
        done = await run_for(desk, caller, running.run(desk.scene, asked, options))
    return await _told(request, desk, done)


async def _asked(desk: Service, body: NewWorkflow, tenant: str | None) -> Asked:
    if (body.workflow is None) == (body.template is None):
        raise InvalidRequest([Problem("/workflow", "name a template or give a document", "one of workflow and template")])
    source = body.template if body.template is not None else cast("Json", body.workflow)
    found = await desk.run(document_of(tenant or desk.settings.tenant, source))
    return Asked(found.document, body.arguments, found.name, paths=False, budget_usd=body.budget_usd)


async def _told(request: Request, desk: Service, done: Recorded) -> Response:
    view = await desk.run(workflows.status(done.id))
    wait_s = preferred(request.headers.get("prefer"))
    headers = {"Location": f"/v1/workflows/{done.id}"} | ({"Idempotent-Replayed": "true"} if done.replayed else {})
    if wait_s is not None:
        headers["Preference-Applied"] = f"wait={wait_s}"
        view = await _changed(desk, view, wait_s, to_the_end=True)
    return document(view, 201 if view.is_terminal else 202, headers)


async def seen_by(desk: Service, caller: Caller, workflow_id: str) -> WorkflowView:
    """The workflow, for a caller who may see it. Raises Refused, UnknownJob."""
    view = await desk.run(workflows.status(workflow_id))
    may_see(caller, view.tenant, workflow_id)
    return view


async def _changed(desk: Service, view: WorkflowView, wait_s: float, *, to_the_end: bool = False) -> WorkflowView:
    until, known = desk.hub.clock() + wait_s, _moment(view)
    with desk.hub.listen("workflow", view.id) as listener:
        while True:
            view = await desk.run(workflows.status(view.id))
            left = until - desk.hub.clock()
            if view.is_terminal or left <= 0 or (_moment(view) != known and not to_the_end):
                return view
            try:
                await listener.changed(left)
            except Stopped:
                return view


def _moment(view: WorkflowView) -> int:
    return sum(step.sequence for step in view.steps)


@router.get("/workflows/{workflow_id}", response_model=WorkflowView, responses=problems())
async def look(desk: Desk, caller: Reader, workflow_id: WorkflowId, wait: Wait = 0) -> Response:
    """How a workflow stands, with its steps. With `wait`, a long poll: answers at the next change."""
    view = await seen_by(desk, caller, workflow_id)
    if wait and not view.is_terminal:
        view = await _changed(desk, view, wait)
    return document(view)


@router.post("/workflows/{workflow_id}/cancel", response_model=CancelOutcome, responses=problems())
async def cancel(desk: Desk, caller: Submitter, workflow_id: WorkflowId, discard: bool = False) -> CancelOutcome:
    """Cancel what has not ended; the results of finished steps stay."""
    await seen_by(desk, caller, workflow_id)
    outcome = await desk.run(workflows.cancel(workflow_id, not discard))
    return CancelOutcome.model_validate({"id": workflow_id, "outcome": outcome})


@router.post(
    "/workflows/{workflow_id}/resume",
    status_code=202,
    response_model=WorkflowView,
    responses={201: {"model": WorkflowView}, **problems(409)},
)
async def resume(
    request: Request, desk: Desk, caller: Submitter, workflow_id: WorkflowId, body: AgainBody | None = None
) -> Response:
    """Run what is missing of a workflow that has ended; what ended well is not paid again."""
    told = body or AgainBody()
    view = await seen_by(desk, caller, workflow_id)
    options = told.told(caller)
    options["tenant"] = view.tenant
    with pointing("/changes", **_BESIDE):
        done = await run_for(desk, caller, resuming.resume(desk.scene, workflow_id, Again(told.changes, told.budget_usd), options))
    return await _told(request, desk, done)


@router.post(
    "/workflows/{workflow_id}/fork",
    status_code=202,
    response_model=WorkflowView,
    responses={201: {"model": WorkflowView}, **problems(409)},
)
async def fork(
    request: Request, desk: Desk, caller: Submitter, workflow_id: WorkflowId, body: ForkBody | None = None, key: Key = None
) -> Response:
    """Begin a new workflow with what this one has finished."""
    told = body or ForkBody()
    view = await seen_by(desk, caller, workflow_id)
    options = told.told(caller, key)
    options["tenant"] = view.tenant
    with pointing("/changes", **_BESIDE):
        done = await run_for(
            desk, caller, resuming.fork(desk.scene, workflow_id, Again(told.changes, told.budget_usd, told.after), options)
        )
    return await _told(request, desk, done)


@router.get("/workflows/{workflow_id}/gates", response_model=Items[GateReply], responses=problems())
async def gates(desk: Desk, caller: Submitter, workflow_id: WorkflowId) -> Response:
    """The steps at which a person decides, with a token for each: whoever holds it can decide there, once."""
    await seen_by(desk, caller, workflow_id)
    found = await desk.run(approving.gates(desk.sources, workflow_id))
    return document(Items[GateReply](items=[_gate(gate) for gate in found]))


def _gate(gate: GateView) -> GateReply:
    told = {name: getattr(gate, name) for name in asdict(gate)}
    return GateReply.model_validate(told)


@router.post("/workflows/{workflow_id}/steps/{step}/approve", response_model=Decided, responses=problems(409))
async def approve(desk: Desk, caller: Submitter, workflow_id: WorkflowId, step: StepName, body: Decision | None = None) -> Decided:
    """Let a workflow go on from a gate."""
    return await _decide(desk, caller, workflow_id, step, body, approved=True)


@router.post("/workflows/{workflow_id}/steps/{step}/reject", response_model=Decided, responses=problems(409))
async def reject(desk: Desk, caller: Submitter, workflow_id: WorkflowId, step: StepName, body: Decision | None = None) -> Decided:
    """End a workflow at a gate."""
    return await _decide(desk, caller, workflow_id, step, body, approved=False)


async def _decide(desk: Service, caller: Caller, workflow_id: str, step: str, body: Decision | None, *, approved: bool) -> Decided:
    told = body or Decision()
    await seen_by(desk, caller, workflow_id)
    word = Word(approved, told.choose, told.by, told.note)
    return Decided(job_id=await desk.run(approving.decide_step(workflow_id, step, word)))


@router.post("/gates:decide", response_model=Decided, responses=problems(409))
async def decide(desk: Desk, body: TokenDecision) -> Decided:
    """Decide at the gate of a token. The token is all that is needed."""
    word = Word(body.approve, body.choose, body.by, body.note)
    return Decided(job_id=await desk.run(approving.decide_by_token(desk.sources, body.token, word)))
