"""Names of things: how they are made from time and randomness, and what they look like."""

from __future__ import annotations

import re

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case: no i, l, o, u
JOB_ID = re.compile(r"^job_[0-9a-hjkmnp-tv-z]{26}$")
WORKFLOW_ID = re.compile(r"^wf_[0-9a-hjkmnp-tv-z]{26}$")
BATCH_ID = re.compile(r"^bt_[0-9a-hjkmnp-tv-z]{26}$")
CALL_ID = re.compile(r"^(job_[0-9a-hjkmnp-tv-z]{26})\.(\d{1,4})$")
SHA256 = re.compile(r"^[0-9a-f]{64}$")
ASSET_SCHEME = "asset:"


def _base32(value: int, digits: int) -> str:
    out: list[str] = []
    for _ in range(digits):
        value, rest = divmod(value, 32)
        out.append(_ALPHABET[rest])
    return "".join(reversed(out))


def make_id(prefix: str, now_ms: int, randomness: bytes) -> str:
    """`prefix_` and 26 characters: 48 bits of time, 80 bits of randomness, so that ids sort by age.

    Args:
        now_ms: milliseconds since the epoch.
        randomness: at least 10 bytes.
    """
    return f"{prefix}_{_base32(now_ms, 10)}{_base32(int.from_bytes(randomness[:10], 'big'), 16)}"


def call_id(job_id: str, index: int) -> str:
    """The id of a job's n-th call, counted from 0."""
    return f"{job_id}.{index}"


def job_of(call: str) -> str:
    """The job a call belongs to.

    Raises:
        ValueError: the text is no call id.
    """
    match = CALL_ID.match(call)
    if match is None:
        raise ValueError(f"{call!r} is not a call id")
    return match[1]


def asset_reference(sha256: str) -> str:
    """How a request names stored bytes: `asset:<64 hex digits>`."""
    return ASSET_SCHEME + sha256
