"""Random walks of admission: a strict server judges every request, and nothing may leak, starve, run too fast or never end.

Time is moved, not waited for: what the ledger noted is put so much farther back. The server's own clock goes on underneath, which
is why the walk allows a few milliseconds.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import ExitStack
from typing import ClassVar, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from darkroom_shared.contract.job_record import JobClass
from darkroom_shared.core.lifecycle import TERMINAL_JOB_STATES
from darkroom_shared.core.quota import MARGIN, PoolQuota
from darkroom_shared.store import ops
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, job_of, raw_redis, sync_executor
from tests.conformance.ledger.walk_clock import Judge, move_times, records

_walks = itertools.count(1)
TENANTS, CLASSES = "abc", cast("tuple[JobClass, ...]", ("interactive", "standard", "bulk"))
REACHES = ("east", "west", "east,west", "")
SECOND_US, MINUTE_US = 1_000_000, 60_000_000
ENDED = {state.value for state in TERMINAL_JOB_STATES}


class Walk(RuleBasedStateMachine):
    """One ledger under its own prefix, two pools, a server that counts."""

    url: ClassVar[str]
    admitted: ClassVar[int] = 0
    refused: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"pacing{next(_walks)}:"
        self.stack = ExitStack()
        self.raw = self.stack.enter_context(raw_redis(self.url))
        self.room = Room(self.stack.enter_context(sync_executor(self.url, self.prefix)), self.raw, Keys(self.prefix))
        self.jobs: list[str] = []
        self.moved_us = 0
        self.virtual: dict[str, float] = defaultdict(float)
        self.out: dict[str, ops.Hint] = {}
        self.let_go: dict[str, list[int]] = {"east": [], "west": []}
        self.alive = {"own": True, "any": True}

    @initialize(quotas=st.tuples(st.integers(2, 30), st.integers(2, 30)), honest=st.booleans())
    def begin(self, quotas: tuple[int, int], *, honest: bool) -> None:
        self.quotas: dict[str, int] = {"east": quotas[0], "west": quotas[1]}
        self.judge = {pool: Judge(rpm if honest else max(1, rpm // 2)) for pool, rpm in self.quotas.items()}
        self.honest = honest
        self.register()
        for tenant in TENANTS:
            self.submit(tenant, "standard", "east,west", 3)

    def register(self) -> None:
        pools = [PoolQuota("lane", pool, settings_rpm=rpm) for pool, rpm in self.quotas.items()]
        self.room.worker("own", 2, pools, 600_000 if self.alive["own"] else 0, queue="q", lanes="lane")
        self.room.worker("any", 2, pools, 600_000 if self.alive["any"] else 0)

    def now_us(self) -> int:
        return self.room.now_us() + self.moved_us

    @rule(
        tenant=st.sampled_from(TENANTS), job_class=st.sampled_from(CLASSES), reach=st.sampled_from(REACHES), count=st.integers(1, 3)
    )
    def submit(self, tenant: str, job_class: JobClass, reach: str, count: int) -> None:
        for _ in range(count):
            self.jobs.append(self.room.submit(tenant=tenant, job_class=job_class, routes=reach))

    @rule(seconds=st.sampled_from([0.05, 0.5, 1, 2, 5, 35, 70, 250]))
    def time_passes(self, seconds: float) -> None:
        move_times(self.raw, self.prefix, round(-seconds * SECOND_US))
        self.moved_us += round(seconds * SECOND_US)

    @rule()
    def the_clock_is_set_back(self) -> None:
        """By an hour: what was noted lies in the future now. The world's own time, by which the server judges, goes on."""
        move_times(self.raw, self.prefix, 3600 * SECOND_US)

    @rule(most=st.integers(1, 4))
    def go(self, most: int) -> None:
        """Calls are let go and, where their worker lives, sent at once."""
        self.look_again(most)

    def look_again(self, most: int) -> int | None:
        """When it is worth looking again, in ms."""
        answer = self.room.admission(most=most)
        for hint in answer.hints:
            type(self).admitted += 1
            pool = self.room.call(hint.call_id)["pool"]
            if pool:
                self.keeps_the_rhythm(pool)
            worker = "own" if hint.queue == "q" else "any"
            if (
                self.alive[worker]
                and self.room.claim(hint, worker).verdict == "claimed"
                and self.room.gate(hint, call_budget=99)[0] == "go"
            ):
                self.out[hint.call_id] = hint
                if pool and not self.judge[pool].takes(self.now_us()):
                    assert not self.honest, f"{pool} was asked for more than {self.quotas[pool]} in a minute"
                    type(self).refused += 1
                    self.room.refuse(self.out.pop(hint.call_id))
        return answer.next_ms

    @rule(data=st.data(), reach=st.sampled_from(REACHES[:3]))
    def busy_minutes(self, data: st.DataObject, reach: str) -> None:
        """A backlog that goes as fast as it may, by loops that wake up at the time they were told, or somewhat later."""
        for n in range(data.draw(st.integers(4, 24), label="jobs")):
            self.submit(TENANTS[n % 3], CLASSES[n % 2], reach, 1)
        late = data.draw(st.lists(st.sampled_from([0, 0, 0, 0.1, 0.25, 0.6]), min_size=6, max_size=6), label="late")
        for n in range(40):
            next_ms = self.look_again(4)
            self.all_are_answered()
            if next_ms is None or next_ms > 240_000:
                break
            self.time_passes(next_ms / 1000 + late[n % 6])

    def all_are_answered(self) -> None:
        for hint in [self.out.pop(name) for name in list(self.out)]:
            if self.room.receipt(hint) in ("noted", "discard"):
                self.room.commit(hint)

    def keeps_the_rhythm(self, pool: str) -> None:
        """Never closer than the quota's interval, but for what a late wake-up is given back."""
        interval_us = MINUTE_US / (self.quotas[pool] * MARGIN)
        times = self.let_go[pool]
        times.append(self.now_us())
        for n, before in enumerate(reversed(times[:-1]), 1):
            gap = times[-1] - before
            assert gap >= (n - min(n, 0.25)) * interval_us - 20_000, (pool, n, gap, interval_us)
            if gap > 2 * MINUTE_US:
                break

    @precondition(lambda self: self.out)
    @rule(data=st.data(), how=st.sampled_from(["finish", "finish", "fail", "doubt", "cancel"]))
    def a_call_ends(self, data: st.DataObject, how: str) -> None:
        hint = self.out.pop(data.draw(st.sampled_from(sorted(self.out)), label="call"))
        if how == "cancel":
            self.room.cancel(job_of(hint))
            self.out[hint.call_id] = hint  # its answer is still waited for
        elif how == "finish":
            assert self.room.receipt(hint) in ("noted", "discard")
            self.room.commit(hint)
        else:
            assert (self.room.fail if how == "fail" else self.room.doubt)(hint)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def a_job_is_canceled(self, data: st.DataObject) -> None:
        self.room.cancel(data.draw(st.sampled_from(self.jobs), label="job"))

    @rule(tenant=st.sampled_from(TENANTS), paused=st.booleans())
    def a_tenant_is_steered(self, tenant: str, *, paused: bool) -> None:
        self.room.steer("tenant", tenant, "paused" if paused else "active")

    @rule(paused=st.booleans())
    def the_lane_is_steered(self, *, paused: bool) -> None:
        self.room.steer("lane", "lane", "paused" if paused else "active")

    @rule(tenant=st.sampled_from(TENANTS), most=st.sampled_from([0, 1, 2]))
    def a_tenant_is_limited(self, tenant: str, most: int) -> None:
        self.room.limit(tenant, *([] if most else ["running"]), **({"running": most} if most else {}))

    @rule(worker=st.sampled_from(["own", "any"]))
    def a_worker_dies(self, worker: str) -> None:
        self.alive[worker] = False
        self.register()
        for call in self.room.members(f"work:{worker}"):
            self.room.raw.hset(self.room.keys.call(call), "lease_ms", 0)
            self.raw.execute_command("ZADD", self.prefix + "leases", 0, call)
        self.room.repair()
        for name, record in records(self.raw, self.prefix, self.jobs).items():
            if record["state"] != "calling":
                self.out.pop(name, None)

    @rule(worker=st.sampled_from(["own", "any"]))
    def a_worker_comes(self, worker: str) -> None:
        self.alive[worker] = True
        self.register()
        for hint in self.room.reconcile(republish_ms=0).republish:
            self.room.cancel(job_of(hint)) if self.room.claim(hint, worker).verdict != "claimed" else self.let_lapse(hint)

    def let_lapse(self, hint: ops.Hint) -> None:
        """A message that waited for long: its worker is lost before the call, and it goes back."""
        self.room.raw.hset(self.room.keys.call(hint.call_id), "lease_ms", 0)
        self.raw.execute_command("ZADD", self.prefix + "leases", 0, hint.call_id)
        self.room.repair()

    @invariant()
    def nothing_leaks(self) -> None:
        """Each index holds exactly the calls whose records say so."""
        calls = records(self.raw, self.prefix, self.jobs)
        expected: dict[str, list[str]] = defaultdict(list)
        for name, call in calls.items():
            if call["state"] == "admitted":
                expected["pending:" + call["queue"]].append(name)
            if call["state"] in ("claimed", "calling", "responded"):
                expected["work:" + call["worker"]].append(name)
            if call["state"] in ("admitted", "claimed", "calling", "responded"):
                expected["running:" + call["tenant"]].append(name)
                if call["pool"]:
                    expected["flight:" + call["pool"]].append(name)
            if call["state"] == "parked":
                expected["waits:lane"].append(name)
        for index in ("pending:q", "pending:darkroom", "work:own", "work:any", *(f"running:{tenant}" for tenant in TENANTS)):
            assert self.room.members(index) == sorted(expected[index]), index
        for index in ("flight:east", "flight:west", "waits:lane"):
            assert sorted(self.raw.zrange(self.prefix + index, 0, -1)) == sorted(expected[index]), index
        assert sum(map(int, self.raw.hgetall(self.prefix + "queue:lane").values())) == len(expected["waits:lane"])

    @invariant()
    def virtual_times_never_fall(self) -> None:
        lane = self.raw.hgetall(self.prefix + "lane:lane")
        for name in CLASSES:
            now = float(lane.get(f"virtual:{name}", "0"))
            assert now >= self.virtual[name]
            self.virtual[name] = now

    def teardown(self) -> None:
        try:
            if hasattr(self, "quotas"):
                self.everything_ends()
        finally:
            self.stack.close()

    def everything_ends(self) -> None:
        """With all obstacles gone every job comes to an end, and Redis holds nothing of them but their records."""
        for tenant in TENANTS:
            self.room.steer("tenant", tenant, "active")
            self.room.limit(tenant, "running")
        self.room.steer("lane", "lane", "active")
        self.a_worker_comes("own")
        self.a_worker_comes("any")
        for _ in range(20 * len(self.jobs) + 100):
            self.go(4)
            self.all_are_answered()
            if all(self.room.state(job) in ENDED for job in self.jobs):
                break
            self.time_passes(61 if self.honest else 250)
        assert {self.room.state(job) for job in self.jobs} <= ENDED
        self.nothing_leaks()
        self.room.admit()
        left = {key.removeprefix(self.prefix).split(":")[0] for key in self.raw.keys(self.prefix + "*")}
        assert not left & {
            "park",
            "turn",
            "waits",
            "queue",
            "running",
            "queued",
            "pending",
            "work",
            "flight",
            "unclaimed",
            "leases",
            "owed",
        }


def test_admission_is_never_too_fast_never_leaks_and_always_ends(redis_url: str) -> None:
    Walk.url = redis_url
    bounds = settings(
        phases=[Phase.generate],  # shrinking a walk takes minutes
        max_examples=14,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        derandomize=True,
        database=None,
    )
    run_state_machine_as_test(Walk, settings=bounds)
    assert Walk.admitted > 300, "a walk that gets nowhere proves nothing"
    assert Walk.refused > 10
