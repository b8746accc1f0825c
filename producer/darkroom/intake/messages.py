"""What the intake's tasks are given and give: plain JSON.

Pure but for the client it is handed: Celery is in `app`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem
from darkroom_shared.task_types import as_object

if TYPE_CHECKING:
    from darkroom.client import Darkroom
    from darkroom.options import SubmitOptions

LONGEST: Final = 20_000_000
"""Characters of one message's request; pictures belong into the asset store, and their references into messages."""
_INSTANTS: Final = ("not_before", "finish_by")


def submit(room: Darkroom, task_id: str, request: object, options: object = None) -> dict[str, object]:
    """Submits a job. The task's id is the idempotency key, so a message that Celery repeats makes no second job.

    Args:
        request: Bedrock's own body.
        options: as for `Darkroom.submit`; instants in ISO format with a time zone, `start_within` in seconds.

    Raises:
        InvalidRequest and others, as `Darkroom.submit`.
    """
    body = _object("/request", request)
    done = room.submit(body, **_options(task_id, options))
    return {"id": done.id, "replayed": done.replayed}


def workflow(room: Darkroom, task_id: str, source: object, arguments: object = None, options: object = None) -> dict[str, object]:
    """Runs a workflow: the name of a template, or a document.

    Args:
        source: `NAME`, `NAME@VERSION`, or a document as an object.
        arguments: a value for each parameter; pictures as base64, data URL or `asset:<sha256>`.
        options: as for `Darkroom.run`.

    Raises:
        InvalidRequest and others, as `Darkroom.run`.
    """
    told = source if isinstance(source, str) else _object("/workflow", source)
    given = as_object({} if arguments is None else _object("/parameters", arguments))
    own = dict(_object("/options", options or {}))
    budget = own.pop("budget_usd", None)
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int | float)):
        raise InvalidRequest([Problem("/options/budget_usd", f"{str(budget)[:40]!r} is no number", "US dollars")])
    done = room.run(told, given, budget_usd=budget, paths=False, **_options(task_id, own))
    return {"id": done.id, "replayed": done.replayed, "steps": {name: handle.id for name, handle in done.steps.items()}}


def _object(where: str, value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value)
    raise InvalidRequest([Problem(where, f"a {type(value).__name__} is no JSON object", "an object")])


def _options(task_id: str, options: object) -> SubmitOptions:
    """The options as the client takes them. Raises InvalidRequest."""
    told = dict(_object("/options", options or {}))
    problems: list[Problem] = []
    for name in _INSTANTS:
        if isinstance(told.get(name), str):
            try:
                told[name] = datetime.fromisoformat(str(told[name]))
            except ValueError:
                text = f"{str(told[name])[:40]!r} is no instant"
                problems.append(Problem(f"/options/{name}", text, "ISO 8601 with a time zone, e.g. 2026-12-01T12:00:00+00:00"))
    within = told.get("start_within")
    if isinstance(within, int | float) and not isinstance(within, bool):
        told["start_within"] = timedelta(seconds=min(within, 1e9))
    if problems:
        raise InvalidRequest(problems)
    told.setdefault("idempotency_key", f"celery:{task_id}")
    return cast("SubmitOptions", told)


def refusal(error: Exception) -> dict[str, object]:
    """What a refused message is answered with: a stable code, a sentence, and every finding."""
    problems = [problem.as_json() for problem in error.problems] if isinstance(error, InvalidRequest) else []
    return {"code": getattr(error, "code", "internal_error"), "message": str(error), "problems": problems}
