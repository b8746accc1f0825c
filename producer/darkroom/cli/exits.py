"""Decides what an error means for a script: its exit code, its JSON form, and the sentence that says how to mend it.

0    done
1    the job failed or was rejected, or a check failed
2    the input is wrong
3    a part cannot be reached or takes nothing at present, or a setting is wrong
4    still running when the time was over
130  Ctrl-C
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from darkroom_shared.core.errors import (
    DarkroomError,
    Draining,
    InvalidRequest,
    JobFailed,
    Misconfigured,
    QueueFull,
    RequestRejected,
    StillRunning,
    Unavailable,
    UnknownJob,
)
from darkroom_shared.core.problems import Problem

OK: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
UNREACHABLE: Final = 3
STILL_RUNNING: Final = 4
INTERRUPTED: Final = 130


class BadInput(RequestRejected):
    """What was given on the command line cannot be used."""

    code = "bad_input"


def exit_code(error: BaseException) -> int:
    """The exit code for an error."""
    if isinstance(error, RequestRejected):
        return BAD_INPUT
    if isinstance(error, StillRunning):
        return STILL_RUNNING
    if isinstance(error, Unavailable | Misconfigured):
        return UNREACHABLE
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def error_document(error: BaseException) -> dict[str, object]:
    """The machine form: `{"error": {"code", "message", "problems"}}`."""
    problems = [problem.as_json() for problem in error.problems] if isinstance(error, InvalidRequest) else []
    code = error.code if isinstance(error, DarkroomError) else "internal_error"
    return {"error": {"code": code, "message": sentence(error), "problems": problems}}


def sentence(error: BaseException) -> str:
    """What went wrong and how to mend it, for a person."""
    if isinstance(error, InvalidRequest):
        count = len(error.problems)
        return f"The request was not accepted, {count} thing{'s are' if count != 1 else ' is'} wrong. Nothing was paid."
    if isinstance(error, StillRunning):
        return f"{error.job_id} is still {error.state}. It goes on; `darkroom watch {error.job_id}` follows it."
    if isinstance(error, UnknownJob):
        return f"{str(error).rstrip('.')}. `darkroom list` shows the ids that there are."
    if isinstance(error, DarkroomError):
        return str(error)
    return f"Unexpected {type(error).__name__}: {error}. `darkroom --traceback …` shows where it happened."


def hint(error: BaseException) -> str:
    """One more sentence on how to mend it, empty where the first one says it all."""
    if isinstance(error, Draining):
        return "`darkroom lanes` and `darkroom tenants` show what is draining; `darkroom resume` ends it."
    if isinstance(error, QueueFull):
        return "`darkroom tenants` shows the limits."
    if isinstance(error, JobFailed) and error.job_id:
        return f"`darkroom status {error.job_id}` shows every attempt."
    return ""


def allowed_words(problem: Problem) -> str:
    """What would have been accepted, in words; empty if the message says it all."""
    match problem.allowed:
        case None:
            return ""
        case str(text):
            return text
        case Mapping() as rule:
            return ", ".join(f"{name} {value}" for name, value in rule.items() if name != "type")
        case values:
            return ", ".join(str(value) for value in values)
