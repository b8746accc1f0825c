"""For receivers of webhooks: is a message genuine, and what does it say. Needs nothing but the base install.

    event = unwrap(await request.body(), request.headers, secret)
    if event["type"] == "job.succeeded": ...

A message may come more than once, and late: keep the ids (`webhook-id`) of those that were handled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import cast

from darkroom_shared.core import webhook_signing
from darkroom_shared.core.webhook_signing import TOLERANCE_S, NotGenuine

__all__ = ["NotGenuine", "unwrap", "verify"]


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    now_s: float | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> None:
    """Says nothing for a genuine message.

    Args:
        body: the request's body as it came; parsed and written anew it would be another one.
        headers: the request's headers; names in any case.
        secret: the endpoint's, `whsec_…`, or the public key of the ledger, `whpk_…`; several while one is rotated.
        now_s: seconds since the epoch; the clock's if left out.
        tolerance_s: how far the time of signing may be from now.

    Raises:
        NotGenuine: it is not signed with it, or too long ago.
        ValueError: this is no secret.
    """
    given = [secret] if isinstance(secret, str) else list(secret)
    data = body.encode() if isinstance(body, str) else body
    webhook_signing.verify(data, headers, given, time.time() if now_s is None else now_s, tolerance_s)


def unwrap(body: bytes | str, headers: Mapping[str, str], secret: str | Sequence[str]) -> dict[str, object]:
    """What a genuine message says: `type`, `timestamp`, `data`. Raises as `verify`."""
    verify(body, headers, secret)
    return cast("dict[str, object]", json.loads(body))
