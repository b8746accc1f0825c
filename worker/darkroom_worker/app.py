"""The entry point for Celery: `celery -A darkroom_worker.app worker`, and for Flower: `celery -A darkroom_worker.app flower`."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from celery import signals
from celery.bin.base import CLIContext
from celery.bin.worker import worker as worker_command
from celery.concurrency.thread import TaskPool

from darkroom_shared.broker import Publisher, create_app
from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.settings import Settings
from darkroom_shared.telemetry import configure_logging
from darkroom_worker.runtime import Runtime
from darkroom_worker.tasks import register_tasks

settings = Settings()
app = create_app(settings)
_running: list[Runtime] = []


def runtime() -> Runtime:
    """The runtime of this process. Raises Misconfigured if no worker was started here."""
    if not _running:
        raise Misconfigured("The worker of this process has not been started.")
    return _running[0]


register_tasks(app, runtime)


def work(options: Sequence[str]) -> None:
    """Runs a worker until it is asked to stop. The options are those of `celery worker`.

    Not by `app.worker_main`: the whole command line of Celery comes with a shell, with Flower and with whatever else is plugged in,
    which takes time at every start and 12 MB that a worker never uses.

    Raises:
        click.UsageError: Celery has no such option.
    """
    worker_command.main([*options], prog_name="worker", standalone_mode=False, obj=CLIContext(app, no_color=False, workdir=None))


@signals.setup_logging.connect
def _set_up_logging(loglevel: int | str | None = None, **_: object) -> None:
    configure_logging(str(loglevel) if isinstance(loglevel, str) else "INFO", json_lines=not os.isatty(2))


@signals.worker_init.connect
def _start(sender: object = None, **_: object) -> None:
    if not settings.redis_url:
        raise SystemExit(
            "darkroom worker: set DARKROOM_REDIS_URL (redis://host:6379/0), or run `darkroom up` for an embedded stack."
        )
    pool = getattr(sender, "pool_cls", None)
    if isinstance(pool, type) and not issubclass(pool, TaskPool):
        raise SystemExit("darkroom worker: start Celery with `--pool threads`; one asyncio loop a process makes all the calls.")
    name = f"{socket.gethostname()}:{os.getpid()}"
    # Less patient than the consumer: hints can wait for the reconciler, a worker that is to stop cannot wait for hints.
    started = Runtime(settings, Publisher(create_app(settings, patience_s=3, tries=2)), name)
    try:
        started.start()
    except Exception as error:
        # Celery swallows what a signal handler raises and runs on, deaf, eating messages; SystemExit passes.
        raise SystemExit(f"darkroom worker: it cannot start: {error}") from error
    _running.append(started)


@signals.worker_shutting_down.connect
def _drain(**_: object) -> None:
    for started in _running:
        started.drain()


@signals.worker_shutdown.connect
def _stop(**_: object) -> None:
    while _running:
        _running.pop().stop()
