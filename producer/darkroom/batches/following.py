"""Reading, waiting for, saving, canceling and repeating batches, written once for both colours; rows are read some at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Literal, cast

from darkroom.effects import Flow, Work, ask, get_asset
from darkroom.launching import Scene
from darkroom.watching import Clock, Timeout, gone
from darkroom_shared.contract.views import JobView, instant, job_view
from darkroom_shared.core.errors import StillRunning, UnknownJob
from darkroom_shared.core.ids import BATCH_ID
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.store import batches, reads

State = Literal["loading", "running", "stopped", "finished", "canceled", "expired"]
Outcome = Literal["all_succeeded", "mixed", "none_succeeded"]
PAGE: Final = 100
POLL_S: Final = 0.5
_WELL: Final = (JobState.SUCCEEDED, JobState.PARTIAL)


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch.

    Attributes:
        state: `running`, then `finished`; `stopped` after too many failures or at the end of its budget, `canceled`, `expired`.
        reason: why it stopped.
        is_terminal: True if no row is open and none will be begun.
        outcome: what came of it, once it is terminal; rows that were never begun count as not succeeded.
        total, fed, open: rows; those that were begun, and of these those that have not ended.
        ended: rows that have ended, by the state of their job.
        invalid: rows of the source that were left out, as they were wrong.
        estimated_usd, spent_usd: the price of all rows, and what was spent or may have been; None if not known.
    """

    id: str
    name: str
    tenant: str
    state: State
    reason: str
    is_terminal: bool
    outcome: Outcome | None
    total: int
    fed: int
    open: int
    ended: Mapping[str, int]
    invalid: int
    parallel: int
    estimated_usd: float | None
    spent_usd: float
    budget_usd: float | None
    created: datetime
    finished: datetime | None
    retry_of: str
    metadata: Mapping[str, str]

    @property
    def done(self) -> int:
        """Rows that have ended."""
        return sum(self.ended.values())

    @property
    def succeeded(self) -> int:
        """Rows that gave results."""
        return sum(self.ended.get(state.value, 0) for state in _WELL)

    @property
    def failed(self) -> int:
        """Rows that ended without."""
        return self.done - self.succeeded


def status(batch_id: str) -> Flow[BatchView]:
    """How the batch stands. Raises UnknownJob."""
    if not BATCH_ID.fullmatch(batch_id):
        raise UnknownJob(f"{batch_id[:80]!r} is no batch id; one looks like bt_01k… with 26 characters after bt_")
    record = yield from ask(batches.batch(batch_id))
    if not record:
        raise gone(batch_id)
    return batch_view(record)


def batch_view(record: Mapping[str, str]) -> BatchView:
    """Reads a batch's record."""
    ended = {name.removeprefix("ended:"): int(count) for name, count in record.items() if name.startswith("ended:")}
    created = instant(record["created_ms"])
    assert created is not None
    total, terminal = int(record["total"]), "finished_ms" in record
    succeeded = sum(ended.get(state.value, 0) for state in _WELL)
    outcome: Outcome = "all_succeeded" if succeeded == total else "mixed" if succeeded else "none_succeeded"
    return BatchView(
        id=record["id"],
        name=record.get("name", ""),
        tenant=record["tenant"],
        state=cast("State", record["state"]),
        reason=record.get("reason", ""),
        is_terminal=terminal,
        outcome=outcome if terminal else None,
        total=total,
        fed=int(record["fed"]),
        open=int(record["open"]),
        ended=ended,
        invalid=int(record.get("invalid", "0")),
        parallel=int(record["parallel"]),
        estimated_usd=_usd(record.get("price_microusd")),
        spent_usd=_usd(record.get("spent_microusd", "0")) or 0.0,
        budget_usd=_usd(record.get("budget_microusd")),
        created=created,
        finished=instant(record.get("finished_ms")),
        retry_of=record.get("retry_of", ""),
        metadata=json.loads(record.get("metadata", "{}")),
    )


def _usd(microusd: str | None) -> float | None:
    return None if microusd is None else int(microusd) / 1_000_000


