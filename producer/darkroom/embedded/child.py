"""What the supervisor is told about one child process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Look:
    """What can be seen of a child that was started.

    Attributes:
        pid: its process id.
        printed: the beginning of what it has written to standard output and error since this start, at most 64,000 bytes.
    """

    pid: int
    printed: str


@dataclass(frozen=True, slots=True)
class Child:
    """One program to run and keep running.

    Attributes:
        name: how people are told about it, and the key for the supervisor's other operations.
        argv: program and arguments.
        log: file that its output is appended to.
        ready: tells whether the child is of use yet; asked about 20 times a second, so it must answer fast. An
            exception counts as no.
        ready_within_s: seconds until a child that is not ready counts as failed.
        env: its whole environment; None hands on this process's own.
        cwd: its working directory; None keeps this process's own.
        grace_s: seconds between the request to stop (SIGTERM) and SIGKILL.
        busy_with: what it may be doing during a long stop, for the line that explains the wait.
        death_signal: what the kernel sends it when the supervisor dies (Linux).
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    ready: Callable[[Look], bool] = lambda _: True
    ready_within_s: float = 30.0
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    grace_s: float = 10.0
    busy_with: str = "it is shutting down"
    death_signal: signal.Signals = signal.SIGTERM
