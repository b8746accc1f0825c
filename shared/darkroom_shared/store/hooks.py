"""Operations on the ledger about webhooks: endpoints, and the outbox that workers deliver from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from darkroom_shared.store.answers import items, record, text, texts, whole
from darkroom_shared.store.operation import Script
from darkroom_shared.store.reads import Record

MOST_HOOKS: Final = 20
"""Endpoints of one tenant."""
Outcome = Literal["delivered", "retry", "failed"]


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A message that is to be delivered now, and the endpoint's record."""

    delivery: Record
    hook: Record


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was sent, or will be.

    Attributes:
        record: its fields.
        tries: each as JSON.
        due_ms: when it is sent next; None if it is not.
    """

    record: Record
    tries: Sequence[str]
    due_ms: int | None


def set_hook(
    hook: str, tenant: str, fields: Mapping[str, str], *, clear: Sequence[str] = (), create: bool = False
) -> Script[Literal["done", "gone", "full"]]:
    """Makes an endpoint, or changes one."""

    def parse(raw: object) -> Literal["done", "gone", "full"]:
        return "done" if raw == 1 else "gone" if raw == 0 else "full"

    args = {"hook": hook, "tenant": tenant, "fields": dict(fields), "clear": list(clear), "create": int(create), "most": MOST_HOOKS}
    return Script("hook_set", args, parse)


def delete_hook(hook: str, tenant: str) -> Script[bool]:
    """Forgets an endpoint and what waits for it. False if it is not there."""
    return Script("hook_delete", {"hook": hook, "tenant": tenant}, lambda raw: raw == 1)


def hooks(tenant: str) -> Script[list[Record]]:
    """A tenant's endpoints."""
    return Script("hooks", {"tenant": tenant}, lambda raw: [record(fields) for fields in items(raw)])


def send_test(hook: str, tenant: str) -> Script[str]:
    """Sends an endpoint a test message; the delivery, or an empty text if there is no such endpoint."""
    return Script("hook_test", {"hook": hook, "tenant": tenant}, text)


def due(limit: int, *, most: int, lease_ms: int) -> Script[list[DueDelivery]]:
    """Takes up to `limit` deliveries that are due for `lease_ms`, so that no endpoint has more than `most` under way."""

    def parse(raw: object) -> list[DueDelivery]:
        return [DueDelivery(*(record(fields) for fields in items(row))) for row in items(raw)]

    return Script("outbox_due", {"limit": limit, "most": most, "lease_ms": lease_ms}, parse)


def keep_body(delivery: str, body: str) -> Script[str]:
    """What a message says: what it said the first time, else this."""
    return Script("outbox_body", {"delivery": delivery, "body": body}, text)


def done(
    delivery: str, tries: int, row: str, outcome: Outcome, *, delay_ms: int = 0, disable: str = "", give_up_ms: int
) -> Script[bool]:
    """Records what came of a try. False if another one was begun since.

    Args:
        row: JSON of the try.
        delay_ms: of a retry.
        disable: why the endpoint wants no more; empty if it does.
        give_up_ms: an endpoint that has taken nothing for so long is disabled.
    """
    args = {"delivery": delivery, "tries": tries, "row": row, "outcome": outcome, "delay_ms": delay_ms}
    return Script("outbox_done", {**args, "disable": disable, "give_up_ms": give_up_ms}, lambda raw: raw == 1)


def again(delivery: str, hook: str, tenant: str) -> Script[bool]:
    """Sends a message once more. False if there is no such delivery."""
    return Script("outbox_again", {"delivery": delivery, "hook": hook, "tenant": tenant}, lambda raw: raw == 1)


def deliveries(hook: str, tenant: str, offset: int, limit: int) -> Script[list[Delivery]]:
    """What was sent to an endpoint, the newest first."""

    def parse(raw: object) -> list[Delivery]:
        found: list[Delivery] = []
        for row in items(raw):
            fields, tries, due_ms = items(row)
            found.append(Delivery(record(fields), texts(tries), None if whole(due_ms) < 0 else whole(due_ms)))
        return found

    return Script("deliveries", {"hook": hook, "tenant": tenant, "offset": offset, "limit": limit}, parse)


def signing_key(drawn: str) -> Script[str]:
    """The private half of the ledger's key pair as base64; `drawn` becomes it if there is none yet."""
    return Script("signing_key", {"key": drawn}, text)
