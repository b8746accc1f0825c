"""Finds where a ledger's vectors are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from darkroom.search.index import IndexHome
from darkroom_shared.settings import Settings


def home_of(settings: Settings) -> IndexHome:
    """Where the settings have indexes.

    Args:
        settings: with the address of the ledger in them.

    Raises:
        Misconfigured: numpy is needed and not installed.
    """
    from darkroom.search.disk import DiskHome

    folder = Path(settings.search_folder).expanduser() if settings.search_folder else settings.home_folder / "search"
    return DiskHome(folder / ledger_mark(settings))


def ledger_mark(settings: Settings) -> str:
    """A short name for the ledger, the same as long as its address is: jobs of two ledgers are not in one index."""
    # The address may hold a password: only its hash becomes a name.
    return hashlib.sha256(f"{settings.redis_url} {settings.key_prefix}".encode()).hexdigest()[:12]
