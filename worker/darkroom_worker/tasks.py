"""The Celery tasks: one name per task type and local step, all the same few lines. A task never raises and returns nothing."""

from __future__ import annotations

from typing import Protocol

import structlog
from celery import Celery
from celery.worker.request import Request
from pydantic import ValidationError

from darkroom_shared import failpoints
from darkroom_shared.contract.messages import CallMessage, step_task_name, task_name
from darkroom_shared.failpoints import Point
from darkroom_shared.task_types import TASK_TYPES
from darkroom_worker.steps import MODULES

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.tasks")


class Runs(Protocol):
    """What the tasks need of the runtime."""

    def run(self, message: CallMessage) -> str:
        """Runs one call to its end."""
        ...


class Runtimes(Protocol):
    """Gives the runtime of this process."""

    def __call__(self) -> Runs:
        """The runtime; it must have been started."""
        ...


class HintRequest(Request):
    """A task whose message was gone from the broker when it was received.

    kombu's acknowledgement would be a transaction for nothing, and would keep a note of each message for ever.
    """

    def acknowledge(self) -> None:
        """Only says so."""
        self.acknowledged = True


def task_names() -> list[str]:
    """Every task name that this worker knows."""
    return [task_name(name) for name in TASK_TYPES] + [step_task_name(kind) for kind in MODULES]


def register_tasks(app: Celery, runtime_of: Runtimes) -> None:
    """Gives the application its tasks."""

    def run(**arguments: object) -> None:
        try:
            message = CallMessage.model_validate(arguments)
        except ValidationError as error:
            # Of another version, or not ours: leave it. A call that is truly admitted is published again from the ledger.
            _log.error("message_refused", problems=error.error_count(), fields=sorted(arguments))
            return
        failpoints.reach(Point.TASK_RECEIVED)
        runtime_of().run(message)

    for name in task_names():
        app.task(name=name, ignore_result=True, Request=HintRequest)(run)
