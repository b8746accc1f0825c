"""Starts a child process that cannot outlive this one, and ends it.

On Linux the kernel signals the child when its parent dies (PR_SET_PDEATHSIG). Two traps of that call are closed here:

* The signal fires when the *thread* that forked ends. Every child is therefore forked by one daemon thread that lives as
  long as the process; callers may use any thread.
* `preexec_fn` runs Python between fork and exec, which can deadlock in a process with threads. A tiny Python program sets
  the signal in the child itself, checks that the parent is still there, and execs the real program under the same pid.

Elsewhere a child survives a parent that was killed with -9; an ordinary exit still ends it where the caller registers it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

Process = subprocess.Popen[bytes]

# Python ignores SIGPIPE and SIGXFSZ at its start, and what is ignored stays ignored over exec: both are given back.
_SHIM = """
import ctypes, os, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
ctypes.CDLL(None).prctl(1, int(sys.argv[2]), 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent process ended before the child could start")
try:
    os.execvp(sys.argv[3], sys.argv[3:])
except OSError as problem:
    sys.exit(f"{sys.argv[3]}: {problem.strerror}")
"""

_orders: queue.SimpleQueue[tuple[_Order, Future[Process]]] = queue.SimpleQueue()
_forking_thread: threading.Thread | None = None
_thread_guard = threading.Lock()


class _Order:
    """What the forking thread is asked to start."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str] | None, cwd: Path | None, log: Path, pass_fds: Sequence[int]
    ) -> None:
        self.argv = argv
        self.env = env
        self.cwd = cwd
        self.log = log
        self.pass_fds = pass_fds

    def start(self) -> Process:
        with open(self.log, "ab", opener=_private) as log:
            return subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                pass_fds=self.pass_fds,
                # Ctrl-C in the terminal goes to the foreground process group: children must not be in it.
                start_new_session=True,
            )


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start a program in its own session, with its output appended to a log file.

    Args:
        argv: program and arguments; the program is looked up on the PATH of this process.
        log: file that gets standard output and error; made with mode 0600 if it is not there.
        env: the whole environment of the child; None hands on this process's own.
        cwd: working directory of the child; None keeps this process's own.
        death_signal: what the kernel sends the child when this process ends for any reason (Linux only).
        pass_fds: descriptors that stay open in the child, under the same numbers.

    Raises:
        OSError: the program, or Python itself, cannot be started. On Linux a program that is not there ends the child with
            status 1 and one line in the log instead.
    """
    command = list(argv)
    if sys.platform == "linux":
        # -I -S: neither the user's environment nor site-packages can break or slow the few lines before exec.
        command = [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), str(int(death_signal)), *command]
    started: Future[Process] = Future()
    _ensure_forking_thread()
    _orders.put((_Order(command, env, cwd, log, tuple(pass_fds)), started))
    return started.result()


def end(process: Process, *, grace_s: float, first: signal.Signals = signal.SIGTERM) -> bool:
    """Ask a child to stop, wait, then kill it.

    Safe to call for a child that has ended already.

    Returns:
        True if it stopped by itself within `grace_s` seconds, False if it had to be killed.
    """
    if process.poll() is not None:
        return True
    process.send_signal(first)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        kill(process)
        return False
    return True


def ended(process: Process) -> int | None:
    """The status of a child that has ended, or None while it runs. What it started itself is killed with it."""
    if process.returncode is None and sys.platform == "linux":
        # Looked at without reaping: until then nobody else can get the number of its process group.
        with contextlib.suppress(ChildProcessError):
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                _kill_group(process)
    return process.poll()


def kill(process: Process) -> None:
    """Kill a child at once, and all that it started."""
    if process.poll() is None:
        _kill_group(process)
        process.wait()


def _kill_group(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def log_tail(log: Path, *, since_byte: int = 0, lines: int = 15) -> str:
    """The last lines that were written to a log file after a given size in bytes; empty if there are none."""
    with contextlib.suppress(OSError), open(log, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(since_byte, size - 64_000, 0))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    return ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _ensure_forking_thread() -> None:
    global _forking_thread  # noqa: PLW0603 - one thread per process; after a fork it is gone and made anew
    with _thread_guard:
        if _forking_thread is None or not _forking_thread.is_alive():
            _forking_thread = threading.Thread(target=_fork_on_demand, name="darkroom-spawn", daemon=True)
            _forking_thread.start()


def _fork_on_demand() -> None:
    while True:
        order, started = _orders.get()
        try:
            started.set_result(order.start())
        except OSError as problem:
            started.set_exception(problem)
        del order, started
