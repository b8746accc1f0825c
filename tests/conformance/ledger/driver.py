"""A ledger under test with short words for what tests do to it; one body serves the sync and the async executor.

Durations of 0 make what depends on the clock happen at once: a lease of 0 ms has run out, a snooze of 0 ms is over.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, Protocol, TypedDict, TypeVar, Unpack, cast

import redis

from darkroom_shared.contract.job_record import JobClass, JobRecord
from darkroom_shared.contract.views import JobView, call_view, job_view
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.forecast import LaneState, PoolState
from darkroom_shared.core.ids import call_id, make_id
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.core.retry import AfterDoubt, Budget, History, after_doubt
from darkroom_shared.store import ops, presence, reads, steering, upkeep
from darkroom_shared.store.keys import Keys
from darkroom_shared.store.operation import Operation
from darkroom_shared.store.redis import AsyncLedger, Ledger

T = TypeVar("T")
Json = dict[str, object]

PRICE = 40_000
BUDGET = {"crash_budget": 3, "gap_ms": 600_000, "lease_ms": 600_000}
RETRY = Failure(FailureKind.RETRY, "provider_unavailable", "busy", billed=False, request_id="req-1", http_status=503)
THROTTLED = Failure(FailureKind.THROTTLED, "throttled", "slow down", billed=False, http_status=429)
UNKNOWN = Failure(FailureKind.UNKNOWN, "provider_timeout_ambiguous", "no answer", billed=None)
PERMANENT = Failure(FailureKind.PERMANENT, "invalid_input", "no", billed=False)
FLOORS = {"interactive": 0.0, "standard": 0.2, "bulk": 0.1}
_serial = itertools.count(1)


class JobOptions(TypedDict, total=False):
    """What a test may want of a job."""

    lane: str
    routes: str
    tenant: str
    job_class: JobClass
    tokens: int
    price: int
    calls: int
    needs: Mapping[str, str]
    dependants: Sequence[str]
    hold_until_ms: int
    start_by_ms: int
    finish_by_ms: int
    retention_ms: int
    images_wanted: int
    inputs: Sequence[str]
    job_id: str
    kind: Literal["bedrock", "local", "gate"]
    workflow: str
    soft: Mapping[str, Literal["gather", "watch"]]
    enough: int
    when: object
    request: Json
    gate_ms: int
    content: str
    content_refs: Sequence[tuple[str, int]]
    cache: Literal["", "use", "no-cache", "no-store", "only-if-cached"]
    on_timeout: Literal["", "approve"]
    rerolls: int


class Runs(Protocol):
    """What both executors can do, as seen by a test."""

    def __call__(self, operation: Operation[T], /) -> T: ...


class Raw(Protocol):
    """Plain Redis commands, typed: redis-py's own methods are partly untyped."""

    def execute_command(self, *words: str | int) -> object: ...
    def set(self, name: str, value: str | int) -> object: ...
    def delete(self, *names: str) -> object: ...
    def hset(self, name: str, key: str, value: str | int) -> object: ...
    def hget(self, name: str, key: str) -> str | None: ...
    def hgetall(self, name: str) -> dict[str, str]: ...
    def zrange(self, name: str, start: int, end: int) -> list[str]: ...
    def zcard(self, name: str) -> int: ...
    def lrange(self, name: str, start: int, end: int) -> list[str]: ...
    def exists(self, name: str) -> int: ...
    def keys(self, pattern: str) -> list[str]: ...
    def time(self) -> tuple[int, int]: ...


@contextmanager
def raw_redis(url: str) -> Generator[Raw]:
    """A connection for looking behind the ledger's back."""
    with redis.Redis.from_url(url, decode_responses=True) as connection:
        yield cast("Raw", connection)


@contextmanager
def sync_executor(url: str, prefix: str) -> Generator[Runs]:
    """The executor for synchronous callers."""
    with Ledger(url, prefix) as ledger:
        yield ledger.run


@contextmanager
def async_executor(url: str, prefix: str) -> Generator[Runs]:
    """The executor for asyncio callers, on a loop of its own."""
    with asyncio.Runner() as runner:
        ledger = AsyncLedger(url, prefix)

        def run(operation: Operation[T], /) -> T:
            return runner.run(ledger.run(operation))

        yield run
        runner.run(ledger.close())


