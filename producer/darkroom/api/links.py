"""Links to one picture that need no key, for a while: signed with the ledger's secret (HMAC-SHA256)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

LONGEST_S: Final = 24 * 3600
USUAL_S: Final = 900


def signature(secret: str, sha256: str, until_s: int) -> str:
    """What a link to this asset until then (seconds since the epoch) is signed with: 64 hex digits."""
    return hmac.new(secret.encode(), f"asset:{sha256}:{until_s}".encode(), hashlib.sha256).hexdigest()


def path(secret: str, sha256: str, until_s: int) -> str:
    """The link, without scheme and host."""
    return f"/v1/assets/{sha256}/content?until={until_s}&signature={signature(secret, sha256, until_s)}"


def is_good(secret: str, sha256: str, until_s: int, given: str, now_s: float) -> bool:
    """Whether a link opens the asset now."""
    return now_s < until_s and hmac.compare_digest(signature(secret, sha256, until_s).encode(), given.encode())
