"""Dead letters: jobs that gave up wait for a person, who replays or discards them, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from darkroom_shared.store import ops, reads, upkeep
from tests.conformance.ledger.driver import Json, Room, job_of, new_job_id, output
from tests.conformance.ledger.test_ledger_workflows import chain, finish

FILTERED: Json = {"index": 0, "code": "content_filtered_output", "message": "no", "billed": None}


def quarantined(room: Room) -> str:
    """A job whose worker died three times."""
    hint = room.started("claimed", lease_ms=0)
    for _ in range(2):
        room.reconcile()
        room.advance(room.admit_one(), "claimed", lease_ms=0)
    room.reconcile()
    return job_of(hint)


def test_jobs_that_failed_or_took_their_workers_down_are_dead_letters_the_newest_first(room: Room) -> None:
    failed = room.dead_letter()
    lost = quarantined(room)
    assert [room.state(failed), room.state(lost)] == ["failed", "failed"]
    assert room.dead() == [lost, failed]
    assert room.run(reads.dead_letters(limit=1)) == [lost]
    assert room.run(reads.dead_letters(limit=1, offset=1)) == [failed]


def rejected(room: Room) -> str:
    hint = room.started("responded")
    room.commit(hint, [], [FILTERED])
    return job_of(hint)


def partial(room: Room) -> str:
    """One of its two calls failed."""
    room.worker()
    job = room.submit(calls=2, images_wanted=2)
    first, second = room.admit()
    room.commit(room.advance(first, "responded"))
    room.fail(room.advance(second, "calling"))
    return job


def expired(room: Room) -> str:
    job = room.submit(finish_by_ms=1)
    room.reconcile()
    return job


def canceled(room: Room) -> str:
    job = room.submit()
    room.cancel(job)
    return job


def succeeded(room: Room) -> str:
    hint = room.started("responded")
    room.commit(hint)
    return job_of(hint)


@pytest.mark.parametrize("ending", [rejected, partial, expired, canceled, succeeded], ids=lambda ending: ending.__name__)
def test_other_endings_leave_no_dead_letter(room: Room, ending: Callable[[Room], str]) -> None:
    job = ending(room)
    assert room.state(job) == ending.__name__
    assert room.dead() == []
    assert room.replay(job) == ops.Accepted(ops.Verdict.NOT_DEAD, "")
    assert not room.run(upkeep.discard(job))


def test_a_dead_letter_is_replayed_once_and_the_two_jobs_know_each_other(room: Room) -> None:
    dead = room.dead_letter()
    events = room.events(dead)
    first = room.replay(dead)
    assert (first.verdict, room.state(first.id)) == ("accepted", "queued")
    refused = new_job_id()
    assert room.replay(dead, job_id=refused) == ops.Accepted(ops.Verdict.NOT_DEAD, first.id)
    assert room.state(refused) == "gone"
    assert (room.view(dead).replaced_by, room.view(first.id).replays) == (first.id, dead)
    assert (room.dead(), room.events(dead)) == ([], events)


def test_a_replay_whose_answer_got_lost_may_be_sent_again(room: Room) -> None:
    dead, again = room.dead_letter(), new_job_id()
    answers = [room.replay(dead, job_id=again) for _ in range(2)]
    assert answers == [ops.Accepted(ops.Verdict.ACCEPTED, again)] * 2
    assert len(room.run(reads.jobs())) == 2


def test_a_replay_under_an_idempotency_key_gives_the_same_job_again(room: Room) -> None:
    dead = room.dead_letter()
    first, second = (room.replay(dead, key="again") for _ in range(2))
    assert [first.verdict, second.verdict] == ["accepted", "replayed"]
    assert first.id == second.id


def test_a_replay_that_fails_is_a_dead_letter_of_its_own(room: Room) -> None:
    dead = room.dead_letter()
    again = room.replay(dead)
    room.fail(room.advance(room.admit_one(), "calling"))
    assert room.dead() == [again.id]
    third = room.replay(again.id)
    assert [room.view(job).replaced_by for job in (dead, again.id)] == [again.id, third.id]


def test_a_discarded_dead_letter_waits_for_nobody(room: Room) -> None:
    dead = room.dead_letter()
    before = room.now_ms()
    assert [room.run(upkeep.discard(dead)) for _ in range(2)] == [True, False]
    discarded = room.view(dead).discarded
    assert discarded is not None
    assert before <= discarded.timestamp() * 1000 <= room.now_ms()
    assert room.dead() == []
    assert room.replay(dead) == ops.Accepted(ops.Verdict.NOT_DEAD, "")
    assert not room.run(upkeep.discard(new_job_id()))


@pytest.mark.parametrize(("retention_ms", "dead_ms"), [(1000, 600_000), (600_000, 1000), (5000, 0)])
def test_a_dead_letter_is_kept_for_the_longer_of_its_two_times(room: Room, retention_ms: int, dead_ms: int) -> None:
    dead = room.dead_letter({"dead_retention_ms": str(dead_ms)}, retention_ms=retention_ms)
    record = room.run(reads.job(dead))
    assert int(record["expires_ms"]) - int(record["finished_ms"]) == max(retention_ms, dead_ms)


@pytest.mark.parametrize("way", ["discard", "replay"])
def test_once_a_person_has_decided_it_is_kept_no_longer_than_other_jobs(room: Room, way: str) -> None:
    dead = room.dead_letter({"dead_retention_ms": "600000"}, retention_ms=0)
    assert room.purge() == []
    assert room.run(upkeep.discard(dead)) if way == "discard" else room.replay(dead).verdict == "accepted"
    assert f"story:{dead}" in room.purge()
    assert room.state(dead) == "gone"


def test_a_dead_letter_that_nobody_wanted_goes_at_the_end_of_its_time(room: Room) -> None:
    dead = room.dead_letter(retention_ms=0)
    assert f"story:{dead}" in room.purge()
    assert (room.dead(), room.state(dead)) == ([], "gone")


def test_a_failed_step_holds_the_pictures_of_the_steps_before_it(room: Room) -> None:
    ids = chain(room, ("a", "b"), retention_ms=0)
    room.raw.hset(room.keys.job(ids["b"]), "dead_retention_ms", 600_000)
    finish(room, ids["a"], 5, 6)
    room.fail(room.advance(room.admit_one(), "calling"))
    gone = room.purge()
    assert f"story:{ids['a']}" in gone
    assert [thing for thing in gone if thing.startswith("asset:")] == []
    assert room.dead() == [ids["b"]]
    room.run(upkeep.discard(ids["b"]))
    assert sorted(thing for thing in room.purge() if thing.startswith("asset:")) == [f"asset:{n:064x}" for n in (5, 6)]


def test_a_step_that_was_canceled_for_its_dependency_is_no_dead_letter_and_holds_nothing(room: Room) -> None:
    ids = chain(room, ("a", "b"), ("b", "c"), retention_ms=0)
    finish(room, ids["a"], 5)
    room.fail(room.advance(room.admit_one(), "calling"))
    assert room.state(ids["c"]) == "canceled"
    assert room.dead() == [ids["b"]]
    assert f"asset:{5:064x}" in room.purge(), "b itself had no time left"


def test_a_picture_held_twice_by_a_dead_letter_is_given_up_once(room: Room) -> None:
    """An input that is also the picture of the step before."""
    ids = chain(room, ("a", "b"), retention_ms=0)
    room.raw.hset(room.keys.job(ids["b"]), "inputs", f'["{output(5)["sha256"]}"]')
    room.raw.execute_command("HINCRBY", "dr:assets", f"{5:064x}", 1)
    finish(room, ids["a"], 5)
    room.fail(room.advance(room.admit_one(), "calling"))
    assert room.purge().count(f"asset:{5:064x}") == 1
    assert room.raw.hgetall("dr:assets") == {}
