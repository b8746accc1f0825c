"""Whose pictures are whose: a tenant reads those that its jobs hold, and those that it stored lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from darkroom_shared.store.answers import texts
from darkroom_shared.store.operation import Script

MOST: Final = 1_000
"""Names of one question."""
UNHELD_S: Final = 24 * 3600
"""How long a stored asset may wait for a job that names it, in seconds."""


def uploaded(tenant: str, sha256: str, keep_ms: int) -> Script[bool]:
    """Notes that a tenant stored a picture. False if it was removed lately: then it is to be stored again."""
    return Script("uploaded", {"tenant": tenant, "sha256": sha256, "keep_ms": keep_ms}, lambda raw: raw == 1)


def owned(tenant: str, assets: Sequence[str]) -> Script[list[str]]:
    """Which of the assets the tenant may read. Raises ValueError for more than `MOST`."""
    if len(assets) > MOST:
        raise ValueError(f"{len(assets)} assets were asked for at once; {MOST} are the most")
    return Script("owned", {"tenant": tenant, "assets": list(assets)}, texts)
