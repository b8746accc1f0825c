"""Operations on the ledger about API keys, and the record of what operators did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from darkroom_shared.store.answers import items, record, text, whole
from darkroom_shared.store.operation import Command, Script
from darkroom_shared.store.reads import Record

MOST_ACTIONS: Final = 10_000
"""Actions that are kept, or a few more."""


def add_key(key_id: str, fields: Mapping[str, str]) -> Script[bool]:
    """Records a key. False if there is one of that id."""
    return Script("key_add", {"key": key_id, "fields": dict(fields)}, lambda raw: raw == 1)


def turn_key(key_id: str, sha256: str, overlap_ms: int) -> Script[bool]:
    """Gives a key another secret; the one before it opens for so long. False if there is no such key, or it was revoked."""
    return Script("key_turn", {"key": key_id, "sha256": sha256, "overlap_ms": overlap_ms}, lambda raw: raw == 1)


def revoke_key(key_id: str) -> Script[bool]:
    """From now on the key opens nothing; safe to repeat. False if there is no such key."""
    return Script("key_revoke", {"key": key_id}, lambda raw: raw == 1)


def keys() -> Script[list[Record]]:
    """All keys, the oldest first."""
    return Script("keys", {}, lambda raw: [record(fields) for fields in items(raw)])


def shown(key_id: str | None) -> Script[tuple[bool, int, Record]]:
    """Whether a key was ever made (then one is needed), the ledger's clock in ms, and the record of this one, which may be empty.

    Notes that the key was used, to the minute.
    """

    def parse(raw: object) -> tuple[bool, int, Record]:
        some, now_ms, fields = items(raw)
        return whole(some) == 1, whole(now_ms), record(fields)

    return Script("key_shown", {"key": key_id}, parse)


def note(by: str, action: str, subject: str, detail: str) -> Script[str]:
    """Records an action: who, what, on what, and what else is to be known."""
    args = {"by": by, "action": action, "subject": subject, "detail": detail, "most": MOST_ACTIONS}
    return Script("audit", args, text)


def actions(before: str, limit: int) -> Command[list[tuple[str, Record]]]:
    """Actions before this id (`+` for all), the newest first, by id."""

    def parse(raw: object) -> list[tuple[str, Record]]:
        return [(text(name), record(fields)) for name, fields in map(items, items(raw))]

    until = before if before == "+" else f"({before}"
    return Command(lambda keys: ("XREVRANGE", keys.audit, until, "-", "COUNT", limit), parse)
