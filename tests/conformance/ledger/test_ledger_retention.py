"""What is left when a job's time is over: nothing of its own, and nothing taken from another."""

from __future__ import annotations

from darkroom_shared.store import ops, reads
from tests.conformance.ledger.driver import PERMANENT, Room, job_of, output

PICTURE, OTHER, INPUT = (f"{n:064x}" for n in (1, 2, 3))


def finish(room: Room, hint: ops.Hint, *pictures: int) -> None:
    room.commit(hint, [output(n) for n in pictures])


def test_only_pictures_that_no_other_job_holds_are_given_up(room: Room) -> None:
    gone = room.started("responded", retention_ms=0, inputs=[INPUT])
    finish(room, gone, 1, 2)
    kept = room.started("responded", inputs=[PICTURE])
    finish(room, kept, 2)
    [purged] = room.run(ops.purge())
    assert (purged.job_id, purged.assets) == (job_of(gone), (INPUT,))
    assert room.run(ops.purge()) == []
    room.raw.execute_command("ZADD", "dr:retention", 0, job_of(kept))
    [last] = room.run(ops.purge())
    assert sorted(last.assets) == [PICTURE, OTHER]


def test_a_purged_job_leaves_no_key_behind(room: Room) -> None:
    hint = room.started("responded", retention_ms=0, interval_us=1)
    finish(room, hint, 1)
    room.run(ops.purge())
    assert [key for key in room.raw.keys("*") if job_of(hint) in key] == []
    assert room.run(reads.jobs()) == room.run(reads.jobs("t")) == room.run(reads.untold()) == []
    assert room.raw.hgetall("dr:assets") == {}


def test_a_job_that_goes_on_or_is_still_kept_is_not_purged(room: Room) -> None:
    room.started("calling", retention_ms=0)
    finished = room.started("responded")
    finish(room, finished, 1)
    assert room.run(ops.purge()) == []


def test_an_answer_kept_for_inspection_goes_with_its_job(room: Room) -> None:
    hint = room.started("responded", retention_ms=0)
    room.fail(hint, PERMANENT)
    [purged] = room.run(ops.purge())
    assert purged.receipts == ("receipt",)


def test_a_story_is_due_until_it_is_told(room: Room) -> None:
    hint = room.started("responded")
    assert room.run(reads.untold()) == []
    finish(room, hint, 1)
    assert room.run(reads.untold()) == [job_of(hint)]
    room.run(ops.told(job_of(hint)))
    assert room.run(reads.untold()) == []
