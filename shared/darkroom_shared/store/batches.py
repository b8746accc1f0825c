"""Operations on the ledger about batches: many jobs of one submit, fed by workers so that only some are open at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkroom_shared.store.answers import items, loads, pair, record, rows, text, texts, whole
from darkroom_shared.store.operation import Command, Script
from darkroom_shared.store.ops import Accepted, Verdict


def open_batch(
    batch_id: str, fields: Mapping[str, str], idempotency: tuple[str, str, int] | None = None
) -> Script[tuple[Verdict, str]]:
    """Begins a batch. `idempotency` as for `ops.accept`. Answers `accepted`, `replayed` or `conflict`, and the id."""

    def parse(raw: object) -> tuple[Verdict, str]:
        verdict, identity = pair(raw)
        return Verdict(verdict), identity

    args: dict[str, object] = {"id": batch_id, "fields": dict(fields)}
    if idempotency is not None:
        key, print_, ttl_ms = idempotency
        args["idem"] = {"key": key, "fingerprint": print_, "ttl_ms": ttl_ms}
    return Script("batch_open", args, parse)


def add_rows(batch_id: str, chunk: str, count: int, assets: Sequence[str]) -> Script[int]:
    """Adds rows. Answers 0, or how many of the assets were removed meanwhile (then nothing was added), or -1: no such batch."""
    return Script("batch_rows", {"id": batch_id, "chunk": chunk, "count": count, "assets": list(assets)}, whole)


def start(batch_id: str) -> Script[tuple[Verdict | None, str]]:
    """Lets the rows be fed. Answers as `open_batch`, where another one was started under its key meanwhile; None if it is gone.

    Safe to repeat.
    """

    def parse(raw: object) -> tuple[Verdict | None, str]:
        verdict, identity = pair(raw)
        return None if verdict == "gone" else Verdict(verdict), identity

    return Script("batch_start", {"id": batch_id}, parse)


@dataclass(frozen=True, slots=True)
class Due:
    """Rows that may be fed: `count` of them from number `row` (from 1) on, the lines of `chunk` from `offset` (from 0) on."""

    batch_id: str
    row: int
    count: int
    chunk: str
    offset: int


def due(most: int) -> Script[tuple[Due, ...]]:
    """Which rows may be fed now, `most` of each batch."""

    def parse(raw: object) -> tuple[Due, ...]:
        return tuple(
            Due(text(row["id"]), whole(row["row"]), whole(row["count"]), text(row["chunk"]), whole(row["offset"]))
            for row in rows(loads(raw))
        )

    return Script("batch_due", {"most": most}, parse)


def stuck(batch_id: str, row: int, most_ms: int) -> Script[bool]:
    """Notes that a row could not be read; True if the batch was given up, as nobody could for `most_ms`."""
    return Script("batch_stuck", {"id": batch_id, "row": row, "most_ms": most_ms}, lambda raw: raw == 1)


def feed(batch_id: str, row: int, line: Mapping[str, object]) -> Script[Accepted]:
    """Records a row.

    Args:
        line: the arguments of `accept` that the client has made for it: `jobs`, `pools`, and `workflow` where it takes several.
    """

    def parse(raw: object) -> Accepted:
        verdict, identity, *_ = texts(raw)
        return Accepted(Verdict(verdict), identity)

    return Script("accept", {**line, "batch": {"id": batch_id, "row": row}}, parse)


def cancel(batch_id: str) -> Script[tuple[str, int, int]]:
    """Cancels. Answers `canceled`, `finished` or `gone`, how many calls were prevented, and how many paid ones go on."""

    def parse(raw: object) -> tuple[str, int, int]:
        verdict, prevented, detached = items(raw)
        return text(verdict), whole(prevented), whole(detached)

    return Script("batch_cancel", {"id": batch_id}, parse)


def batch(batch_id: str) -> Command[Mapping[str, str]]:
    """The batch's record; empty if there is none."""
    return Command(lambda keys: ("HGETALL", keys.batch(batch_id)), record)


def chunks(batch_id: str) -> Command[list[str]]:
    """`<SHA-256>:<rows>` of the assets that hold the rows, in order."""
    return Command(lambda keys: ("LRANGE", keys.batch_chunks(batch_id), 0, -1), texts)


def jobs(batch_id: str, start_at: int, count: int) -> Command[list[str]]:
    """The jobs of rows that were fed, in order, from number `start_at` (from 0) on."""
    return Command(lambda keys: ("LRANGE", keys.batch_jobs(batch_id), start_at, start_at + count - 1), texts)


def of_tenant(tenant: str, limit: int) -> Command[list[str]]:
    """Batches of a tenant, newest first."""
    return Command(lambda keys: ("ZREVRANGE", keys.batches(tenant), 0, limit - 1), texts)
