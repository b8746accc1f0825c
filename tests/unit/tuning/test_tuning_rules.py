"""Hyperparameters, names, tokens, estimates, and what AWS still permits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from darkroom.tuning.estimate import estimate
from darkroom.tuning.hyperparameters import BASES, find_base, hyperparameters, value_of
from darkroom.tuning.jobs import TuningRequest, request_problems
from darkroom.tuning.permitted import NotPermitted, check_permitted, closed_since
from darkroom_shared.core.errors import UnknownModel

TITAN_V1, TITAN_V2, NOVA = BASES
REQUEST = TuningRequest(
    "us-east-1",
    TITAN_V2.id,
    "boat-1",
    "boat_1",
    "arn:aws:iam::123456789012:role/tuner",
    "s3://bucket/data/manifest.jsonl",
    "s3://bucket/out/",
    {"stepCount": "500"},
)


@pytest.mark.parametrize(
    ("base", "name", "text", "fine"),
    [
        (TITAN_V2, "stepCount", "10", True),
        (TITAN_V2, "stepCount", "9", False),
        (TITAN_V2, "stepCount", "40000", True),
        (TITAN_V2, "stepCount", "40001", False),
        (TITAN_V2, "stepCount", "10.5", False),
        (TITAN_V2, "stepCount", "auto", True),
        (NOVA, "stepCount", "auto", False),
        (NOVA, "stepCount", "20000", True),
        (NOVA, "stepCount", "20001", False),
        (TITAN_V2, "batchSize", "8", True),
        (TITAN_V2, "batchSize", "12", False),
        (TITAN_V2, "batchSize", "192", True),
        (TITAN_V2, "batchSize", "200", False),
        (NOVA, "batchSize", "12", True),
        (NOVA, "batchSize", "193", False),
        (TITAN_V2, "learningRate", "1", True),
        (TITAN_V2, "learningRate", "1e-7", True),
        (TITAN_V2, "learningRate", "9e-8", False),
        (NOVA, "learningRate", "0.0001", True),
        (NOVA, "learningRate", "0.00011", False),
        (NOVA, "learningRate", "nan", False),
        (NOVA, "learningRate", "fast", False),
        (NOVA, "epochCount", "1", False),
    ],
)
def test_hyperparameters_are_held_against_the_table_of_their_base_model(base: object, name: str, text: str, fine: bool) -> None:
    known = next(one for one in BASES if one is base)
    given = {"stepCount": "100"} | {name: text}
    sent, problems = hyperparameters(known, given)
    assert [problem.pointer for problem in problems] == ([] if fine else [f"/hyperParameters/{name}"])
    assert (name in sent) is fine


def test_titan_must_be_told_its_steps_and_nova_canvas_need_not() -> None:
    assert [problem.message for problem in hyperparameters(TITAN_V2, {})[1]] == ["stepCount must be given"]
    assert hyperparameters(NOVA, {}) == ({}, [])
    assert [value_of(NOVA, {}, name) for name in ("stepCount", "batchSize")] == [500, 8]
    assert value_of(TITAN_V2, {"stepCount": "auto"}, "stepCount") is None


def test_numbers_are_sent_without_an_exponent() -> None:
    assert hyperparameters(TITAN_V2, {"stepCount": "1e3", "learningRate": "1e-5"})[0] == {
        "stepCount": "1000",
        "learningRate": "0.00001",
    }


def test_a_base_model_is_found_by_id_and_arn_and_others_were_never_open() -> None:
    assert find_base("amazon.titan-image-generator-v1") is TITAN_V1
    assert find_base("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-canvas-v1:0") is NOVA
    with pytest.raises(UnknownModel, match="never open to fine-tuning"):
        find_base("stability.stable-image-core-v1:1")


def test_the_estimate_is_of_the_smaller_of_pictures_and_batch() -> None:
    cost = estimate(TITAN_V1, images=60, steps=8000, batch=8)
    assert (cost.training_usd, cost.storage_usd_a_month) == (Decimal(320), Decimal("1.95"))
    assert estimate(TITAN_V1, images=5, steps=8000, batch=8).training_usd == Decimal(200)
    assert "February 2024" in cost.why


def test_what_is_not_known_is_null_and_never_0() -> None:
    assert estimate(TITAN_V1, images=60, steps=None, batch=8).as_json()["training_usd"] is None
    for base in (TITAN_V2, NOVA):
        told = estimate(base, images=60, steps=500, batch=8).as_json()
        assert (told["training_usd"], told["storage_usd_a_month"]) == (None, None)
        assert base.model.label in str(told["why"])


def test_a_request_is_the_same_by_its_token_and_any_change_makes_another() -> None:
    assert REQUEST.token == replace(REQUEST, hyperparameters={"stepCount": "500"}).token
    others = [
        replace(REQUEST, job_name="boat-2"),
        replace(REQUEST, region="us-west-2"),
        replace(REQUEST, hyperparameters={"stepCount": "501"}),
        replace(REQUEST, manifest_uri="s3://bucket/data/other.jsonl"),
    ]
    assert len({REQUEST.token, *(other.token for other in others)}) == 5
    assert len(REQUEST.token) <= 256


def test_all_that_is_wrong_with_a_request_is_told_at_once() -> None:
    assert request_problems(REQUEST, TITAN_V2) == []
    wrong = TuningRequest("us-west-2", NOVA.id, "-boat" * 20, "boat__1", "tuner", "s3://B/x y", "http://bucket", {})
    assert {problem.pointer for problem in request_problems(wrong, NOVA)} == {
        "/trainingDataConfig/s3Uri",
        "/outputDataConfig/s3Uri",
        "/jobName",
        "/customModelName",
        "/roleArn",
        "/region",
    }


def test_a_base_model_is_closed_from_its_first_legacy_day_and_refused_with_what_is_left() -> None:
    legacy = NOVA.model.legacy_since
    assert legacy is not None
    assert closed_since(NOVA, legacy - timedelta(days=1)) is None
    check_permitted(NOVA, legacy - timedelta(days=1))
    with pytest.raises(NotPermitted, match=r"is Legacy .*Provisioned Throughput.*no on-demand deployment"):
        check_permitted(NOVA, legacy)
    end = NOVA.model.end_of_life
    assert end is not None
    with pytest.raises(NotPermitted, match=r"past its end of life .*all that were open"):
        check_permitted(NOVA, end)


def test_no_base_model_was_open_any_more_in_november_2026() -> None:
    assert [closed_since(base, date(2026, 11, 21)) is not None for base in BASES] == [True, True, True]
