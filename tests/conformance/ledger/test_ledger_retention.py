"""What is left when a job's time is over: nothing of its own, and nothing taken from another."""

from __future__ import annotations

from darkroom_shared.store import ops, reads, upkeep
from tests.conformance.ledger.driver import PERMANENT, Room, job_of, output

PICTURE, OTHER, INPUT = (f"{n:064x}" for n in (1, 2, 3))


def finish(room: Room, hint: ops.Hint, *pictures: int) -> None:
    room.commit(hint, [output(n) for n in pictures])


def test_only_pictures_that_no_other_job_holds_are_given_up(room: Room) -> None:
    gone = room.started("responded", retention_ms=0, inputs=[INPUT])
    finish(room, gone, 1, 2)
    kept = room.started("responded", inputs=[PICTURE])
    finish(room, kept, 2)
    receipt = f"receipt:{gone.call_id}:{gone.fence}"
    assert sorted(room.purge()) == [f"asset:{INPUT}", receipt, f"story:{job_of(gone)}"]
    assert room.purge() == []
    room.raw.execute_command("ZADD", "dr:retention", 0, job_of(kept))
    assert [thing for thing in sorted(room.purge()) if "asset" in thing] == [f"asset:{PICTURE}", f"asset:{OTHER}"]


def test_a_purged_job_leaves_no_key_behind(room: Room) -> None:
    hint = room.started("responded", retention_ms=0, interval_us=1)
    finish(room, hint, 1)
    room.purge()
    assert [key for key in room.raw.keys("*") if job_of(hint) in key] == []
    assert room.run(reads.jobs()) == room.run(reads.jobs("t")) == room.run(reads.untold()) == []
    assert room.raw.hgetall("dr:assets") == {}


def test_a_job_that_goes_on_or_is_still_kept_is_not_purged(room: Room) -> None:
    room.started("calling", retention_ms=0)
    finished = room.started("responded")
    finish(room, finished, 1)
    assert room.purge() == []


def test_an_answer_kept_for_inspection_goes_with_its_job(room: Room) -> None:
    hint = room.started("responded", retention_ms=0)
    room.fail(hint, PERMANENT)
    assert f"receipt:{hint.call_id}:{hint.fence}" in room.purge()


def test_a_story_is_due_until_it_is_told(room: Room) -> None:
    hint = room.started("responded")
    assert room.run(reads.untold()) == []
    finish(room, hint, 1)
    assert room.run(reads.untold()) == [job_of(hint)]
    room.run(upkeep.told(job_of(hint)))
    assert room.run(reads.untold()) == []
