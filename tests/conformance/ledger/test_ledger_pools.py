"""Pools: what they know of their quota, what they count, and which of them a call takes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import steering
from tests.conformance.ledger.driver import Room, job_of, paced
from tests.conformance.ledger.endings import ENDINGS, Ending

MINUTE_MS = 60_000
POOL = PoolQuota("lane", "east", margin=1.0)
UNREACHED = Failure(FailureKind.UNREACHED, "provider_unreachable", "no route", billed=False)
SLOW = 6_000_000_000
"""Microseconds between two calls of a pool that a test opens by hand."""


def aws(room: Room, **quota: float) -> int:
    entry = steering.SyncedQuota(
        "lane", "east", quota.get("rpm"), int(quota["concurrency"]) if "concurrency" in quota else None, quota.get("tpm")
    )
    return room.run(steering.synced_quotas([entry]))


@pytest.mark.parametrize(
    ("quota", "aws_rpm", "source", "known"),
    [
        (replace(POOL, settings_rpm=30, catalogue_rpm=60), 45.0, "settings", 30),
        (replace(POOL, catalogue_rpm=60), 45.0, "aws", 45),
        (replace(POOL, catalogue_rpm=60), None, "catalogue", 60),
        (replace(POOL, catalogue_rpm=60, unknown=True), 45.0, "unknown", None),
        (replace(POOL, settings_rpm=30, off=True), 45.0, "off", None),
        (POOL, None, "unknown", None),
    ],
)
def test_settings_stand_above_aws_and_aws_above_the_catalogue(
    room: Room, quota: PoolQuota, aws_rpm: float | None, source: str, known: float | None
) -> None:
    room.worker(pools=[quota])
    if aws_rpm is not None:
        assert aws(room, rpm=aws_rpm) == 1
        assert aws(room, rpm=aws_rpm) == 0, "the same again is no news"
    pool = room.pool("east")
    assert (pool.source, pool.quota, pool.cap) == (source, known, known)


def test_settings_that_are_taken_back_let_the_next_source_speak(room: Room) -> None:
    room.worker(pools=[replace(POOL, settings_rpm=30)])
    aws(room, rpm=45)
    room.worker(pools=[POOL])
    assert room.pool("east").quota == 45


def test_only_the_share_and_the_margin_of_a_quota_are_used(room: Room) -> None:
    room.worker(pools=[replace(POOL, settings_rpm=60, share=0.5, margin=0.9)])
    room.submit(routes="east")
    hint = room.admit_one()
    pool = room.pool("east")
    assert (pool.quota, pool.cap, pool.rate) == (60, 27, 27)
    spacing_ms = room.noted("east", "tat_us") / 1000 - int(room.call(hint.call_id)["changed_ms"])
    assert MINUTE_MS / 27 <= spacing_ms < MINUTE_MS / 27 + 1, "counted from the microsecond of the admission"


def test_an_unknown_quota_is_tried_with_ten_calls_a_minute(room: Room) -> None:
    room.worker(pools=[replace(POOL, unknown=True)])
    for _ in range(2):
        room.submit(routes="east")
    room.admit_one()
    assert room.pool("east").rate == pytest.approx(10, rel=0.01)
    assert room.pool("east").cap is None
    answer = room.admission()
    assert (answer.hints, answer.reason) == ((), "rate")
    assert 5_000 < (answer.next_ms or 0) <= 6_000


def test_without_pacing_all_goes_until_the_service_refuses(room: Room) -> None:
    room.worker(pools=[replace(POOL, off=True)])
    for _ in range(41):
        room.submit(routes="east")
    hints = room.admit(most=40)
    assert len(hints) == 40
    assert room.pool("east").rate is None
    for hint in hints:
        room.advance(hint, "calling")
    room.refuse(hints[0])
    assert room.pool("east").rate == pytest.approx(60, rel=0.01), "39 were taken: no less than a call a second"
    room.ready("east")
    assert len(room.admit()) == 1, "from now on there is a pace"
    assert room.admission().reason == "rate"


def test_a_quota_of_nothing_lets_nothing_go_and_says_so(room: Room) -> None:
    room.worker(pools=[replace(POOL, settings_rpm=0)])
    room.submit(routes="east")
    answer = room.admission()
    assert (answer.hints, answer.next_ms, answer.reason) == ((), None, "no_quota")
    assert room.pool("east").why == "no_quota"
    aws(room, rpm=60)
    room.worker(pools=[POOL])
    assert len(room.admit()) == 1


def test_a_pool_with_no_quota_does_not_stop_the_next_one(room: Room) -> None:
    room.worker(pools=[replace(POOL, settings_rpm=0), paced("west", SLOW)])
    room.submit(routes="east,west")
    assert room.call(room.admit_one().call_id)["pool"] == "west"


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_no_more_calls_are_in_flight_than_the_pool_allows_and_every_ending_makes_room(room: Room, ending: Ending) -> None:
    room.worker(pools=[replace(POOL, off=True, concurrency=2)])
    for _ in range(4):
        room.submit(routes="east")
    first, second = room.admit()
    answer = room.admission()
    assert (answer.hints, answer.next_ms, answer.reason) == ((), None, "concurrency")
    ending(room, first)
    room.ready("east")
    assert len([hint for hint in room.admit() if room.call(hint.call_id)["pool"]]) == 1
    assert second.call_id in room.raw.zrange("dr:flight:east", 0, -1)
    assert room.raw.zcard("dr:flight:east") == 2


def test_what_aws_says_of_concurrency_and_tokens_counts_where_settings_are_silent(room: Room) -> None:
    room.worker(pools=[replace(POOL, off=True)])
    aws(room, concurrency=1, tpm=1000)
    for _ in range(2):
        room.submit(routes="east", tokens=1)
    assert len(room.admit()) == 1
    assert room.pool("east").concurrency == 1


@pytest.mark.parametrize(("share", "waits_ms"), [(1.0, 30_000), (0.5, 60_000)])
def test_tokens_are_paced_beside_requests(room: Room, share: float, waits_ms: int) -> None:
    room.worker(pools=[replace(POOL, settings_rpm=6000, tokens_per_minute=1000, share=share)])
    for tokens in (500, 1):
        room.submit(routes="east", tokens=tokens)
    room.admit_one()
    room.set_pool("east", tat_us=0)
    answer = room.admission()
    assert (answer.hints, answer.reason) == ((), "tokens")
    assert waits_ms - 2_000 < (answer.next_ms or 0) <= waits_ms
    assert room.pool("east").why == "tokens"


def test_a_call_takes_the_first_of_its_pools_that_may_go(room: Room) -> None:
    room.worker(pools=[paced(name, SLOW) for name in ("east", "west", "north")])
    for _ in range(4):
        room.submit(routes="west,east,north")
    assert [room.call(hint.call_id)["pool"] for hint in room.admit()] == ["west", "east", "north"]
    room.ready("north", "east")
    assert [room.call(hint.call_id)["pool"] for hint in room.admit()] == ["east"]


def test_a_job_tells_which_other_regions_took_its_calls(room: Room) -> None:
    east, west = "us-east-1/m", "us-west-2/m"
    room.worker(pools=[paced(name, SLOW) for name in (east, west)])
    at_home = room.submit(routes=f"{east},{west}")
    away = room.submit(routes=f"{east},{west}", calls=2, images_wanted=2)
    room.admit()
    room.ready(west)
    room.admit()
    assert room.view(at_home).diverted_to == ()
    assert room.view(away).diverted_to == ("us-west-2",), "each Region once"


def test_a_call_that_is_bound_to_one_region_waits_while_the_others_go_elsewhere(room: Room) -> None:
    room.worker(pools=[paced("east", SLOW), replace(POOL, pool="west", off=True)])
    room.submit(routes="east", tenant="a")
    room.admit_one()
    bound = room.submit(routes="east", tenant="a")
    free = [room.submit(routes="east,west", tenant="b") for _ in range(3)]
    hints = room.admit()
    assert sorted(map(job_of, hints)) == sorted(free)
    assert {room.call(hint.call_id)["pool"] for hint in hints} == {"west"}
    assert room.admission().reason == "rate"
    room.ready("east")
    assert [job_of(hint) for hint in room.admit()] == [bound]


def test_tenants_with_different_choices_of_pools_take_turns_in_the_one_they_share(room: Room) -> None:
    room.worker(pools=[paced("east", SLOW), paced("west", SLOW)])
    for _ in range(12):
        room.submit(routes="east", tenant="a")
        room.submit(routes="west,east", tenant="b")
    room.set_pool("west", tat_us=room.now_us() + SLOW)
    went: list[str] = []
    for _ in range(10):
        room.set_pool("east", tat_us=0)
        (hint,) = room.admit()
        went.append(room.call(hint.call_id)["tenant"])
    assert went.count("a") == went.count("b") == 5
    assert all(one != other for one, other in itertools.pairwise(went))


def test_a_tenant_that_is_served_elsewhere_leaves_the_shared_pool_to_the_others(room: Room) -> None:
    """Both pools are open in every round: the turns are of cost in the whole lane, so nobody is served twice as much."""
    room.worker(pools=[paced("east", SLOW), paced("west", SLOW)])
    for _ in range(20):
        room.submit(routes="east", tenant="a")
        room.submit(routes="west,east", tenant="b")
    went: list[tuple[str, str]] = []
    for _ in range(10):
        room.ready("east", "west")
        went += [(call["tenant"], call["pool"]) for call in (room.call(hint.call_id) for hint in room.admit())]
    assert went.count(("a", "east")) == 10
    assert went.count(("b", "west")) == 10


def test_what_went_out_and_what_was_refused_in_the_last_minute_is_counted(room: Room) -> None:
    room.worker(pools=[replace(POOL, off=True)])
    for _ in range(5):
        room.submit(routes="east")
    hints = room.admit()
    for hint in hints[:4]:
        room.advance(hint, "calling")
    room.refuse(hints[0])
    room.fail(hints[1])
    pool = room.pool("east")
    assert (pool.sent, pool.refused, pool.refused_in_all, pool.in_flight) == (4, 1, 1, 3), "one is on its way to be sent"
    later = room.now_us() - 61_000_000
    for name in ("sent", "refused"):
        for member in room.raw.zrange(f"dr:{name}:east", 0, -1):
            room.raw.execute_command("ZADD", f"dr:{name}:east", later, member)
    pool = room.pool("east")
    assert (pool.sent, pool.refused, pool.refused_in_all) == (0, 0, 1)


def test_a_service_that_cannot_be_reached_rests_the_pool_and_is_no_refusal(room: Room) -> None:
    hint = room.started("calling", interval_us=1)
    room.submit(interval_us=1)
    room.snooze(hint, UNREACHED, delay_ms=60_000, counts=False)
    answer = room.admission()
    assert (answer.hints, answer.reason) == ((), "throttled")
    pool = room.pool("pool-lane")
    assert (pool.sent, pool.refused, pool.circuit) == (0, 0, "closed")
    assert pool.rate == pytest.approx(60_000_000)
