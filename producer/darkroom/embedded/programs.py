"""The command lines of the stack's children, and how each one shows that it is ready."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from darkroom.embedded.child import Child, Look
from darkroom.embedded.stack_file import write_private

ENDPOINT, WORKER, FLOWER, API = "local Bedrock endpoint", "worker", "Flower", "HTTP API"

LONGEST_CALL_S = 300.0
"""The read time-out of a Bedrock call, as in Settings.read_timeout."""
WORKER_GRACE_S = LONGEST_CALL_S + 30.0

_FLOWER_PORT, _API_PORT = 5555, 8080
_FLOWER_USER = "darkroom"


def endpoint_child(command: Sequence[str], home: Path, env: Mapping[str, str], extra: Sequence[str], *, port: int = 0) -> Child:
    """The local Bedrock endpoint: prints one JSON line with its URL when it listens, and keeps its own log of requests."""
    requests = home / "logs" / "bedrock-requests.jsonl"
    return Child(
        name=ENDPOINT,
        argv=(*command, "--port", str(port), "--log", str(requests), *extra),
        log=home / "logs" / "local-bedrock.log",
        env=env,
        cwd=home,
        ready=lambda look: announced_url(look) is not None,
    )


def announced_url(look: Look) -> str | None:
    """The URL in a program's line `{"ready": true, "url": "http://..."}`, or None before it is printed."""
    for line in look.printed.splitlines():
        if not line.startswith("{"):
            continue
        try:
            told = cast("dict[str, object]", json.loads(line))
        except ValueError:
            continue
        if told.get("ready") is True and isinstance(told.get("url"), str):
            return str(told["url"])
    return None


def worker_child(
    command: Sequence[str], home: Path, env: Mapping[str, str], extra: Sequence[str], is_registered: Callable[[int], bool]
) -> Child:
    """One Celery worker, ready when it is registered in the ledger."""
    return Child(
        name=WORKER,
        argv=(*command, *extra),
        log=home / "logs" / "worker.log",
        env=env,
        cwd=home,
        ready=lambda look: is_registered(look.pid),
        ready_within_s=60.0,
        grace_s=WORKER_GRACE_S,
        busy_with="it finishes the calls that are running",
        # Without its supervisor the ledger goes away too, and a warm stop would wait for it for ever. A killed worker's
        # calls come back by their leases.
        death_signal=signal.SIGKILL,
    )


def api_child(command: Sequence[str], home: Path, env: Mapping[str, str], port: int) -> Child:
    """The HTTP API on loopback: prints one JSON line with its URL when it listens."""
    return Child(
        name=API,
        argv=(*command, "--port", str(port), "--announce"),
        log=home / "logs" / "api.log",
        env=env,
        cwd=home,
        ready=lambda look: announced_url(look) is not None,
    )


def flower_child(command: Sequence[str], home: Path, env: Mapping[str, str], port: int) -> Child:
    """Flower on loopback: read-only, behind a password, and with a bound on the tasks that it keeps in memory."""
    user, password = flower_login(home)
    options = ("--address=127.0.0.1", f"--port={port}", "--max-tasks=10000", "--read-only")
    return Child(
        name=FLOWER,
        argv=(*command, *options),
        log=home / "logs" / "flower.log",
        # In the environment, because everybody on the machine can read a command line.
        env={**env, "FLOWER_BASIC_AUTH": f"{user}:{password}"},
        cwd=home,
        ready=lambda _: _flower_answers(port, user, password),
    )


def flower_login(home: Path) -> tuple[str, str]:
    """User and password for Flower; made once and kept in `<home>/flower.login` (mode 0600)."""
    path = home / "flower.login"
    if path.is_file():
        user, _, password = path.read_text(encoding="utf-8").strip().partition(":")
        if user and password:
            return user, password
    password = secrets.token_urlsafe(18)
    write_private(path, f"{_FLOWER_USER}:{password}\n")
    return _FLOWER_USER, password


def free_flower_port() -> int:
    """5555, or any free port of 127.0.0.1 if that one is taken."""
    return _free_port(_FLOWER_PORT)


def free_api_port() -> int:
    """8080, or any free port of 127.0.0.1 if that one is taken."""
    return _free_port(_API_PORT)


_claims: Final[list[socket.socket]] = []


def _claim(port: int) -> bool:
    """Whether no other stack that starts on this machine means to take the port; until the end of this process it is ours then.

    A program binds its port seconds after it was chosen: two stacks that start together would choose the same one. The name of an
    abstract socket goes with its process; where there are none, nothing is claimed.
    """
    if sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0darkroom-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _free_port(wanted: int) -> int:
    for port in (wanted, 0) if _claim(wanted) else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def default_endpoint() -> tuple[str, ...]:
    """The local Bedrock endpoint of this installation."""
    return (sys.executable, "-m", "darkroom_worker.local_bedrock")


def default_worker() -> tuple[str, ...]:
    """The worker of this installation."""
    return (sys.executable, "-m", "darkroom_worker", "worker")


def default_api() -> tuple[str, ...]:
    """The HTTP API of this installation."""
    return (sys.executable, "-m", "darkroom", "serve")


def default_flower() -> tuple[str, ...]:
    """Flower with the worker's Celery application, so that both agree on transport options."""
    return (sys.executable, "-m", "celery", "-A", "darkroom_worker.app", "flower")


def _flower_answers(port: int, user: str, password: str) -> bool:
    """True if Flower itself, and not a stranger on that port, lets us in."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    try:
        connection.request("GET", "/healthcheck", headers={"Authorization": f"Basic {login}"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
