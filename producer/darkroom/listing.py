"""Jobs page by page, newest first, with filters; a cursor stays right while new jobs come in. Written once for both colours."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from darkroom.effects import Flow, ask
from darkroom.watching import those_left
from darkroom_shared.contract.views import JobView
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.ids import JOB_ID
from darkroom_shared.core.problems import Problem
from darkroom_shared.store import reads

MOST: Final = 200
"""Jobs of one page."""
_LOOKED_AT: Final = 2_000
"""Records that are read for one page at most: a rare filter gives short pages, not slow ones."""
_CHUNK: Final = reads.MOST_RECORDS


@dataclass(frozen=True, slots=True)
class Filters:
    """What a job must be like; None or empty for no matter.

    Attributes:
        states: one of these.
        task_type, model, job_class, workflow, batch: exactly this.
        error: the code of the failure.
        metadata: it has all of these pairs.
    """

    states: tuple[str, ...] = ()
    task_type: str | None = None
    model: str | None = None
    job_class: str | None = None
    workflow: str | None = None
    batch: str | None = None
    error: str | None = None
    metadata: Mapping[str, str] | None = None

    def take(self, view: JobView) -> bool:
        """Whether a job is like that."""
        exact = (
            (self.task_type, view.task_type),
            (self.model, view.model),
            (self.job_class, view.job_class),
            (self.workflow, view.workflow),
            (self.batch, view.batch),
            (self.error, view.error.code if view.error else None),
        )
        return (
            (not self.states or view.state.value in self.states)
            and all(wanted is None or wanted == found for wanted, found in exact)
            and all(view.metadata.get(name) == value for name, value in (self.metadata or {}).items())
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, and where to go on; `next` is None after the last page."""

    items: tuple[JobView, ...]
    next: str | None


def page(tenant: str | None, limit: int, cursor: str | None = None, filters: Filters | None = None) -> Flow[Page]:
    """A page of a tenant's jobs, or of everybody's, without their calls.

    Args:
        limit: 1 to `MOST`; a page may hold fewer although there are more, where a filter leaves out many.
        cursor: `next` of the page before.

    Raises:
        InvalidRequest: a limit or cursor that is none.
    """
    if not 1 <= limit <= MOST:
        raise InvalidRequest([Problem("/query/limit", f"{limit} jobs are not a page", {"minimum": 1, "maximum": MOST})])
    place, wanted = _read(cursor), filters or Filters()
    found: list[JobView] = []
    for _ in range(_LOOKED_AT // _CHUNK):
        rows = yield from ask(reads.jobs_before(tenant, place, _CHUNK))
        for view in (yield from those_left([job for job, _ in rows])):
            if wanted.take(view):
                found.append(view)
            if len(found) == limit:
                at = next(row for row in rows if row[0] == view.id)
                return Page(tuple(found), _written(at))
        if len(rows) < _CHUNK:
            return Page(tuple(found), None)
        place = rows[-1]
    return Page(tuple(found), _written(place) if place else None)


def _written(place: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(f"{place[1]}.{place[0]}".encode()).decode().rstrip("=")


def _read(cursor: str | None) -> tuple[str, int] | None:
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    created, _, job = text.partition(".")
    if not created.isascii() or not created.isdecimal() or len(created) > 15 or not JOB_ID.fullmatch(job):
        raise InvalidRequest([Problem("/query/cursor", "this is no cursor of a page before", "`next` of the page before")])
    return job, int(created)
