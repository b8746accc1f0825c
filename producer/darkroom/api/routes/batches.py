"""Batches: many jobs as one, from rows, JSONL, CSV or a grid; followed, read in order, canceled, and what failed begun again."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Final, Literal, cast

import orjson
from anyio import to_thread
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from darkroom.api.bodies import Body, Json, Options, pointing
from darkroom.api.callers import Reader, Submitter, may_see, run_for, tenant_for
from darkroom.api.replies import Items, document, problems
from darkroom.api.routes.jobs import CancelOutcome, Key
from darkroom.api.service import Desk, Service
from darkroom.batches import following, repeating, submitting
from darkroom.batches.following import BatchView, Outcome, State
from darkroom.batches.repeating import RetryOptions
from darkroom.batches.rows import Source
from darkroom.batches.submitting import BatchOptions
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.job_record import JobClass
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.ids import BATCH_ID
from darkroom_shared.core.problems import Problem

router = APIRouter(prefix="/v1/batches", tags=["batches"])

BatchId = Annotated[str, Path(pattern=BATCH_ID.pattern)]
_SOURCES: Final = ("rows", "jsonl", "csv", "grid")


class NewBatch(Options):
    """Many jobs: one of `rows`, `jsonl`, `csv`, `grid`, and how they are delivered."""

    rows: list[Json] | None = Field(
        default=None, min_length=1, max_length=100_000, description='Requests, or `{"custom_id": …, "request": …}`.'
    )
    jsonl: str | None = Field(default=None, description="The text of a JSONL file.")
    csv: str | None = Field(default=None, description="The text of a CSV file; needs a template.")
    grid: Json | None = Field(default=None, description='`{"groups": [{"prompt": [...]}], "repeats": 2}`; needs a template.')
    template: Json | None = Field(default=None, description="A request with `{column}` in its texts.")
    name: str = Field(default="", max_length=200)
    parallel: int = Field(default=100, ge=1, le=1000, description="Rows that are open at once.")
    stop_after_failures: int | None = Field(default=None, ge=1, le=100_000)
    budget_usd: float | None = Field(default=None, gt=0, le=1e6)
    on_invalid: Literal["abort", "skip"] = "abort"


class RetryBody(Body):
    """How what failed is begun again; what is left out is the old batch's, but for the budget."""

    budget_usd: float | None = Field(default=None, gt=0, le=1e6)
    parallel: int | None = Field(default=None, ge=1, le=1000)
    job_class: JobClass | None = None


class BatchReply(View):
    """How a batch stands; see the client's `BatchView`."""

    id: str
    name: str
    tenant: str
    state: State
    reason: str
    is_terminal: bool
    outcome: Outcome | None
    total: int
    fed: int
    open: int
    ended: Mapping[str, int]
    succeeded: int
    failed: int
    invalid: int
    parallel: int
    estimated_usd: float | None
    spent_usd: float
    budget_usd: float | None
    created: datetime
    finished: datetime | None
    retry_of: str
    metadata: Mapping[str, str]


class BatchPlanReply(View):
    """What a batch would do; nothing was recorded."""

    rows: int
    invalid: int
    problems: tuple[Mapping[str, object], ...]
    """What is wrong with the others, with line and column."""
    price_usd: float | None
    calls: Mapping[str, int]
    """Paid calls by model."""
    time_s: float | None


def _reply(view: BatchView) -> BatchReply:
    return BatchReply.model_validate({**asdict(view), "succeeded": view.succeeded, "failed": view.failed})


@router.post(
    "",
    status_code=202,
    response_model=BatchReply,
    responses={200: {"model": BatchPlanReply}, **problems()},
)
async def submit(
    desk: Desk,
    caller: Submitter,
    body: NewBatch,
    key: Key = None,
    dry_run: Annotated[bool, Query(description="Check and price all rows; record nothing.")] = False,
) -> Response:
    """Submit a batch. Every row is checked first and each wrong one is told with its line; workers begin them by and by."""
    options = body.told(caller, key)
    told = BatchOptions(body.template, body.name, body.parallel, body.stop_after_failures, body.budget_usd, body.on_invalid)
    with pointing(""):
        async with _source(body) as source:
            if dry_run:
                plan = await run_for(desk, caller, submitting.preview(desk.scene, source, told, options))
                found = {**asdict(plan), "problems": [problem.as_json() for problem in plan.problems]}
                return document(BatchPlanReply.model_validate(found))
            batch_id, replayed = await run_for(desk, caller, submitting.submit(desk.scene, source, told, options))
    headers = {"Location": f"/v1/batches/{batch_id}"} | ({"Idempotent-Replayed": "true"} if replayed else {})
    return document(_reply(await desk.run(following.status(batch_id))), 202, headers)


