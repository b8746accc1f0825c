"""The catalogue finds models by every form of their id, and knows prices, counts, lifecycle dates and mask colours."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import (
    FAMILIES,
    MODELS,
    defaults,
    find_model,
    image_count,
    lifecycle_warning,
    mask_polarity,
    price_usd,
    schema_of,
)
from darkroom_shared.task_types import TASK_TYPES
from tests.support.bodies import NOVA, TITAN_V1, TITAN_V2, edited, sample

CONFIG = "/imageGenerationConfig"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (TITAN_V1, TITAN_V1),
        (TITAN_V1 + ":0", TITAN_V1),
        (TITAN_V2, TITAN_V2),
        ("amazon.titan-image-generator-v2", TITAN_V2),
        ("amazon.nova-canvas-v1", NOVA),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}", NOVA),
        (f"arn:aws:bedrock:us-west-2::foundation-model/{TITAN_V1}", TITAN_V1),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{TITAN_V2}", TITAN_V2),
        (f"arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.{NOVA}", NOVA),
    ],
)
def test_a_model_is_found_by_every_form_of_its_id(given: str, found: str) -> None:
    assert find_model(given).id == found


@pytest.mark.parametrize(
    "given",
    [
        "",
        "titan",
        TITAN_V2 + ":0",
        "amazon.nova-canvas-v1:1",
        f"us.{NOVA}",
        f"arn:aws:s3:us-east-1::foundation-model/{NOVA}",
        f"arn:aws:bedrock:us-east-1::custom-model/{NOVA}",
        f"{NOVA}\n",
    ],
)
def test_anything_else_is_no_model(given: str) -> None:
    with pytest.raises(UnknownModel):
        find_model(given)


def test_a_near_miss_is_answered_with_the_model_that_was_meant() -> None:
    with pytest.raises(UnknownModel, match=r"Did you mean amazon\.nova-canvas-v1:0\?"):
        find_model("amazon.nova-canvas-v2:0")


def test_the_quotas_and_regions_of_the_reference() -> None:
    assert {model.id: model.requests_per_minute for model in MODELS.values()} == {TITAN_V1: 60, TITAN_V2: 60, NOVA: 100}
    assert MODELS[NOVA].regions == ("us-east-1", "eu-west-1", "ap-northeast-1")


def test_every_model_has_a_family_a_schema_for_each_task_and_known_tasks() -> None:
    for model in MODELS.values():
        assert model in FAMILIES[model.family].models
        assert set(model.task_types) <= set(TASK_TYPES)
        for task_type in model.task_types:
            assert schema_of(model, task_type)["type"] == "object"


def _priced(model: str, task: str, config: dict[str, object], facts: dict[str, ImageFacts] | None = None) -> Decimal | None:
    return price_usd(find_model(model), edited(sample(task), CONFIG, config), facts or {})


@pytest.mark.parametrize(
    ("model", "config", "price"),
    [
        (TITAN_V1, {"width": 512, "height": 512}, "0.008"),
        (TITAN_V2, {"width": 512, "height": 512, "quality": "premium"}, "0.010"),
        (TITAN_V2, {"width": 704, "height": 320}, "0.008"),
        (TITAN_V2, {"width": 768, "height": 768}, "0.010"),
        (TITAN_V2, {"width": 1024, "height": 1024, "quality": "premium"}, "0.012"),
        (TITAN_V2, {"width": 512, "height": 512, "numberOfImages": 5}, "0.040"),
        (TITAN_V2, {}, "0.010"),
        (NOVA, {}, "0.04"),
        (NOVA, {"width": 1024, "height": 1024, "quality": "premium"}, "0.06"),
        (NOVA, {"width": 1040, "height": 1024}, "0.06"),
        (NOVA, {"width": 2048, "height": 2048, "quality": "premium", "numberOfImages": 3}, "0.24"),
    ],
)
def test_the_price_follows_size_quality_and_count(model: str, config: dict[str, object], price: str) -> None:
    assert _priced(model, "TEXT_IMAGE", config) == Decimal(price)


def test_an_edit_is_priced_by_the_size_of_its_input() -> None:
    small, large = (ImageFacts(width=side, height=side, format="PNG", mode="RGB", size_bytes=1) for side in (512, 1408))
    pointer = "/inPaintingParams/image"

    assert _priced(TITAN_V2, "INPAINTING", {}, {pointer: small}) == Decimal("0.008")
    assert _priced(TITAN_V2, "INPAINTING", {}, {pointer: large}) == Decimal("0.010")
    assert _priced(NOVA, "INPAINTING", {}, {pointer: large}) == Decimal("0.06")
    assert _priced(NOVA, "INPAINTING", {}) is None


@pytest.mark.parametrize(("value", "count"), [(1, 1), (5, 5), (None, 1), ("3", 1), (True, 1), (-2, 1), (2.0, 1)])
def test_a_call_is_counted_as_the_images_it_asks_for_and_at_least_one(value: object, count: int) -> None:
    assert image_count(edited(sample("TEXT_IMAGE"), f"{CONFIG}/numberOfImages", value)) == count
    assert image_count({"taskType": "BACKGROUND_REMOVAL"}) == 1


@pytest.mark.parametrize(
    ("model", "day", "words"),
    [
        (TITAN_V1, date(2025, 1, 30), None),
        (TITAN_V1, date(2025, 1, 31), "is Legacy since 2025-01-31 and reaches its end of life on 2025-08-15"),
        (TITAN_V1, date(2025, 8, 15), "reached its end of life on 2025-08-15"),
        (TITAN_V2, date(2026, 6, 29), None),
        (TITAN_V2, date(2026, 6, 30), "reached its end of life on 2026-06-30"),
        (NOVA, date(2026, 3, 29), None),
        (NOVA, date(2026, 9, 29), "is Legacy since 2026-03-30"),
        (NOVA, date(2026, 11, 21), "stability.stable-image-core-v1:1"),
    ],
)
def test_a_retired_model_is_warned_of_from_its_day_on(model: str, day: date, words: str | None) -> None:
    warning = lifecycle_warning(find_model(model), day)

    assert warning is None if words is None else words in (warning or "")


@pytest.mark.parametrize("model", [TITAN_V1, TITAN_V2, NOVA])
def test_outpainting_reads_a_mask_the_other_way_round(model: str) -> None:
    assert mask_polarity(find_model(model), "INPAINTING") == "black_is_edited"
    assert mask_polarity(find_model(model), "OUTPAINTING") == "white_is_edited"
    with pytest.raises(KeyError):
        mask_polarity(find_model(model), "TEXT_IMAGE")


def test_a_try_on_mask_is_black_where_it_changes() -> None:
    assert mask_polarity(find_model(NOVA), "VIRTUAL_TRY_ON") == "black_is_edited"


def test_the_defaults_of_the_reference() -> None:
    titan, nova = defaults(find_model(TITAN_V2)), defaults(find_model(NOVA))

    assert (titan.cfg_scale, titan.seed, titan.control_strength, titan.similarity_strength) == (8.0, 42, 0.7, 0.7)
    assert (nova.cfg_scale, nova.seed, nova.width, nova.height) == (6.5, 12, 1024, 1024)
    assert titan.number_of_images == nova.number_of_images == 1
