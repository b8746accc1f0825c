"""The circuit of a pool: two refusals in a row close it to all, then one probe at a time finds out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import PERMANENT, Room
from tests.conformance.ledger.endings import QUIET, Ending

SECOND_US = 1_000_000
EAST = PoolQuota("lane", "east", off=True)
WEST = PoolQuota("lane", "west", off=True)


def fleet(room: Room, backlog: int = 12, routes: str = "east") -> None:
    room.worker(pools=[EAST, WEST])
    for _ in range(backlog):
        room.submit(routes=routes)


def sent(room: Room) -> ops.Hint:
    """The next call, as far as its request."""
    room.ready("east")
    return room.advance(room.admit(most=1)[0], "calling")


def open_circuit(room: Room) -> None:
    for _ in range(2):
        room.refuse(sent(room), delay_ms=3_600_000)
    assert room.pool("east").circuit == "open"
    room.ready("east")


def probe(room: Room) -> ops.Hint:
    """What goes when the time is over."""
    room.set_pool("east", open_until_us=room.now_us())
    room.ready("east")
    (hint,) = room.admit()
    return hint


def opens_in_s(room: Room) -> float:
    return (room.noted("east", "open_until_us") - room.now_us()) / SECOND_US


def test_one_refusal_does_not_open_it(room: Room) -> None:
    fleet(room)
    room.refuse(sent(room))
    assert room.pool("east").circuit == "closed"
    room.ready("east")
    assert room.admit(most=1)


def test_two_refusals_in_a_row_open_it_for_thirty_seconds(room: Room) -> None:
    fleet(room)
    open_circuit(room)
    assert opens_in_s(room) == pytest.approx(30, abs=1)
    answer = room.admission()
    assert (answer.hints, answer.reason) == ((), "circuit")
    assert 28_000 < (answer.next_ms or 0) <= 30_000


def test_refusals_of_calls_that_were_in_flight_together_count_as_one(room: Room) -> None:
    fleet(room)
    together = [sent(room) for _ in range(4)]
    for hint in together:
        room.refuse(hint, delay_ms=3_600_000)
    assert room.pool("east").circuit == "closed"
    room.refuse(sent(room))
    assert room.pool("east").circuit == "open", "sent after the answers to those"


@pytest.mark.parametrize("ending", ["answered", "refused for what it asked"])
def test_a_call_that_the_service_took_begins_the_count_anew(room: Room, ending: str) -> None:
    fleet(room)
    room.refuse(sent(room), delay_ms=3_600_000)
    between = sent(room)
    if ending == "answered":
        assert room.receipt(between) is ops.Noted.NOTED
    else:
        room.fail(between, replace(PERMANENT, http_status=400))
    room.refuse(sent(room), delay_ms=3_600_000)
    assert room.pool("east").circuit == "closed"


def test_an_answer_of_a_call_from_before_does_not_close_it(room: Room) -> None:
    fleet(room)
    early = sent(room)
    open_circuit(room)
    room.receipt(early)
    assert room.pool("east").circuit == "open"


def test_exactly_one_probe_goes_when_the_time_is_over(room: Room) -> None:
    fleet(room)
    open_circuit(room)
    hint = probe(room)
    assert room.pool("east").circuit == "probing"
    room.ready("east")
    assert room.admit() == ()
    assert (room.pool("east").why, room.pool("east").opens_in_ms) == ("circuit", None), "only an event can tell"
    assert room.raw.hget(room.keys.pool("east"), "probe") == hint.call_id


def test_each_probe_that_is_refused_doubles_the_time_up_to_four_minutes(room: Room) -> None:
    fleet(room)
    open_circuit(room)
    for seconds in (60, 120, 240, 240):
        hint = room.advance(probe(room), "calling")
        room.refuse(hint, delay_ms=3_600_000)
        assert room.pool("east").circuit == "open"
        assert opens_in_s(room) == pytest.approx(seconds, abs=1)


def test_late_refusals_do_not_lengthen_it_and_cut_no_rate(room: Room) -> None:
    fleet(room)
    late = [sent(room) for _ in range(3)]
    open_circuit(room)
    rate, until = room.noted("east", "rate"), room.noted("east", "open_until_us")
    for hint in late:
        room.refuse(hint, delay_ms=3_600_000)
    assert (room.noted("east", "rate"), room.noted("east", "open_until_us")) == (rate, until)


def test_a_probe_that_is_answered_closes_it(room: Room) -> None:
    fleet(room)
    open_circuit(room)
    room.finish(probe(room))
    assert room.pool("east").circuit == "closed"
    room.ready("east")
    assert len(room.admit(most=1)) == 1
    room.refuse(sent(room), delay_ms=3_600_000)
    room.refuse(sent(room), delay_ms=3_600_000)
    assert opens_in_s(room) == pytest.approx(30, abs=1), "the next time it begins with thirty seconds again"


@pytest.mark.parametrize("ending", QUIET.values(), ids=QUIET.keys())
def test_a_probe_that_tells_nothing_lets_another_one_go(room: Room, ending: Ending) -> None:
    fleet(room)
    open_circuit(room)
    first = probe(room)
    ending(room, first)
    assert room.pool("east").circuit == "half_open"
    room.ready("east")
    assert [hint.call_id for hint in room.admit()] == [room.raw.hget(room.keys.pool("east"), "probe")]
    assert room.pool("east").circuit == "probing"


def test_a_probe_whose_worker_left_before_it_had_it_lets_another_one_go(room: Room) -> None:
    room.worker(pools=[EAST], queue="own", lanes="lane")
    for _ in range(4):
        room.submit(routes="east")
    open_circuit(room)
    assert probe(room).queue == "own"
    room.worker(queue="own", lanes="lane", ttl_ms=0)
    room.worker("other")
    assert room.reconcile().lost == 1
    room.ready("east")
    assert [hint.queue for hint in room.admit()] == ["darkroom"]


def test_while_one_pool_is_closed_the_others_go_on(room: Room) -> None:
    fleet(room, routes="east,west")
    open_circuit(room)
    assert {room.call(hint.call_id)["pool"] for hint in room.admit(most=3)} == {"west"}
    probe_id = next(hint.call_id for hint in _with_probe(room))
    assert room.call(probe_id)["pool"] == "east"


def _with_probe(room: Room) -> list[ops.Hint]:
    room.set_pool("east", open_until_us=room.now_us())
    return [hint for hint in room.admit(most=3) if room.call(hint.call_id)["pool"] == "east"]