@asynccontextmanager
async def _source(body: NewBatch) -> AsyncGenerator[Source]:
    """The rows as the client takes them; the text of a file as a file of its own until the end of the block."""
    given = [name for name in _SOURCES if getattr(body, name) is not None]
    if len(given) != 1:
        message = f"{' and '.join(given) or 'none'} of them is given"
        raise InvalidRequest([Problem("", message, f"one of {', '.join(_SOURCES)}")])
    text = body.jsonl if body.jsonl is not None else body.csv
    if text is None:
        yield cast("Source", body.rows if body.rows is not None else body.grid)
        return
    kind = "jsonl" if body.jsonl is not None else "csv"
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        file = FilePath(folder, f"rows.{kind}")
        await to_thread.run_sync(file.write_text, text, "utf-8")
        yield file


async def seen_by(desk: Service, caller: Caller, batch_id: str) -> BatchView:
    """The batch, for a caller who may see it. Raises Refused, UnknownJob."""
    view = await desk.run(following.status(batch_id))
    may_see(caller, view.tenant, batch_id)
    return view


@router.get("", response_model=Items[BatchReply], responses=problems())
async def every(
    desk: Desk,
    caller: Reader,
    tenant: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The newest batches of a tenant."""
    whose = tenant_for(caller, tenant) or desk.settings.tenant
    return document(Items[BatchReply](items=[_reply(view) for view in await desk.run(following.every(whose, limit))]))


@router.get("/{batch_id}", response_model=BatchReply, responses=problems())
async def look(desk: Desk, caller: Reader, batch_id: BatchId) -> Response:
    """How a batch stands."""
    return document(_reply(await seen_by(desk, caller, batch_id)))


@router.get(
    "/{batch_id}/results",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}, **problems()},
)
async def results(
    desk: Desk,
    caller: Reader,
    batch_id: BatchId,
    first: Annotated[int, Query(ge=1, le=10**6, description="Number of the row to begin with.")] = 1,
    only: Annotated[Literal["all", "errors"], Query(description="`errors`: rows that gave no results.")] = "all",
) -> StreamingResponse:
    """What came of the rows as JSONL, in the order of the source; rows that are open show their state."""
    await seen_by(desk, caller, batch_id)

    async def lines() -> AsyncGenerator[bytes]:
        number = first
        while some := await desk.run(following.page(batch_id, number)):
            chosen = [row for row in some if only == "all" or not row.is_good]
            yield b"".join(orjson.dumps(row.as_json()) + b"\n" for row in chosen)
            number += len(some)

    return StreamingResponse(lines(), media_type="application/jsonl")


@router.post("/{batch_id}/cancel", response_model=CancelOutcome, responses=problems())
async def cancel(desk: Desk, caller: Submitter, batch_id: BatchId) -> CancelOutcome:
    """Begin no more rows, and cancel those that are open."""
    await seen_by(desk, caller, batch_id)
    return CancelOutcome.model_validate({"id": batch_id, "outcome": await desk.run(following.cancel(batch_id))})


@router.post("/{batch_id}/retry-failed", status_code=202, response_model=BatchReply, responses=problems(409))
async def retry(desk: Desk, caller: Submitter, batch_id: BatchId, body: RetryBody | None = None) -> Response:
    """Begin a new batch of the rows that gave no results. Asked again, it answers with the same new batch."""
    told = body or RetryBody()
    await seen_by(desk, caller, batch_id)
    with pointing(""):
        options = RetryOptions(told.budget_usd, told.parallel, told.job_class)
        new, replayed = await desk.run(repeating.retry_failed(desk.scene, batch_id, options))
    headers = {"Location": f"/v1/batches/{new}"} | ({"Idempotent-Replayed": "true"} if replayed else {})
    return document(_reply(await desk.run(following.status(new))), 202, headers)
