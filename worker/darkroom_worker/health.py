"""Whether a worker of this host is alive: registered in the ledger within the last 15 seconds."""

from __future__ import annotations

import socket

from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.settings import Settings
from darkroom_shared.store import presence
from darkroom_shared.store.redis import Ledger


def check(settings: Settings) -> tuple[bool, str]:
    """Looks once.

    Returns:
        Whether all is well, and a sentence about it.
    """
    try:
        with Ledger(settings.redis_url, settings.key_prefix) as ledger:
            ledger.ping()
            here = [worker for worker in ledger.run(presence.fleet()) if worker.get("host") == socket.gethostname()]
    except LedgerUnavailable as error:
        return False, str(error)
    return bool(here), f"{len(here)} worker(s) of {socket.gethostname()} registered"
