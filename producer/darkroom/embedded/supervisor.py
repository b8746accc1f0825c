"""Starts children, waits until they are ready, restarts those that die, and stops them in order."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from types import FrameType

from darkroom.embedded.child import Child, Look
from darkroom.embedded.spawn import Process, ended, kill, log_tail, spawn
from darkroom_shared.core.errors import Misconfigured

_POLL_S = 0.05
_HURRIED_GRACE_S = 1.0
_LOG_MAX_BYTES = 10_000_000

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))


def restart_delay_s(failures: int, *, first_s: float = 0.5, most_s: float = 30.0) -> float:
    """Seconds to wait before a restart: doubles with each failure in a row (counted from 1), up to `most_s`."""
    return float(min(most_s, first_s * 2 ** (min(failures, 32) - 1)))


@contextlib.contextmanager
def on_signals(act: Callable[[int], None]) -> Generator[None]:
    """Call `act` with the signal's number for Ctrl-C, SIGTERM and SIGHUP meanwhile. Does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _: FrameType | None) -> None:
        act(number)

    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Running:
    """One child and its present process."""

    child: Child
    process: Process
    log_start: int
    started: float
    ready: bool = False
    failures: int = 0
    restart_at: float | None = None
    check_fault: str = ""

    def check(self) -> bool:
        """Ask the child's own check, once; what it raises counts as not ready and is kept for the report."""
        try:
            self.ready = self.child.ready(self.look())
        except Exception as problem:
            self.check_fault = f" The last check failed: {type(problem).__name__}: {problem}."
        return self.ready

    def look(self) -> Look:
        with open(self.child.log, "rb") as log:
            log.seek(self.log_start)
            return Look(self.process.pid, log.read(64_000).decode("utf-8", "replace"))

    def last_words(self) -> str:
        text = log_tail(self.child.log, since_byte=self.log_start)
        return f"\n{text}\nLog: {self.child.log}" if text else f" It wrote nothing to {self.child.log}."


class Supervisor:
    """Keeps a set of children. Not for use from several threads at once, but for `hurry`.

    Args:
        say: gets one line (or a line and a log's tail) for people.
        healthy_s: seconds a child must have lived for its next death to count as the first one again.
    """

    def __init__(self, say: Callable[[str], None], *, healthy_s: float = 60.0) -> None:
        self._say = say
        self._healthy_s = healthy_s
        self._running: dict[str, _Running] = {}
        self._hurry = threading.Event()

    def launch(self, child: Child) -> int:
        """Start a child without waiting for it; returns its process id.

        Raises:
            OSError: it cannot be started at all.
        """
        running = self._running[child.name] = _start(child)
        return running.process.pid

    def await_ready(self, name: str) -> Look:
        """Wait until a launched child is ready.

        Raises:
            Misconfigured: it ended, or was not ready in time; the text ends with its last words.
        """
        running = self._running[name]
        deadline = time.monotonic() + running.child.ready_within_s
        while True:
            if (status := ended(running.process)) is not None:
                raise Misconfigured(f"The {name} {_ending(status)} before it was ready.{running.last_words()}")
            if running.check():
                return running.look()
            if time.monotonic() > deadline:
                waited = f"The {name} is not ready after {running.child.ready_within_s:g} s."
                raise Misconfigured(f"{waited}{running.check_fault}{running.last_words()}")
            time.sleep(_POLL_S)

    def restart_as(self, child: Child) -> None:
        """From now on restart the child of that name with this specification; the present process goes on."""
        self._running[child.name].child = child

    def pid(self, name: str) -> int | None:
        """Process id of a child, or None while it is down."""
        running = self._running.get(name)
        return running.process.pid if running is not None and running.process.poll() is None else None

    def mend(self) -> None:
        """Look once at all children: report the dead, restart those whose back-off is over. Never blocks."""
        for running in self._running.values():
            if running.restart_at is not None:
                if time.monotonic() >= running.restart_at:
                    self._restart(running)
            elif (status := ended(running.process)) is not None:
                self._bury(running, status)
            elif not running.ready and running.check():
                self._say(f"The {running.child.name} is ready again.")

    def _bury(self, running: _Running, status: int) -> None:
        lived_s = time.monotonic() - running.started
        running.failures = 1 if lived_s >= self._healthy_s else running.failures + 1
        delay_s = restart_delay_s(running.failures)
        running.restart_at = time.monotonic() + delay_s
        self._say(f"The {running.child.name} {_ending(status)}; it restarts in {delay_s:g} s.{running.last_words()}")

    def _restart(self, running: _Running) -> None:
        fresh = _start(running.child)
        fresh.failures = running.failures
        self._running[running.child.name] = fresh

    def hurry(self) -> None:
        """Cut a running or later `stop` short. May be called from a signal handler or another thread."""
        self._hurry.set()

    def stop(self, order: Sequence[str]) -> None:
        """Stop the named children one after the other; after `hurry`, what does not stop within a second is killed.

        Names that were never launched or have ended are passed over. Safe to call twice.
        """
        for name in order:
            running = self._running.pop(name, None)
            if running is not None:
                self._stop_one(running)

    def _stop_one(self, running: _Running) -> None:
        if ended(running.process) is not None:
            return
        running.process.terminate()
        asked = time.monotonic()
        deadline, tell_at = asked + running.child.grace_s, asked + 1.0
        while ended(running.process) is None:
            now = time.monotonic()
            if self._hurry.is_set():
                deadline = min(deadline, now + _HURRIED_GRACE_S)
            if now >= deadline:
                self._say(f"The {running.child.name} did not stop and was killed.")
                kill(running.process)
                return
            if now >= tell_at:
                self._say(_waiting(running.child, deadline - now))
                tell_at = now + 30.0
            time.sleep(_POLL_S)


def _start(child: Child) -> _Running:
    log_start = _log_size(child)
    process = spawn(child.argv, log=child.log, env=child.env, cwd=child.cwd, death_signal=child.death_signal)
    return _Running(child, process, log_start, time.monotonic())


def _log_size(child: Child) -> int:
    """Size of the child's log; one that has grown large is put aside first, and the one before it dropped."""
    try:
        size = child.log.stat().st_size
    except FileNotFoundError:
        return 0
    if size <= _LOG_MAX_BYTES:
        return size
    child.log.replace(child.log.with_name(child.log.name + ".1"))
    return 0


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _waiting(child: Child, left_s: float) -> str:
    return f"Waiting for the {child.name}: {child.busy_with} (at most {left_s:.0f} s more; Ctrl-C again stops it at once)."
