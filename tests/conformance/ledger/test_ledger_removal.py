"""Removing what nobody holds any more: handed out, then reported. A new job that wants the same bytes is never robbed of them."""

from __future__ import annotations

import pytest

from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops, reads, upkeep
from tests.conformance.ledger.driver import Room, job_of, new_job_id, output
from tests.conformance.ledger.test_ledger_workflows import chain, finish

INPUT = f"{3:064x}"


def ended(room: Room, *pictures: int, inputs: tuple[str, ...] = ()) -> str:
    """A job whose retention is over; its id."""
    hint = room.started("responded", retention_ms=0, inputs=inputs)
    room.commit(hint, [output(n) for n in pictures])
    return job_of(hint)


def later(room: Room, then_ms: int) -> None:
    """Waits until the server's clock has moved on."""
    while room.now_ms() <= then_ms:
        pass


def assets(things: list[str]) -> list[str]:
    return sorted(thing for thing in things if thing.startswith("asset:"))


def test_what_was_handed_out_and_not_reported_is_handed_out_again_after_a_while(room: Room) -> None:
    job = ended(room, 1, inputs=(INPUT,))
    first = room.hand_out()
    assert sorted(first) == sorted([f"asset:{1:064x}", f"asset:{INPUT}", f"receipt:{job}.0:1", f"story:{job}"])
    assert room.hand_out() == [], "somebody is at it"
    slow = room.handed_ms
    assert sorted(room.hand_out(again_ms=-1)) == sorted(first), "whoever was is taken for dead"
    if room.handed_ms > slow:
        room.removed(*first, handed_ms=slow)
    assert sorted(room.hand_out(again_ms=-1)) == sorted(first), "what was handed to another is not his to report"


def test_what_was_reported_does_not_come_again(room: Room) -> None:
    job = ended(room, 1)
    things = room.hand_out()
    room.removed(*(thing for thing in things if not thing.startswith("asset:")))
    assert room.hand_out(again_ms=-1) == [f"asset:{1:064x}"]
    room.removed(f"asset:{1:064x}")
    assert room.hand_out(again_ms=-1) == []
    assert room.raw.zcard("dr:removing") == 0
    room.removed(*things)
    assert room.state(job) == "gone"


def test_the_receipts_of_all_attempts_are_handed_out(room: Room) -> None:
    """A late answer of the first attempt may lie there although nobody noted it."""
    first = room.started("calling", retention_ms=0)
    room.doubt(first, AfterDoubt.RETRY)
    second = room.advance(room.admit_one(), "responded")
    room.commit(second)
    call = first.call_id
    assert sorted(thing for thing in room.hand_out() if "receipt" in thing) == [
        f"receipt:{call}:{first.fence}",
        f"receipt:{call}:{second.fence}",
    ]


def test_a_job_with_pictures_that_are_being_removed_is_told_to_store_them_again(room: Room) -> None:
    ended(room, inputs=(INPUT,))
    room.hand_out()
    job = room.new_job(inputs=[INPUT, f"{9:064x}"])
    before = sorted(room.raw.keys("*"))
    key = ("t:key", "print", 60_000)
    stored_ms: int | None = None
    for _ in range(2):  # for as long as the removal goes on
        told = room.accept(job, idempotency=key, stored_ms=stored_ms)
        assert (told.verdict, told.id, told.assets) == ("put_again", job.job_id, (INPUT,))
        stored_ms = told.at_ms
    assert sorted(room.raw.keys("*")) == before, "nothing was written, the idempotency key neither"
    room.removed(f"asset:{INPUT}")
    told = room.accept(job, idempotency=key, stored_ms=stored_ms)
    assert told.verdict == "put_again", "the bytes may have been stored before they were removed"
    later(room, told.at_ms)
    assert room.accept(job, idempotency=key, stored_ms=room.now_ms()).verdict == "accepted"
    assert room.raw.hgetall("dr:assets") == {INPUT: "1", f"{9:064x}": "1"}


def test_everybody_who_may_have_stored_a_picture_before_its_removal_is_told(room: Room) -> None:
    ended(room, inputs=(INPUT,))
    room.purge()
    first, second = room.new_job(inputs=[INPUT]), room.new_job(inputs=[INPUT])
    assert [room.accept(job).verdict for job in (first, second)] == ["put_again", "put_again"]


def test_a_removal_long_ago_is_forgotten(room: Room) -> None:
    ended(room, inputs=(INPUT,))
    room.purge()
    room.raw.execute_command("ZADD", "dr:removed", room.now_ms() - 3_700_000, INPUT)
    room.purge()
    assert room.accept(room.new_job(inputs=[INPUT])).verdict == "accepted"


def test_a_dead_letter_stays_one_until_its_replay_is_recorded(room: Room) -> None:
    dead = room.dead_letter()
    ended(room, inputs=(INPUT,))
    room.hand_out()
    job = room.new_job(inputs=[INPUT])
    replay = ops.accept([job], [], replaces=dead)
    assert room.run(replay).verdict == "put_again"
    assert room.dead() == [dead]
    room.removed(f"asset:{INPUT}")
    told = room.run(replay)
    assert told.verdict == "put_again"
    later(room, told.at_ms)
    assert room.run(ops.accept([job], [], replaces=dead, stored_ms=room.now_ms())).verdict == "accepted"
    assert (room.dead(), room.view(dead).replaced_by) == ([], job.job_id)


