"""The Celery application of the intake: `darkroom.submit` and `darkroom.workflow`, from the queue `darkroom.intake`.

Unlike the hints to workers these messages are the only record of what somebody wants, until the ledger has it. So they are
acknowledged late, and a result backend tells the sender what became of them.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from typing import Any, Final

from celery import Celery, Task
from celery.apps.worker import Worker
from kombu import Exchange, Queue

from darkroom.client import Darkroom
from darkroom.intake import messages
from darkroom_shared.broker import create_app
from darkroom_shared.core.errors import DarkroomError, Misconfigured, Unavailable
from darkroom_shared.settings import Settings

QUEUE: Final = "darkroom.intake"
RESULT_LIFE_S: Final = 24 * 3600
_log: Final = logging.getLogger("darkroom.intake")
RETRIES: Final = 20
LONGEST_PAUSE_S: Final = 60


class Refused(Exception):
    """What was asked for cannot be had. The one argument is JSON: code, message, problems."""


def intake_app(settings: Settings, room: Callable[[], Darkroom]) -> Celery:
    """The application. Makes no connection; `room` is asked for with the first message.

    Raises:
        Misconfigured: there is no broker.
    """
    if not settings.celery_broker_url:
        raise Misconfigured("Set DARKROOM_REDIS_URL (redis://host:6379/0), or run `darkroom up` for an embedded stack.")
    app = create_app(settings)
    prefix = settings.key_prefix + "celery:"
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=False,
        result_backend=settings.celery_broker_url,
        result_backend_transport_options={"global_keyprefix": prefix},
        result_expires=RESULT_LIFE_S,
        result_extended=False,
        # Whoever sends a task writes down its arguments for Flower, and these may be anybody's words.
        worker_enable_remote_control=False,
        worker_pool="solo",
        worker_concurrency=1,
        task_default_queue=QUEUE,
        task_queues=[Queue(QUEUE, Exchange(QUEUE, type="direct"), routing_key=QUEUE)],
    )
    _register(app, room)
    return app


def _register(app: Celery, room: Callable[[], Darkroom]) -> None:
    def run(task: Task[Any, Any], what: Callable[..., dict[str, object]], *given: object) -> dict[str, object]:
        try:
            return what(room(), task.request.id, *given)
        except Unavailable as error:
            # Nothing was recorded, or the same key finds it.
            raise task.retry(exc=error, countdown=min(2**task.request.retries, LONGEST_PAUSE_S), max_retries=RETRIES) from error
        except DarkroomError as error:
            _log.info("refused %s: %s", task.request.id, error.code)
            raise Refused(messages.refusal(error)) from None

    def submit(self: Task[Any, Any], request: object, options: object = None) -> dict[str, object]:
        return run(self, messages.submit, request, options)

    def workflow(self: Task[Any, Any], source: object, parameters: object = None, options: object = None) -> dict[str, object]:
        return run(self, messages.workflow, source, parameters, options)

    app.task(name="darkroom.submit", bind=True)(submit)
    app.task(name="darkroom.workflow", bind=True)(workflow)


def serve(settings: Settings, log_level: str) -> None:
    """Takes messages until the process is asked to stop; one at a time, so run several for more."""
    rooms: list[Darkroom] = []

    def room() -> Darkroom:
        if not rooms:
            rooms.append(Darkroom(settings=settings))
        return rooms[0]

    app = intake_app(settings, room)
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # It would tell what was asked for with every refusal.
    logging.getLogger("celery.app.trace").setLevel(logging.CRITICAL)
    try:
        Worker(app=app, hostname=f"intake-{os.getpid()}@{socket.gethostname()}", loglevel=log_level, quiet=True).start()
    finally:
        for one in rooms:
            one.close()
