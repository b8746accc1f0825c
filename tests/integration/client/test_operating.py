"""What operators see and steer, in both colours on a real ledger: why jobs wait, lanes, pauses, drains, tenants' limits."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, Unpack

import pytest

from darkroom import (
    BackgroundRemoval,
    Darkroom,
    DeadlineWarning,
    Draining,
    Explanation,
    ImageVariation,
    InvalidRequest,
    JobHandle,
    QueueFull,
    Settings,
    SubmitOptions,
    TenantView,
    TextImage,
    UnknownJob,
)
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops, reads, steering
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import b64, picture

MODEL = "amazon.nova-canvas-v1:0"
POOL = f"us-east-1/{MODEL}"
INTERVAL_S = 60 / (6 * 0.99)
SOON = timedelta(milliseconds=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A quota of 6 calls a minute: after the first one the next waits ten seconds, longer than a test takes."""
    return Settings.model_validate({**settings.model_dump(), "quotas": {MODEL: 6}})


@pytest.fixture
def small(settings: Settings) -> Iterator[HandWorker]:
    """A worker with two slots."""
    worker = HandWorker(settings, slots=2)
    yield worker
    worker.close()


def boat(room: Darkroom, **options: Unpack[SubmitOptions]) -> JobHandle:
    return room.submit(TextImage("a red sailboat", width=512, height=512), **options)


def hint_of(worker: HandWorker) -> ops.Hint:
    """The one message in the broker."""
    [message] = worker.messages()
    return ops.Hint(str(message.arguments["call_id"]), int(str(message.arguments["fence"])), message.task)


def kinds(told: Explanation) -> list[str]:
    return [hold.kind for hold in told.holds]


def test_without_a_worker_a_job_waits_for_one(room: Darkroom) -> None:
    job = boat(room)
    told = room.explain(job.id)
    assert (kinds(told), told.position, told.start_p50_s, told.state) == (["no_worker"], 0, None, "queued")
    assert (told.call, told.lane, told.tenant, told.job_class) == (f"{job.id}.0", MODEL, "default", "standard")
    assert "darkroom worker" in told.holds[0].frees
    assert job.explain() == told


@pytest.mark.usefixtures("worker")
def test_the_rate_and_those_before_it_hold_a_job_and_say_when_it_starts(room: Darkroom) -> None:
    first, *waiting = [boat(room) for _ in range(4)]
    assert kinds(first.explain()) == ["admitted"]
    told = [job.explain() for job in waiting]
    assert [kinds(one) for one in told] == [["rate"], ["rate", "share"], ["rate", "share"]]
    assert [one.position for one in told] == [0, 1, 2]
    starts = [one.start_p50_s or 0 for one in told]
    assert 0 < starts[0] <= INTERVAL_S
    assert starts[2] - starts[0] == pytest.approx(2 * INTERVAL_S, abs=2)
    assert all((one.start_p90_s or 0) > (one.start_p50_s or 0) for one in told)
    assert POOL in told[0].holds[0].what
    assert "5.94 a minute, the quota is 6" in told[0].holds[0].what


@pytest.mark.usefixtures("worker")
def test_a_job_that_is_less_urgent_is_told_whose_calls_go_first(room: Darkroom) -> None:
    for tenant in ("default", "blue", "green"):
        boat(room, tenant=tenant)
    for _ in range(2):
        boat(room, job_class="interactive")
    told = boat(room, tenant="red").explain()
    assert told.position == 4
    assert told.holds[-1].what == "About 4 calls go first: 2 of more urgent classes, 2 of other tenants whose turn is first."


def test_slots_that_are_all_taken_hold_a_job(settings: Settings, small: HandWorker) -> None:
    with Darkroom(settings=settings.model_copy(update={"quotas": "off"})) as room:
        for _ in range(2):
            boat(room)
        waiting = boat(room)
        assert kinds(waiting.explain()) == ["slots"]
        assert small.claim() is not None
        assert kinds(waiting.explain()) == ["slots"]
        assert small.run() == 2
    assert waiting.id


def test_a_pause_holds_a_lane_and_a_resume_lets_it_go(room: Darkroom, worker: HandWorker) -> None:
    boat(room)
    assert worker.run() == 1
    room.pause(lane=MODEL)
    job = boat(room)
    assert (kinds(job.explain())[0], job.explain().start_p50_s) == ("pause", None)
    assert [lane.mode for lane in room.lanes(MODEL)] == ["paused"]
    assert worker.claim() is None
    room.resume(lane=MODEL)
    assert "pause" not in kinds(job.explain())
    assert [lane.mode for lane in room.lanes()] == ["active"]