def test_a_result_equal_to_a_picture_that_is_being_removed_is_stored_again(room: Room) -> None:
    ended(room, 1)
    room.hand_out()
    hint = room.started("responded")
    before = dict(room.call(hint.call_id)), dict(room.run(reads.job(job_of(hint)))), room.events(job_of(hint))
    for _ in range(2):
        assert room.commit(hint, [output(1)]) == ("put_again", "running")
    assert (dict(room.call(hint.call_id)), dict(room.run(reads.job(job_of(hint)))), room.events(job_of(hint))) == before
    room.removed(f"asset:{1:064x}")
    assert room.commit(hint, [output(1)]) == ("put_again", "running")
    later(room, room.now_ms())
    assert room.commit(hint, [output(1)], stored_ms=room.now_ms()) == ("done", "succeeded")
    assert len(room.view(job_of(hint)).outputs) == 1
    assert room.raw.hgetall("dr:assets") == {f"{1:064x}": "1"}


def test_only_the_pictures_concerned_are_named(room: Room) -> None:
    ended(room, inputs=tuple(f"{n:064x}" for n in (1, 2, 3)))
    room.hand_out()
    answer = room.accept(room.new_job(inputs=[f"{n:064x}" for n in (3, 4, 1)]))
    assert sorted(answer.assets) == [f"{1:064x}", f"{3:064x}"]


MANY = tuple(f"{n:064x}" for n in range(100, 125))


@pytest.mark.parametrize("way", ["submit", "result"])
def test_a_picture_that_was_doomed_but_not_handed_out_is_saved_by_a_new_job(room: Room, way: str) -> None:
    ended(room, inputs=MANY)
    handed = assets(room.hand_out(most=1))
    assert len(handed) == 10
    left = next(name for name in MANY if f"asset:{name}" not in handed)
    if way == "submit":
        assert room.accept(room.new_job(inputs=[left])).verdict == "accepted"
    else:
        assert room.commit(room.started("responded"), [{**output(), "sha256": left}]) == ("done", "succeeded")
    rest = assets(room.hand_out())
    assert f"asset:{left}" not in rest
    own = f"{1:064x}"
    assert sorted(handed + rest) == [f"asset:{name}" for name in (own, *MANY) if name != left]


def test_a_finished_step_stays_while_a_step_that_needs_it_has_not_ended(room: Room) -> None:
    ids = chain(room, ("a", "b"), retention_ms=0)
    finish(room, ids["a"], 5)
    assert room.hand_out() == []
    assert room.state(ids["a"]) == "succeeded"
    [hint] = room.admit()
    assert [row["sha256"] for row in room.claim(hint).inputs["a"]] == [f"{5:064x}"]
    room.raw.execute_command("ZADD", "dr:retention", 0, ids["a"])
    assert room.hand_out() == []
    assert room.gate(hint)[0] == "go"
    room.receipt(hint)
    room.commit(hint, [output(6)])
    room.raw.execute_command("ZADD", "dr:retention", 0, ids["a"])
    assert assets(room.hand_out()) == [f"asset:{5:064x}", f"asset:{6:064x}"]
    assert [room.state(job) for job in ids.values()] == ["gone", "gone"]


def test_two_workers_are_never_handed_the_same_things(room: Room) -> None:
    for n in range(6):
        ended(room, n + 1)
    shares = [room.hand_out(most=1) for _ in range(8)]
    together = [thing for share in shares for thing in share]
    assert len(together) == len(set(together)) == 6 * 3


def test_a_report_of_something_that_was_saved_meanwhile_changes_nothing(room: Room) -> None:
    """Its report came so late that the removal had been handed to somebody else, who is done."""
    ended(room, inputs=(INPUT,))
    room.purge()
    job = room.new_job(inputs=[INPUT], job_id=new_job_id())
    later(room, room.now_ms())
    assert room.accept(job, stored_ms=room.now_ms()).verdict == "accepted"
    room.removed(f"asset:{INPUT}", handed_ms=1)
    assert room.accept(room.new_job(inputs=[INPUT]), stored_ms=room.now_ms()).verdict == "accepted"


def test_a_picture_nobody_wants_does_not_reopen_a_removal_under_way(room: Room) -> None:
    """A canceled job's picture equals one that is being removed: whoever removes it is still at it."""
    ended(room, 1)
    room.hand_out()
    hint = room.started("responded")
    room.cancel(job_of(hint), discard=True)
    assert room.commit(hint, [output(1)]) == ("done", "canceled")
    assert room.accept(room.new_job(inputs=[f"{1:064x}"])).verdict == "put_again"


def test_pictures_that_no_job_holds_are_handed_out_and_others_are_not(room: Room) -> None:
    room.submit(inputs=[INPUT])
    assert room.run(upkeep.unheld([INPUT, f"{7:064x}"])) == 1
    assert room.hand_out() == [f"asset:{7:064x}"]


def test_one_worker_at_a_time_looks_through_the_store_and_the_ledger_keeps_its_name(room: Room) -> None:
    assert [room.run(upkeep.sweep(60_000, name)) for name in ("one", "two")] == ["one", ""]
    assert room.run(upkeep.sweep(0, "three")) == "one"
