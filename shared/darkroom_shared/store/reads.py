"""What the ledger may be asked without changing it: records, events, lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from darkroom_shared.store.answers import items, loads, mapping, pair, record, text, texts, turns, whole
from darkroom_shared.store.operation import Command, Script

Record = Mapping[str, str]

MOST_RECORDS: Final = 100
"""Records in one answer: some hundred KB, for which the ledger serves nobody else for a millisecond or so."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a job: its sequence number, its type and its data (`state`, `terminal`, `at_ms`, `call`, ...)."""

    sequence: int
    type: str
    data: Mapping[str, object]

    @property
    def is_terminal(self) -> bool:
        """True for the last event a job will ever have."""
        return self.data.get("terminal") is True


def _event(entry: object) -> StreamEvent:
    identity, fields = items(entry)
    flat = record(fields)
    return StreamEvent(whole(text(identity).split("-")[0]), flat["type"], mapping(loads(flat["data"])))


def _stream(raw: object) -> list[StreamEvent]:
    """Reads the answer of XREAD over one stream: `[[name, [[id, fields], ...]]]`, or nothing."""
    return [_event(entry) for stream in items(raw) for entry in items(items(stream)[1])]


def job(job_id: str) -> Command[Record]:
    """The job's record; empty if there is none."""
    return Command(lambda keys: ("HGETALL", keys.job(job_id)), record)


def records(job_ids: Sequence[str]) -> Script[list[Record]]:
    """The records of jobs in their order, empty where there is none, in one round trip.

    Args:
        job_ids: at most `MOST_RECORDS`; whoever has more asks several times.

    Raises:
        ValueError: they are more.
    """
    if len(job_ids) > MOST_RECORDS:
        raise ValueError(f"{len(job_ids)} records were asked for at once; {MOST_RECORDS} are the most")
    return Script("records", {"jobs": list(job_ids)}, lambda raw: [record(fields) for fields in items(raw)])


def call(call_id: str) -> Command[Record]:
    """A call's record; empty if there is none."""
    return Command(lambda keys: ("HGETALL", keys.call(call_id)), record)


def attempts(call_id: str) -> Command[Record]:
    """A call's attempts: number (or `snooze-<n>`) to the JSON of the attempt."""
    return Command(lambda keys: ("HGETALL", keys.attempts(call_id)), record)


def workflow(workflow_id: str) -> Command[Record]:
    """The workflow's record; empty if there is none."""
    return Command(lambda keys: ("HGETALL", keys.workflow(workflow_id)), record)


def events(job_id: str, after: int = 0, block_ms: int | None = None) -> Command[list[StreamEvent]]:
    """Events after a sequence number, oldest first. With `block_ms` it waits that long for the first one."""
    blocking: tuple[str | int, ...] = () if block_ms is None else ("BLOCK", max(1, block_ms))
    return Command(lambda keys: ("XREAD", "COUNT", 500, *blocking, "STREAMS", keys.events(job_id), f"{after}-0"), _stream)


def jobs(tenant: str | None = None, limit: int = 50, offset: int = 0) -> Command[list[str]]:
    """Job ids, newest first."""
    return Command(lambda keys: ("ZREVRANGE", keys.jobs(tenant), offset, offset + limit - 1), texts)


def jobs_before(tenant: str | None, place: tuple[str, int] | None, most: int) -> Script[list[tuple[str, int]]]:
    """Jobs and when they were created, ms, newest first.

    Args:
        place: the last one of the page before; None for the first page.
    """
    job, created_ms = place or (None, None)
    told = {"tenant": tenant, "job": job, "created_ms": created_ms, "most": most}
    return Script("listed", told, lambda raw: [(name, int(float(score))) for name, score in turns(raw)])


def key_used(tenant: str, key: str) -> Command[bool]:
    """Whether an idempotency key has a job."""
    return Command(lambda keys: ("EXISTS", keys.idempotency(tenant, key)), lambda raw: raw == 1)


def pool(name: str) -> Command[Record]:
    """A pool's pacing state."""
    return Command(lambda keys: ("HGETALL", keys.pool(name)), record)


def dead_letters(limit: int = 50, offset: int = 0) -> Command[list[str]]:
    """Jobs that gave up and wait for a person, newest first."""
    return Command(lambda keys: ("ZREVRANGE", keys.dead, offset, offset + limit - 1), texts)


def held(limit: int = 1000) -> Command[list[str]]:
    """Calls that are held because nobody knows whether they were billed, the oldest first."""
    return Command(lambda keys: ("ZRANGE", keys.held, 0, limit - 1), texts)


def dead_letter_count() -> Command[int]:
    """How many jobs wait for a person."""
    return Command(lambda keys: ("ZCARD", keys.dead), whole)


def held_count() -> Command[int]:
    """How many calls wait for a decision."""
    return Command(lambda keys: ("ZCARD", keys.held), whole)


def spent_microusd(day: int) -> Command[int]:
    """What the calls of a UTC day (days since the epoch) cost or may have cost, in millionths of a dollar."""
    return Command(lambda keys: ("HGET", keys.spend, day), lambda raw: 0 if raw is None else whole(raw))


def reconciled_ms() -> Command[int | None]:
    """When the reconciler last looked, on the ledger's clock; None if it never did."""
    return Command(lambda keys: ("GET", keys.reconciled), lambda raw: None if raw is None else whole(raw))


def clock_ms() -> Command[int]:
    """The ledger's clock."""
    return Command(lambda _: ("TIME",), lambda raw: int(pair(raw)[0]) * 1000 + int(pair(raw)[1]) // 1000)


def untold(limit: int = 50) -> Command[list[str]]:
    """Terminal jobs whose story is not written yet, the oldest first."""
    return Command(lambda keys: ("ZRANGE", keys.untold, 0, limit - 1), texts)
