"""Cancel, in every state: what can be prevented is, what is paid is kept."""

from __future__ import annotations

import pytest

from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import PRICE, RETRY, Room, job_of, new_job_id, output


def test_a_job_that_waits_is_canceled_at_once(room: Room) -> None:
    job = room.submit()
    assert room.cancel(job) == ("prevented", "canceled")
    assert (room.view(job).reason, room.state(f"{job}.0")) == ("user", "canceled")
    room.worker()
    assert room.admit() == ()


def test_a_scheduled_and_a_snoozed_job_are_canceled_at_once(room: Room) -> None:
    scheduled = room.submit(hold_until_ms=room.now_ms() + 60_000)
    hint = room.started("calling")
    room.snooze(hint, delay_ms=60_000)
    assert room.cancel(scheduled) == room.cancel(job_of(hint)) == ("prevented", "canceled")
    assert room.raw.zcard("dr:snoozed") == 0


def test_an_admitted_call_is_canceled_and_its_message_is_stale(room: Room) -> None:
    hint = room.started("admitted")
    assert room.cancel(job_of(hint)) == ("prevented", "canceled")
    assert room.claim(hint).verdict is ops.ClaimVerdict.STALE
    assert room.raw.zcard("dr:inflight") == 0


def test_a_claimed_call_finds_the_cancel_at_the_gate(room: Room) -> None:
    hint = room.started("claimed")
    assert room.cancel(job_of(hint)) == ("prevented", "canceling")
    assert room.gate(hint) == ("canceled", 0)
    view = room.view(job_of(hint))
    assert (view.state, view.reason, view.cost.actual_usd) == ("canceled", "user", 0)


def test_a_paid_call_goes_on_and_its_image_is_kept(room: Room) -> None:
    hint = room.started("calling")
    assert room.cancel(job_of(hint)) == ("detached", "canceling")
    assert room.receipt(hint)
    assert room.commit(hint) == ("done", "canceled")
    view = room.view(job_of(hint))
    assert (len(view.outputs), view.cost.actual_usd) == (1, PRICE / 1_000_000)


@pytest.mark.parametrize("ending", ["snooze", "doubt"])
def test_a_canceled_call_is_not_tried_again(room: Room, ending: str) -> None:
    hint = room.started("calling")
    room.cancel(job_of(hint))
    assert room.snooze(hint, RETRY) if ending == "snooze" else room.doubt(hint, AfterDoubt.RETRY)
    assert room.state(job_of(hint)) == "canceled"
    assert room.admit() == ()


def test_an_answer_that_is_stored_is_delivered_although_the_job_was_canceled_while_it_waited(room: Room) -> None:
    hint = room.started("responded")
    room.snooze(hint)
    assert room.cancel(job_of(hint)) == ("detached", "canceling")
    again = room.admit_one()
    assert room.claim(again).verdict is ops.ClaimVerdict.ADOPTED
    assert room.commit(again) == ("done", "canceled")
    assert len(room.view(job_of(hint)).outputs) == 1


def test_a_canceled_call_whose_worker_dies_ends_without_being_admitted_again(room: Room) -> None:
    hint = room.started("claimed", lease_ms=0)
    room.cancel(job_of(hint))
    room.reconcile()
    assert room.state(job_of(hint)) == "canceled"


def test_of_a_job_of_three_calls_only_the_paid_one_goes_on(room: Room) -> None:
    room.worker("w1", slots=2)
    job = room.submit(calls=3, images_wanted=3)
    first, _ = room.admit()
    room.advance(first, "calling")
    assert room.cancel(job) == ("detached", "canceling")
    states = sorted(call.state.value for call in room.view(job).calls)
    assert states == ["calling", "canceled", "canceled"]
    room.receipt(first)
    assert room.commit(first, [output()]) == ("done", "canceled")


@pytest.mark.parametrize("times", [1, 2])
def test_canceling_twice_is_harmless(room: Room, times: int) -> None:
    hint = room.started("calling")
    answers = {room.cancel(job_of(hint)) for _ in range(times)}
    assert answers == {("detached", "canceling")}
    room.receipt(hint)
    room.commit(hint)
    assert room.cancel(job_of(hint)) == ("finished", "canceled")


def test_a_job_that_has_ended_cannot_be_canceled(room: Room) -> None:
    hint = room.started("responded")
    room.commit(hint)
    events = room.events(job_of(hint))
    assert room.cancel(job_of(hint)) == ("finished", "succeeded")
    assert room.events(job_of(hint)) == events


def test_a_job_that_is_not_there_cannot_be_canceled(room: Room) -> None:
    assert room.cancel(new_job_id()) == ("gone", "")
