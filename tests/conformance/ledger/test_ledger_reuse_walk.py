"""Random jobs, equal ones among them, with random ends, cancels and deadlines: nobody waits for ever, equal calls do not meet."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom_shared.contract.job_record import CLASSES
from darkroom_shared.store import ops
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, job_of, new_job_id, output, raw_redis, sync_executor
from tests.conformance.ledger.test_ledger_reuse import end

_walks = itertools.count(1)
_pictures = itertools.count(1)
Key = tuple[str, str, int]
"""Tenant, content, and the picture of the step before."""
ENDED = ("succeeded", "partial", "rejected", "failed", "expired", "canceled", "gone")
STEPS = [
    "submit",
    "submit",
    "submit",
    "chain",
    "replay",
    "let go",
    "let go",
    "end",
    "end",
    "cancel",
    "expire",
    "reconcile",
    "purge",
    "again",
]


@dataclass
class Model:
    """What the walk knows of its jobs.

    Attributes:
        keys: by job that shares; a step behind another has its key once that one has ended.
        anew: jobs that look for no equal one, and so may be called beside it.
        never: jobs that may not be called.
        under_way: hints of the calls that were let go.
        sent: what was accepted, to be sent again.
    """

    room: Room
    keys: dict[str, Key] = field(default_factory=dict[str, Key])
    chained: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    anew: set[str] = field(default_factory=set[str])
    never: set[str] = field(default_factory=set[str])
    jobs: list[str] = field(default_factory=list[str])
    under_way: dict[str, ops.Hint] = field(default_factory=dict[str, ops.Hint])
    sent: list[tuple[ops.NewJob, ...]] = field(default_factory=list[tuple[ops.NewJob, ...]])

    def accept(self, *jobs: ops.NewJob) -> None:
        self.room.accept(*jobs)
        self.sent.append(jobs)
        self.jobs += [job.job_id for job in jobs]

    def let_go(self) -> None:
        for hint in self.room.admit():
            job = job_of(hint)
            assert job not in self.never, "it was never to be called"
            if (key := self.keys.get(job)) and job not in self.anew:
                same = [other for other in self.under_way if self.keys.get(other) == key and other not in self.anew]
                assert same == [], "one call at most for equal jobs of a tenant"
            self.under_way[job] = hint

    def finish(self, job: str, how: Literal["all", "none", "failed", "canceled", "late cancel", "expired"]) -> None:
        hint = self.under_way.pop(job)
        if how == "late cancel":
            self.room.advance(hint, "calling")
            self.room.cancel(job)
            self.room.commit(hint, [output(next(_pictures))])
        else:
            end(self.room, hint, how, (next(_pictures),))
        self.learn()

    def learn(self) -> None:
        """A step's key is known when the one before it has its picture."""
        for job, (tenant, before) in list(self.chained.items()):
            record = self.room.raw.hgetall(self.room.keys.job(before))
            if made := json.loads(record.get("outputs", "[]")):
                self.keys[job] = (tenant, "step", int(made[0]["sha256"], 16))
                del self.chained[job]

    def check(self) -> None:
        """What holds at every moment."""
        raw, prefix = self.room.raw, self.room.keys.prefix
        held: dict[str, int] = {}
        for job in self.jobs:
            record = raw.hgetall(f"{prefix}job:{job}")
            outputs = json.loads(record.get("outputs", "[]"))
            # A dead letter holds the pictures of the steps before it like inputs of its own.
            for sha256 in [*(row["sha256"] for row in outputs), *json.loads(record.get("inputs", "[]"))]:
                held[sha256] = held.get(sha256, 0) + 1
            if leader := record.get("reused_from"):
                assert record["state"] == "succeeded"
                assert record.get("actual_microusd", "0") == record.get("uncertain_microusd", "0") == "0"
                assert self.room.attempts(f"{job}.0") == []
                assert self.keys[job] == self.keys[leader]
                theirs = raw.hgetall(f"{prefix}job:{leader}")
                assert not theirs or json.loads(theirs["outputs"]) == outputs
            elif leader := record.get("follows"):
                if record["state"] not in ENDED:
                    assert self.keys[job] == self.keys[leader]
                    assert self.room.state(leader) not in ENDED, "who waits, waits for one that is under way"
                    assert job in raw.lrange(f"{prefix}followers:{leader}", 0, -1)
            elif record.get("state") == "queued" and job not in self.under_way:
                assert raw.hgetall(f"{prefix}call:{job}.0")["state"] == "parked", "it waits for its turn, not for nothing"
        for key in raw.keys(f"{prefix}reuse:*"):
            assert self.room.state(str(raw.execute_command("GET", key))) not in ("gone", "failed", "rejected", "expired")
        assert {name: int(count) for name, count in raw.hgetall(f"{prefix}assets").items()} == held
        by_tenant: dict[str, int] = {}
        for tenant in ("a", "b"):
            for name, count in raw.hgetall(f"{prefix}assets:{tenant}").items():
                by_tenant[name] = by_tenant.get(name, 0) + int(count)
        assert by_tenant == held, "what a tenant may read is what its jobs hold"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_job_waits_for_ever_and_no_two_equal_calls_are_under_way(redis_url: str, data: st.DataObject) -> None:
    prefix = f"reuse{next(_walks)}:"
    with ExitStack() as stack:
        raw, run = stack.enter_context(raw_redis(redis_url)), stack.enter_context(sync_executor(redis_url, prefix))
        room = Room(run, raw, Keys(prefix))
        room.worker()
        model = Model(room)
        dead: list[str] = []

        def picked(jobs: list[str]) -> str:
            return data.draw(st.sampled_from(jobs))

        for _ in range(data.draw(st.sampled_from([5, 20, 40]))):
            tenant = data.draw(st.sampled_from(["a", "a", "b"]))
            match data.draw(st.sampled_from(STEPS)):
                case "submit":
                    content = data.draw(st.sampled_from(["x", "x", "x", "y", ""]))
                    cache: Literal["", "no-cache", "only-if-cached"] = (
                        data.draw(st.sampled_from(["", "", "", "no-cache", "only-if-cached"])) if content else ""
                    )
                    job = room.new_job(
                        content=content,
                        tenant=tenant,
                        cache=cache,
                        job_class=data.draw(st.sampled_from(CLASSES)),
                        retention_ms=data.draw(st.sampled_from([0, 600_000, 600_000])),
                    )
                    if content:
                        model.keys[job.job_id] = (tenant, content, 0)
                    if cache == "no-cache":
                        model.anew.add(job.job_id)
                    if cache == "only-if-cached":
                        model.never.add(job.job_id)
                    model.accept(job)
                case "chain":
                    first, second = new_job_id(), new_job_id()
                    model.keys[first] = (tenant, "x", 0)
                    model.chained[second] = (tenant, first)
                    model.accept(
                        room.new_job(job_id=first, tenant=tenant, content="x", dependants=[second]),
                        room.new_job(job_id=second, tenant=tenant, needs={"one": first}, content="step", content_refs=[(first, 0)]),
                    )
                case "replay" if dead:
                    old = dead.pop()
                    job = room.new_job(tenant=model.keys[old][0], content="x")
                    model.keys[job.job_id] = model.keys[old]
                    model.anew.add(job.job_id)
                    fields = {**job.fields, "replays": old}
                    model.jobs.append(job.job_id)
                    room.run(ops.accept([ops.NewJob(job.job_id, fields)], [], replaces=old))
                case "let go":
                    model.let_go()
                case "end" if model.under_way:
                    job_id = picked(sorted(model.under_way))
                    how = data.draw(st.sampled_from(["all", "all", "all", "none", "failed", "canceled", "late cancel", "expired"]))
                    model.finish(job_id, how)
                    if how == "failed" and model.keys.get(job_id, ("", "", 0))[1] == "x":
                        dead.append(job_id)
                case "cancel" if model.jobs:
                    job_id = picked(model.jobs)
                    room.cancel(job_id)
                    model.under_way.pop(job_id, None)
                case "expire" if waiting := [
                    job for job in model.jobs if room.state(job) == "queued" and job not in model.under_way
                ]:
                    job_id = picked(waiting)
                    name = data.draw(st.sampled_from(["start_by_ms", "finish_by_ms"]))
                    raw.hset(room.keys.job(job_id), name, 1)
                    raw.execute_command("ZADD", f"{prefix}deadlines", 1, job_id)
                case "reconcile":
                    room.reconcile()
                case "again" if known := [jobs for jobs in model.sent if room.state(jobs[0].job_id) != "gone"]:
                    room.accept(*data.draw(st.sampled_from(known)))
                case _:
                    room.purge()
            model.learn()
            model.check()
        model.let_go()
        while model.under_way:
            model.finish(sorted(model.under_way)[0], "all")
            model.let_go()
            model.check()
        left = {job: room.state(job) for job in model.jobs}
        assert all(state in ENDED for state in left.values()), left
