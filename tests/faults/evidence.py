"""What a run leaves behind, as plain values: the ledger's records, the asset store's files, and the endpoint's own log.

`gather` reads all of it; `tests.faults.checker.check` judges it and never looks anywhere else, so that a test can falsify evidence.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from darkroom_shared.core.ids import call_id, job_of
from darkroom_shared.core.lifecycle import TERMINAL_JOB_STATES, JobState
from darkroom_shared.settings import Settings
from darkroom_shared.storage.directory import TEMPORARY
from darkroom_shared.store import reads
from darkroom_shared.store.reads import StreamEvent
from tests.conformance.ledger.driver import raw_redis
from tests.support.stack import Stack

__all__ = ["AttemptFacts", "CallFacts", "Evidence", "JobFacts", "Request", "StoredFile", "gather"]

UNFINISHED = "unfinished"
SETTLE_S = 15.0
"""How long what follows a job's end may take: requests that nobody waits for any more, stories, and receipts to be removed."""


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """One attempt as the ledger has it; `snoozed` if the quota or the network gave it back."""

    name: str
    fence: int
    outcome: str
    billed: bool | None
    request_id: str | None
    price_microusd: int | None
    started_ms: int
    ended_ms: int | None
    failed: bool
    snoozed: bool


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call as the ledger has it; attempts in the order they began."""

    id: str
    state: str
    fields: Mapping[str, str]
    attempts: tuple[AttemptFacts, ...]


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One job as the ledger has it, with its events and its calls."""

    id: str
    kind: str
    state: str
    seed: int | None
    sequence: int
    fields: Mapping[str, str]
    events: tuple[StreamEvent, ...]
    calls: tuple[CallFacts, ...]

    def number(self, name: str) -> int:
        """A number of the record, 0 where there is none."""
        return int(self.fields.get(name, "0"))

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The stored pictures."""
        return list(json.loads(self.fields.get("outputs", "[]")))


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the endpoint logged it; the names mean what they mean there."""

    request_id: str
    seed: int | None
    status: int
    outcome: str
    billed: bool
    received_ms: float
    image_sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the asset store: `kind` is the folder it lies in, or UNFINISHED; `sha256` that of its bytes."""

    kind: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about some jobs after their end.

    Attributes:
        requests: those of the endpoint's log that carry a seed of these jobs, in the order of arrival.
        indexes: members that are left in the ledger's lists of work to do, by the list's name.
        call_budget, after_unknown: the workers' settings.
    """

    jobs: tuple[JobFacts, ...]
    requests: tuple[Request, ...]
    files: tuple[StoredFile, ...]
    indexes: Mapping[str, tuple[str, ...]]
    call_budget: int
    after_unknown: int


def gather(stack: Stack, job_ids: Sequence[str], *, settle_s: float = SETTLE_S, alone: bool = True, **budgets: int) -> Evidence:
    """Reads everything about these jobs; waits, while a worker runs, for what comes a moment after a job's end.

    Args:
        settle_s: how long to wait at most; then what is left is evidence.
        alone: False while other jobs run: what cannot be told from theirs (unfinished files, requests in flight) is left out.
        budgets: `call_budget` and `after_unknown` where the workers' differ from the defaults.
    """
    ids = set(job_ids)
    _settle(stack, ids, settle_s, alone)
    defaults = Settings(quotas="off")
    jobs = tuple(_job(stack, job_id) for job_id in job_ids)
    seeds = {job.seed for job in jobs if job.seed is not None}
    return Evidence(
        jobs,
        _requests(stack, seeds),
        tuple(file for file in _files(stack.folder / "store") if _belongs(file, ids, alone)),
        _indexes(stack, ids),
        budgets.get("call_budget", defaults.call_budget),
        budgets.get("after_unknown", defaults.after_unknown),
    )


def _settle(stack: Stack, job_ids: set[str], within_s: float, alone: bool) -> None:
    def is_settled() -> bool:
        if job_ids & set(stack.ledger.run(reads.untold(100_000))):
            return False
        jobs = [_job(stack, job_id) for job_id in job_ids]
        if not all(JobState(job.state) in TERMINAL_JOB_STATES for job in jobs):
            return False
        # Requests are logged when they end, and those whose worker died go on for a while. Others may use the endpoint, too.
        if not _all_requests_ended(stack, jobs) and stack.endpoint.stats()["in_flight"]:
            return False
        store = stack.folder / "store"
        left = [StoredFile(_kind(store, path), path.name, "") for path in _paths(store)]
        return not any(file.kind in ("receipts", UNFINISHED) and _belongs(file, job_ids, alone) for file in left)

    deadline = time.monotonic() + within_s
    while not is_settled() and time.monotonic() < deadline:
        time.sleep(0.2)


