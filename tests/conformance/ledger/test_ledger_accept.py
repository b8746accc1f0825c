"""How work comes into the ledger: records, idempotency, start times, events."""

from __future__ import annotations

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import ops, presence, reads
from tests.conformance.ledger.driver import Room, new_job_id


def test_an_accepted_job_is_queued_and_its_calls_wait_in_their_lane(room: Room) -> None:
    job = room.new_job(calls=2)
    assert room.accept(job) == ops.Accepted(ops.Verdict.ACCEPTED, job.job_id)
    view = room.view(job.job_id)
    assert (view.state, view.sequence, [call.state for call in view.calls]) == ("queued", 1, ["parked", "parked"])
    assert room.events(job.job_id) == ["job.accepted"]
    assert room.run(reads.jobs()) == room.run(reads.jobs("t")) == [job.job_id]
    assert room.run(reads.jobs("somebody-else")) == []


def test_the_same_key_and_request_give_the_first_job_and_write_nothing(room: Room) -> None:
    first, second = room.new_job(), room.new_job()
    assert room.accept(first, idempotency=("t:k", "print", 60_000)).verdict is ops.Verdict.ACCEPTED
    assert room.accept(second, idempotency=("t:k", "print", 60_000)) == ops.Accepted(ops.Verdict.REPLAYED, first.job_id)
    assert room.run(reads.jobs()) == [first.job_id]
    assert room.run(reads.job(second.job_id)) == {}


def test_the_same_key_with_another_request_is_a_conflict_that_names_the_first_job(room: Room) -> None:
    first, second = room.new_job(), room.new_job()
    room.accept(first, idempotency=("t:k", "print", 60_000))
    assert room.accept(second, idempotency=("t:k", "other", 60_000)) == ops.Accepted(ops.Verdict.CONFLICT, first.job_id)
    assert room.run(reads.job(second.job_id)) == {}


def test_a_key_is_forgotten_after_its_life(room: Room) -> None:
    first, second = room.new_job(), room.new_job()
    room.accept(first, idempotency=("t:k", "print", 1))
    while room.raw.exists("dr:idem:t:k"):
        pass
    assert room.accept(second, idempotency=("t:k", "other", 60_000)).id == second.job_id


def test_accepting_the_very_same_job_again_changes_nothing(room: Room) -> None:
    """What happens when the answer is lost on the way and the Redis client sends the script once more."""
    job = room.new_job()
    room.accept(job)
    room.worker()
    hint = room.admit_one()
    room.claim(hint)
    assert room.accept(job).verdict is ops.Verdict.ACCEPTED
    assert room.state(hint.call_id) == "claimed"
    assert room.events(job.job_id) == ["job.accepted", "call.admit", "call.claim"]


def test_a_job_for_later_is_scheduled_and_starts_when_its_time_has_come(room: Room) -> None:
    room.worker()
    start = room.now_ms() + 500
    job = room.submit(hold_until_ms=start)
    assert room.state(job) == "scheduled"
    waiting = room.admission()
    assert waiting.hints == ()
    assert waiting.reason == "snoozed"
    assert waiting.next_ms is not None
    assert waiting.next_ms <= 500
    room.admit_one()
    assert room.now_ms() >= start
    assert room.events(job) == ["job.accepted", "call.park", "call.admit"]


def test_events_can_be_read_from_any_point_and_waited_for(room: Room) -> None:
    job = room.submit()
    room.worker()
    room.admit_one()
    assert [event.sequence for event in room.run(reads.events(job, after=1))] == [2]
    assert [event.type for event in room.run(reads.events(job, after=1, block_ms=5))] == ["call.admit"]
    assert room.run(reads.events(job, after=2, block_ms=5)) == []
    assert room.run(reads.events(new_job_id())) == []


def test_a_quota_that_a_worker_announced_is_not_changed_by_a_submit(room: Room) -> None:
    room.worker(pools=[PoolQuota("lane", "pool-lane", settings_rpm=7)])
    room.submit(interval_us=9_000)
    assert room.run(reads.pool("pool-lane"))["settings_rpm"] == "7"
    room.worker(pools=[PoolQuota("lane", "pool-lane", settings_rpm=11)])
    assert room.run(reads.pool("pool-lane"))["settings_rpm"] == "11"


def test_a_quota_that_no_worker_announces_follows_the_settings_of_who_submits(room: Room) -> None:
    for rpm in (7, 11):
        room.run(ops.accept([room.new_job(routes="far")], [PoolQuota("lane", "far", settings_rpm=rpm)]))
        assert room.run(reads.pool("far"))["settings_rpm"] == str(rpm)


def test_the_fleet_is_the_workers_that_are_alive(room: Room) -> None:
    room.worker("w1", slots=3)
    room.worker("dead", ttl_ms=0)
    assert [(row["worker"], row["slots"]) for row in room.run(presence.fleet())] == [("w1", "3")]
    room.run(presence.leave("w1"))
    assert room.run(presence.fleet()) == []


def test_a_key_whose_job_is_gone_is_free_again(room: Room) -> None:
    first, second = room.new_job(retention_ms=0), room.new_job()
    room.accept(first, idempotency=("t:k", "print", 600_000))
    room.cancel(first.job_id)
    assert f"story:{first.job_id}" in room.purge()
    assert room.accept(second, idempotency=("t:k", "other", 600_000)) == ops.Accepted(ops.Verdict.ACCEPTED, second.job_id)


def test_a_start_time_in_another_age_does_not_confuse_the_admission_of_others(room: Room) -> None:
    room.submit(hold_until_ms=253_402_214_400_000)
    admission = room.admission()
    assert (admission.hints, admission.next_ms, admission.reason) == ((), 86_400_000, "snoozed")
