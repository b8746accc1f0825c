"""A call on its way: claim, gate, receipt, commit; what each refuses, and what is counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from darkroom_shared.contract.views import Usage
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import PERMANENT, PRICE, RETRY, THROTTLED, Json, Room, job_of, output


def test_a_call_goes_from_submit_to_its_image(room: Room) -> None:
    hint = room.started("responded")
    assert room.commit(hint) == ("done", "succeeded")
    view = room.view(job_of(hint))
    assert (view.state, view.is_terminal, len(view.outputs)) == ("succeeded", True, 1)
    assert view.cost.actual_usd == PRICE / 1_000_000
    assert view.cost.uncertain_usd == 0
    [attempt] = view.calls[0].attempts
    assert (attempt.attempt, attempt.outcome, attempt.billed, attempt.request_id) == (1, "answered", True, "req-7")
    steps = ["job.accepted", "call.admit", "call.claim", "call.gate", "call.receipt", "call.commit"]
    assert room.events(view.id) == steps
    assert view.sequence == len(steps)
    assert room.raw.zcard("dr:inflight") == room.raw.zcard("dr:leases") == room.raw.zcard("dr:unclaimed") == 0


def test_a_message_that_comes_twice_is_claimed_once(room: Room) -> None:
    hint = room.started("admitted")
    assert [room.claim(hint).verdict for _ in range(3)] == ["claimed", "stale", "stale"]


def test_a_message_with_an_old_fence_is_stale(room: Room) -> None:
    hint = room.started("claimed")
    room.snooze(hint)
    newer = room.admit_one()
    assert newer.fence == hint.fence + 1
    assert room.claim(hint).verdict is ops.ClaimVerdict.STALE
    assert room.claim(newer).verdict is ops.ClaimVerdict.CLAIMED


def test_a_claim_for_a_call_that_is_not_there_is_stale(room: Room) -> None:
    assert room.claim(ops.Hint("job_" + "0" * 26 + ".0", 1, "x")).verdict is ops.ClaimVerdict.STALE


def test_a_claim_brings_the_records(room: Room) -> None:
    hint = room.started("admitted")
    claim = room.claim(hint)
    assert claim.job["id"] == job_of(hint)
    assert claim.call["id"] == hint.call_id
    assert claim.inputs == {}


def test_a_claim_that_is_sent_again_is_answered_again_and_changes_nothing(room: Room) -> None:
    hint = room.started("admitted")
    first = room.claim(hint, token="one")
    events = room.events(job_of(hint))
    again = room.claim(hint, token="one")
    assert (again.verdict, again.job["id"]) == (first.verdict, first.job["id"]) == ("claimed", job_of(hint))
    assert room.claim(hint, token="another").verdict is ops.ClaimVerdict.STALE
    assert room.events(job_of(hint)) == events


LATE_WRITES: dict[str, Callable[[Room, ops.Hint], object]] = {
    "gate": lambda room, hint: room.gate(hint)[0] == "go",
    "receipt": lambda room, hint: room.receipt(hint, "late") != "lost",
    "commit": lambda room, hint: room.commit(hint, [output(9)])[0] != "lost",
    "snooze": lambda room, hint: room.snooze(hint),
    "fail": lambda room, hint: room.fail(hint),
    "doubt": lambda room, hint: room.doubt(hint, AfterDoubt.RETRY),
    "renew": lambda room, hint: room.run(ops.renew([(hint.call_id, hint.fence)], 1000)) != ["lost"],
}


@pytest.mark.parametrize("state", ["claimed", "calling", "responded", "done"])
@pytest.mark.parametrize("write", sorted(LATE_WRITES))
def test_a_late_worker_cannot_overwrite_the_newer_attempt(room: Room, write: str, state: str) -> None:
    old = room.started("claimed", lease_ms=0)
    room.reconcile()
    new = room.advance(room.admit_one(), "responded" if state == "done" else state)
    if state == "done":
        room.commit(new)
    before, events = dict(room.call(new.call_id)), room.events(job_of(new))
    assert not LATE_WRITES[write](room, old)
    assert dict(room.call(new.call_id)) == before
    assert room.events(job_of(new)) == events


@pytest.mark.parametrize(
    ("state", "write"),
    [
        ("admitted", "gate"),
        ("admitted", "receipt"),
        ("admitted", "commit"),
        ("admitted", "snooze"),
        ("admitted", "fail"),
        ("claimed", "receipt"),
        ("claimed", "commit"),
        ("claimed", "doubt"),
        ("responded", "gate"),
        ("responded", "doubt"),
        ("responded", "receipt"),
    ],
)
def test_a_write_out_of_turn_is_refused_and_changes_nothing(room: Room, state: str, write: str) -> None:
    hint = room.started(state)
    before, events = dict(room.call(hint.call_id)), room.events(job_of(hint))
    assert not LATE_WRITES[write](room, hint)
    assert (dict(room.call(hint.call_id)), room.events(job_of(hint))) == (before, events)


def test_a_receipt_that_is_noted_again_stays_noted(room: Room) -> None:
    """The Redis client repeats a script whose answer was lost; "refused" would make the worker throw the paid answer away."""
    hint = room.started("responded")
    assert room.receipt(hint) is ops.Noted.NOTED
    assert room.call(hint.call_id)["receipt"] == "receipt"
    assert room.view(job_of(hint)).cost.actual_usd == PRICE / 1_000_000
    assert room.receipt(hint, "another") is ops.Noted.LOST


def test_the_gate_is_shut_when_the_budget_is_used_up(room: Room) -> None:
    hint = room.started("claimed")
    for _ in range(3):
        assert room.gate(hint)[0] == "go"
        room.snooze(hint)
        hint = room.advance(room.admit_one(), "claimed")
    assert room.gate(hint)[0] == "exhausted"
    view = room.view(job_of(hint))
    assert (view.state, view.reason, view.error and view.error.code) == ("failed", "attempts_exhausted", "attempts_exhausted")


def test_the_gate_is_shut_after_the_deadline(room: Room) -> None:
    hint = room.started("claimed", finish_by_ms=room.now_ms() + 60_000)
    room.raw.hset(room.keys.job(job_of(hint)), "finish_by_ms", 1)
    assert room.gate(hint) == ("expired", 0)
    assert room.state(job_of(hint)) == "expired"


def test_a_claim_after_the_deadline_expires_the_call(room: Room) -> None:
    hint = room.started("admitted", finish_by_ms=room.now_ms() + 60_000)
    room.raw.hset(room.keys.job(job_of(hint)), "finish_by_ms", 1)
    assert room.claim(hint).verdict is ops.ClaimVerdict.EXPIRED
    assert room.view(job_of(hint)).cost.actual_usd == 0


def test_the_gate_makes_the_lease_long_enough_and_a_heartbeat_never_shortens_it(room: Room) -> None:
    hint = room.started("claimed", lease_ms=1000)
    room.gate(hint, lease_ms=500_000)
    long = int(room.call(hint.call_id)["lease_ms"])
    assert long > room.now_ms() + 400_000
    assert room.run(ops.renew([(hint.call_id, hint.fence)], 1000)) == ["held"]
    assert int(room.call(hint.call_id)["lease_ms"]) == long


def test_a_heartbeat_answers_for_each_call(room: Room) -> None:
    kept, canceled = room.started("claimed"), room.started("calling")
    room.cancel(job_of(canceled))
    asked = [(kept.call_id, kept.fence), (canceled.call_id, canceled.fence), (kept.call_id, kept.fence + 1), ("job_x.0", 1)]
    assert room.run(ops.renew(asked, 1000)) == ["held", "cancel", "lost", "lost"]


def test_a_failed_attempt_uses_up_the_budget_and_is_kept(room: Room) -> None:
    hint = room.started("calling")
    assert room.snooze(hint, RETRY)
    call = room.call(hint.call_id)
    assert (call["state"], call["reason"], call["attempts"], call["snoozes"]) == ("snoozed", "provider_unavailable", "1", "0")
    [attempt] = room.view(job_of(hint)).calls[0].attempts
    assert (attempt.outcome, attempt.billed, attempt.request_id, attempt.snoozed) == ("provider_unavailable", False, "req-1", False)
    assert room.state(job_of(hint)) == "queued"


def test_a_refusal_by_the_quota_gives_the_attempt_back_and_keeps_its_story(room: Room) -> None:
    hint = room.started("calling")
    for n in range(4):
        assert room.snooze(hint, THROTTLED, counts=False)
        call = room.call(hint.call_id)
        assert (call["attempts"], call["snoozes"]) == ("0", str(n + 1))
        hint = room.advance(room.admit_one(), "calling")
    attempts = room.view(job_of(hint)).calls[0].attempts
    assert [attempt.snoozed for attempt in attempts] == [True] * 4 + [False]
    assert room.view(job_of(hint)).cost.actual_usd == 0


def test_a_call_that_gives_up_fails_its_job_with_the_reason(room: Room) -> None:
    hint = room.started("calling")
    assert room.fail(hint, PERMANENT)
    view = room.view(job_of(hint))
    assert (view.state, view.reason, view.error and view.error.code) == ("failed", "invalid_input", "invalid_input")
    assert (view.cost.actual_usd, view.cost.uncertain_usd) == (0, 0)


def test_an_unknown_outcome_is_counted_and_tried_once_more(room: Room) -> None:
    hint = room.started("calling")
    assert room.doubt(hint, AfterDoubt.RETRY)
    view = room.view(job_of(hint))
    assert (view.state, view.cost.uncertain_usd, view.cost.actual_usd) == ("queued", PRICE / 1_000_000, 0)
    [attempt] = view.calls[0].attempts
    assert (attempt.outcome, attempt.billed) == ("unknown", None)
    assert room.events(view.id)[-2:] == ["call.doubt", "call.park"]
    again = room.advance(room.admit_one(), "responded")
    assert room.commit(again) == ("done", "succeeded")
    cost = room.view(view.id).cost
    assert (cost.actual_usd, cost.uncertain_usd) == (PRICE / 1_000_000, PRICE / 1_000_000)


def test_an_unknown_outcome_without_another_try_fails(room: Room) -> None:
    hint = room.started("calling")
    assert room.doubt(hint, AfterDoubt.FAIL)
    view = room.view(job_of(hint))
    assert (view.state, view.reason) == ("failed", "provider_timeout_ambiguous")
    assert view.cost.uncertain_usd == PRICE / 1_000_000
    assert room.events(view.id)[-2:] == ["call.doubt", "call.fail"]


def test_an_answer_that_is_of_no_use_is_not_adopted_again(room: Room) -> None:
    hint = room.started("responded")
    room.snooze(hint, RETRY, call_again=True)
    again = room.admit_one()
    assert room.claim(again).verdict is ops.ClaimVerdict.CLAIMED
    assert room.gate(again) == ("go", 2)


def test_a_storage_that_is_away_keeps_the_stored_answer(room: Room) -> None:
    hint = room.started("responded")
    room.snooze(hint, RETRY)
    again = room.admit_one()
    claim = room.claim(again)
    assert (claim.verdict, claim.call["receipt"]) == (ops.ClaimVerdict.ADOPTED, "receipt")
    assert room.gate(again)[0] == "stale"
    assert room.commit(again) == ("done", "succeeded")
    assert room.view(job_of(hint)).cost.actual_usd == PRICE / 1_000_000


ROW: Json = {"index": 0, "code": "content_filtered_output", "message": "no", "billed": None}


@pytest.mark.parametrize(
    ("wanted", "images", "rejected", "state", "reason"),
    [
        (1, 1, 0, "succeeded", ""),
        (2, 1, 1, "partial", "filtered"),
        (1, 0, 1, "rejected", "content_filter"),
        (2, 3, 0, "succeeded", ""),
    ],
)
def test_what_came_decides_the_state(room: Room, wanted: int, images: int, rejected: int, state: str, reason: str) -> None:
    hint = room.started("responded", images_wanted=wanted)
    assert room.commit(hint, [output(n) for n in range(images)], [ROW] * rejected) == ("done", state)
    view = room.view(job_of(hint))
    assert (view.reason, len(view.outputs), len(view.rejected)) == (reason, images, rejected)
    assert room.usd(view.id) == ((1, 0) if images else (0, 1))  # whether AWS bills what it kept back is not known


def test_a_document_is_a_result_like_a_picture_and_what_the_model_counted_stays_with_the_call(room: Room) -> None:
    hint = room.started("responded")
    row: Json = {
        "index": 0,
        "sha256": f"{5:064x}",
        "role": "json",
        "media_type": "application/json",
        "size_bytes": 2,
        "excerpt": "{}",
    }
    usage = {"input_tokens": 1_200, "output_tokens": None}
    for _ in range(2):  # as if the first answer got lost
        done = room.run(ops.commit(hint.call_id, hint.fence, outputs=[row], usage=usage, warnings=["It was cut short."]))
        assert (done.verdict, done.state) == ("done", "succeeded")
    view = room.view(job_of(hint))
    [out] = view.documents
    assert (out.width, out.height, out.excerpt, out.is_document, view.pictures) == (None, None, "{}", True, ())
    assert (view.warnings, view.calls[0].usage) == (("It was cut short.",), Usage(input_tokens=1_200))


def test_a_mask_is_stored_but_is_not_one_of_the_images_wanted(room: Room) -> None:
    hint = room.started("responded", images_wanted=2)
    assert room.commit(hint, [output(1), output(2, role="mask")], [ROW]) == ("done", "partial")
    assert room.raw.hget(room.keys.job(job_of(hint)), "images") == "1"


def test_a_job_of_two_calls_ends_with_the_last_one(room: Room) -> None:
    room.worker()
    job = room.submit(calls=2, images_wanted=2)
    first, second = room.admit()
    for hint in (first, second):
        room.advance(hint, "responded")
    assert room.commit(first) == ("done", "running")
    assert room.commit(second, [output(2)]) == ("done", "succeeded")
    view = room.view(job)
    assert len(view.outputs) == 2
    assert view.cost.actual_usd == 2 * PRICE / 1_000_000


def test_a_job_of_two_calls_of_which_one_fails_is_partial(room: Room) -> None:
    room.worker()
    job = room.submit(calls=2, images_wanted=2)
    first, second = room.admit()
    room.advance(first, "responded")
    room.advance(second, "calling")
    room.commit(first)
    room.fail(second, PERMANENT)
    assert (room.view(job).state, room.view(job).reason) == ("partial", "invalid_input")


def test_a_free_step_is_committed_without_a_receipt(room: Room) -> None:
    hint = room.started("claimed", kind="local")
    room.gate(hint, price=None)
    end = {"outcome": "answered", "billed": False}
    done = room.run(ops.commit(hint.call_id, hint.fence, outputs=[output()], end_attempt=end))
    assert (done.verdict, done.state) == ("done", "succeeded")
    view = room.view(job_of(hint))
    assert view.calls[0].attempts[0].billed is False
    assert view.cost.actual_usd == 0


def test_a_gate_whose_answer_got_lost_may_be_asked_again(room: Room) -> None:
    hint = room.started("claimed")
    assert room.gate(hint) == ("go", 1)
    before = room.events(job_of(hint))
    assert room.gate(hint) == ("go", 1)
    assert room.events(job_of(hint)) == before
    assert len(room.attempts(hint.call_id)) == 1