def test_a_pause_of_a_tenant_leaves_the_others_alone(room: Darkroom, worker: HandWorker) -> None:
    room.pause(tenant="blue")
    blue, green = boat(room, tenant="blue"), boat(room, tenant="green")
    told = blue.explain()
    assert (told.holds[0].kind, told.holds[0].frees) == ("pause", "`darkroom resume --tenant blue`.")
    assert told.start_p50_s is None
    assert worker.run() == 1
    assert green.status().state == "succeeded"
    assert room.tenant("blue") == TenantView(name="blue", mode="paused", waiting=1)


def test_a_drained_lane_takes_nothing_new_and_finishes_what_waits(room: Darkroom, worker: HandWorker) -> None:
    job = boat(room)
    room.drain(lane=MODEL)
    with pytest.raises(Draining, match=MODEL):
        boat(room)
    assert worker.run() == 1
    assert job.status().state == "succeeded"
    room.resume(lane=MODEL)
    boat(room)


def test_a_drained_tenant_takes_nothing_new(room: Darkroom) -> None:
    room.drain(tenant="blue")
    with pytest.raises(Draining, match="blue"):
        boat(room, tenant="blue")
    boat(room, tenant="green")
    room.resume(tenant="blue")
    boat(room, tenant="blue")


@pytest.mark.parametrize("do", ["pause", "resume", "drain"])
def test_what_cannot_be_steered_is_refused_with_what_can(room: Darkroom, do: str) -> None:
    boat(room)
    steer = getattr(room, do)
    for given in ({}, {"lane": MODEL, "tenant": "blue"}):
        with pytest.raises(InvalidRequest, match="lane and tenant are given"):
            steer(**given)
    with pytest.raises(InvalidRequest, match=r"there is no lane 'no\.such'") as caught:
        steer(lane="no.such")
    assert caught.value.problems[0].allowed == [MODEL]
    with pytest.raises(InvalidRequest, match="is no tenant"):
        steer(tenant="two words")


@pytest.mark.usefixtures("worker")
def test_a_limit_of_running_calls_holds_a_tenants_next_call(room: Darkroom) -> None:
    room.set_tenant("blue", running=1)
    boat(room, tenant="blue")
    told = boat(room, tenant="blue").explain()
    assert kinds(told) == ["tenant_limit", "rate"]
    assert told.holds[0].what == "Tenant blue has 1 of 1 calls running that it may have at once."
    room.set_tenant("blue", running=0)
    assert room.jobs(1)[0].id == told.id
    assert room.explain(told.id).start_p50_s is None


def test_a_tenant_with_a_full_queue_may_submit_no_more(room: Darkroom) -> None:
    room.set_tenant("blue", queued=1)
    boat(room, tenant="blue")
    with pytest.raises(QueueFull, match="1 jobs queued and may have 1"):
        boat(room, tenant="blue")
    room.set_tenant("blue", queued=None)
    boat(room, tenant="blue")


def test_a_time_to_wait_in_the_queue_is_a_deadline(room: Darkroom) -> None:
    room.set_tenant("blue", queue_ttl=timedelta(hours=1))
    job = boat(room, tenant="blue")
    deadline = job.explain().deadline
    assert deadline is not None
    assert timedelta(minutes=59) < deadline - datetime.now(UTC) <= timedelta(hours=1)


@pytest.mark.usefixtures("worker")
def test_a_deadline_that_will_probably_be_missed_is_told(room: Darkroom) -> None:
    boat(room)
    boat(room)
    with pytest.warns(DeadlineWarning):
        late = boat(room, start_within=timedelta(seconds=5))
    in_time = boat(room, start_within=timedelta(minutes=5))
    told = late.explain()
    assert (told.is_late, told.holds[-1].kind) == (True, "deadline")
    assert (in_time.explain().is_late, "deadline" in kinds(in_time.explain())) == (False, False)
    assert room.explain(boat(room).id).is_late is None


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("if_late", ["warn", "refuse"])
def test_a_job_that_is_there_already_under_its_key_is_told_nothing_of_its_deadline(
    room: Darkroom, if_late: Literal["warn", "refuse"]
) -> None:
    request = TextImage("a boat", seed=7)
    first = room.submit(request, idempotency_key="once")
    boat(room)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = room.submit(request, idempotency_key="once", start_within=timedelta(seconds=1), if_late=if_late)
    assert (again.id, again.replayed) == (first.id, True)


