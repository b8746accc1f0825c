"""What can be done, by whom, at what price: models, task types with JSON Schemas, prices; and requests looked at, not made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import Field

from darkroom import describing, flows
from darkroom.api.bodies import Body, Json, NewJob, Options, pointing
from darkroom.api.callers import Reader, Submitter, run_for
from darkroom.api.problems import gone_or_never
from darkroom.api.replies import JSON, PlanDocument, document, problems
from darkroom.api.service import Desk
from darkroom.effects import ask
from darkroom.examples import example
from darkroom_shared.contract.views import View
from darkroom_shared.models.catalogue import MODELS, gives_documents, tagged
from darkroom_shared.models.model import Model
from darkroom_shared.plan.advice import advise
from darkroom_shared.store import retirement
from darkroom_shared.task_types import TASK_TYPES

router = APIRouter(prefix="/v1", tags=["catalogue"])
IfNoneMatch = Annotated[str | None, Header()]


class Things(View):
    """A list of things that the catalogue tells."""

    items: Sequence[Mapping[str, object]]


class Checked(View):
    """What would be refused about a request; nothing was stored or recorded."""

    valid: bool
    problems: Sequence[Mapping[str, object]]


class Linted(View):
    """What the documents of the image models advise against."""

    model: str
    advice: Sequence[Mapping[str, object]]


class Prompted(Body):
    """A request whose prompts are looked at."""

    request: Json = Field(description="Bedrock's own body.")
    model: str = Field(max_length=2048, description="Model id or ARN.")


class Steps(Options):
    """Requests one after the other, each on the pictures of the one before it."""

    steps: list[Json] = Field(min_length=1, max_length=20, description="Bedrock's own bodies, in the order of the chain.")


def _cached(told: object, seen: str | None) -> Response:
    """A document that changes seldom, with its entity tag."""
    text = orjson.dumps(told)
    tag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=60"}
    if seen and tag in seen:
        return Response(status_code=304, headers=headers)
    return Response(text, 200, headers, JSON)


@router.get("/models", response_model=Things, responses={304: {}, **problems()})
async def models(
    desk: Desk,
    caller: Reader,
    task: Annotated[str | None, Query(max_length=64, description="Those that can do this task type.")] = None,
    region: Annotated[str | None, Query(max_length=64, description="Those that are offered in this AWS Region.")] = None,
    living: Annotated[bool, Query(description="Those that are neither past their end of life nor marked as retired.")] = False,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The models of the catalogue: task types, Regions, quotas, prices, life cycle, and whether the fleet takes one for retired."""
    marks = await desk.run(ask(retirement.marks()))
    today = datetime.fromtimestamp(desk.sources.now_ms() / 1000, UTC).date()

    def wanted(model: Model) -> bool:
        over = model.id in marks or (model.end_of_life is not None and today >= model.end_of_life)
        return task in (None, *model.task_types) and region in (None, *model.regions) and not (living and over)

    book = desk.settings.price_book
    found = [describing.model_document(model, today, book, marks.get(model.id)) for model in MODELS.values() if wanted(model)]
    return _cached({"items": found}, if_none_match)


@router.get("/tasks", response_model=Things, responses={304: {}, **problems()})
async def tasks(caller: Reader, if_none_match: IfNoneMatch = None) -> Response:
    """The task types: who can do each, and where its pictures stand. `GET /v1/tasks/{name}` has the JSON Schemas."""
    found = [describing.task_document(name) for name in TASK_TYPES]
    return _cached({"items": [{key: value for key, value in one.items() if key != "schemas"} for one in found]}, if_none_match)


@router.get("/tasks/{name}", response_model=dict[str, Any], responses={304: {}, **problems()})
async def task_type(caller: Reader, name: Annotated[str, Path(max_length=64)], if_none_match: IfNoneMatch = None) -> Response:
    """One task type: the JSON Schema (draft 2020-12) of its body, for each set of models with the same rules, and an example."""
    if name not in TASK_TYPES:
        raise gone_or_never(f"task type {name[:64]}")
    return _cached({**describing.task_document(name), "example": example(name)}, if_none_match)


@router.get("/prices", response_model=dict[str, Any], responses={304: {}, **problems()})
async def prices(desk: Desk, caller: Reader, if_none_match: IfNoneMatch = None) -> Response:
    """The prices that estimates are made of, with their sources and their version. What is not known is null, never 0."""
    return _cached(describing.prices_document(desk.settings.price_book), if_none_match)


@router.post("/validate", response_model=Checked, responses=problems())
async def validate(desk: Desk, caller: Submitter, body: NewJob) -> Response:
    """Everything that a submit would refuse about a request, at once. Records nothing."""
    found = await run_for(desk, caller, flows.problems_of(desk.scene, body.request, body.model))
    told = [{**problem.as_json(), "pointer": f"/request{problem.pointer}"} for problem in found]
    return document(Checked(valid=not found, problems=told))


@router.post("/plan", response_model=PlanDocument, responses=problems())
async def plan(desk: Desk, caller: Submitter, body: Steps) -> Response:
    """What a chain of requests would do: steps, inserted free steps, routes with their fidelity, price, time. Records nothing."""
    with pointing("", steps="steps"):
        found = await run_for(desk, caller, flows.preview(desk.scene, tuple(body.steps), None, body.told(caller)))
    return document(PlanDocument.model_validate(found.as_json()))


@router.post("/lint-prompt", response_model=Linted, responses=problems())
async def lint(desk: Desk, caller: Reader, body: Prompted) -> Response:
    """What the documents of the image models advise against in the prompts of a request."""
    model = desk.settings.find_model(body.model, (desk.settings.region,))
    request = tagged(model, body.request)
    advice = [] if gives_documents(model) else advise(model, request)
    return document(Linted(model=model.id, advice=[asdict(one) for one in advice]))
