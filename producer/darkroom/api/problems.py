"""Errors as RFC 9457 problems: the status of each class, and the document that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from darkroom_shared.core import errors
from darkroom_shared.core.problems import Problem, pointer

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
"""What a caller is told to wait where nobody knows better."""

STATUSES: Final[Mapping[type[errors.DarkroomError], int]] = {
    errors.DarkroomError: 500,
    errors.RequestRejected: 422,
    errors.InvalidRequest: 422,
    errors.UnknownModel: 422,
    errors.NoRoute: 422,
    errors.IdempotencyConflict: 422,
    errors.UnknownJob: 404,
    errors.ImageRefused: 422,
    errors.NothingToDecide: 409,
    errors.DeadlineUnlikely: 422,
    errors.AssetMissing: 404,
    errors.WrongResult: 409,
    errors.JobFailed: 409,
    errors.JobRejected: 409,
    errors.JobCanceled: 409,
    errors.JobExpired: 409,
    errors.StillRunning: 409,
    errors.Unavailable: 503,
    errors.LedgerUnavailable: 503,
    errors.StorageUnavailable: 503,
    errors.QueueFull: 429,
    errors.Draining: 503,
    errors.LeaseLost: 500,
    errors.Misconfigured: 500,
}
"""Every error has its status here; a test sees to it."""


class FieldProblem(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="RFC 6901 JSON pointer into the body, or `/query/<name>`, `/header/<name>`, `/path/<name>`.")
    message: str
    allowed: object = Field(default=None, description="What would have been accepted, where that is not told by the message.")


class ProblemDocument(BaseModel):
    """RFC 9457 problem details. `code` is stable; texts may change."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:darkroom:invalid_input",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "/request/textToImageParams/text: at least 1 character",
                "instance": "/v1/jobs",
                "code": "invalid_input",
                "retryable": False,
                "request_id": "5f0c9a",
                "errors": [{"pointer": "/request/textToImageParams/text", "message": "at least 1 character", "allowed": None}],
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retryable: bool
    retry_after: int | None = Field(default=None, description="Seconds; the same as the header Retry-After.")
    request_id: str
    errors: list[FieldProblem] = []


class Refused(HTTPException):
    """A request that the API itself refuses. FastAPI hands on only errors of this kind from where it reads a body.

    Attributes:
        code: the stable code.
        problems: what is wrong, where that has a place.
    """

    def __init__(
        self, status: int, code: str, detail: str, *, problems: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.code, self.problems = code, tuple(problems)


def gone_or_never(what: str) -> Refused:
    """What a caller is told of a thing that is not there, or is somebody else's."""
    return Refused(404, "not_found", f"There is no {what}.")


def status_of(error: errors.DarkroomError) -> int:
    """The HTTP status of an error: that of its nearest class."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def answer(request: Request, refused: Refused) -> Response:
    """The response that tells a problem."""
    status, headers = refused.status_code, dict(refused.headers or {})
    retryable = status in (408, 429, 503)
    if status in (408, 413):  # the rest of the body is not read
        headers["Connection"] = "close"
    if retryable:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    document = ProblemDocument(
        type=f"urn:darkroom:{refused.code}",
        title=_title(status),
        status=status,
        detail=refused.detail,
        instance=request.url.path,
        code=refused.code,
        retryable=retryable,
        retry_after=int(headers["Retry-After"]) if retryable else None,
        request_id=request_id(request),
        errors=[FieldProblem.model_validate(problem.as_json()) for problem in refused.problems],
    )
    return Response(document.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def request_id(request: Request) -> str:
    """The id under which this request stands in the log."""
    return str(request.scope.get("darkroom.request_id", ""))


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def of_error(error: errors.DarkroomError) -> Refused:
    """A client's error as the API tells it."""
    problems = error.problems if isinstance(error, errors.InvalidRequest) else ()
    return Refused(status_of(error), error.code, str(error), problems=problems)


def of_validation(error: RequestValidationError) -> Refused:
    """What FastAPI finds wrong with a request."""
    found = cast("Sequence[Mapping[str, object]]", error.errors())
    problems = [_field(row) for row in found]
    unreadable = any(row.get("type") == "json_invalid" for row in found)
    detail = "; ".join(f"{problem.pointer or 'body'}: {problem.message}" for problem in problems)
    return Refused(400 if unreadable else 422, "invalid_json" if unreadable else "invalid_input", detail, problems=problems)


def _field(row: Mapping[str, object]) -> Problem:
    place = [str(part) for part in cast("Sequence[object]", row.get("loc", ()))]
    where = pointer(place[1:]) if place[:1] == ["body"] else pointer(place)
    return Problem(where, str(row.get("msg", "")))


def add_to(app: FastAPI) -> None:
    """Makes the app tell all errors as problems."""

    def told(request: Request, error: Exception) -> Response:
        return answer(request, of_error(cast("errors.DarkroomError", error)))

    def refused(request: Request, error: Exception) -> Response:
        return answer(request, cast("Refused", error))

    def invalid(request: Request, error: Exception) -> Response:
        return answer(request, of_validation(cast("RequestValidationError", error)))

    def plain(request: Request, error: Exception) -> Response:
        found = cast("HTTPException", error)
        code = {400: "invalid_json", 404: "not_found", 405: "method_not_allowed"}.get(found.status_code, "http_error")
        return answer(request, Refused(found.status_code, code, str(found.detail), headers=found.headers))

    app.add_exception_handler(errors.DarkroomError, told)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
