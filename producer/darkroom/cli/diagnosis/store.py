"""Looks at the asset store: writes some bytes, reads them, and removes them again."""

from __future__ import annotations

import os

from darkroom.cli.diagnosis.finding import Finding
from darkroom_shared.core.errors import DarkroomError
from darkroom_shared.settings import Settings
from darkroom_shared.storage import open_store


def check_store(settings: Settings) -> list[Finding]:
    """One round trip."""
    if not settings.assets_url and not settings.home_folder.exists():
        return [Finding("asset store", "ok", f"will be made in {settings.home_folder} by `darkroom up`")]
    mend = "Check DARKROOM_ASSETS_URL and that this user may write there."
    try:
        store = open_store(settings.store_url)
        try:
            data = b"darkroom doctor " + os.urandom(16)
            asset = store.put(data, "application/octet-stream")
            same = store.get(asset.sha256) == data
            store.delete(asset.sha256)
        finally:
            store.close()
    except (DarkroomError, OSError, ValueError) as error:
        return [Finding("asset store", "fail", str(error), mend)]
    if not same:
        return [Finding("asset store", "fail", "what was read is not what was written", mend)]
    return [Finding("asset store", "ok", f"{settings.store_url.partition('://')[0]} store, written, read and removed")]
