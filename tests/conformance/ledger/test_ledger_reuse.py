"""Equal jobs share one result: whoever comes while the first is under way waits for it, whoever comes later takes it over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from darkroom_shared.contract.job_record import CLASSES, JobClass
from darkroom_shared.store import ops, presence
from tests.conformance.ledger.driver import PRICE, Room, job_of, new_job_id, output

End = Literal["all", "none", "failed", "canceled", "expired"]


def end(room: Room, hint: ops.Hint, how: End = "all", pictures: Sequence[int] = (1,)) -> None:
    """Ends a call that was let go."""
    if how == "canceled":
        room.cancel(job_of(hint))
        return
    if how == "expired":
        room.raw.hset(room.keys.job(job_of(hint)), "finish_by_ms", 1)
        assert room.claim(hint).verdict is ops.ClaimVerdict.EXPIRED
        return
    room.advance(hint, "calling" if how == "failed" else "responded")
    if how == "failed":
        room.fail(hint)
    else:
        room.commit(
            hint, [output(n) for n in pictures] if how == "all" else [], [{"index": 0, "code": "x"}] if how == "none" else []
        )


def test_equal_jobs_at_once_make_one_call_and_all_get_its_pictures(room: Room) -> None:
    room.worker()
    jobs = [room.submit(content="same") for _ in range(4)]
    [hint] = room.admit()
    assert job_of(hint) == jobs[0]
    assert [(room.view(job).reason, room.view(job).follows) for job in jobs[1:]] == [("coalesced", jobs[0])] * 3
    end(room, hint, pictures=(5, 6))
    views = [room.view(job) for job in jobs]
    assert {view.state.value for view in views} == {"succeeded"}
    assert [[one.sha256 for one in view.outputs] for view in views] == [[f"{5:064x}", f"{6:064x}"]] * 4
    assert [view.reused_from for view in views] == ["", *[jobs[0]] * 3]
    assert [room.usd(job) for job in jobs] == [(1, 0), (0, 0), (0, 0), (0, 0)]
    assert [view.cost.saved_usd for view in views] == [0, *[PRICE / 1_000_000] * 3]
    assert [view.cache for view in views] == ["miss", *["coalesced"] * 3]
    assert room.raw.hget("dr:assets", f"{5:064x}") == "4"
    assert room.admit() == ()


def test_a_later_equal_job_ends_at_once_and_takes_no_quota(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    end(room, room.admit_one())
    late = room.submit(content="same")
    view = room.view(late)
    assert (view.state.value, view.cache, view.cost.saved_usd) == ("succeeded", "hit", PRICE / 1_000_000)
    assert room.events(late) == ["job.accepted", "job.reused"]
    assert room.attempts(f"{late}.0") == []
    assert room.admit() == ()


@pytest.mark.parametrize("how", ["none", "failed", "canceled", "expired"])
def test_where_the_first_comes_to_nothing_the_next_one_is_called(room: Room, how: End) -> None:
    room.worker()
    first, second, third = (room.submit(content="same") for _ in range(3))
    end(room, room.admit_one(), how)
    assert room.state(first) not in ("succeeded", "queued")
    [hint] = room.admit()
    assert job_of(hint) == second
    assert room.view(third).reason == "coalesced"
    end(room, hint)
    assert [room.state(job) for job in (second, third)] == ["succeeded", "succeeded"]
    assert room.view(third).reused_from == second


def test_one_who_waits_can_be_canceled_alone(room: Room) -> None:
    room.worker()
    first, second, third = (room.submit(content="same") for _ in range(3))
    assert room.cancel(second) == ("prevented", "canceled")
    end(room, room.admit_one())
    assert [room.state(job) for job in (first, second, third)] == ["succeeded", "canceled", "succeeded"]


def test_nothing_is_shared_between_tenants_or_different_requests(room: Room) -> None:
    room.worker()
    room.submit(content="same", tenant="a")
    end(room, room.admit_one())
    others = [room.submit(content="same", tenant="b"), room.submit(content="other", tenant="a"), room.submit(tenant="a")]
    assert [room.state(job) for job in others] == ["queued"] * 3


def test_a_guardrail_that_a_tenant_gets_later_makes_another_request_of_it(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    end(room, room.admit_one())
    room.raw.hset(room.keys.tenant("t"), "guardrail", "g:1")
    assert room.state(room.submit(content="same")) == "queued"


def test_what_is_said_at_submit_about_reuse_is_kept_to(room: Room) -> None:
    room.worker()
    assert room.view(none := room.submit(content="same", cache="only-if-cached")).reason == "not_cached"
    assert room.attempts(f"{none}.0") == []
    assert room.view(room.submit(cache="only-if-cached")).reason == "not_cached"
    first = room.submit(content="same")
    end(room, room.admit_one())
    assert room.view(room.submit(content="same", cache="only-if-cached")).reused_from == first
    anew = room.submit(content="same", cache="no-cache")
    told = room.view(anew)
    assert (told.state.value, told.cache, told.cache_reason) == ("queued", "bypass", "no_cache")
    end(room, room.admit_one(), pictures=(2,))
    assert room.view(room.submit(content="same")).reused_from == anew


def test_the_pictures_of_the_steps_before_decide_as_well(room: Room) -> None:
    room.worker()

    def chain(picture: int) -> str:
        first, second = new_job_id(), new_job_id()
        refs = [(first, 0)]
        room.accept(
            room.new_job(job_id=first, dependants=[second]),
            room.new_job(job_id=second, needs={"any": first}, content="step", content_refs=refs),
        )
        hint = room.admit_one()
        room.advance(hint, "responded")
        room.commit(hint, [output(picture)])
        return second

    one = chain(1)
    end(room, room.admit_one(), pictures=(9,))
    assert room.state(chain(2)) == "queued"
    end(room, room.admit_one(), pictures=(8,))
    same = room.view(chain(1))
    assert (same.state.value, same.reused_from) == ("succeeded", one)


def test_a_result_is_there_as_long_as_its_job(room: Room) -> None:
    room.worker()
    room.submit(content="same", retention_ms=0)
    end(room, room.admit_one(), pictures=(7,))
    taken = room.submit(content="same")
    room.purge()
    assert room.raw.hget("dr:assets", f"{7:064x}") == "1", "held by the job that took it over"
    assert room.state(taken) == "succeeded"
    assert room.state(room.submit(content="same")) == "queued"


def test_a_job_with_several_calls_is_taken_over_whole(room: Room) -> None:
    room.worker()
    room.submit(content="same", calls=3, images_wanted=3)
    for number, hint in enumerate(room.admit()):
        end(room, hint, pictures=(number,))
    late = room.view(room.submit(content="same", calls=3, images_wanted=3))
    assert (late.state.value, len(late.outputs), {call.state.value for call in late.calls}) == ("succeeded", 3, {"done"})


def test_a_job_that_may_not_be_called_never_is_though_the_first_came_to_nothing(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    never = room.submit(content="same", cache="only-if-cached")
    end(room, room.admit_one(), "failed")
    view = room.view(never)
    assert (view.state.value, view.reason, view.cache) == ("canceled", "not_cached", "miss")
    assert room.admit() == ()


def test_of_those_who_wait_the_first_that_may_be_called_leads_on(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    never, second = room.submit(content="same", cache="only-if-cached"), room.submit(content="same")
    end(room, room.admit_one(), "failed")
    assert room.view(never).follows == second
    end(room, room.admit_one())
    assert room.view(never).reused_from == second


def test_a_paid_picture_of_a_job_that_was_canceled_too_late_serves_its_equals(room: Room) -> None:
    room.worker()
    first, second = room.submit(content="same"), room.submit(content="same")
    hint = room.advance(room.admit_one(), "calling")
    assert room.cancel(first, discard=True) == ("detached", "canceling")
    third = room.submit(content="same")
    room.commit(hint)
    assert [room.state(job) for job in (first, second, third)] == ["canceled", "succeeded", "succeeded"]
    assert room.view(room.submit(content="same")).reused_from == first
    assert room.admit() == ()


def test_nobody_waits_for_a_picture_that_is_not_to_be_kept(room: Room) -> None:
    room.worker()
    first = room.submit(content="same")
    hint = room.advance(room.admit_one(), "calling")
    room.cancel(first, discard=True)
    second = room.submit(content="same")
    assert room.view(second).cache == "miss"
    room.commit(hint)
    end(room, room.admit_one(), pictures=(2,))
    assert room.view(room.submit(content="same")).reused_from == second


def test_a_dead_letter_that_is_replayed_is_called_whatever_its_equals_made(room: Room) -> None:
    room.worker()
    dead = room.dead_letter(content="same")
    room.submit(content="same")
    end(room, room.admit_one())
    replayed = room.submit_as({"replays": dead}, content="same")
    view = room.view(replayed)
    assert (view.state.value, view.cache, view.cache_reason) == ("queued", "bypass", "replay")


def test_the_workers_guardrail_decides_as_well_but_not_about_free_steps(room: Room) -> None:
    def told(guardrail: str) -> None:
        room.run(presence.register("w1", 600_000, {"slots": "9"}, (), guardrail))

    told("")
    paid, free = room.submit(content="same"), room.submit(content="free", kind="local")
    for hint in room.admit_many(2):
        end(room, hint, pictures=(int(job_of(hint) == free),))
    told("guard:1 output")
    assert room.state(room.submit(content="same")) == "queued"
    assert room.view(room.submit(content="free", kind="local")).reused_from == free
    told("")
    assert room.view(room.submit(content="same")).reused_from == paid


@pytest.mark.parametrize("by", ["job", "tenant", "worker"])
def test_nothing_is_shared_under_a_guardrail_that_may_become_another(room: Room, by: str) -> None:
    room.run(presence.register("w1", 600_000, {"slots": "9"}, (), "guard:DRAFT prompt" if by == "worker" else ""))
    if by == "tenant":
        room.raw.hset(room.keys.tenant("t"), "guardrail", "guard:DRAFT")
    named = {"guardrail": "guard:DRAFT"} if by == "job" else {}
    jobs = [room.submit_as(named, content="same") for _ in range(2)]
    assert [(room.view(job).cache, room.view(job).cache_reason) for job in jobs] == [("bypass", "guardrail_draft")] * 2
    assert len(room.admit_many(2)) == 2


@pytest.mark.parametrize("waiting", CLASSES)
def test_a_job_that_others_wait_for_goes_as_early_as_the_most_urgent_of_them(room: Room, waiting: JobClass) -> None:
    first = room.submit(content="same", job_class="bulk")
    for _ in range(3):
        room.submit()
    room.submit(content="same", job_class=waiting)
    room.worker(slots=1)
    [hint] = room.admit(most=1)
    assert (job_of(hint) == first) == (waiting != "bulk")
    left = {"standard|t": "3"} if waiting != "bulk" else {"standard|t": "2", "bulk|t": "1"}
    assert (room.look().waiting, room.raw.hgetall("dr:queue:lane")) == (3, left)


def test_a_job_that_others_wait_for_goes_before_their_deadline(room: Room) -> None:
    room.submit()
    first = room.submit(content="same")
    room.submit(content="same", start_by_ms=room.now_ms() + 60_000)
    room.worker(slots=1)
    [hint] = room.admit(most=1)
    assert job_of(hint) == first


def test_one_who_waits_expires_if_the_first_has_not_started_in_time(room: Room) -> None:
    first = room.submit(content="same")
    late = room.submit(content="same", start_by_ms=1)
    room.reconcile()
    assert [room.state(job) for job in (first, late)] == ["queued", "expired"]


def test_one_who_waits_has_started_with_the_first_and_is_called_itself_after_its_start_was_due(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    second = room.submit(content="same", start_by_ms=room.now_ms() + 300)
    hint = room.advance(room.admit_one(), "calling")
    while room.now_ms() <= int(room.raw.hget(room.keys.job(second), "start_by_ms") or 0):
        pass
    room.reconcile()
    assert room.view(second).reason == "coalesced"
    room.fail(hint)
    end(room, room.admit_one())
    assert room.state(second) == "succeeded"


def test_one_who_waits_expires_at_its_end_though_the_first_has_started(room: Room) -> None:
    room.worker()
    first = room.submit(content="same")
    hint = room.advance(room.admit_one(), "calling")
    late = room.submit(content="same", finish_by_ms=1)
    room.reconcile()
    room.commit(hint)
    assert [room.state(job) for job in (first, late)] == ["succeeded", "expired"]


def test_one_who_leads_on_after_the_first_expired_in_its_queue_is_let_go(room: Room) -> None:
    room.worker()
    first, second = room.submit(content="same", start_by_ms=1), room.submit(content="same")
    [hint] = room.admit()
    assert (room.state(first), job_of(hint)) == ("expired", second)


def test_what_is_said_of_a_result_is_said_to_all_who_have_it(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    hint = room.advance(room.admit_one(), "responded")
    room.run(ops.commit(hint.call_id, hint.fence, outputs=[output()], warnings=["Dim."], answer='{"score": 2}'))
    late = room.submit_as({"warnings": '["Old model."]'}, content="same")
    assert room.view(late).warnings == ("Old model.", "Dim.")
    assert room.raw.hget(room.keys.job(late), "answer") == '{"score": 2}'


def test_the_price_of_a_result_is_not_known_where_a_call_of_it_had_none(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    hint = room.admit_one()
    room.claim(hint)
    room.gate(hint, price=None)
    room.receipt(hint)
    room.commit(hint)
    assert room.view(room.submit(content="same")).cost.saved_usd is None
