"""What a job goes through in the ledger, from its submit to its end, as operations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from darkroom_shared.core.failure import Failure
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.settings import QUEUE
from darkroom_shared.store.answers import Json, loads, mapping, pair, record, rows, text, texts, whole
from darkroom_shared.store.operation import Script


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as `accept` records it.

    Attributes:
        job_id: made by `core.ids.make_id`.
        fields: text fields of the job hash; `store.records` says which there are.
        calls: number of calls, 1 or more.
        needs: jobs that must finish first.
        dependants: jobs that wait for this one.
        hold_until_ms: earliest start, milliseconds since the epoch; 0 for now.
    """

    job_id: str
    fields: Mapping[str, str]
    calls: int = 1
    needs: Sequence[str] = ()
    dependants: Sequence[str] = ()
    hold_until_ms: int = 0

    def as_json(self) -> Json:
        """The script's form."""
        return {
            "id": self.job_id,
            "fields": dict(self.fields),
            "calls": self.calls,
            "needs": list(self.needs),
            "dependants": list(self.dependants),
            "hold_until_ms": self.hold_until_ms,
        }


class Verdict(StrEnum):
    """What became of a submit."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    """The key was used before with the same request: nothing was written."""
    CONFLICT = "conflict"
    """The key was used before with another request."""
    NOT_DEAD = "not_dead"
    """The job to be replaced is no dead letter (any more): nothing was written."""
    PUT_AGAIN = "put_again"
    """Retention has just removed pictures of the request, or is about to: nothing was written. Store them and ask again."""
    DRAINING = "draining"
    """The tenant or the lane takes nothing new: nothing was written."""
    QUEUE_FULL = "queue_full"
    """The tenant has as many jobs queued as it may: nothing was written."""
    NEED_GONE = "need_gone"
    """A job that is needed is not here (any more), or another tenant's: nothing was written."""
    STALE = "stale"
    """It is not this row's turn, or the batch takes no more: nothing was written."""
    CHANGED = "changed"
    """The workflow has other steps by now, or one that was to be replaced has not ended: nothing was written."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What `accept` answered.

    Attributes:
        id: of the job or workflow; for `need_gone` the job that is needed; for `not_dead` of the job that replaced the dead letter
            already, or empty; for `draining` and `queue_full` the tenant or lane.
        assets: for `put_again`, the SHA-256 of the pictures to store again.
        at_ms: for `put_again`, the time, to be handed in as `stored_ms`.
        most, queued: for `queue_full`, the tenant's limit and what it has queued, in jobs.
        retired: for `accepted`, models of these jobs that are marked as retired.
    """

    verdict: Verdict
    id: str
    assets: tuple[str, ...] = ()
    at_ms: int = 0
    most: int = 0
    queued: int = 0
    retired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A workflow that is here already and gets new steps.

    Attributes:
        steps_were: its field `steps` as it was read.
        replaced: by ended job the new one in its place.
    """

    steps_were: str
    replaced: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hint:
    """What a message carries: the call, its fence, and the Celery task that runs it; and the queue that it goes to."""

    call_id: str
    fence: int
    task_name: str
    queue: str = QUEUE


@dataclass(frozen=True, slots=True)
class Admission:
    """What `admit` let go. `next_ms` is None if only an event can change anything."""

    hints: tuple[Hint, ...]
    next_ms: int | None
    reason: str


class ClaimVerdict(StrEnum):
    """What a worker may do with the call of a message."""

    CLAIMED = "claimed"
    ADOPTED = "adopted"
    """A stored answer waits to be decoded; nothing is paid again."""
    CANCELED = "canceled"
    EXPIRED = "expired"
    STALE = "stale"
    """A repeated or outdated message: leave quietly."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What `claim` gave. The records are empty unless the verdict is `claimed` or `adopted`."""

    verdict: ClaimVerdict
    job: Mapping[str, str]
    call: Mapping[str, str]
    inputs: Mapping[str, Sequence[Json]]
    """Outputs of the steps before, by step name."""
    retired: bool = False
    """The model that the call would go to is marked as retired."""
    guardrail: str = ""
    """The tenant's guardrail, `ID:VERSION`; empty if it has none."""


def hints_of_rows(value: object) -> tuple[Hint, ...]:
    """Reads a list of `{call, fence, task, queue}`."""
    return tuple(Hint(text(row["call"]), whole(row["fence"]), text(row["task"]), text(row["queue"])) for row in rows(value))


