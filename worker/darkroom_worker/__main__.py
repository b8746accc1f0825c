"""`python -m darkroom_worker worker|health`: starts a worker, or asks whether one is alive."""

from __future__ import annotations

import argparse
import os
import sys

import click
from pydantic import ValidationError

from darkroom_shared.settings import Settings
from darkroom_worker import health

CELERY_DEFAULTS = ("--without-mingle", "--without-gossip", "--pool", "threads")
"""Neither mingle nor gossip is used: what workers must know of one another is in the ledger."""


def main(argv: list[str] | None = None) -> int:
    """Reads the command line. Returns the exit code: 0, 1 for an unhealthy worker, 2 for wrong options, 3 for a wrong setting."""
    parser = argparse.ArgumentParser(prog="darkroom-worker", description="Runs darkroom's calls, or checks that a worker is alive.")
    commands = parser.add_subparsers(dest="command", required=True)
    worker = commands.add_parser("worker", help="run calls until stopped; other options go to Celery")
    worker.add_argument("--slots", type=int, help="calls in flight (1 to 1000; default 100 or DARKROOM_SLOTS)")
    worker.add_argument("--lanes", help="model ids or `local`, with commas: take only their calls (default all, or DARKROOM_LANES)")
    worker.add_argument("--loglevel", default="INFO")
    commands.add_parser("health", help="exit 0 if a worker of this host is registered")
    options, rest = parser.parse_known_args(argv)
    if options.command == "health":
        well, sentence = health.check(Settings())
        print(sentence)
        return 0 if well else 1
    try:
        return _work(options.slots, options.lanes, options.loglevel, rest)
    except click.UsageError as error:
        print(f"darkroom worker: {error.format_message()}", file=sys.stderr)
        return 2
    except ValidationError as error:
        found = "; ".join(f"DARKROOM_{'_'.join(map(str, row['loc'])).upper()}: {row['msg']}" for row in error.errors())
        print(f"darkroom worker: a setting is wrong: {found}", file=sys.stderr)
        return 3


def _work(slots: int | None, lanes: str | None, loglevel: str, rest: list[str]) -> int:
    if slots is not None:
        os.environ["DARKROOM_SLOTS"] = str(slots)  # the application module reads its settings from there
    if lanes is not None:
        os.environ["DARKROOM_LANES"] = lanes
    from darkroom_worker.app import settings, work

    queue = ("--queues", settings.queue)  # the last one counts: hints come through the queue that the ledger knows, and no other
    work([f"--hostname=darkroom-{os.getpid()}@%h", f"--loglevel={loglevel}", *CELERY_DEFAULTS, *rest, *queue])
    return 0


if __name__ == "__main__":
    sys.exit(main())
