"""Finds where a ledger's vectors are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from darkroom.search.index import IndexHome
from darkroom.search.module import SearchServer
from darkroom.search.server import ServerHome
from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.settings import Settings

SCHEMES: Final = ("redis", "rediss", "unix")


def home_of(settings: Settings) -> IndexHome:
    """Where the settings have indexes: in the server that they name for it, else in files of the folder that they name, else in the
    ledger's server if it has a search module, else in files.

    Args:
        settings: with the address of the ledger in them.

    Raises:
        Misconfigured: numpy is needed and not installed, or the server that is named can keep no vectors.
        StorageUnavailable: a server does not answer.
    """
    if settings.search_url:
        _check_address(settings.search_url)
        named = SearchServer(settings.search_url)
        refusal = named.refusal()
        if refusal is not None:
            raise Misconfigured(f"DARKROOM_SEARCH_URL cannot keep vectors: {refusal}.")
        return ServerHome(named, f"{settings.key_prefix}{ledger_mark(settings)}:")
    if settings.search_folder:
        return _files(settings, Path(settings.search_folder).expanduser(), "DARKROOM_SEARCH_FOLDER")
    ledger = SearchServer(settings.redis_url, "the ledger's server")
    refusal = ledger.refusal()
    if refusal is not None:
        return _files(settings, settings.home_folder / "search", refusal)
    return ServerHome(ledger, settings.key_prefix)


def _check_address(address: str) -> None:
    # Messages never show the whole address: it may hold a password.
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise Misconfigured("DARKROOM_SEARCH_URL cannot be read: its host or port is wrong.") from None
    if parts.scheme not in SCHEMES:
        raise Misconfigured(f"DARKROOM_SEARCH_URL has the scheme {parts.scheme[:20]!r}; allowed are {', '.join(SCHEMES)}.")


def _files(settings: Settings, folder: Path, why: str) -> IndexHome:
    from darkroom.search.disk import DiskHome

    return DiskHome(folder / ledger_mark(settings), why)


def ledger_mark(settings: Settings) -> str:
    """A short name for the ledger, the same as long as its address is: jobs of two ledgers are not in one index."""
    # The address may hold a password: only its hash becomes a name.
    return hashlib.sha256(f"{settings.redis_url} {settings.key_prefix}".encode()).hexdigest()[:12]
