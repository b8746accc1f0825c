"""API keys: their form, and what is kept of them. Pure.

A key is `dk_<id>_<secret>`: 12 and 52 characters of a-z, 2-7. The secret has 256 random bits, so one round of SHA-256 is all that
its hash needs; the ledger holds the hash, and nobody can show the key a second time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

ID_BYTES: Final = 7
SECRET_BYTES: Final = 32
_KEY: Final = re.compile(r"dk_([a-z2-7]{12})_([a-z2-7]{52})")
KEY_ID: Final = re.compile(r"^[a-z2-7]{12}$")


def new_id(randomness: bytes) -> str:
    """The id of a key, of `ID_BYTES` random bytes."""
    return _letters(randomness)


def new_secret(randomness: bytes) -> str:
    """The secret of a key, of `SECRET_BYTES` random bytes."""
    return _letters(randomness)


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def written(key_id: str, secret: str) -> str:
    """The key as its owner gets it, once."""
    return f"dk_{key_id}_{secret}"


def read(text: str) -> tuple[str, str] | None:
    """Id and secret; None for a text that is no key."""
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


def digest(secret: str) -> str:
    """What the ledger keeps of a secret: 64 hex digits."""
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def opens(secret: str, digests: tuple[str, ...]) -> bool:
    """Whether a secret belongs to one of these; takes the same time for each wrong one."""
    shown = digest(secret)
    return any(hmac.compare_digest(shown, known) for known in digests)
