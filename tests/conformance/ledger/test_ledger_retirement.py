"""Marks of retired models, and jobs that are put on another way because of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.plan.recorded import ROUTE_FIELDS
from darkroom_shared.store import ops, reads, retirement
from darkroom_shared.store.retirement import NewMark
from tests.conformance.ledger.driver import Room, output

GONE = Failure(FailureKind.PERMANENT, "model_retired", "end of life", False, "ResourceNotFoundException", "req-1", 404)
OLD, NEW = PoolQuota("old", "r/old", off=True), PoolQuota("new", "s/new", off=True)
WAY: Mapping[str, object] = {
    "request": {"taskType": "STABLE_IMAGE"},
    "model": "new",
    "region": "s",
    "routes": "s/new",
    "lane": "new",
    "price_microusd": 1_000,
    "images_per_call": 1,
    "asked": {"taskType": "TEXT_IMAGE"},
    "asked_model": "old",
    "fidelity": "equivalent",
    "lost": ["new draws it, not old."],
    "prepare": {},
    "finish": [{"step": {"kind": "cover"}, "images": ["$made"]}],
    "seed": 7,
}


def way(**changes: object) -> dict[str, str]:
    """The new way as fields of a job."""
    record = JobRecord.model_validate(
        {"kind": "bedrock", "task_type": "T", "task_name": "t", "tenant": "t", "retention_ms": 1, **WAY}
    )
    fields = record.model_copy(update=changes).as_fields()
    return {name: fields[name] for name in ROUTE_FIELDS if name in fields}


def reroute(
    room: Room, hint: ops.Hint, *, failure: Failure | None = GONE, calls: int = 1, pools: Sequence[PoolQuota] = (NEW,)
) -> bool:
    """Puts the job of a call on the new way."""
    what = retirement.reroute(
        hint.call_id, hint.fence, model="old", failure=failure, fields=way(), names=ROUTE_FIELDS, calls=calls, pools=pools
    )
    return room.run(what)


def submit(room: Room, *, calls: int = 1, images: int = 1, per_call: int = 1, lost: Sequence[str] = (), **fields: str) -> str:
    """A job for the model `old`, with a worker who takes everything; its id."""
    room.worker(pools=[OLD])
    told = {"model": "old", "images_per_call": str(per_call), "substitute": "equivalent", "seed": "3", **fields}
    if lost:
        told["lost"] = json.dumps(list(lost))
    return room.submit_as(told, lane="old", routes="r/old", calls=calls, images_wanted=images)


def let_go(room: Room, job: str, state: str = "calling") -> dict[str, ops.Hint]:
    """Every call of the job that may go now, brought to a state; by call id."""
    return {hint.call_id: room.advance(hint, state) for hint in room.admit() if hint.call_id.startswith(job)}


def record(room: Room, job: str) -> JobRecord:
    return JobRecord.from_fields(room.run(reads.job(job)))


def test_a_mark_is_set_once_and_taken_back_once(room: Room) -> None:
    first, second = NewMark("m", "worker", "end of life"), NewMark("m", "aws", "gone")
    assert room.run(retirement.retire([first])) == ["m"]
    before = room.now_ms()
    assert room.run(retirement.retire([second, NewMark("n", "aws", "gone")])) == ["n"]
    found = room.run(retirement.marks())
    assert sorted(found) == ["m", "n"]
    assert (found["m"].source, found["m"].text) == ("worker", "end of life")
    assert before - 60_000 < found["m"].at_ms <= before
    assert room.run(retirement.retire([], revive=["m", "unknown"])) == ["m"]
    assert room.run(retirement.retire([], revive=["m"])) == []
    assert list(room.run(retirement.marks())) == ["n"]


def test_a_submit_hears_of_the_marks_of_its_models(room: Room) -> None:
    assert room.accept(room.new_job()).retired == ()
    room.run(retirement.retire([NewMark("m", "worker", "gone")]))
    job = room.new_job()
    accepted = room.accept(job, room.new_job())
    assert (accepted.id, accepted.retired) == (job.job_id, ("m",))


def test_a_claim_tells_whether_the_model_is_marked_unless_an_answer_waits(room: Room) -> None:
    room.worker()
    room.submit()
    assert not room.claim(room.admit_one()).retired
    room.run(retirement.retire([NewMark("m", "worker", "gone")]))
    room.submit()
    hint = room.admit_one()
    assert room.claim(hint).retired
    room.gate(hint, lease_ms=0)
    room.receipt(hint, f"{hint.call_id}:{hint.fence}", lease_ms=0)
    room.repair()
    again = room.claim(room.admit_one())
    assert (again.verdict, again.retired) == ("adopted", False)


def test_a_refused_call_goes_on_in_the_new_lane_at_no_cost_and_with_no_attempt_used(room: Room) -> None:
    job = submit(room, lost=["of the way before"])
    (hint,) = let_go(room, job).values()
    assert reroute(room, hint)
    assert room.state(job) == "queued"
    call = room.call(hint.call_id)
    assert (call["state"], call["reason"], call["attempts"], call["snoozes"]) == ("parked", "model_retired", "0", "1")
    view = room.view(job)
    [attempt] = view.calls[0].attempts
    assert (attempt.snoozed, attempt.outcome, attempt.billed, attempt.request_id) == (True, "model_retired", False, "req-1")
    assert (view.cost.actual_usd, view.cost.uncertain_usd, view.cost.estimated_usd) == (0, 0, 0.001)
    assert list(room.raw.hgetall("dr:spend").values()) == ["0"], "the day's money is given back"
    told = record(room, job)
    assert told.model_dump(include=set(WAY)) == dict(WAY)
    assert (told.task_type, told.substitute) == ("TEXT_IMAGE", "equivalent")
    assert (room.look("old").waiting, room.look("new").waiting) == (0, 1)
    assert [pool.pool for pool in room.look("new").pools] == ["s/new"]
    assert room.events(job)[-1] == "call.reroute"
    assert {(event.data["from"], event.data["to"]) for event in room.run(reads.events(job)) if event.type == "call.reroute"} == {
        ("old", "new")
    }
    again = room.admit_one()
    assert room.call(again.call_id)["pool"] == "s/new"
    assert room.claim(again).job["model"] == "new"


def test_names_that_the_new_way_does_not_set_are_gone(room: Room) -> None:
    job = submit(room, lost=["of the way before"])
    (hint,) = let_go(room, job).values()
    fields = {name: text for name, text in way().items() if name not in ("lost", "finish", "price_microusd", "seed")}
    room.run(
        retirement.reroute(
            hint.call_id, hint.fence, model="old", failure=GONE, fields=fields, names=ROUTE_FIELDS, calls=1, pools=[NEW]
        )
    )
    told = record(room, job)
    assert (told.lost, told.finish, told.price_microusd, told.seed) == ([], [], None, None)


def test_a_call_that_was_only_claimed_leaves_no_attempt(room: Room) -> None:
    job = submit(room)
    (hint,) = let_go(room, job, "claimed").values()
    assert reroute(room, hint, failure=None)
    assert (room.state(hint.call_id), room.attempts(hint.call_id)) == ("parked", [])
    assert room.call(hint.call_id)["snoozes"] == "0"


def test_a_job_of_one_call_gets_as_many_as_the_new_way_takes(room: Room) -> None:
    job = submit(room, images=3, per_call=3)
    (hint,) = let_go(room, job).values()
    assert reroute(room, hint, calls=3)
    assert room.look("new").waiting == 3
    for again in let_go(room, job, "responded").values():
        number = int(again.call_id[-1])
        room.commit(again, [{**output(number + 1), "index": number}])
    view = room.view(job)
    assert (view.state, [out.index for out in view.outputs], len(view.calls)) == ("succeeded", [0, 1, 2], 3)


def test_waiting_calls_follow_and_a_call_at_another_worker_is_left_alone(room: Room) -> None:
    job = submit(room, calls=5, images=5)
    hints = {hint.call_id[-1]: hint for hint in room.admit(most=4)}
    for name, state in (("0", "calling"), ("1", "calling"), ("2", "claimed")):
        room.advance(hints[name], state)
    snoozed = hints["1"]
    room.snooze(snoozed, delay_ms=600_000)
    assert [room.state(f"{job}.{n}") for n in range(5)] == ["calling", "snoozed", "claimed", "admitted", "parked"]
    assert reroute(room, hints["0"], calls=5)
    assert [room.state(f"{job}.{n}") for n in range(5)] == ["parked", "snoozed", "claimed", "parked", "parked"]
    assert room.look("new").waiting == 3
    assert room.claim(hints["3"], token="late").verdict == "stale", "its message was outdated by the move"
    assert room.members("pending:darkroom") == []
    assert room.look("old").waiting == 0
    assert reroute(room, hints["2"], failure=None, calls=5), "the other worker finds out for itself, and only follows"
    assert (room.state(f"{job}.2"), room.look("new").waiting) == ("parked", 4)
    room.raw.execute_command("ZADD", "dr:snoozed", 0, snoozed.call_id)
    done = {hint.call_id: room.call(hint.call_id)["pool"] for hint in room.admit()}
    assert done == {f"{job}.{n}": "s/new" for n in range(5)}


def test_a_call_that_is_out_on_the_old_way_may_still_deliver(room: Room) -> None:
    job = submit(room, calls=2, images=2)
    first, second = let_go(room, job).values()
    assert reroute(room, first, calls=2)
    room.receipt(second)
    assert room.commit(second, [{**output(2), "index": 1}]) == ("done", "queued")
    (again,) = let_go(room, job, "responded").values()
    assert room.commit(again, [{**output(1), "index": 0}]) == ("done", "succeeded")


def test_an_answer_that_turns_up_late_is_told_from_those_of_the_new_way_by_its_fence(room: Room) -> None:
    job = submit(room, calls=2, images=2)
    first, second = let_go(room, job).values()
    assert reroute(room, first, calls=2)
    for hint in (first, second):
        [before] = json.loads(room.call(hint.call_id)["ways"])
        assert (before["fence"], before["fields"]["model"], before["fields"]["seed"]) == (hint.fence, "old", "3")
        assert "lost" not in before["fields"]


def test_asking_again_changes_nothing_and_a_lost_lease_is_told(room: Room) -> None:
    job = submit(room)
    (hint,) = let_go(room, job).values()
    assert reroute(room, hint)
    before = (room.raw.hgetall(f"dr:job:{job}"), room.call(hint.call_id), room.events(job))
    assert reroute(room, hint)
    assert (room.raw.hgetall(f"dr:job:{job}"), room.call(hint.call_id), room.events(job)) == before
    (again,) = let_go(room, job).values()
    assert reroute(room, hint), "what was asked for under that fence is done"
    assert (room.state(again.call_id), record(room, job).model) == ("calling", "new")


@pytest.mark.parametrize(("state", "ahead"), [("admitted", 0), ("calling", 1), ("calling", -1)])
def test_nobody_without_the_lease_can_move_a_job(room: Room, state: str, ahead: int) -> None:
    job = submit(room)
    (hint,) = let_go(room, job, state).values()
    assert not reroute(room, ops.Hint(hint.call_id, hint.fence + ahead, "t"))
    assert record(room, job).model == "old"


def test_a_job_that_was_canceled_meanwhile_ends_instead(room: Room) -> None:
    job = submit(room)
    (hint,) = let_go(room, job).values()
    room.cancel(job)
    assert reroute(room, hint)
    assert (room.state(job), record(room, job).model, room.view(job).cost.actual_usd) == ("canceled", "old", 0)


def test_the_places_of_worker_and_pool_are_free_again(room: Room) -> None:
    job = submit(room)
    (hint,) = let_go(room, job).values()
    assert (room.members("work:w1"), room.members("running:t")) == ([hint.call_id], [hint.call_id])
    assert reroute(room, hint)
    assert (room.members("work:w1"), room.members("running:t"), room.members("queued:t")) == ([], [], [job])
    assert room.raw.zcard("dr:flight:r/old") == 0
    assert room.raw.zcard("dr:leases") == 0
