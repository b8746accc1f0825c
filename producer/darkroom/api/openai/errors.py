"""Errors in the form that OpenAI's client libraries read, with the same statuses and codes as everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from darkroom.api.problems import Refused, of_error, of_validation
from darkroom.api.replies import JSON, problems
from darkroom_shared.core.errors import DarkroomError


class Fault(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str


class FaultDocument(BaseModel):
    """An error as OpenAI's client libraries read it."""

    error: Fault


FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    **problems(),  # of what is refused before the route is reached
    **{status: {"model": FaultDocument} for status in (400, 401, 403, 404, 409, 422, 429, 502, 503, 504)},
}
"""What the routes may answer with besides pictures."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StillWorking(Exception):
    """The job goes on, and whoever waited has waited long enough."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"{job_id} is not done yet. It goes on: GET /v1/jobs/{job_id} tells of it; asking again would pay again.")
        self.job_id = job_id


class OpenAIRoute(APIRoute):
    """A route whose errors have OpenAI's form."""

    def get_route_handler(self) -> Handler:
        """The handler, with errors turned into answers."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except StillWorking as error:
                headers = {"X-Darkroom-Job": error.job_id, "X-Should-Retry": "false"}
                return _answer(504, "still_running", str(error), None, headers)
            except DarkroomError as error:
                return _refused(of_error(error))
            except RequestValidationError as error:
                return _refused(of_validation(error))
            except Refused as error:
                return _refused(error)
            except HTTPException as error:  # a form that cannot be read
                return _answer(error.status_code, "invalid_form", str(error.detail), None, {})

        return handler


def _refused(refused: Refused) -> Response:
    where = refused.problems[0].pointer.lstrip("/").replace("/", ".") if refused.problems else None
    headers = dict(refused.headers or {})
    if refused.status_code in (429, 503):
        headers.setdefault("Retry-After", "5")
    # Nothing was begun where a call is refused, so that asking again is safe; it helps only where the status says so.
    return _answer(refused.status_code, refused.code, refused.detail, where, headers)


def _answer(status: int, code: str, message: str, param: str | None, headers: dict[str, str]) -> Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    told = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Response(orjson.dumps(told), status, headers, JSON)
