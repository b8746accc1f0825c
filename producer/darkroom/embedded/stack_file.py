"""Tells other commands how to reach the running stack: `stack.json` says it, a lock held by the supervisor proves it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.settings import Settings

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True, slots=True)
class StackInfo:
    """How to reach a running stack.

    Attributes:
        redis_url: the ledger and broker, as redis-py wants it: `unix:///path?db=0`.
        assets_url: the asset store, `file:///...`.
        bedrock_url: the local Bedrock endpoint, `http://127.0.0.1:port`.
        flower_url: Flower's address without the password, or None if it was not asked for.
        api_url: the HTTP API's address, or None if it was not asked for.
        pid: the supervisor's process.
        started_at: when it started, aware UTC.
    """

    redis_url: str
    assets_url: str
    bedrock_url: str
    flower_url: str | None
    api_url: str | None
    pid: int
    started_at: datetime


def read_stack(home: Path) -> StackInfo | None:
    """The stack that runs on a home folder now, or None. What a killed supervisor left behind counts as none."""
    try:
        told: object = json.loads((home / "stack.json").read_text())
        info = _parsed(cast("dict[str, object]", told))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return info if _is_process(info.pid) and _is_locked(home / "stack.lock") else None


def with_stack(settings: Settings, stack: StackInfo) -> Settings:
    """The settings with a running stack's ledger, broker, pictures and endpoint, which belong together."""
    addresses = {"redis_url": stack.redis_url, "assets_url": stack.assets_url, "bedrock_url": stack.bedrock_url, "broker_url": ""}
    return settings.model_copy(update=addresses)


def write_stack(home: Path, info: StackInfo) -> None:
    """Publish how to reach the stack, whole or not at all, for the owner's eyes only."""
    told = {
        "redis_url": info.redis_url,
        "assets_url": info.assets_url,
        "bedrock_url": info.bedrock_url,
        "flower_url": info.flower_url,
        "api_url": info.api_url,
        "pid": info.pid,
        "started_at": info.started_at.isoformat(),
    }
    write_private(home / "stack.json", json.dumps(told, indent=2) + "\n")


def remove_stack(home: Path) -> None:
    """Withdraw what `write_stack` published; nothing happens if it is not there."""
    (home / "stack.json").unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically by one with mode 0600."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def lock_home(home: Path) -> int:
    """Take a home folder for one supervisor; the descriptor holds it until it is closed or the process ends.

    Raises:
        Misconfigured: another stack runs on it; the text says which.
    """
    lock = os.open(home / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Misconfigured(_taken(home)) from None
    return lock


def _taken(home: Path) -> str:
    info = read_stack(home)
    if info is None:
        return f"A darkroom stack is starting or stopping in {home}. Wait a moment, then try again."
    since = info.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"darkroom already runs in {home}: process {info.pid}, since {since}. Use it as it is, stop it with Ctrl-C in its "
        f"terminal or with `kill {info.pid}`, or set DARKROOM_HOME to another folder for a second one."
    )


def _parsed(told: dict[str, object]) -> StackInfo:
    flower, api = told["flower_url"], told.get("api_url")
    return StackInfo(
        redis_url=str(told["redis_url"]),
        assets_url=str(told["assets_url"]),
        bedrock_url=str(told["bedrock_url"]),
        flower_url=None if flower is None else str(flower),
        api_url=None if api is None else str(api),
        pid=int(str(told["pid"])),
        started_at=datetime.fromisoformat(str(told["started_at"])),
    )


def _is_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return pid > 0


def _is_locked(path: Path) -> bool:
    """True if a supervisor holds the lock. A number of a process alone could be somebody else's after a restart."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared: two readers at once must not take each other for a supervisor.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