def _belongs(file: StoredFile, job_ids: set[str], alone: bool) -> bool:
    if file.kind == UNFINISHED:
        return alone
    return file.kind == "assets" or any(job_id in file.name for job_id in job_ids)


def _all_requests_ended(stack: Stack, jobs: Sequence[JobFacts]) -> bool:
    """True if every attempt that may have made a request has one in the log."""
    ended = Counter(row["seed"] for row in stack.endpoint.log())
    return all(
        ended[job.seed] >= sum(not attempt.snoozed for call in job.calls for attempt in call.attempts)
        for job in jobs
        if job.kind == "bedrock"
    )


def _job(stack: Stack, job_id: str) -> JobFacts:
    fields = stack.ledger.run(reads.job(job_id))
    events: list[StreamEvent] = []
    while more := stack.ledger.run(reads.events(job_id, after=events[-1].sequence if events else 0)):
        events += more
    calls = tuple(_call(stack, call_id(job_id, index)) for index in range(int(fields["calls"])))
    seed = int(fields["seed"]) if "seed" in fields else None
    return JobFacts(job_id, fields["kind"], fields["state"], seed, int(fields["sequence"]), fields, tuple(events), calls)


def _call(stack: Stack, name: str) -> CallFacts:
    fields = stack.ledger.run(reads.call(name))
    tries = [_attempt(key, json.loads(text)) for key, text in stack.ledger.run(reads.attempts(name)).items()]
    return CallFacts(name, fields["state"], fields, tuple(sorted(tries, key=lambda attempt: attempt.started_ms)))


def _attempt(name: str, row: dict[str, Any]) -> AttemptFacts:
    return AttemptFacts(
        name=name,
        fence=int(row["fence"]),
        outcome=row["outcome"],
        billed=row.get("billed"),
        request_id=row.get("request_id"),
        price_microusd=None if row.get("price_microusd") is None else int(row["price_microusd"]),
        started_ms=int(row["started_ms"]),
        ended_ms=None if row.get("ended_ms") is None else int(row["ended_ms"]),
        failed=bool(row.get("failure")),
        snoozed=name.startswith("snooze-"),
    )


def _requests(stack: Stack, seeds: set[int]) -> tuple[Request, ...]:
    rows = sorted((row for row in stack.endpoint.log() if row["seed"] in seeds), key=lambda row: int(row["arrival"]))
    return tuple(
        Request(
            request_id=row["request_id"],
            seed=row["seed"],
            status=row["status"],
            outcome=row["outcome"],
            billed=row["billed"],
            received_ms=_ms(row["received_at"]),
            image_sha256=tuple(row["image_sha256"]),
        )
        for row in rows
    )


def _ms(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() * 1000


def _paths(store: Path) -> list[Path]:
    """All files; folders may go while we look, which os.walk takes and Path.rglob does not."""
    return [Path(folder, name) for folder, _, names in os.walk(store) for name in names]


def _kind(store: Path, path: Path) -> str:
    return UNFINISHED if path.name.startswith(TEMPORARY) else path.relative_to(store).parts[0]


def _files(store: Path) -> tuple[StoredFile, ...]:
    found: list[StoredFile] = []
    for path in _paths(store):
        with suppress(FileNotFoundError):
            found.append(StoredFile(_kind(store, path), path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
    return tuple(found)


def _indexes(stack: Stack, job_ids: set[str]) -> dict[str, tuple[str, ...]]:
    prefix = stack.prefix
    with raw_redis(stack.redis_url) as raw:
        names = ["leases", "unclaimed", "snoozed", "owed", "held", "deadlines"]
        names += [key.removeprefix(prefix) for kind in ("park", "waits", "flight") for key in raw.keys(f"{prefix}{kind}:*")]
        members = {name: raw.zrange(f"{prefix}{name}", 0, -1) for name in names}
        for kind in ("pending", "work", "running", "queued"):
            for key in raw.keys(f"{prefix}{kind}:*"):
                members[key.removeprefix(prefix)] = cast("list[str]", raw.execute_command("SMEMBERS", key))
    return {name: tuple(m for m in found if (job_of(m) if "." in m else m) in job_ids) for name, found in members.items()}
