"""Remembers every request to the runtime, for those who count calls: in memory (the last 100,000) and, if asked, in a JSONL file.

Holds sizes, hashes and times; never a prompt or an image. What an entry holds is described at `Entry`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal

import orjson

KEPT = 100_000
"""Entries kept in memory."""

Outcome = Literal["answered", "cut"]


@dataclass(slots=True)
class Visit:
    """A request that is being served: what is known so far.

    Attributes:
        arrival: rises by one with every request, in the order of arrival.
        request_id: the UUID that the answer carries.
        operation: `invoke`, `converse`, ...
        region: of the request's signature.
        model: the catalogue's id where the catalogue knows the model, otherwise what the client sent.
        received_at: wall clock.
        received_s: the endpoint's steady clock, in seconds.
        task_type: Bedrock's taskType, if the body could be read; the model's one task where bodies name none.
        seed: the body's, if given.
        request_bytes: length of the body.
        body_sha256: of the body as it was sent.
        filtered: which content filter struck.
        fault: kind of the fault that struck.
    """

    arrival: int
    request_id: str
    operation: str
    region: str
    model: str
    received_at: datetime
    received_s: float
    task_type: str | None = None
    seed: int | None = None
    request_bytes: int = 0
    body_sha256: str = ""
    filtered: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: a Visit's facts and how it ended.

    Attributes:
        n: rises by one with every entry, in the order of ending; `GET /_darkroom/log?after=n` goes on behind it.
        ended_at: wall clock, ISO 8601 in UTC, as is received_at.
        ended_s: the steady clock, as is received_s; duration_s is the difference. On Linux other programs on this machine read the
            same clock as `time.monotonic()`, so that they can say when they submitted what arrived here.
        status: HTTP status; 0 if the answer was cut before a status line.
        error_code: exception name, None for a 200.
        outcome: `answered` if the whole answer was written to a live connection, else `cut`.
        billed: whether the work was done, so that the real service would ask for money.
        images: pictures in the answer; image_sha256 are the hashes of their bytes (before base64), in order.
        client_gone: whether the client had closed the connection (or the stream) before the answer was out.
    """

    n: int
    arrival: int
    request_id: str
    operation: str
    region: str
    model: str
    task_type: str | None
    seed: int | None
    received_at: str
    ended_at: str
    received_s: float
    ended_s: float
    duration_s: float
    request_bytes: int
    response_bytes: int
    status: int
    error_code: str | None
    outcome: Outcome
    billed: bool
    images: int
    image_sha256: tuple[str, ...]
    body_sha256: str
    filtered: str | None
    fault: str | None
    client_gone: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a visit ended; the names mean what they mean in Entry."""

    ended_at: datetime
    ended_s: float
    status: int
    outcome: Outcome
    billed: bool
    client_gone: bool
    error_code: str | None = None
    response_bytes: int = 0
    image_sha256: tuple[str, ...] = ()


@dataclass(slots=True)
class _Counts:
    received: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    billed: int = 0
    images: int = 0
    cut: int = 0
    by_status: Counter[int] = field(default_factory=Counter[int])
    by_error: Counter[str] = field(default_factory=Counter[str])


class RequestLog:
    """The log and its sums.

    Args:
        path: JSONL file to append to; None for memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lines: deque[bytes] = deque(maxlen=KEPT)
        self._last = 0
        self._counts = _Counts()
        self._file = None if path is None else path.open("ab", buffering=0)

    def arrived(self) -> int:
        """Counts a request in; its arrival number."""
        counts = self._counts
        counts.received += 1
        counts.in_flight += 1
        counts.max_in_flight = max(counts.max_in_flight, counts.in_flight)
        return counts.received

    def ended(self, visit: Visit, ending: Ending) -> None:
        """Counts a request out and writes its entry."""
        self._last += 1
        line = orjson.dumps(_entry(self._last, visit, ending))
        self._lines.append(line)
        if self._file is not None:
            self._file.write(line + b"\n")
        counts = self._counts
        counts.in_flight -= 1
        counts.billed += ending.billed
        counts.images += len(ending.image_sha256)
        counts.cut += ending.outcome == "cut"
        counts.by_status[ending.status] += 1
        if ending.error_code:
            counts.by_error[ending.error_code] += 1

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Entries with n above `after`, oldest first, as JSON lines without line ends."""
        oldest = self._last - len(self._lines)
        return islice(self._lines, max(0, after - oldest), None)

    @property
    def last(self) -> int:
        """The n of the newest entry, 0 before the first."""
        return self._last

    def stats(self) -> dict[str, object]:
        """The sums since the start or the last reset."""
        counts = self._counts
        return {
            "received": counts.received,
            "in_flight": counts.in_flight,
            "max_in_flight": counts.max_in_flight,
            "billed": counts.billed,
            "images": counts.images,
            "cut": counts.cut,
            "by_status": {str(status): count for status, count in counts.by_status.items()},
            "by_error": dict(counts.by_error),
        }

    def reset(self) -> None:
        """Forgets entries and sums. n goes on rising, requests in flight stay counted, the file is left as it is."""
        self._lines.clear()
        in_flight = self._counts.in_flight
        self._counts = _Counts(received=in_flight, in_flight=in_flight, max_in_flight=in_flight)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


def _entry(n: int, visit: Visit, ending: Ending) -> Entry:
    return Entry(
        n=n,
        arrival=visit.arrival,
        request_id=visit.request_id,
        operation=visit.operation,
        region=visit.region,
        model=visit.model,
        task_type=visit.task_type,
        seed=visit.seed,
        received_at=visit.received_at.astimezone(UTC).isoformat(),
        ended_at=ending.ended_at.astimezone(UTC).isoformat(),
        received_s=visit.received_s,
        ended_s=ending.ended_s,
        duration_s=ending.ended_s - visit.received_s,
        request_bytes=visit.request_bytes,
        response_bytes=ending.response_bytes,
        status=ending.status,
        error_code=ending.error_code,
        outcome=ending.outcome,
        billed=ending.billed,
        images=len(ending.image_sha256),
        image_sha256=ending.image_sha256,
        body_sha256=visit.body_sha256,
        filtered=visit.filtered,
        fault=visit.fault,
        client_gone=ending.client_gone,
    )