def accept(
    jobs: Sequence[NewJob],
    pools: Sequence[PoolQuota],
    *,
    workflow: tuple[str, Mapping[str, str]] | None = None,
    goes_on: GoesOn | None = None,
    idempotency: tuple[str, str, int] | None = None,
    replaces: str | None = None,
    stored_ms: int | None = None,
) -> Script[Accepted]:
    """Records jobs. `idempotency` is key (`tenant:key`), fingerprint and life in ms; replaying writes nothing.

    `goes_on`: the workflow is here already, and the jobs are new steps of it. `replaces` is a dead letter: the one job is its
    successor, and it waits for nobody any more. `stored_ms` is the time of the answer `put_again` after which the pictures were
    stored again.
    """

    def parse(raw: object) -> Accepted:
        verdict, identity, *rest = texts(raw)
        if verdict == Verdict.QUEUE_FULL:
            return Accepted(Verdict.QUEUE_FULL, identity, most=int(rest[0]), queued=int(rest[1]))
        if verdict == Verdict.ACCEPTED:
            return Accepted(Verdict.ACCEPTED, identity, retired=tuple(dict.fromkeys(rest)))
        at_ms, assets = (int(rest[0]), tuple(rest[1:])) if rest else (0, ())
        return Accepted(Verdict(verdict), identity, assets, at_ms)

    args: Json = {"jobs": [job.as_json() for job in jobs], "pools": [pool.as_json() for pool in pools]}
    if workflow is not None:
        told: Json = {"steps_were": goes_on.steps_were, "replaced": dict(goes_on.replaced)} if goes_on else {}
        args["workflow"] = {"id": workflow[0], "fields": dict(workflow[1]), **told}
    if idempotency is not None:
        key, print_, ttl_ms = idempotency
        args["idem"] = {"key": key, "fingerprint": print_, "ttl_ms": ttl_ms}
    if replaces is not None:
        args["replaces"] = replaces
    if stored_ms is not None:
        args["stored_ms"] = stored_ms
    return Script("accept", args, parse)


def admit(floors: Mapping[str, float], republish_ms: int, most: int = 100) -> Script[Admission]:
    """Lets up to `most` calls go. `floors`: classes, most urgent first, and the share of the calls each gets at least."""

    def parse(raw: object) -> Admission:
        value = mapping(loads(raw))
        next_ms = whole(value["next_ms"])
        return Admission(hints_of_rows(value["admitted"]), None if next_ms < 0 else next_ms, text(value["reason"]))

    return Script(
        "admit", {"classes": [[name, floor] for name, floor in floors.items()], "republish_ms": republish_ms, "most": most}, parse
    )


def claim(call_id: str, fence: int, worker: str, lease_ms: int, token: str) -> Script[Claim]:
    """Takes the lease; a second time it is `stale`.

    `token` is drawn anew for each claim: one that was only sent again, because its answer got lost, is answered the same.
    """

    def parse(raw: object) -> Claim:
        value = mapping(loads(raw))
        return Claim(
            ClaimVerdict(text(value["verdict"])),
            record(value.get("job")),
            record(value.get("call")),
            _inputs(value.get("inputs")),
            value.get("retired") is True,
            text(value.get("guardrail") or ""),
        )

    return Script("claim", {"call": call_id, "fence": fence, "worker": worker, "lease_ms": lease_ms, "token": token}, parse)


def _inputs(value: object) -> dict[str, list[Json]]:
    # Each value is the JSON text of another job's outputs.
    return {step: rows(loads(outputs)) for step, outputs in record(value).items()}


def renew(calls: Sequence[tuple[str, int]], lease_ms: int) -> Script[list[str]]:
    """Extends leases. Answers `held`, `cancel` or `lost` for each call."""

    return Script("renew", {"calls": [list(call) for call in calls], "lease_ms": lease_ms}, texts)


def gate(
    call_id: str,
    fence: int,
    *,
    lease_ms: int,
    call_budget: int,
    price_microusd: int | None,
    attempt: Mapping[str, object],
    spend_per_day: int | None = None,
) -> Script[tuple[str, int]]:
    """The last look before money is spent.

    Answers `go`, `canceled`, `expired`, `exhausted`, `spent` or `stale`, and the attempt number.
    `spend_per_day`: most that all calls of one UTC day may cost, in millionths of a dollar; None for no limit.
    """

    def parse(raw: object) -> tuple[str, int]:
        verdict, number = pair(raw)
        return verdict, int(number)

    args = {
        "call": call_id,
        "fence": fence,
        "lease_ms": lease_ms,
        "call_budget": call_budget,
        "price_microusd": price_microusd,
        "spend_per_day": spend_per_day,
        "attempt": dict(attempt),
    }
    return Script("gate", args, parse)


