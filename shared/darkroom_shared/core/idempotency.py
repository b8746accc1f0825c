"""The one textual form of a request, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no white space and no NaN: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(body: Mapping[str, object], **conditions: object) -> str:
    """SHA-256 (64 hex digits) over a request body and the conditions it was submitted under (model, tenant, ...)."""
    return hashlib.sha256(canonical_json({"body": body, **conditions}).encode()).hexdigest()
