"""Batches in the ledger: rows are fed one by one, in turn, while there is room; the last one ends the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from darkroom.batches.following import batch_view
from darkroom_shared.store import batches, ops
from darkroom_shared.store.batches import Due
from tests.conformance.ledger.driver import PRICE, Room, job_of, new_job_id, output

BATCH = "bt_" + "0" * 26


def line(room: Room, row: int, **options: object) -> dict[str, object]:
    job = room.new_job(job_id=new_job_id())
    told = dict(job.as_json())
    told["fields"] = {**job.fields, "batch": BATCH, "row": str(row), **{name: str(value) for name, value in options.items()}}
    return {"jobs": [told], "pools": []}


def opened(room: Room, *sizes: int, **fields: str) -> None:
    """A batch that runs, with chunks of so many rows."""
    room.worker()
    told = {"tenant": "t", "total": str(sum(sizes)), "parallel": "10", "retention_ms": "600000", **fields}
    assert room.run(batches.open_batch(BATCH, told)) == (ops.Verdict.ACCEPTED, BATCH)
    for number, size in enumerate(sizes):
        assert room.run(batches.add_rows(BATCH, f"{number:064x}", size, [f"{number + 100:064x}"])) == 0
    assert room.run(batches.due(100)) == ()
    assert room.run(batches.start(BATCH)) == (ops.Verdict.ACCEPTED, BATCH)


def feed(room: Room, *numbers: int) -> list[ops.Verdict]:
    return [room.run(batches.feed(BATCH, row, line(room, row))).verdict for row in numbers]


def end(room: Room, how: Sequence[str]) -> None:
    """Ends the calls that can be had: `well`, `filtered` or `failed`."""
    for hint, word in zip(room.admit(), how, strict=True):
        room.advance(hint, "calling" if word == "failed" else "responded")
        if word == "failed":
            room.fail(hint)
        else:
            room.commit(hint, *(([output()], []) if word == "well" else ([], [{"index": 0, "code": "x"}])))


def view(room: Room) -> tuple[str, str | None, int, int, int]:
    seen = batch_view(room.run(batches.batch(BATCH)))
    return seen.state, seen.outcome, seen.fed, seen.open, seen.failed


def test_rows_are_fed_in_turn_and_only_once(room: Room) -> None:
    opened(room, 2, 2)
    assert room.run(batches.due(100)) == (Due(BATCH, 1, 2, f"{0:064x}", 0),)
    assert feed(room, 2, 1, 1) == ["stale", "accepted", "stale"]
    assert room.run(batches.due(100)) == (Due(BATCH, 2, 1, f"{0:064x}", 1),)
    assert feed(room, 2, 3) == ["accepted", "accepted"]
    assert room.run(batches.due(100)) == (Due(BATCH, 4, 1, f"{1:064x}", 1),)
    assert feed(room, 4, 5) == ["accepted", "stale"]
    assert room.run(batches.due(100)) == ()


def test_no_more_rows_are_open_than_may_be(room: Room) -> None:
    opened(room, 5, parallel="2")
    assert room.run(batches.due(100))[0].count == 2
    assert feed(room, 1, 2, 3) == ["accepted", "accepted", "stale"]
    end(room, ["well", "well"])
    assert room.run(batches.due(100)) == (Due(BATCH, 3, 2, f"{0:064x}", 2),)


@pytest.mark.parametrize(
    ("how", "outcome"),
    [(["well", "well"], "all_succeeded"), (["well", "filtered"], "mixed"), (["failed", "filtered"], "none_succeeded")],
)
def test_the_last_row_ends_the_batch_with_its_outcome(room: Room, how: list[str], outcome: str) -> None:
    opened(room, 2)
    feed(room, 1, 2)
    assert view(room)[0] == "running"
    end(room, how)
    assert view(room) == ("finished", outcome, 2, 0, len([word for word in how if word != "well"]))
    assert room.run(batches.cancel(BATCH)) == ("finished", 0, 0)


def test_enough_failures_stop_it(room: Room) -> None:
    opened(room, 10, stop_after="2")
    feed(room, 1, 2, 3)
    end(room, ["failed", "failed", "well"])
    assert view(room) == ("stopped", "mixed", 3, 0, 2)
    assert feed(room, 4) == ["stale"]


def test_the_end_of_its_budget_stops_it(room: Room) -> None:
    opened(room, 10, budget_microusd=str(PRICE))
    feed(room, 1, 2)
    hints = room.admit()
    for hint in hints:
        room.claim(hint)
    assert [room.gate(hint)[0] for hint in hints] == ["go", "canceled"]
    room.receipt(hints[0])
    room.commit(hints[0])
    seen = batch_view(room.run(batches.batch(BATCH)))
    assert (seen.state, seen.reason, seen.spent_usd, seen.is_terminal) == ("stopped", "budget", PRICE / 1e6, True)


def test_a_canceled_batch_takes_no_rows_and_ends_with_its_open_ones(room: Room) -> None:
    opened(room, 10)
    feed(room, 1, 2)
    first, second = room.admit()
    room.advance(first, "calling")
    assert room.run(batches.cancel(BATCH)) == ("canceled", 1, 1)
    assert feed(room, 3) == ["stale"]
    assert room.state(job_of(second)) == "canceled"
    assert view(room)[:2] == ("canceled", None)
    room.receipt(first)
    room.commit(first)
    assert view(room)[0] == "canceled"
    assert batch_view(room.run(batches.batch(BATCH))).is_terminal


def test_a_batch_whose_time_is_over_takes_no_rows(room: Room) -> None:
    opened(room, 10, finish_by_ms="1")
    assert room.run(batches.due(100)) == ()
    assert view(room)[:2] == ("expired", "none_succeeded")


def test_a_key_gives_the_same_batch_and_one_that_was_never_whole_is_begun_again(room: Room) -> None:
    key = ("t:batch:k", "print", 60_000)
    fields = {"tenant": "t", "total": "1", "parallel": "1", "retention_ms": "1000"}
    assert room.run(batches.open_batch(BATCH, fields, key)) == (ops.Verdict.ACCEPTED, BATCH)
    other = "bt_" + "1" * 26
    assert room.run(batches.open_batch(other, fields, key)) == (ops.Verdict.ACCEPTED, other)
    room.run(batches.start(other))
    assert room.run(batches.open_batch(BATCH, fields, key)) == (ops.Verdict.REPLAYED, other)
    assert room.run(batches.open_batch(BATCH, fields, ("t:batch:k", "another", 1000)))[0] is ops.Verdict.CONFLICT


def test_of_two_that_are_submitted_under_one_key_at_once_one_is_started(room: Room) -> None:
    ids = ["bt_" + str(number) * 26 for number in range(3)]
    told = {"tenant": "t", "total": "1", "parallel": "1", "retention_ms": "1000"}
    for identity, print_ in zip(ids, ("print", "print", "another"), strict=True):
        assert room.run(batches.open_batch(identity, told, ("t:batch:k", print_, 60_000)))[0] is ops.Verdict.ACCEPTED
        room.run(batches.add_rows(identity, identity[3:] + "0" * 38, 1, []))
    assert room.run(batches.start(ids[1])) == (ops.Verdict.ACCEPTED, ids[1])
    assert room.run(batches.start(ids[0])) == (ops.Verdict.REPLAYED, ids[1])
    assert room.run(batches.start(ids[2])) == (ops.Verdict.CONFLICT, ids[1])
    assert room.run(batches.start(ids[1])) == (ops.Verdict.ACCEPTED, ids[1]), "its answer may have got lost"
    assert [due.batch_id for due in room.run(batches.due(100))] == [ids[1]]


def test_a_batch_holds_its_rows_and_their_pictures_until_it_is_removed(room: Room) -> None:
    opened(room, 1, retention_ms="0")
    assert room.raw.hget("dr:assets", f"{100:064x}") == "1"
    feed(room, 1)
    end(room, ["well"])
    gone = room.purge()
    assert f"asset:{100:064x}" in gone
    assert f"asset:{0:064x}" in gone
    assert room.run(batches.batch(BATCH)) == {}
    assert room.run(batches.of_tenant("t", 10)) == []
    assert room.run(batches.add_rows(BATCH, "x", 1, [])) == -1
    assert room.run(batches.start(BATCH)) == (None, BATCH)
    assert room.run(batches.cancel(BATCH)) == ("gone", 0, 0)


def test_rows_are_kept_as_long_as_their_batch(room: Room) -> None:
    opened(room, 2)
    first = new_job_id()
    told = dict(room.new_job(job_id=first, retention_ms=0).as_json())
    told["fields"] = {**cast("dict[str, str]", told["fields"]), "batch": BATCH, "row": "1"}
    assert room.run(batches.feed(BATCH, 1, {"jobs": [told], "pools": []})).verdict is ops.Verdict.ACCEPTED
    end(room, ["well"])
    room.purge()
    assert room.state(first) == "succeeded", "its batch still runs: what came of the row must not be taken for nothing"


def test_a_batch_that_is_canceled_while_its_rows_come_in_never_runs(room: Room) -> None:
    room.worker()
    told = {"tenant": "t", "total": "1", "parallel": "1", "retention_ms": "600000"}
    room.run(batches.open_batch(BATCH, told))
    assert room.run(batches.cancel(BATCH)) == ("canceled", 0, 0)
    room.run(batches.add_rows(BATCH, "0" * 64, 1, []))
    room.run(batches.start(BATCH))
    assert room.run(batches.due(100)) == ()
    assert view(room)[:2] == ("canceled", "none_succeeded")


def test_a_batch_whose_next_row_nobody_can_read_for_long_is_given_up(room: Room) -> None:
    opened(room, 2)
    assert room.run(batches.stuck(BATCH, 1, 60_000)) is False
    assert room.run(batches.stuck(BATCH, 1, 60_000)) is False
    feed(room, 1)
    assert room.run(batches.stuck(BATCH, 2, 0)) is False, "another row: the time begins anew"
    assert room.run(batches.stuck(BATCH, 2, 0)) is True
    end(room, ["well"])
    assert view(room) == ("stopped", "mixed", 1, 0, 0)
