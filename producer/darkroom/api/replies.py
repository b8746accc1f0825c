"""How views become answers: JSON, entity tags, cursors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from darkroom.api.problems import ProblemDocument
from darkroom_shared.contract.views import JobView, View

V = TypeVar("V", bound=BaseModel)
JSON = "application/json"
POLL_AFTER_S = 2
"""What a caller without a long poll is told to wait."""


class Items(BaseModel, Generic[V]):
    """A page of a list."""

    items: Sequence[V]
    next: str | None = None
    """Cursor of the next page; None after the last one."""


class PlanDocument(View):
    """What would be done; nothing was recorded."""

    model: str
    price_usd: float | None
    """US dollars for all steps; None if one is not known."""
    time_s: float | None = None
    """Seconds until it would have ended, by the rates of this moment."""
    warnings: Sequence[str] = ()
    steps: Sequence[Mapping[str, object]]


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The problem documents that a route may answer with, for its description."""
    every = sorted({*statuses, 400, 401, 403, 404, 408, 413, 421, 422, 429, 503})
    return {status: {"model": ProblemDocument, "content": {"application/problem+json": {}}} for status in every}


def document(view: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A view as JSON."""
    return Response(view.model_dump_json(), status, dict(headers or {}), JSON)


def job_reply(request: Request, view: JobView, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A job with its entity tag; 304 without a body if the caller has it so already."""
    tag = f'"{view.sequence}"'
    told = {"ETag": tag, "Cache-Control": "private, no-cache", **(headers or {})}
    if not view.is_terminal:
        told["Retry-After"] = str(POLL_AFTER_S)
    if status == 200 and request.method in ("GET", "HEAD") and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    return document(view, status, told)
