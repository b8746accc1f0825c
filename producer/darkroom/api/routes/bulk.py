"""Many jobs at once: cancel or retry those that are named. Each is done by itself, and answered for by itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from darkroom import decisions, watching
from darkroom.api.bodies import Body
from darkroom.api.callers import Submitter, run_for
from darkroom.api.problems import Refused, status_of
from darkroom.api.replies import Items, problems
from darkroom.api.routes.jobs import seen_by
from darkroom.api.service import Desk
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import DarkroomError
from darkroom_shared.core.ids import JOB_ID

router = APIRouter(prefix="/v1", tags=["jobs"])


class Ids(Body):
    """Which jobs are meant."""

    ids: list[Annotated[str, Field(pattern=JOB_ID.pattern)]] = Field(min_length=1, max_length=200)


class Result(View):
    """What came of one of them."""

    id: str
    outcome: str | None = None
    """Of a cancel: `prevented`, `detached` or `finished`."""
    job: str | None = None
    """Of a retry: the new job."""
    status: int = 200
    code: str | None = None
    detail: str | None = None


@router.post("/jobs:cancel", response_model=Items[Result], responses=problems())
async def cancel(desk: Desk, caller: Submitter, body: Ids) -> Items[Result]:
    """Cancel jobs; safe to repeat."""
    found: list[Result] = []
    for job_id in dict.fromkeys(body.ids):
        try:
            await seen_by(desk, caller, job_id)
            found.append(Result(id=job_id, outcome=await desk.run(watching.cancel(job_id, keep=True))))
        except (DarkroomError, Refused) as error:
            found.append(_failed(job_id, error))
    return Items[Result](items=found)


@router.post("/jobs:retry", response_model=Items[Result], responses=problems())
async def retry(desk: Desk, caller: Submitter, body: Ids) -> Items[Result]:
    """Submit jobs that failed again, each as a new job."""
    found: list[Result] = []
    for job_id in dict.fromkeys(body.ids):
        try:
            await seen_by(desk, caller, job_id)
            found.append(
                Result(id=job_id, job=(await run_for(desk, caller, decisions.replay(desk.scene, job_id, {}, {}))).id, status=202)
            )
        except (DarkroomError, Refused) as error:
            found.append(_failed(job_id, error))
    return Items[Result](items=found)


def _failed(job_id: str, error: DarkroomError | Refused) -> Result:
    status = error.status_code if isinstance(error, Refused) else status_of(error)
    return Result(id=job_id, status=status, code=error.code, detail=str(error.detail if isinstance(error, Refused) else error))