def test_a_job_for_later_waits_for_its_time(room: Darkroom) -> None:
    at = datetime.now(UTC) + timedelta(hours=2)
    told = boat(room, not_before=at).explain()
    assert (kinds(told), told.position) == (["not_before"], None)
    assert f"{at:%Y-%m-%d %H:%M:%S}" in told.holds[0].what


def test_a_step_waits_for_the_step_before_it_and_the_workflow_for_the_first(room: Darkroom) -> None:
    flow = room.chain(("cut", BackgroundRemoval(picture())), ("vary", ImageVariation(text="evening")))
    last = list(flow.steps.values())[-1].explain()
    assert kinds(last) == ["dependency"]
    assert "which has not ended" in last.holds[0].what
    assert room.explain(flow.id) == flow.steps["cut"].explain()


def test_a_call_under_way_a_put_off_one_and_an_ended_one_say_so(room: Darkroom, worker: HandWorker) -> None:
    job = boat(room)
    claim = worker.claim()
    assert claim is not None
    assert (kinds(job.explain()), job.explain().state) == (["running"], "running")
    away = Failure(FailureKind.RETRY, "provider_error", "The service is away.", http_status=503)
    fence = int(claim.call["fence"])
    snooze = ops.snooze(claim.call["id"], fence, delay_ms=90_000, reason="provider_error", failure=away, counts=True)
    assert worker.ledger.run(snooze)
    told = job.explain()
    assert (kinds(told), told.state) == (["back_off"], "queued")
    assert "provider_error" in told.holds[0].what
    assert told.start_p50_s == pytest.approx(90, abs=5)
    job.cancel()
    assert job.explain().holds[0].what == "It has ended: canceled, user."


def test_a_call_that_was_refused_as_too_much_goes_to_the_head_when_the_pool_opens(room: Darkroom, worker: HandWorker) -> None:
    job = boat(room)
    claim = worker.claim()
    assert claim is not None
    boat(room)
    refused = Failure(FailureKind.THROTTLED, "throttled", "Too many requests.", http_status=429)
    fence = int(claim.call["fence"])
    snooze = ops.snooze(claim.call["id"], fence, delay_ms=30_000, reason="throttled", failure=refused, counts=False)
    assert worker.ledger.run(snooze)
    told = job.explain()
    assert kinds(told) == ["throttled"]
    assert told.start_p50_s == pytest.approx(30, abs=5)
    [lane] = room.lanes(MODEL)
    assert [(pool.refused, pool.refused_in_all) for pool in lane.pools] == [(1, 1)]


def test_a_held_call_waits_for_a_decision(room: Darkroom, worker: HandWorker) -> None:
    job = boat(room, on_unknown="hold")
    claim = worker.claim()
    assert claim is not None
    lost = Failure(FailureKind.UNKNOWN, "connection_lost", "No answer.")
    assert worker.ledger.run(ops.doubt(claim.call["id"], int(claim.call["fence"]), lost, after=AfterDoubt.HOLD))
    told = job.explain()
    assert kinds(told) == ["unknown_outcome"]
    assert f"darkroom resolve {job.id}" in told.holds[0].frees


def test_among_many_tenants_a_jobs_own_queue_is_always_looked_at(room: Darkroom, worker: HandWorker) -> None:
    jobs = [boat(room, tenant=f"t{number}") for number in range(6)]
    for job in jobs[1:]:
        fields = worker.ledger.run(reads.job(job.id))
        look = worker.ledger.run(steering.lanes(MODEL, job.id, most=2))
        assert fields["tenant"] in [queue.tenant for queue in look.lanes[0].tenants]
        assert len(look.lanes[0].tenants) + look.lanes[0].others["standard"] == 5


def test_an_answer_that_was_found_waits_for_no_quota(room: Darkroom, worker: HandWorker) -> None:
    job = boat(room, on_unknown="hold")
    claim = worker.claim()
    assert claim is not None
    lost = Failure(FailureKind.UNKNOWN, "connection_lost", "No answer.")
    assert worker.ledger.run(ops.doubt(claim.call["id"], int(claim.call["fence"]), lost, after=AfterDoubt.HOLD))
    assert kinds(boat(room).explain()) == ["rate"]
    room.resolve(job.id, json.dumps({"images": [b64(picture())]}).encode())
    assert (job.explain().position, kinds(job.explain())) == (None, [])


