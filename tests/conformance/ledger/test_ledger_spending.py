"""The day's limit: counted at the gate before the money is spent, given back where it was not, and no call is lost for it."""

from __future__ import annotations

import pytest

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import PERMANENT, PRICE, RETRY, THROTTLED, Room, job_of, output

DAY_MS = 86_400_000
LOOK_AGAIN_MS = 600_000
BILLED = Failure(FailureKind.RETRY, "model_error", "no picture", billed=True)
UNCLEAR = Failure(FailureKind.RETRY, "model_error", "no picture", billed=None)


def test_the_gate_shuts_at_the_limit_and_the_call_waits_for_midnight_at_the_latest(room: Room) -> None:
    first, second = room.started("claimed"), room.started("claimed")
    assert room.spending_gate(first, PRICE) == ("go", 1)
    before = room.now_ms()
    assert room.spending_gate(second, PRICE) == ("spent", 0)
    after = room.now_ms()
    call, view = room.call(second.call_id), room.view(job_of(second))
    assert (call["state"], call["reason"], call["attempts"], call["snoozes"]) == ("snoozed", "spend_limit", "0", "0")
    assert (view.state, view.reason, view.calls[0].attempts, room.usd(view.id)) == ("queued", "spend_limit", (), (0, 0))
    until = int(str(room.raw.execute_command("ZSCORE", "dr:snoozed", second.call_id)).partition(".")[0])
    earliest, latest = (min((now // DAY_MS + 1) * DAY_MS, now + LOOK_AGAIN_MS) for now in (before, after))
    assert earliest <= until <= latest
    assert room.spent() == PRICE


def test_a_call_that_was_put_off_gives_its_slot_back(room: Room) -> None:
    room.worker(slots=1)
    room.submit()
    room.submit()
    hint = room.admit_one()
    room.claim(hint)
    assert room.admission().reason == "no_free_slot"
    assert room.spending_gate(hint, 0) == ("spent", 0)
    assert room.admit_one().call_id != hint.call_id


def test_a_call_that_was_put_off_goes_when_there_is_money_again(room: Room) -> None:
    first, second = room.started("claimed"), room.started("claimed")
    room.spending_gate(first, PRICE)
    room.spending_gate(second, PRICE)
    room.raw.execute_command("ZADD", "dr:snoozed", 0, second.call_id)
    again = room.admit_one()
    assert (again.call_id, again.fence) == (second.call_id, second.fence + 1)
    room.claim(again)
    assert room.spending_gate(again, 2 * PRICE) == ("go", 1)
    room.receipt(again)
    assert room.commit(again, [output()]) == ("done", "succeeded")
    assert room.usd(job_of(again)) == (1, 0)


def test_yesterdays_money_is_not_counted(room: Room) -> None:
    yesterday = room.now_ms() // DAY_MS - 1
    room.raw.hset("dr:spend", str(yesterday), 1_000_000_000)
    assert room.spending_gate(room.started("claimed"), PRICE) == ("go", 1)
    assert room.raw.hget("dr:spend", str(yesterday + 1)) == str(PRICE)


def test_old_days_are_forgotten(room: Room) -> None:
    today = room.now_ms() // DAY_MS
    for day in range(today - 3, today):
        room.raw.hset("dr:spend", str(day), 5)
    room.gate(room.started("claimed"))
    assert sorted(room.raw.hgetall("dr:spend")) == [str(day) for day in range(today - 2, today + 1)]


@pytest.mark.parametrize(("limit", "price"), [(None, PRICE), (0, None), (0, 0), (PRICE, PRICE)])
def test_the_gate_is_open_without_a_limit_or_a_price_and_up_to_the_last_cent(
    room: Room, limit: int | None, price: int | None
) -> None:
    assert room.spending_gate(room.started("claimed"), limit, price) == ("go", 1)
    assert room.spent() == (price or 0)


def test_a_gate_that_is_asked_again_counts_once(room: Room) -> None:
    hint = room.started("claimed")
    assert [room.spending_gate(hint, PRICE) for _ in range(2)] == [("go", 1)] * 2
    assert room.spent() == PRICE


@pytest.mark.parametrize(
    ("failure", "counts", "spent"),
    [(RETRY, True, 0), (THROTTLED, False, 0), (BILLED, True, PRICE), (UNCLEAR, True, PRICE)],
    ids=["busy", "throttled", "billed", "unclear"],
)
def test_an_attempt_that_was_not_billed_gives_its_price_back(room: Room, failure: Failure, counts: bool, spent: int) -> None:
    hint = room.started("calling")
    assert room.spent() == PRICE
    room.snooze(hint, failure, counts=counts)
    assert room.spent() == spent


def test_a_call_that_fails_unbilled_makes_room_for_the_next(room: Room) -> None:
    first, second = room.started("claimed"), room.started("claimed")
    room.spending_gate(first, PRICE)
    room.fail(first, PERMANENT)
    assert room.spent() == 0
    assert room.spending_gate(second, PRICE) == ("go", 1)


@pytest.mark.parametrize(("billed", "spent"), [(None, PRICE), (True, PRICE), (False, 0)])
def test_an_unknown_outcome_counts_until_it_is_known_to_be_free(room: Room, billed: bool | None, spent: int) -> None:
    hint = room.hold()
    assert room.spent() == PRICE
    room.resolve(hint, "fail", billed)
    assert room.spent() == spent


def test_a_late_answer_is_counted_once(room: Room) -> None:
    hint = room.started("calling")
    room.doubt(hint, AfterDoubt.RETRY)
    room.receipt(hint, "late")
    assert room.spent() == PRICE


def test_an_answer_that_waits_costs_nothing_more(room: Room) -> None:
    hint = room.started("responded", lease_ms=0)
    room.reconcile()
    again = room.admit_one()
    assert room.claim(again).verdict == "adopted"
    assert room.commit(again) == ("done", "succeeded")
    assert (room.spent(), room.usd(job_of(hint))) == (PRICE, (1, 0))


def test_a_job_that_waits_for_money_can_be_canceled_and_expires(room: Room) -> None:
    canceled, late = room.started("claimed"), room.started("claimed", finish_by_ms=room.now_ms() + 600_000)
    for hint in (canceled, late):
        assert room.spending_gate(hint, 0) == ("spent", 0)
    assert room.cancel(job_of(canceled)) == ("prevented", "canceled")
    room.raw.execute_command("ZADD", "dr:deadlines", 1, job_of(late))
    assert room.reconcile().expired == 1
    assert room.state(job_of(late)) == "expired"


def test_a_price_given_back_is_taken_from_the_day_it_was_counted_on(room: Room) -> None:
    hint = room.started("calling")
    today = room.now_ms() // DAY_MS
    attempt = room.attempts(hint.call_id)[0]
    assert attempt["spend_day"] == today
    room.fail(hint, PERMANENT)
    assert room.raw.hgetall("dr:spend") == {str(today): "0"}


@pytest.mark.parametrize("ending", ["commit", "fail", "snooze"])
def test_a_free_step_with_a_price_of_nothing_ends_like_any_other(room: Room, ending: str) -> None:
    """The client records 0 for a local step: it is known to be free."""
    hint = room.started("claimed", kind="local")
    room.gate(hint, price=0)
    if ending == "commit":
        end = {"outcome": "answered", "billed": False}
        done = room.run(ops.commit(hint.call_id, hint.fence, outputs=[output()], end_attempt=end))
        assert (done.verdict, done.state) == ("done", "succeeded")
    else:
        assert room.fail(hint) if ending == "fail" else room.snooze(hint)
        assert room.state(job_of(hint)) == ("failed" if ending == "fail" else "queued")
    assert (room.spent(), room.usd(job_of(hint))) == (0, (0, 0))


def test_the_reconciler_ends_a_free_step_with_a_price_of_nothing(room: Room) -> None:
    hint = room.started("claimed", kind="local")
    room.gate(hint, price=0, lease_ms=0)
    assert room.reconcile().lost == 1
    assert room.state(hint.call_id) == "parked"


def test_a_free_step_goes_on_when_the_money_of_the_day_is_gone(room: Room) -> None:
    room.raw.hset("dr:spend", str(room.now_ms() // DAY_MS), 10 * PRICE)
    assert room.spending_gate(room.started("claimed", kind="local"), limit=PRICE, price=0)[0] == "go"
    assert room.spending_gate(room.started("claimed"), limit=PRICE)[0] == "spent"