def output(name: int = 1, role: str = "image") -> Json:
    """A stored picture as `commit` takes it."""
    return {"index": 0, "sha256": f"{name:064x}", "width": 8, "height": 8, "media_type": "image/png", "size_bytes": 9, "role": role}


class Room:
    """One ledger with jobs in it.

    Args:
        run: an executor.
        raw: a plain connection to the same server.
        keys: names under the ledger's prefix.
    """

    def __init__(self, run: Runs, raw: Raw, keys: Keys) -> None:
        self.run = run
        self.raw = raw
        self.keys = keys
        self.handed_ms = 0

    def now_ms(self) -> int:
        """The server's clock."""
        seconds, micros = self.raw.time()
        return seconds * 1000 + micros // 1000

    def now_us(self) -> int:
        """The server's clock, finer."""
        seconds, micros = self.raw.time()
        return seconds * 1_000_000 + micros

    def worker(
        self,
        name: str = "w1",
        slots: int = 100,
        pools: Sequence[PoolQuota] = (),
        ttl_ms: int = 600_000,
        *,
        queue: str = "",
        lanes: str = "",
    ) -> str:
        """Registers a worker; with `lanes` (joined by commas) one that serves only those, from a queue of their own."""
        fields = {"slots": str(slots), "host": "h", "pid": "1", "started_ms": "1"}
        fields |= {key: value for key, value in (("queue", queue), ("lanes", lanes)) if value}
        self.run(presence.register(name, ttl_ms, fields, pools))
        return name

    def limit(self, tenant: str, *clear: str, **fields: float) -> None:
        """Sets `weight`, `running`, `queued` or `queue_ms` of a tenant."""
        self.run(steering.tenant(tenant, fields, clear))

    def steer(self, kind: Literal["lane", "tenant"], name: str, mode: steering.Mode) -> bool:
        """Pauses, drains or resumes."""
        return self.run(steering.steer(kind, name, mode))

    def look(self, lane: str = "lane") -> LaneState:
        """What stands in a lane."""
        return self.run(steering.lanes(lane)).lanes[0]

    def pool(self, name: str) -> PoolState:
        """What is told of a pool of the lane."""
        return next(pool for pool in self.look().pools if pool.pool == name)

    def set_pool(self, name: str, **fields: float) -> None:
        """Writes into a pool's record, behind the scripts' back."""
        for field, value in fields.items():
            self.raw.hset(self.keys.pool(name), field, repr(value))

    def noted(self, name: str, field: str) -> float:
        """A number of a pool's record, NaN if it is not there."""
        return float(self.raw.hget(self.keys.pool(name), field) or "nan")

    def ready(self, *pools: str) -> None:
        """Lets pools take a call now, in a rhythm of their own: nothing but circuit, concurrency and quota holds them back."""
        for pool in pools:
            self.set_pool(pool, tat_us=0, tokens_us=0, rest_until_us=0)

    def members(self, name: str) -> list[str]:
        """A set of the ledger (its key without the prefix), in order."""
        return sorted(cast("list[str]", self.raw.execute_command("SMEMBERS", self.keys.prefix + name)))

    def new_job(self, **options: Unpack[JobOptions]) -> ops.NewJob:
        """A job with sensible defaults, ready for `accept`."""
        hold_until_ms = options.get("hold_until_ms", 0)
        needs = dict(options.get("needs", {}))
        record = JobRecord(
            kind=options.get("kind", "bedrock"),
            task_type="TEXT_IMAGE",
            task_name="darkroom.text_image",
            request=options.get("request", {"taskType": "TEXT_IMAGE"}),
            model="m",
            region="r",
            lane=options.get("lane", "lane"),
            routes=options.get("routes", ""),
            tokens=options.get("tokens", 0),
            tenant=options.get("tenant", "t"),
            job_class=options.get("job_class", "standard"),
            images_wanted=options.get("images_wanted", 1),
            price_microusd=options.get("price", PRICE),
            retention_ms=options.get("retention_ms", 600_000),
            not_before_ms=hold_until_ms,
            start_by_ms=options.get("start_by_ms", 0),
            finish_by_ms=options.get("finish_by_ms", 0),
            inputs=list(options.get("inputs", ())),
            needs=needs,
            workflow=options.get("workflow", ""),
            soft=dict(options.get("soft", {})),
            enough=options.get("enough", 0),
            when=options.get("when"),
            gate_ms=options.get("gate_ms", 0),
            content=options.get("content", ""),
            content_refs=list(options.get("content_refs", ())),
            cache=options.get("cache", ""),
            on_timeout=options.get("on_timeout", ""),
            rerolls=options.get("rerolls", 0),
        )
        return ops.NewJob(
            options.get("job_id") or new_job_id(),
            record.as_fields(),
            options.get("calls", 1),
            list(dict.fromkeys([*needs.values(), *record.soft])),
            list(options.get("dependants", ())),
            hold_until_ms,
        )

    def accept(
        self,
        *jobs: ops.NewJob,
        interval_us: int = 0,
        idempotency: tuple[str, str, int] | None = None,
        stored_ms: int | None = None,
    ) -> ops.Accepted:
        """Records jobs; with `interval_us` their lanes are paced, each by a pool of its own."""
        pools: list[PoolQuota] = []
        if interval_us:
            pools = [paced(f"pool-{lane}", interval_us, lane) for lane in {job.fields["lane"] for job in jobs}]
            jobs = tuple(replace(job, fields={"routes": f"pool-{job.fields['lane']}", **job.fields}) for job in jobs)
        return self.run(ops.accept(jobs, pools, idempotency=idempotency, stored_ms=stored_ms))

    def submit(self, *, interval_us: int = 0, **options: Unpack[JobOptions]) -> str:
        """Accepts one job and gives its id."""
        job = self.new_job(**options)
        self.accept(job, interval_us=interval_us)
        return job.job_id

    def admission(self, republish_ms: int = 600_000, most: int = 100) -> ops.Admission:
        """One run of the admission script."""
        return self.run(ops.admit(FLOORS, republish_ms, most))

    def admit(self, republish_ms: int = 600_000, most: int = 100) -> tuple[ops.Hint, ...]:
        """What one run of the admission script let go."""
        return self.admission(republish_ms, most).hints

    def admit_many(self, count: int) -> list[ops.Hint]:
        """Asks until so many calls were admitted, one after the other or at once; the server's clock decides when."""
        hints: list[ops.Hint] = []
        deadline = time.monotonic() + 20
        while len(hints) < count:
            assert time.monotonic() < deadline, f"{len(hints)} of {count} were admitted"
            hints += self.admit()
        return hints

    def admit_one(self) -> ops.Hint:
        """Asks until exactly one call was admitted; the server's clock decides when."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            hints = self.admit()
            if hints:
                assert len(hints) == 1
                return hints[0]
        raise AssertionError("nothing was admitted in 20 s")

    def claim(self, hint: ops.Hint, worker: str = "w1", lease_ms: int = 600_000, token: str | None = None) -> ops.Claim:
        """Takes the lease of an admitted call; with the token of an earlier claim it is that one, sent again."""
        return self.run(ops.claim(hint.call_id, hint.fence, worker, lease_ms, token or str(next(_serial))))

    def gate(self, hint: ops.Hint, *, lease_ms: int = 600_000, call_budget: int = 3, price: int | None = PRICE) -> tuple[str, int]:
        """Opens the gate."""
        attempt = {"worker": "w1", "region": "r", "model": "m"}
        return self.run(
            ops.gate(hint.call_id, hint.fence, lease_ms=lease_ms, call_budget=call_budget, price_microusd=price, attempt=attempt)
        )

    def receipt(self, hint: ops.Hint, name: str = "receipt", lease_ms: int = 600_000) -> ops.Noted:
        """Notes a stored answer."""
        return self.run(ops.receipt(hint.call_id, hint.fence, name, "req-7", lease_ms))

    def commit(
        self, hint: ops.Hint, outputs: Sequence[Json] = (), rejected: Sequence[Json] = (), stored_ms: int | None = None
    ) -> tuple[ops.Committed, str]:
        """Records a result; one picture if nothing else is said."""
        rows = list(outputs) if outputs or rejected else [output()]
        done = self.run(ops.commit(hint.call_id, hint.fence, outputs=rows, rejected=rejected, stored_ms=stored_ms))
        return done.verdict, done.state

    def snooze(
        self,
        hint: ops.Hint,
        failure: Failure = RETRY,
        *,
        delay_ms: int = 0,
        counts: bool = True,
        call_again: bool = False,
    ) -> bool:
        """Puts a call off."""
        return self.run(
            ops.snooze(
                hint.call_id,
                hint.fence,
                delay_ms=delay_ms,
                reason=failure.code,
                failure=failure,
                counts=counts,
                call_again=call_again,
            )
        )

    def fail(self, hint: ops.Hint, failure: Failure = PERMANENT) -> bool:
        """Ends a call for good."""
        return self.run(ops.fail(hint.call_id, hint.fence, failure, failure.code))

    def doubt(self, hint: ops.Hint, after: AfterDoubt = AfterDoubt.RETRY, *, lapsed: bool = False) -> bool:
        """Records an unknown outcome."""
        return self.run(ops.doubt(hint.call_id, hint.fence, UNKNOWN, after=after, lapsed=lapsed))

    def cancel(self, job_id: str, *, discard: bool = False) -> tuple[str, str]:
        """Cancels a job."""
        return self.run(upkeep.cancel(job_id, discard=discard))

    def reconcile(self, republish_ms: int = 600_000) -> upkeep.Repairs:
        """One run of the reconciler's script: it names suspects and leaves them."""
        return self.run(upkeep.reconcile(republish_ms=republish_ms, **BUDGET))

    def repair(self) -> upkeep.Repairs:
        """What a worker's reconciler does whose store has no answer of any suspect."""
        repairs = self.reconcile()
        for suspect in repairs.suspects:
            history = History(suspect.attempts, suspect.unknowns, suspect.snoozes)
            after = after_doubt(history, Budget(hold_unknown=suspect.holds))
            self.run(ops.doubt(suspect.call_id, suspect.fence, UNKNOWN, after=after, lapsed=True))
        return repairs

    def purge(self) -> list[str]:
        """Removes what its retention is over for, as a worker does; the names of what the store loses."""
        removals = self.run(upkeep.purge(again_ms=60_000))
        self.run(upkeep.removed(removals.things, removals.handed_ms))
        return [str(thing) for thing in removals.things]

    def submit_as(self, fields: Mapping[str, str], **options: Unpack[JobOptions]) -> str:
        """Accepts one job with some fields of its record set by hand, and gives its id."""
        job = self.new_job(**options)
        job = replace(job, fields={**job.fields, **fields})
        self.accept(job)
        return job.job_id

    def dead_letter(self, fields: Mapping[str, str] | None = None, **options: Unpack[JobOptions]) -> str:
        """A job that failed at its first attempt; its id."""
        self.worker()
        job_id = self.submit_as(fields or {}, **options)
        assert self.fail(self.advance(self.admit_one(), "calling"))
        return job_id

    def replay(self, dead: str, *, job_id: str | None = None, key: str | None = None) -> ops.Accepted:
        """Accepts a job in place of a dead letter."""
        job = self.new_job(job_id=job_id or new_job_id())
        job = replace(job, fields={**job.fields, "replays": dead})
        return self.run(ops.accept([job], [], idempotency=(f"t:{key}", "print", 60_000) if key else None, replaces=dead))

    def dead(self) -> list[str]:
        """The dead letters, newest first."""
        return self.run(reads.dead_letters())

    def hold(self, **options: Unpack[JobOptions]) -> ops.Hint:
        """A job whose call is held after an attempt without an answer."""
        hint = self.started("calling", **options)
        assert self.doubt(hint, AfterDoubt.HOLD)
        return hint

    def resolve(self, hint: ops.Hint, decision: Literal["retry", "fail"], billed: bool | None = None) -> bool:
        """Decides about a held call."""
        return self.run(upkeep.resolve(hint.call_id, decision, billed))

    def recover(self, hint: ops.Hint, *, lapsed: bool = False) -> bool:
        """Hands over a stored answer."""
        return self.run(upkeep.recover(hint.call_id, "found", fence=hint.fence, lapsed=lapsed, request_id="req-9"))

    def hand_out(self, *, again_ms: int = 60_000, most: int = 100) -> list[str]:
        """What a worker would be told to remove from the store; unlike `purge` it does not report it as removed."""
        removals = self.run(upkeep.purge(again_ms, most))
        self.handed_ms = removals.handed_ms
        return [str(thing) for thing in removals.things]

    def removed(self, *things: str, handed_ms: int | None = None) -> None:
        """Reports things as removed: those of the last `hand_out`, or of an earlier one."""
        told = [upkeep.Thing(*thing.split(":", 1)) for thing in things]
        self.run(upkeep.removed(told, self.handed_ms if handed_ms is None else handed_ms))

    def spending_gate(self, hint: ops.Hint, limit: int | None, price: int | None = PRICE) -> tuple[str, int]:
        """Opens the gate under a limit for the day."""
        attempt = {"worker": "w1", "region": "r", "model": "m"}
        known = {"lease_ms": 600_000, "call_budget": 3}
        return self.run(ops.gate(hint.call_id, hint.fence, price_microusd=price, attempt=attempt, spend_per_day=limit, **known))

    def spent(self) -> int:
        """What today's calls cost or may have cost, in millionths of a dollar."""
        return sum(map(int, self.raw.hgetall("dr:spend").values()))

    def usd(self, job_id: str) -> tuple[float, float]:
        """What a job cost for certain, and what it may have cost on top, in prices of one call."""
        cost = self.view(job_id).cost
        assert cost.actual_usd is not None
        assert cost.uncertain_usd is not None
        return cost.actual_usd * 1_000_000 / PRICE, cost.uncertain_usd * 1_000_000 / PRICE

    def started(self, state: str, *, lease_ms: int = 600_000, interval_us: int = 0, **options: Unpack[JobOptions]) -> ops.Hint:
        """A job of one call, brought to `admitted`, `claimed`, `calling` or `responded`, on a registered worker."""
        self.worker()
        job_id = self.submit(interval_us=interval_us, **options)
        hint = self.admit_one()
        assert hint.call_id == call_id(job_id, 0)
        return self.advance(hint, state, lease_ms)

    def advance(self, hint: ops.Hint, state: str, lease_ms: int = 600_000) -> ops.Hint:
        """Brings an admitted call further."""
        wanted = ("admitted", "claimed", "calling", "responded").index(state)
        if wanted >= 1:
            assert self.claim(hint, lease_ms=lease_ms).verdict == "claimed"
        if wanted >= 2:
            assert self.gate(hint, lease_ms=lease_ms)[0] == "go"
        if wanted >= 3:
            assert self.receipt(hint, lease_ms=lease_ms) == "noted"
        return hint

    def finish(self, hint: ops.Hint) -> None:
        """Brings an admitted call to its end, with a picture."""
        self.advance(hint, "responded")
        assert self.commit(hint)[0] is ops.Committed.DONE

    def refuse(self, hint: ops.Hint, *, delay_ms: int = 0) -> None:
        """The service says that a call is too much; the call waits `delay_ms`, its pool no longer than the test wants."""
        assert self.snooze(hint, THROTTLED, delay_ms=delay_ms, counts=False)

    def call(self, name: str) -> Mapping[str, str]:
        """A call's record."""
        return self.run(reads.call(name))

    def state(self, name: str) -> str:
        """State of a call or a job."""
        return self.run(reads.call(name) if "." in name else reads.job(name)).get("state", "gone")

    def view(self, job_id: str) -> JobView:
        """A job as its owner sees it."""
        fields = self.run(reads.job(job_id))
        names = [call_id(job_id, n) for n in range(int(fields["calls"]))]
        return job_view(fields, [call_view(self.run(reads.call(n)), self.run(reads.attempts(n))) for n in names])

    def events(self, job_id: str) -> list[str]:
        """The types of a job's events, in order."""
        return [event.type for event in self.run(reads.events(job_id))]

    def attempts(self, name: str) -> list[Json]:
        """The attempts of a call as the ledger holds them, snoozed ones included, in the order of their names."""
        return [cast("Json", json.loads(text)) for _, text in sorted(self.run(reads.attempts(name)).items())]


def paced(pool: str, interval_us: int, lane: str = "lane") -> PoolQuota:
    """A pool that lets one call go in so many microseconds."""
    return PoolQuota(lane, pool, settings_rpm=60_000_000 / interval_us, margin=1.0)


def new_job_id() -> str:
    """An id nobody used before."""
    return make_id("job", int(time.time() * 1000), next(_serial).to_bytes(10, "big"))


def job_of(hint: ops.Hint) -> str:
    """The job of a hint."""
    return hint.call_id.rpartition(".")[0]
