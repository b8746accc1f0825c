"""Equal jobs share one result: whoever comes while the first is under way waits for it, whoever comes later takes it over."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom_shared.store import ops
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, job_of, new_job_id, output, raw_redis, sync_executor

_walks = itertools.count(1)
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
    assert [room.view(job).reason for job in jobs[1:]] == ["coalesced"] * 3
    end(room, hint, pictures=(5, 6))
    views = [room.view(job) for job in jobs]
    assert {view.state.value for view in views} == {"succeeded"}
    assert [[one.sha256 for one in view.outputs] for view in views] == [[f"{5:064x}", f"{6:064x}"]] * 4
    assert [view.reused_from for view in views] == ["", *[jobs[0]] * 3]
    assert [room.usd(job) for job in jobs] == [(1, 0), (0, 0), (0, 0), (0, 0)]
    assert room.raw.hget("dr:assets", f"{5:064x}") == "4"
    assert room.admit() == ()


def test_a_later_equal_job_ends_at_once_and_takes_no_quota(room: Room) -> None:
    room.worker()
    room.submit(content="same")
    end(room, room.admit_one())
    late = room.submit(content="same")
    assert room.state(late) == "succeeded"
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
    assert room.state(anew) == "queued"
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


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_job_waits_for_ever_and_no_two_equal_calls_are_under_way(redis_url: str, data: st.DataObject) -> None:
    prefix = f"reuse{next(_walks)}:"
    with ExitStack() as stack:
        raw, run = stack.enter_context(raw_redis(redis_url)), stack.enter_context(sync_executor(redis_url, prefix))
        room = Room(run, raw, Keys(prefix))
        room.worker()
        contents: dict[str, tuple[str, str]] = {}
        under_way: dict[str, ops.Hint] = {}

        def let_go() -> None:
            for hint in room.admit():
                key = contents[job_of(hint)]
                same = [job for job in under_way if contents[job] == key and key[1] != "alone"]
                assert same == [], "one call at most for equal jobs of a tenant"
                under_way[job_of(hint)] = hint

        for _ in range(data.draw(st.integers(1, 15))):
            match data.draw(st.sampled_from(["submit", "submit", "end", "cancel", "purge"])):
                case "submit":
                    tenant, content = data.draw(st.sampled_from(["a", "b"])), data.draw(st.sampled_from(["x", "y", "alone"]))
                    shared = "" if content == "alone" else content
                    job = room.submit(content=shared, tenant=tenant, retention_ms=data.draw(st.sampled_from([0, 600_000])))
                    contents[job] = tenant, content
                case "end" if under_way:
                    job = data.draw(st.sampled_from(sorted(under_way)))
                    how = data.draw(st.sampled_from(["all", "all", "none", "failed", "canceled", "expired"]))
                    end(room, under_way.pop(job), how, (next(_walks),))  # retention may be removing an older picture
                case "cancel" if contents:
                    job = data.draw(st.sampled_from(sorted(contents)))
                    room.cancel(job)
                    under_way.pop(job, None)
                case _:
                    room.purge()
            let_go()
        while under_way:
            end(room, under_way.pop(sorted(under_way)[0]), "all", (next(_walks),))
            let_go()
        left = {job: room.state(job) for job in contents}
        assert all(state in ("succeeded", "canceled", "failed", "rejected", "expired", "gone") for state in left.values()), left
        for job, state in left.items():
            record = raw.hgetall(f"{prefix}job:{job}")
            if state == "succeeded" and (leader := record.get("reused_from")):
                assert contents[job] == contents[leader]
                assert room.attempts(f"{job}.0") == []
                [made] = json.loads(record["outputs"])
                assert int(raw.hget(f"{prefix}assets", made["sha256"]) or 0) >= 1