def _done(raw: object) -> bool:
    return raw == 1


class Noted(StrEnum):
    """What became of the note that an answer is stored."""

    NOTED = "noted"
    DISCARD = "discard"
    """Noted, but the job was canceled and its images are not wanted."""
    RECOVERED = "recovered"
    """The lease is lost, but nobody has called again: whoever comes next adopts the answer, or does so already."""
    LOST = "lost"
    """Another attempt has begun, or the call has ended."""


def receipt(call_id: str, fence: int, name: str, request_id: str | None, lease_ms: int) -> Script[Noted]:
    """Notes the stored answer and shortens the lease to `lease_ms`. Safe to repeat."""
    args = {"call": call_id, "fence": fence, "receipt": name, "request_id": request_id, "lease_ms": lease_ms}
    return Script("receipt", args, lambda raw: Noted(text(raw)))


class Committed(StrEnum):
    """Whether a result was taken."""

    DONE = "done"
    LOST = "lost"
    """The call is another worker's now."""
    PUT_AGAIN = "put_again"
    """Retention has just removed one of these pictures (of another job), or is about to: store them and ask again."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What became of a result, the job's state afterwards, and for `put_again` the time."""

    verdict: Committed
    state: str
    at_ms: int = 0


def commit(
    call_id: str,
    fence: int,
    *,
    outputs: Sequence[Json],
    rejected: Sequence[Json] = (),
    reason: str | None = None,
    end_attempt: Mapping[str, object] | None = None,
    stored_ms: int | None = None,
    usage: Mapping[str, int | None] | None = None,
    warnings: Sequence[str] = (),
    refused: bool = False,
    answer: str | None = None,
    failed: Sequence[Json] = (),
    again_microusd: int | None = None,
) -> Script[Commit]:
    """Records the result. Safe to repeat. `stored_ms`: as for `accept`; `usage`: the tokens that the model counted; `answer`: the
    answer in JSON, as text, for the conditions of other steps.

    `failed`: pictures that did not pass their checks; they are made again, which costs `again_microusd`, or rejected.
    `refused`: the outputs are kept, but the job has not got what it was for: it ends as rejected, for `reason`.
    """

    args = {
        "call": call_id,
        "fence": fence,
        "outputs": list(outputs),
        "rejected": list(rejected),
        "reason": reason,
        "end_attempt": dict(end_attempt) if end_attempt is not None else None,
        "stored_ms": stored_ms,
        "usage": None if usage is None else json.dumps(usage),
        "warnings": list(warnings),
        "refused": refused or None,
        "answer": answer,
        "failed": list(failed) or None,
        "again_microusd": again_microusd,
    }
    return Script("commit", args, _commit)


def _commit(raw: object) -> Commit:
    verdict, state, *rest = texts(raw)
    return Commit(Committed(verdict), state, int(rest[0]) if rest else 0)


def snooze(
    call_id: str,
    fence: int,
    *,
    delay_ms: int,
    reason: str,
    failure: Failure,
    counts: bool,
    call_again: bool = False,
) -> Script[bool]:
    """Puts the call off by `delay_ms`, and tells its pool what the failure says of the quota. False if the lease is lost.

    `call_again` drops the stored answer, if there is one: it is of no use, and the next attempt must make a new call.
    """
    args = {
        "call": call_id,
        "fence": fence,
        "delay_ms": delay_ms,
        "reason": reason,
        "failure": failure.as_json(),
        "counts": counts,
        "call_again": call_again,
    }
    return Script("snooze", args, _done)


def fail(call_id: str, fence: int, failure: Failure, reason: str) -> Script[bool]:
    """Ends the call for good. False if the lease is lost."""
    return Script("fail", {"call": call_id, "fence": fence, "failure": failure.as_json(), "reason": reason}, _done)


def doubt(call_id: str, fence: int, failure: Failure, *, after: AfterDoubt, lapsed: bool = False) -> Script[bool]:
    """Counts a call without an answer as possibly billed, then does what `after` says. False if the lease is lost; safe to repeat.

    `lapsed` is for the reconciler: only if the lease has run out.
    """
    args = {"call": call_id, "fence": fence, "failure": failure.as_json(), "after": after.value, "lapsed": lapsed}
    return Script("doubt", args, _done)