def test_a_call_beyond_the_money_of_the_day_waits_for_tomorrow(room: Darkroom, worker: HandWorker) -> None:
    job = boat(room)
    hint = hint_of(worker)
    worker.ledger.run(ops.claim(hint.call_id, hint.fence, "hand", 60_000, "token"))
    gate = ops.gate(hint.call_id, hint.fence, lease_ms=60_000, call_budget=3, price_microusd=40_000, attempt={}, spend_per_day=1)
    assert worker.ledger.run(gate) == ("spent", 0)
    told = job.explain()
    assert kinds(told) == ["budget"]
    assert "DARKROOM_SPEND_PER_DAY" in told.holds[0].what


def test_only_jobs_that_there_are_can_be_explained(room: Darkroom) -> None:
    for identity in ("job_" + "0" * 26, "wf_" + "0" * 26, "nonsense"):
        with pytest.raises(UnknownJob):
            room.explain(identity)


@pytest.mark.usefixtures("worker")
def test_a_look_at_the_lanes_shows_pools_slots_and_what_waits(room: Darkroom) -> None:
    boat(room)
    boat(room, tenant="blue", job_class="bulk")
    boat(room, tenant="blue")
    [lane] = room.lanes()
    assert (lane.lane, lane.mode, lane.waiting, lane.slots, lane.free_slots) == (MODEL, "active", 2, 100, 99)
    [pool] = lane.pools
    assert (pool.pool, pool.source, pool.quota, pool.in_flight, pool.circuit) == (POOL, "settings", 6, 1, "closed")
    assert pool.rate == pytest.approx(5.94)
    waiting = {(queue.job_class, queue.tenant): queue.waiting for queue in lane.tenants}
    assert waiting == {("bulk", "blue"): 1, ("standard", "blue"): 1}
    assert lane.oldest_ms is not None
    assert room.lanes(MODEL)[0].waiting == 2


def test_a_lane_that_is_not_there_is_an_error_and_no_empty_picture(room: Darkroom) -> None:
    boat(room)
    with pytest.raises(InvalidRequest, match=r"there is no lane 'no\.such'") as caught:
        room.lanes("no.such")
    assert caught.value.problems[0].allowed == [MODEL]


def test_limits_are_set_left_and_taken_away(room: Darkroom) -> None:
    nothing = TenantView(name="blue")
    assert (room.tenant("blue"), room.tenants()) == (nothing, [])
    told = room.set_tenant("blue", weight=2.5, running=3, queued=10, queue_ttl=timedelta(minutes=5), guardrail="abc:1")
    full = TenantView(name="blue", weight=2.5, running=3, queued=10, queue_ttl=timedelta(minutes=5), guardrail="abc:1")
    assert told == room.tenant("blue") == full
    assert room.set_tenant("blue", running=0) == full.model_copy(update={"running": 0})
    assert room.set_tenant("blue") == full.model_copy(update={"running": 0})
    assert room.set_tenant("blue", weight=None, running=None, queued=None, queue_ttl=None, guardrail=None) == nothing
    boat(room, tenant="green")
    assert room.tenants() == [nothing, TenantView(name="green", waiting=1)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("weight", value) for value in (0, -1, 1000.5, float("nan"), float("inf"), "2", True)],
        *[(name, value) for name in ("running", "queued") for value in (-1, 1.5, "2", True, 10**10)],
        *[("queue_ttl", value) for value in (timedelta(0), -SOON, timedelta(days=400), 5)],
        *[("guardrail", value) for value in ("", "abc", "abc:0", 5)],
    ],
)
def test_limits_that_make_no_sense_are_refused_and_nothing_is_set(settings: Settings, name: str, value: object) -> None:
    with Darkroom(settings=settings) as room:
        given: dict[str, object] = {"weight": 2, name: value}
        set_tenant = getattr(room, "set_tenant")  # noqa: B009  # the types forbid what is tried here
        with pytest.raises(InvalidRequest) as caught:
            set_tenant("blue", **given)
        assert [problem.pointer for problem in caught.value.problems] == [f"/{name}"]
        assert room.tenant("blue") == TenantView(name="blue")
