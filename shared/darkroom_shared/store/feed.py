"""The feed: the events of all jobs in one bounded stream, which a program reads once for everybody who watches there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from darkroom_shared.store.answers import items, loads, mapping, record, text, whole
from darkroom_shared.store.operation import Command

KEPT: Final = 20_000
"""At least so many of the newest events are kept, if there were as many; see `append` in the scripts."""
MOST: Final = 500
"""Entries of one read."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of one job, as it stands in the feed.

    Attributes:
        place: where it stands, `<ms>-<n>`: rises with time over all jobs.
        sequence: the job's own number of it.
        data: `state`, `reason`, `terminal`, `at_ms`, `call`, …
    """

    place: str
    job: str
    tenant: str
    workflow: str
    step: str
    sequence: int
    type: str
    data: Mapping[str, object]


def _event(entry: object) -> FeedEvent:
    place, fields = items(entry)
    flat = record(fields)
    return FeedEvent(
        place=text(place),
        job=flat["job"],
        tenant=flat["tenant"],
        workflow=flat["workflow"],
        step=flat["step"],
        sequence=whole(flat["sequence"]),
        type=flat["type"],
        data=mapping(loads(flat["data"])),
    )


def read(after: str, block_ms: int | None = None) -> Command[list[FeedEvent]]:
    """Events that came after a place, oldest first, at most `MOST`. With `block_ms` it waits that long for the first one."""
    blocking: tuple[str | int, ...] = () if block_ms is None else ("BLOCK", max(1, block_ms))
    return Command(
        lambda keys: ("XREAD", "COUNT", MOST, *blocking, "STREAMS", keys.feed, after),
        lambda raw: [_event(entry) for stream in items(raw) for entry in items(items(stream)[1])],
    )


def end() -> Command[str]:
    """The place of the newest event; `0-0` before the first."""
    return Command(lambda keys: ("XREVRANGE", keys.feed, "+", "-", "COUNT", 1), _place)


def beginning() -> Command[str]:
    """The place of the oldest event that is still there; `0-0` before the first."""
    return Command(lambda keys: ("XRANGE", keys.feed, "-", "+", "COUNT", 1), _place)


def count() -> Command[int]:
    """How many events are there. Below `KEPT` none was ever removed."""
    return Command(lambda keys: ("XLEN", keys.feed), whole)


def _place(raw: object) -> str:
    found = items(raw)
    return text(items(found[0])[0]) if found else "0-0"
