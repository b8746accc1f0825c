"""Signatures of webhooks as Standard Webhooks has them: `v1` with a shared secret (HMAC-SHA256), `v1a` with a key pair (Ed25519).

Signed is `<id>.<timestamp>.<body>`. The header may hold several signatures, parted by blanks, while a secret is rotated.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

SECRET_BYTES: Final = 32
LEAST_BYTES: Final = 16
"""Of a secret that others made; Standard Webhooks wants 24."""
TOLERANCE_S: Final = 300
"""How far a timestamp may be from the receiver's clock: a message that was caught cannot be sent again later."""
_PREFIX: Final = "whsec_"
_PUBLIC: Final = "whpk_"


class NotGenuine(ValueError):
    """The message is not signed by who should have sent it, or it is too old."""


def new_secret(randomness: bytes) -> str:
    """A secret of `SECRET_BYTES` random bytes: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(randomness).decode("ascii")


def _content(message_id: str, timestamp_s: int, body: bytes) -> bytes:
    return f"{message_id}.{timestamp_s}.".encode() + body


def _raw(secret: str, prefix: str) -> bytes:
    """The bytes of a secret or key. Raises ValueError for what is none: with an empty one, whoever likes could sign."""
    try:
        found = base64.b64decode(secret.removeprefix(prefix), validate=True)
    except ValueError:
        found = b""
    if len(found) < LEAST_BYTES:
        raise ValueError(f"this is no secret: {prefix} and base64 of {LEAST_BYTES} bytes or more are wanted")
    return found


def sign(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,<base64>`."""
    digest = hmac.new(_raw(secret, _PREFIX), _content(message_id, timestamp_s, body), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def sign_with_key(private: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1a,<base64>`. Needs the package cryptography."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made = Ed25519PrivateKey.from_private_bytes(private).sign(_content(message_id, timestamp_s, body))
    return f"v1a,{base64.b64encode(made).decode('ascii')}"


def public_key(private: bytes) -> bytes:
    """The 32 bytes with which `v1a` is verified. Needs the package cryptography."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def written_public_key(public: bytes) -> str:
    """`whpk_` and base64."""
    return _PUBLIC + base64.b64encode(public).decode("ascii")


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now_s: float, tolerance_s: float = TOLERANCE_S) -> None:
    """Says nothing if one of the signatures is made with one of the secrets, lately.

    Args:
        body: as it came, byte for byte.
        headers: names in any case.
        secrets: `whsec_…`, or public keys `whpk_…`; several while one is rotated.

    Raises:
        NotGenuine: a header is missing, the timestamp is too far away, or no signature fits.
        ValueError: something that is given as a secret is none.
    """
    told = {name.lower(): value for name, value in headers.items()}
    message_id, moment, signatures = (told.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (message_id and signatures and re.fullmatch(r"\d{1,12}", moment)):
        raise NotGenuine("the headers webhook-id, webhook-timestamp and webhook-signature are not all there")
    timestamp_s = int(moment)
    if abs(now_s - timestamp_s) > tolerance_s:
        raise NotGenuine(f"it was signed {abs(now_s - timestamp_s):.0f} s away from now; {tolerance_s:.0f} s are allowed")
    if not any(_fits(secret, signatures.split(), message_id, timestamp_s, body) for secret in secrets):
        raise NotGenuine("no signature fits")


def _fits(secret: str, signatures: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> bool:
    if secret.startswith(_PUBLIC):
        shown = [text.removeprefix("v1a,") for text in signatures if text.startswith("v1a,")]
        return any(_verified(_raw(secret, _PUBLIC), text, _content(message_id, timestamp_s, body)) for text in shown)
    wanted = sign(secret, message_id, timestamp_s, body)
    return any(hmac.compare_digest(wanted.encode(), text.encode()) for text in signatures)


def _verified(public: bytes, text: str, content: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise ImportError("Signatures of a key pair (whpk_) need the package cryptography: pip install cryptography") from None

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(text, validate=True), content)
    except (InvalidSignature, ValueError):  # or the text is no base64
        return False
    return True