def every(tenant: str, limit: int) -> Flow[list[BatchView]]:
    """The newest batches of a tenant."""
    found: list[BatchView] = []
    for batch_id in (yield from ask(batches.of_tenant(tenant, limit))):
        record = yield from ask(batches.batch(batch_id))
        if record:
            found.append(batch_view(record))
    return found


def look(clock: Clock, batch_id: str) -> Flow[BatchView]:
    """The batch after a moment, or at once if it has ended. Raises StillRunning when the time is over."""
    view = yield from status(batch_id)
    if view.is_terminal:
        return view
    block_ms = clock.next_block_ms(POLL_S)
    if block_ms is None:
        raise StillRunning(batch_id, view.state, clock.waited_s)
    yield Work(partial(time.sleep, block_ms / 1000))
    return (yield from status(batch_id))


def wait(scene: Scene, batch_id: str, timeout: Timeout) -> Flow[BatchView]:
    """The batch once it has ended. Raises StillRunning."""
    clock = Clock(scene.sources, timeout)
    while True:
        view = yield from look(clock, batch_id)
        if view.is_terminal:
            return view


def cancel(batch_id: str) -> Flow[str]:
    """Cancels: `detached` if a paid call goes on, `prevented` if not, `finished` if it was too late. Raises UnknownJob."""
    verdict, _, detached = yield from ask(batches.cancel(batch_id))
    if verdict == "gone":
        raise gone(batch_id)
    return "finished" if verdict == "finished" else "detached" if detached else "prevented"


@dataclass(frozen=True, slots=True)
class RowResult:
    """What came of a row.

    Attributes:
        row: its number, from 1.
        line: where it stood in the source.
        custom_id: what it was called.
        job: its job; None if it was never begun, or is gone.
    """

    row: int
    line: int
    custom_id: str
    job: JobView | None

    @property
    def is_good(self) -> bool:
        """Whether it gave results."""
        return self.job is not None and self.job.state in _WELL

    def as_json(self) -> dict[str, object]:
        """A line of the results."""
        job = self.job
        told: dict[str, object] = {"custom_id": self.custom_id, "row": self.row, "line": self.line}
        if job is None:
            return {**told, "id": None, "state": "not_begun", "outputs": []}
        outputs = [{**one.model_dump(mode="json", exclude_none=True), "asset": one.asset} for one in job.outputs]
        error = {} if job.error is None else {"error": job.error.model_dump(mode="json", exclude_none=True)}
        cost = {"actual_usd": job.cost.actual_usd, "uncertain_usd": job.cost.uncertain_usd}
        return {**told, "id": job.id, "state": job.state.value, "reason": job.reason, "outputs": outputs, "cost": cost, **error}


def page(batch_id: str, first: int) -> Flow[list[RowResult]]:
    """Some rows from number `first` (from 1) on, in the order of the source; none behind the last."""
    lines = yield from _lines(batch_id, first, PAGE)
    ids = yield from ask(batches.jobs(batch_id, first - 1, PAGE))
    fields = (yield from ask(reads.records(ids))) if ids else []
    jobs = [job_view(record) if record else None for record in fields]
    return [
        RowResult(first + number, line, name, jobs[number] if number < len(jobs) else None)
        for number, (name, line) in enumerate(lines)
    ]


def _lines(batch_id: str, first: int, count: int) -> Flow[list[tuple[str, int]]]:
    """Names and lines of some rows, from the assets that hold them."""
    found: list[tuple[str, int]] = []
    before = 0
    for entry in (yield from ask(batches.chunks(batch_id))):
        chunk, _, size = entry.partition(":")
        start = first - 1 + len(found) - before
        if 0 <= start < int(size) and len(found) < count:
            rows = (yield from get_asset(chunk)).splitlines()[start : start + count - len(found)]
            told = [cast("Mapping[str, object]", json.loads(row)) for row in rows]
            found += [(str(row["custom_id"]), cast("int", row["line"])) for row in told]
        before += int(size)
    return found
