"""Watching processes and conditions from a test."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path


def wait_until(condition: Callable[[], bool], what: str, within_s: float = 15.0) -> None:
    """Return as soon as a condition holds; fail the test, saying what was awaited, if it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.01)


@contextlib.contextmanager
def watched(*pids: int) -> Generator[Callable[[float], bool]]:
    """Gives a function that waits until all these processes are gone; False if one lives longer than the seconds given.

    Works for processes that are not our children, and cannot be fooled by a number that is used again.
    """
    handles = [os.pidfd_open(pid) for pid in pids]

    def gone(within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        return all(_ends(handle, max(0.0, deadline - time.monotonic())) for handle in handles)

    try:
        yield gone
    finally:
        for handle in handles:
            # A failed test must not leave what it watched for running.
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)


def _ends(handle: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(within_s * 1000))


def lines(path: Path) -> list[str]:
    """The lines of a file; none if it is not there yet."""
    return path.read_text().splitlines() if path.exists() else []
