"""How each kind of quota counts."""

from __future__ import annotations

import pytest

from darkroom_worker.local_bedrock.quotas import QUOTA_KINDS, QuotaKind, Quotas

MODEL = "amazon.nova-canvas-v1:0"
REGION, ELSEWHERE = "us-east-1", "us-west-2"


def admitted(kind: QuotaKind, instants: list[float], *, per_minute: float = 10, time_scale: float = 1.0) -> list[bool]:
    quotas = Quotas({MODEL: per_minute}, kind, time_scale)
    return [quotas.admit(REGION, MODEL, instant) for instant in instants]


@pytest.mark.parametrize(
    ("kind", "at_once"), [("token-bucket", 10), ("fixed-window", 10), ("sliding-log", 10), ("small-bucket", 1)]
)
def test_a_burst_passes_up_to_the_size_of_the_bucket(kind: QuotaKind, at_once: int) -> None:
    assert sum(admitted(kind, [600.0] * 30)) == at_once


def test_a_token_bucket_gives_a_token_back_every_sixtieth_of_the_quota() -> None:
    burst_then = [0.0] * 10 + [5.9, 6.0, 6.1]
    assert admitted("token-bucket", burst_then)[10:] == [False, True, False]


def test_a_fixed_window_lets_twice_the_quota_pass_around_a_border() -> None:
    assert sum(admitted("fixed-window", [59.9] * 15 + [60.0] * 15)) == 20


def test_a_sliding_log_never_lets_more_than_the_quota_pass_in_a_minute() -> None:
    assert admitted("sliding-log", [59.9] * 10 + [60.0, 119.8, 119.9]) == [True] * 10 + [False, False, True]


def test_a_small_bucket_admits_an_even_stream_at_the_quota() -> None:
    assert all(admitted("small-bucket", [6.0 * n for n in range(50)]))


@pytest.mark.parametrize("kind", QUOTA_KINDS)
def test_no_kind_lets_more_than_the_quota_pass_in_the_long_run(kind: QuotaKind) -> None:
    over_an_hour = sum(admitted(kind, [float(second) for second in range(3600)]))
    assert 590 <= over_an_hour <= 610


@pytest.mark.parametrize("kind", QUOTA_KINDS)
def test_the_time_scale_shortens_the_minute(kind: QuotaKind) -> None:
    burst = admitted(kind, [0.0] * 20 + [1.0], time_scale=60)
    assert burst[-1]


def test_a_model_without_a_quota_is_never_refused() -> None:
    quotas = Quotas({MODEL: 1}, "fixed-window")
    assert all(quotas.admit(REGION, "amazon.titan-image-generator-v2:0", 0.0) for _ in range(1000))


def test_a_quota_below_one_a_minute_still_lets_one_through() -> None:
    assert admitted("token-bucket", [0.0, 60.0, 120.0], per_minute=0.5) == [True, False, True]


@pytest.mark.parametrize("kind", QUOTA_KINDS)
def test_two_regions_count_apart(kind: QuotaKind) -> None:
    quotas = Quotas({MODEL: 10}, kind)
    first = [quotas.admit(REGION, MODEL, 0.0) for _ in range(20)]
    assert [quotas.admit(ELSEWHERE, MODEL, 0.0) for _ in range(20)] == first


def test_a_quota_of_one_region_goes_before_that_of_all() -> None:
    quotas = Quotas({MODEL: 10, f"{ELSEWHERE}/{MODEL}": 3}, "sliding-log")
    assert sum(quotas.admit(ELSEWHERE, MODEL, 0.0) for _ in range(20)) == 3
    assert sum(quotas.admit(REGION, MODEL, 0.0) for _ in range(20)) == 10


@pytest.mark.parametrize("kind", QUOTA_KINDS)
def test_a_halved_quota_holds_at_once_and_forgets_no_count(kind: QuotaKind) -> None:
    quotas = Quotas({MODEL: 10}, kind)
    while quotas.admit(REGION, MODEL, 0.0):
        pass
    quotas.change({MODEL: 5}, 0.0)
    assert not any(quotas.admit(REGION, MODEL, 0.0) for _ in range(20))
    assert 295 <= sum(quotas.admit(REGION, MODEL, 60.0 + second) for second in range(3600)) <= 305


def test_a_doubled_quota_is_used_without_a_rest() -> None:
    quotas = Quotas({MODEL: 10}, "fixed-window")
    assert sum(quotas.admit(REGION, MODEL, 1.0) for _ in range(30)) == 10
    quotas.change({MODEL: 20}, 1.0)
    assert sum(quotas.admit(REGION, MODEL, 1.0) for _ in range(30)) == 10


def test_a_bucket_refills_at_the_old_quota_until_the_change() -> None:
    quotas = Quotas({MODEL: 60}, "token-bucket")
    assert sum(quotas.admit(REGION, MODEL, 0.0) for _ in range(100)) == 60
    quotas.change({MODEL: 6}, 4.0)
    assert sum(quotas.admit(REGION, MODEL, 4.0) for _ in range(100)) == 4


def test_a_quota_can_be_taken_away_and_set_again() -> None:
    quotas = Quotas({MODEL: 1}, "sliding-log")
    assert [quotas.admit(REGION, MODEL, 0.0) for _ in range(2)] == [True, False]
    quotas.change({MODEL: None}, 0.0)
    assert quotas.per_minute == {}
    assert all(quotas.admit(REGION, MODEL, 0.0) for _ in range(100))
    quotas.change({f"{REGION}/{MODEL}": 2}, 0.0)
    assert [quotas.admit(REGION, MODEL, 0.0) for _ in range(3)] == [True, True, False]


def test_the_time_scale_holds_for_a_change_too() -> None:
    quotas = Quotas({MODEL: 60}, "token-bucket", time_scale=60)
    assert sum(quotas.admit(REGION, MODEL, 0.0) for _ in range(100)) == 60
    quotas.change({MODEL: 60}, 0.5)
    assert sum(quotas.admit(REGION, MODEL, 0.5) for _ in range(100)) == 30
