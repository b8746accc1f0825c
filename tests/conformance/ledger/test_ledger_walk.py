"""Random walks: the real scripts against a model made from the transition table, with the ledger's invariants after every step."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from darkroom_shared.core import lifecycle
from darkroom_shared.core.lifecycle import CallState, Event
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops, reads, retirement, upkeep
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import RETRY, THROTTLED, Json, Room, async_executor, output, raw_redis, sync_executor

_walks = itertools.count(1)
LEASES = st.sampled_from([0, 600_000])
WORKED_ON = frozenset(lifecycle.LEASED_STATES)
LANES = "lane", "next"
OPEN = lifecycle.CallState.PARKED, lifecycle.CallState.ADMITTED, lifecycle.CallState.SNOOZED, *lifecycle.LEASED_STATES


@dataclass
class Call:
    """What the model knows of a call."""

    name: str
    job: Job
    state: CallState = CallState.PARKED
    fence: int = 0
    attempts: int = 0
    unknowns: int = 0
    crashes: int = 0
    paid: bool = False
    lease_over: bool = False
    in_doubt_under: int = 0
    """Fence of the last attempt, if its outcome is unknown."""
    doubt_before: int = 0
    """The same of the attempt before it: a refusal by the quota takes its attempt back."""
    closed: tuple[int, Event | Literal["reroute"]] | None = None
    """The last write that ended an attempt: it may be sent again, however late."""

    def may(self, event: Event) -> bool:
        return lifecycle.target(event, self.state) is not None

    def does(self, event: Event) -> None:
        after = lifecycle.target(event, self.state)
        assert after is not None, f"the table forbids {event} in {self.state}"
        self.state = after
        if event is Event.GATE:
            self.doubt_before, self.in_doubt_under = self.in_doubt_under, 0
        if event in (Event.COMMIT, Event.SNOOZE, Event.FAIL):
            self.closed = self.fence, event

    def takes(self, event: Event, fence: int) -> bool:
        """Whether a worker's write is answered with success: it is done now, or was done before."""
        return (fence == self.fence and self.may(event)) or self.closed == (fence, event)

    def recovers(self) -> None:
        self.does(Event.RECOVER)
        self.unknowns -= 1
        self.paid, self.in_doubt_under = True, 0


@dataclass
class Job:
    """What the model knows of a job."""

    name: str
    calls: list[Call]
    images: int = 0
    canceled: bool = False
    model: str = "m"

    def state(self) -> str:
        open_calls = [call.state for call in self.calls if call.state in lifecycle.OPEN_JOB_STATE]
        if open_calls and self.canceled:
            return "canceling"
        if open_calls:
            shown = {lifecycle.OPEN_JOB_STATE[state].value for state in open_calls}
            return "running" if "running" in shown else "queued"
        if self.canceled:
            return "canceled"
        if self.images:
            return "succeeded" if self.images >= len(self.calls) else "partial"
        ended = {call.state for call in self.calls}
        return "failed" if ended & {CallState.FAILED, CallState.QUARANTINED} else "rejected"


class Walk(RuleBasedStateMachine):
    """One ledger under its own prefix, and the model beside it."""

    url: ClassVar[str]
    seen: ClassVar[set[str]] = set()
    executor = staticmethod(sync_executor)

    def __init__(self) -> None:
        super().__init__()
        prefix = f"walk{next(_walks)}:"
        self.stack = ExitStack()
        self.raw = self.stack.enter_context(raw_redis(self.url))
        self.room = Room(self.stack.enter_context(self.executor(self.url, prefix)), self.raw, Keys(prefix))
        self.jobs: list[Job] = []
        self.frozen: dict[str, tuple[str, str]] = {}
        self.room.worker("w1", slots=3)

    def teardown(self) -> None:
        self.stack.close()

    def calls(self, *states: CallState) -> list[Call]:
        return [call for job in self.jobs for call in job.calls if call.state in (states or tuple(CallState))]

    def pick(self, data: st.DataObject, event: Event) -> Call:
        """Mostly a call that the table lets through, sometimes any: that one must be refused."""
        fitting = [call for call in self.calls() if call.may(event)]
        wild = not fitting or data.draw(st.integers(0, 7), label="wild") == 7
        return data.draw(st.sampled_from(self.calls() if wild else fitting), label="call")

    def fence(self, data: st.DataObject, call: Call) -> tuple[ops.Hint, bool]:
        """The call's own fence, or an older one: then every write must be refused."""
        late = call.fence > 0 and data.draw(st.integers(0, 7), label="late") == 7
        return ops.Hint(call.name, call.fence - late, ""), not late

    @rule(calls=st.integers(1, 2), tenant=st.sampled_from("ab"))
    def submit(self, calls: int, tenant: str) -> None:
        job_id = self.room.submit(calls=calls, images_wanted=calls, tenant=tenant)
        job = Job(job_id, [])
        job.calls = [Call(f"{job_id}.{n}", job) for n in range(calls)]
        self.jobs.append(job)

    @rule(most=st.integers(1, 3))
    def admit(self, most: int) -> None:
        for call in self.calls(CallState.SNOOZED):  # all snoozes here are of 0 ms
            call.does(Event.PARK)
        admitted = {hint.call_id: hint.fence for hint in self.room.admit(most=most)}
        taken = len(self.calls(CallState.ADMITTED, *lifecycle.LEASED_STATES))
        free = max(0, 3 - taken)
        assert len(admitted) == min(most, free, len(self.calls(CallState.PARKED)))
        for call in self.calls(CallState.PARKED):
            if call.name in admitted:
                call.does(Event.ADMIT)
                call.fence += 1
                assert admitted.pop(call.name) == call.fence
        assert not admitted

    @initialize(tenants=st.lists(st.sampled_from("ab"), min_size=2, max_size=4))
    def start_with_some_jobs(self, tenants: list[str]) -> None:
        for tenant in tenants:
            self.submit(calls=1, tenant=tenant)
        self.admit(most=3)

    @precondition(lambda self: self.calls(CallState.ADMITTED))
    @rule(data=st.data(), answered=st.booleans())
    def bring_further(self, data: st.DataObject, answered: bool) -> None:
        """The common way in one step, so that walks get somewhere."""
        call = data.draw(st.sampled_from(self.calls(CallState.ADMITTED)), label="call")
        hint = ops.Hint(call.name, call.fence, "")
        if call.paid or call.job.canceled or call.attempts >= 3:
            return
        self.room.advance(hint, "responded" if answered else "calling")
        for event in (Event.CLAIM, Event.GATE, Event.RECEIPT)[: 3 if answered else 2]:
            call.does(event)
        call.attempts += 1
        call.paid, call.lease_over = answered, False

    @precondition(lambda self: self.calls(CallState.ADMITTED))
    @rule(data=st.data(), found=st.booleans())
    def lose_the_answer(self, data: st.DataObject, found: bool) -> None:
        """A worker calls and is taken for lost; then perhaps its answer comes after all."""
        call = data.draw(st.sampled_from(self.calls(CallState.ADMITTED)), label="call")
        hint = ops.Hint(call.name, call.fence, "")
        if call.paid or call.job.canceled or call.attempts >= 3:
            return
        self.room.advance(hint, "calling", lease_ms=0)
        for event in (Event.CLAIM, Event.GATE):
            call.does(event)
        call.attempts += 1
        assert self.room.doubt(hint, AfterDoubt.RETRY, lapsed=True)
        self.in_doubt(call, AfterDoubt.RETRY)
        if found:
            assert self.room.receipt(hint, f"{call.name}:{hint.fence}") is ops.Noted.RECOVERED
            call.recovers()

    @precondition(lambda self: self.calls(CallState.ADMITTED))
    @rule(data=st.data(), times=st.integers(1, 3))
    def crash(self, data: st.DataObject, times: int) -> None:
        """A worker claims and dies, again and again."""
        call = data.draw(st.sampled_from(self.calls(CallState.ADMITTED)), label="call")
        for _ in range(times):
            if call.state is CallState.ADMITTED:
                self.room.claim(ops.Hint(call.name, call.fence, ""), lease_ms=0)
                call.does(Event.ADOPT if call.paid else Event.CLAIM)
                call.lease_over = True
                self.reconcile()
                self.admit(most=3)

    @precondition(lambda self: self.calls())
    @rule(data=st.data(), lease_ms=LEASES)
    def claim(self, data: st.DataObject, lease_ms: int) -> None:
        call = self.pick(data, Event.CLAIM)
        hint, current = self.fence(data, call)
        verdict = self.room.claim(hint, lease_ms=lease_ms).verdict
        if not (current and call.may(Event.CLAIM)):
            assert verdict == "stale"
            return
        assert verdict == ("adopted" if call.paid else "claimed")
        call.does(Event.ADOPT if call.paid else Event.CLAIM)
        call.lease_over = lease_ms == 0

    @precondition(lambda self: self.calls())
    @rule(data=st.data(), lease_ms=LEASES)
    def gate(self, data: st.DataObject, lease_ms: int) -> None:
        call = self.pick(data, Event.GATE)
        hint, current = self.fence(data, call)
        verdict, number = self.room.gate(hint, lease_ms=lease_ms)
        if current and call.state is CallState.CALLING:
            assert (verdict, number) == ("go", call.attempts)  # the same request again: nothing new happens
        elif not (current and call.may(Event.GATE)):
            assert verdict == "stale"
        elif call.job.canceled:
            assert verdict == "canceled"
            call.does(Event.CANCEL)
        elif call.attempts >= 3:
            assert verdict == "exhausted"
            call.does(Event.FAIL)
        else:
            call.attempts += 1
            assert (verdict, number) == ("go", call.attempts)
            call.does(Event.GATE)
            call.lease_over = lease_ms == 0

    @precondition(lambda self: self.calls())
    @rule(data=st.data(), lease_ms=LEASES)
    def receipt(self, data: st.DataObject, lease_ms: int) -> None:
        call = self.pick(data, Event.RECEIPT)
        hint, current = self.fence(data, call)
        taken = self.room.receipt(hint, f"{call.name}:{hint.fence}", lease_ms)
        if current and call.may(Event.RECEIPT):
            assert taken is ops.Noted.NOTED
            call.does(Event.RECEIPT)
            call.paid, call.lease_over = True, lease_ms == 0
        elif call.may(Event.RECOVER) and call.state is not CallState.CALLING and call.in_doubt_under == hint.fence > 0:
            assert taken is ops.Noted.RECOVERED
            call.recovers()

    @precondition(lambda self: self.calls())
    @rule(data=st.data(), image=st.booleans())
    def commit(self, data: st.DataObject, image: bool) -> None:
        call = self.pick(data, Event.COMMIT)
        hint, current = self.fence(data, call)
        rejected: list[Json] = [{"index": 0, "code": "x", "message": "", "billed": None}]
        # Nobody has called yet: a call may be refused then, but has no picture.
        too_early = image and call.may(Event.GATE) and call.closed != (hint.fence, Event.COMMIT)
        taken, _ = self.room.commit(hint, [output()] if image else [], [] if image else rejected)
        assert (taken is ops.Committed.DONE) == (call.takes(Event.COMMIT, hint.fence) and not too_early)
        if current and call.may(Event.COMMIT) and not too_early:
            call.does(Event.COMMIT)
            call.paid = False
            call.job.images += image

    @precondition(lambda self: self.calls())
    @rule(data=st.data(), counts=st.booleans(), again=st.booleans())
    def snooze(self, data: st.DataObject, counts: bool, again: bool) -> None:
        call = self.pick(data, Event.SNOOZE)
        hint, current = self.fence(data, call)
        taken = self.room.snooze(hint, RETRY if counts else THROTTLED, counts=counts, call_again=again)
        assert taken == call.takes(Event.SNOOZE, hint.fence)
        if current and call.may(Event.SNOOZE):
            if not counts and call.state is CallState.CALLING:
                call.attempts -= 1
                call.in_doubt_under = call.doubt_before
            call.paid = call.paid and not again
            call.does(Event.SNOOZE)
            if call.job.canceled and not call.paid:
                call.does(Event.CANCEL)

    @precondition(lambda self: self.calls())
    @rule(data=st.data())
    def reroute(self, data: st.DataObject) -> None:
        """The model is retired: the call goes to another lane, and with it those of its job that wait."""
        call = self.pick(data, Event.SNOOZE)
        hint, current = self.fence(data, call)
        job, called = call.job, call.state is CallState.CALLING
        other = LANES[job.model == "m"]
        way = {"lane": other, "model": {"lane": "m", "next": "n"}[other]}
        what = retirement.reroute(
            hint.call_id,
            hint.fence,
            model=job.model,
            failure=RETRY if called else None,
            fields=way,
            names=list(way),
            calls=len(job.calls),
            pools=[],
        )
        again = call.closed == (hint.fence, "reroute")
        may = current and call.may(Event.SNOOZE) and not call.paid
        assert self.room.run(what) == (again or may)
        if again or not may:
            return
        if called:
            call.attempts -= 1
            call.in_doubt_under = call.doubt_before
        call.does(Event.SNOOZE)
        call.closed = call.fence, "reroute"
        if job.canceled:
            call.does(Event.CANCEL)
            return
        call.does(Event.PARK)
        for one in job.calls:
            if one.state is CallState.ADMITTED and not one.paid:
                one.does(Event.PARK)
        job.model = way["model"]

    @precondition(lambda self: self.calls())
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        call = self.pick(data, Event.FAIL)
        hint, current = self.fence(data, call)
        may = current and call.state in WORKED_ON
        assert self.room.fail(hint) == (may or call.takes(Event.FAIL, hint.fence))
        if current and call.may(Event.FAIL):
            call.does(Event.FAIL)

    @precondition(lambda self: self.calls())
    @rule(data=st.data(), after=st.sampled_from(AfterDoubt))
    def doubt(self, data: st.DataObject, after: AfterDoubt) -> None:
        call = self.pick(data, Event.DOUBT)
        hint, current = self.fence(data, call)
        assert self.room.doubt(hint, after) == call.takes(Event.DOUBT, hint.fence)
        if current and call.may(Event.DOUBT):
            self.in_doubt(call, after)
            call.closed = call.fence, Event.DOUBT

    def in_doubt(self, call: Call, after: AfterDoubt) -> None:
        call.does(Event.DOUBT)
        call.unknowns += 1
        call.in_doubt_under = call.fence
        if call.job.canceled:
            call.does(Event.CANCEL)
        elif after is not AfterDoubt.HOLD:
            call.does(Event.PARK if after is AfterDoubt.RETRY else Event.FAIL)

    @precondition(lambda self: self.calls(CallState.UNKNOWN))
    @rule(data=st.data(), decision=st.sampled_from(["retry", "fail", "answer"]))
    def resolve(self, data: st.DataObject, decision: Literal["retry", "fail", "answer"]) -> None:
        """A person decides about a call that is held."""
        call = data.draw(st.sampled_from(self.calls(CallState.UNKNOWN)), label="call")
        if decision == "answer":
            assert self.room.run(upkeep.recover(call.name, f"{call.name}:{call.fence}"))
            call.recovers()
        else:
            assert self.room.run(upkeep.resolve(call.name, decision))
            call.does(Event.PARK if decision == "retry" else Event.FAIL)
            call.closed = None if call.closed and call.closed[1] is Event.FAIL else call.closed

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.jobs), label="job")
        before = job.state()
        outcome, state = self.room.cancel(job.name)
        if before not in ("queued", "running", "canceling"):
            assert (outcome, state) == ("finished", before)
            return
        job.canceled = True
        kept = [c for c in job.calls if c.state in (CallState.CALLING, CallState.RESPONDED) or (c.paid and c.state in OPEN)]
        for call in job.calls:
            if call not in kept and call.may(Event.CANCEL) and call.state is not CallState.CLAIMED:
                call.does(Event.CANCEL)
        assert (outcome, state) == ("detached" if kept else "prevented", job.state())

    @rule()
    def reconcile(self) -> None:
        self.room.repair()
        for call in self.calls(*lifecycle.LEASED_STATES):
            if not call.lease_over:
                continue
            if call.state is CallState.CALLING:
                retry = call.unknowns < 1 and call.attempts < 3
                self.in_doubt(call, AfterDoubt.RETRY if retry else AfterDoubt.FAIL)
                continue
            call.crashes += 1
            cancel = call.job.canceled and not call.paid
            call.does(Event.QUARANTINE if call.crashes >= 3 else Event.CANCEL if cancel else Event.PARK)

    @invariant()
    def the_ledger_and_the_model_agree(self) -> None:
        for job in self.jobs:
            assert self.room.state(job.name) == job.state()
            for call in job.calls:
                record = self.room.call(call.name)
                known = (record["state"], int(record["fence"]), int(record["attempts"]), int(record["unknowns"]))
                assert known == (call.state.value, call.fence, call.attempts, call.unknowns)
                assert ("receipt" in record) == call.paid or call.state in lifecycle.TERMINAL_CALL_STATES
            assert (self.raw.hget(self.room.keys.job(job.name), "images") or "0") == str(job.images)

    @invariant()
    def every_open_call_stands_in_exactly_one_list(self) -> None:
        p = self.room.keys.prefix
        lists: dict[str, list[str]] = {name: self.raw.zrange(p + name, 0, -1) for name in ("unclaimed", "leases", "snoozed")}
        lists["held"] = self.raw.zrange(p + "held", 0, -1)
        lists["owed"] = self.raw.zrange(p + "owed", 0, -1)
        lists["parked"] = [
            call for lane in LANES for tenant in "ab" for call in self.raw.zrange(f"{p}park:{lane}:standard:{tenant}:", 0, -1)
        ]
        expected = {
            "unclaimed": self.calls(CallState.ADMITTED),
            "leases": self.calls(*lifecycle.LEASED_STATES),
            "snoozed": self.calls(CallState.SNOOZED),
            "held": self.calls(CallState.UNKNOWN),
            "owed": [call for call in self.calls(CallState.PARKED) if call.paid],
            "parked": [call for call in self.calls(CallState.PARKED) if not call.paid],
        }
        assert {name: sorted(calls) for name, calls in lists.items()} == {
            name: sorted(call.name for call in calls) for name, calls in expected.items()
        }
        sets = {name: self.members(p + name) for name in ("pending:darkroom", "work:w1", "running:a", "running:b")}
        assert sets["pending:darkroom"] == sorted(lists["unclaimed"])
        assert sets["work:w1"] == sorted(lists["leases"])
        assert sorted(sets["running:a"] + sets["running:b"]) == sorted(lists["unclaimed"] + lists["leases"])
        waits = [call for lane in LANES for call in self.raw.zrange(f"{p}waits:{lane}", 0, -1)]
        assert sorted(waits) == sorted(lists["parked"])
        assert sum(int(n) for lane in LANES for n in self.raw.hgetall(f"{p}queue:{lane}").values()) == len(waits)

    def members(self, name: str) -> list[str]:
        """A set of the ledger, in order."""
        return sorted(cast("list[str]", self.raw.execute_command("SMEMBERS", name)))

    @invariant()
    def events_have_no_gap_and_a_job_that_ended_never_changes(self) -> None:
        for job in self.jobs:
            events = self.room.run(reads.events(job.name))
            self.seen.update(event.type for event in events)
            record = self.room.run(reads.job(job.name))
            assert [event.sequence for event in events] == list(range(1, int(record["sequence"]) + 1))
            assert sum(event.is_terminal for event in events) == (
                record["state"] in {s.value for s in lifecycle.TERMINAL_JOB_STATES}
            )
            if job.name in self.frozen:
                assert (record["state"], record["sequence"]) == self.frozen[job.name]
            elif events[-1].is_terminal:
                self.frozen[job.name] = record["state"], record["sequence"]


class SyncWalk(Walk):
    """With the executor for synchronous callers."""


class AsyncWalk(Walk):
    """With the executor for asyncio callers."""

    executor = staticmethod(async_executor)


@pytest.mark.parametrize(("walk", "examples"), [(SyncWalk, 40), (AsyncWalk, 5)])
def test_the_scripts_never_leave_the_table(redis_url: str, walk: type[Walk], examples: int) -> None:
    walk.url = redis_url
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    bounds = settings(
        phases=[Phase.generate],  # shrinking a walk takes minutes
        max_examples=examples,
        stateful_step_count=32,
        deadline=None,
        suppress_health_check=quiet,
        derandomize=True,
        database=None,
    )
    run_state_machine_as_test(walk, settings=bounds)
    if walk is SyncWalk:
        missing = {f"call.{event}" for event in Event if event is not Event.EXPIRE} - walk.seen  # no job here has a deadline
        # Each event has a direct test beside this one; which rare ones a bounded walk meets changes with every edit of it.
        assert len(missing) <= 3, f"a walk that gets nowhere proves nothing: {sorted(missing)}"
