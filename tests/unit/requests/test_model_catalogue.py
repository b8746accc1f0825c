"""The catalogue finds models by every form of their id, and knows prices, counts, lifecycle dates and mask colours."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import (
    FAMILIES,
    MODELS,
    find_model,
    image_count,
    images_a_call,
    lifecycle_warning,
    mask_polarity,
    output_size,
    price_usd,
    schema_of,
    seed_of,
)
from darkroom_shared.models.nova_canvas import NOVA_DEFAULTS
from darkroom_shared.models.titan import TITAN_DEFAULTS
from darkroom_shared.task_types import TASK_TYPES
from tests.support.bodies import NOVA, TITAN_V1, TITAN_V2, edited, sample
from tests.support.native_bodies import CORE, CORE_BEFORE, SD3, SD35, SDXL, SERVICES, ULTRA, ULTRA_BEFORE

CONFIG = "/imageGenerationConfig"
SAME_SIZE = ("REMOVE_BACKGROUND", "STABLE_INPAINT", "ERASE_OBJECT", "SEARCH_AND_REPLACE", "SEARCH_AND_RECOLOR")
UNSAID_SIZE = ("CONTROL_SKETCH", "CONTROL_STRUCTURE", "STYLE_GUIDE", "CONSERVATIVE_UPSCALE", "CREATIVE_UPSCALE")
NATIVE_PRICES = [
    (CORE, "0.04"),
    (CORE_BEFORE, "0.04"),
    (ULTRA, "0.14"),
    (ULTRA_BEFORE, "0.14"),
    (SD35, "0.08"),
    (SD3, "0.08"),
    (SDXL, "0.04"),
    *((task, "0.07") for task in (*SAME_SIZE, "CONTROL_SKETCH", "CONTROL_STRUCTURE", "STYLE_GUIDE")),
    ("STYLE_TRANSFER", "0.08"),
    ("STABLE_OUTPAINT", "0.06"),
    ("FAST_UPSCALE", "0.03"),
    ("CONSERVATIVE_UPSCALE", "0.40"),
    ("CREATIVE_UPSCALE", "0.60"),
]
EMBED = "cohere.embed-v4:0"
INPAINT = SERVICES["STABLE_INPAINT"]


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
        (CORE, CORE),
        ("cohere.embed-v4", EMBED),
        (f"global.{EMBED}", f"global.{EMBED}"),
        (f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{EMBED}", f"eu.{EMBED}"),
        (SDXL + ":0", SDXL),
        (INPAINT, INPAINT),
        (INPAINT.removesuffix(":0"), INPAINT),
        (INPAINT.removeprefix("us."), INPAINT),
        (INPAINT.removeprefix("us.").removesuffix(":0"), INPAINT),
        (f"arn:aws:bedrock:us-west-2:123456789012:inference-profile/{INPAINT}", INPAINT),
        (f"arn:aws:bedrock:us-east-2::foundation-model/{INPAINT.removeprefix('us.')}", INPAINT),
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
        f"us.{CORE}",
        f"us.{INPAINT}",
        INPAINT.replace("us.", "eu."),
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
    slow = ("STABLE_OUTPAINT", "CONSERVATIVE_UPSCALE", "CREATIVE_UPSCALE")
    assert {model.requests_per_minute for model in FAMILIES["vision"].models} == {None}
    assert {model.id: model.requests_per_minute for model in MODELS.values() if model.family != "vision"} == {
        **{TITAN_V1: 60, TITAN_V2: 60, NOVA: 100},
        **{CORE: 90, CORE_BEFORE: 90, ULTRA: 10, ULTRA_BEFORE: 10, SD35: 15, SD3: 15, SDXL: 60},
        **{"amazon.titan-embed-image-v1": 2000, "amazon.nova-2-multimodal-embeddings-v1:0": 2000, EMBED: 1000},
        **{f"{geography}.{EMBED}": 2000 for geography in ("us", "eu", "global")},
        **{model: 4 if task in slow else 20 for task, model in SERVICES.items()},
    }
    assert MODELS[NOVA].regions == ("us-east-1", "eu-west-1", "ap-northeast-1")
    assert {MODELS[model].regions for model in (CORE, ULTRA, SD35)} == {("us-west-2",)}
    assert {MODELS[model].regions for model in SERVICES.values()} == {("us-east-1", "us-east-2", "us-west-2")}


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
        (TITAN_V2, date(2025, 12, 31), None),
        (TITAN_V2, date(2026, 1, 1), "^amazon.titan-image-generator-v2:0 reaches its end of life on 2026-06-30, in 180 days\\."),
        (TITAN_V2, date(2026, 6, 29), "reaches its end of life on 2026-06-30, in 1 day\\."),
        (TITAN_V2, date(2026, 6, 30), "reached its end of life on 2026-06-30"),
        (NOVA, date(2026, 3, 29), None),
        (NOVA, date(2026, 3, 30), "is Legacy since 2026-03-30 and reaches its end of life on 2026-09-30:"),
        (NOVA, date(2026, 9, 20), "is Legacy since 2026-03-30 and reaches its end of life on 2026-09-30, in 10 days:"),
        (NOVA, date(2026, 11, 21), "stability.stable-image-core-v1:1"),
        (SDXL, date(2024, 10, 16), "is Legacy since 2024-10-16 and reaches its end of life on 2025-05-20"),
        (SD3, date(2025, 9, 4), f"reached its end of life on 2025-09-04: .*AWS offers {SD35}"),
        (CORE_BEFORE, date(2025, 9, 3), f"reaches its end of life on 2025-09-04.*AWS offers {CORE}"),
        (ULTRA_BEFORE, date(2025, 9, 4), f"AWS offers {ULTRA}"),
        *((model, date(2030, 1, 1), None) for model in (CORE, ULTRA, SD35, *SERVICES.values())),
    ],
)
def test_a_retired_model_is_warned_of_from_its_day_on(model: str, day: date, words: str | None) -> None:
    warning = lifecycle_warning(find_model(model), day)

    assert warning is None if words is None else re.search(words, warning or "")


@pytest.mark.parametrize("model", [TITAN_V1, TITAN_V2, NOVA])
def test_outpainting_reads_a_mask_the_other_way_round(model: str) -> None:
    assert mask_polarity(find_model(model), "INPAINTING") == "black_is_edited"
    assert mask_polarity(find_model(model), "OUTPAINTING") == "white_is_edited"
    with pytest.raises(KeyError):
        mask_polarity(find_model(model), "TEXT_IMAGE")


@pytest.mark.parametrize("task", ["STABLE_INPAINT", "ERASE_OBJECT"])
def test_a_mask_of_a_stability_service_is_white_where_it_changes(task: str) -> None:
    assert mask_polarity(find_model(SERVICES[task]), task) == "white_is_edited"


def test_a_mask_of_sdxl_has_the_colour_that_its_body_names() -> None:
    with pytest.raises(KeyError):
        mask_polarity(find_model(SDXL), "SDXL_IMAGE")


def test_a_try_on_mask_is_black_where_it_changes() -> None:
    assert mask_polarity(find_model(NOVA), "VIRTUAL_TRY_ON") == "black_is_edited"


def test_the_defaults_of_the_reference() -> None:
    assert (TITAN_DEFAULTS.cfg_scale, TITAN_DEFAULTS.control_strength, TITAN_DEFAULTS.similarity_strength) == (8.0, 0.7, 0.7)
    assert (NOVA_DEFAULTS.cfg_scale, NOVA_DEFAULTS.width, NOVA_DEFAULTS.height) == (6.5, 1024, 1024)
    assert TITAN_DEFAULTS.number_of_images == NOVA_DEFAULTS.number_of_images == 1


@pytest.mark.parametrize(
    ("model", "body", "seed"),
    [
        (TITAN_V2, {"taskType": "TEXT_IMAGE"}, 42),
        (NOVA, {"taskType": "TEXT_IMAGE"}, 12),
        (NOVA, {"taskType": "TEXT_IMAGE", "imageGenerationConfig": {"seed": 0}}, 0),
        (NOVA, {"taskType": "BACKGROUND_REMOVAL"}, None),
        (CORE, {"taskType": "STABLE_IMAGE", "prompt": "x"}, None),
        (CORE, {"taskType": "STABLE_IMAGE", "prompt": "x", "seed": 0}, None),
        (CORE, {"taskType": "STABLE_IMAGE", "prompt": "x", "seed": 9}, 9),
        (SDXL, {"taskType": "SDXL_IMAGE", "seed": 4_294_967_295}, 4_294_967_295),
        (SERVICES["ERASE_OBJECT"], {"taskType": "ERASE_OBJECT", "seed": True}, None),
        (SERVICES["REMOVE_BACKGROUND"], {"taskType": "REMOVE_BACKGROUND"}, None),
    ],
)
def test_the_seed_that_a_call_uses_is_known_unless_the_service_draws_it(model: str, body: dict[str, object], seed: int) -> None:
    assert seed_of(find_model(model), body) == seed


def test_amazons_models_give_up_to_five_images_a_call_and_all_others_one() -> None:
    five = {model.id for model in MODELS.values() if images_a_call(model) == 5}
    assert five == {TITAN_V1, TITAN_V2, NOVA}
    assert {images_a_call(model) for model in MODELS.values() if model.id not in five} == {1}


INPUT = ImageFacts(width=300, height=200, format="PNG", mode="RGB", size_bytes=1)


@pytest.mark.parametrize(
    ("model", "name", "place", "size"),
    [
        (NOVA, "INPAINTING", "/inPaintingParams/image", (300, 200)),
        (TITAN_V2, "TEXT_IMAGE", "", (512, 512)),
        (CORE, "STABLE_IMAGE", "", None),
        (SD35, "STABLE_IMAGE from an image", "/image", None),
        (SDXL, "SDXL_IMAGE", "", (1152, 896)),
        (SDXL, "SDXL_IMAGE from an image", "/init_image", (300, 200)),
        *((SERVICES[task], task, "/image", (300, 200)) for task in SAME_SIZE),
        (SERVICES["STABLE_OUTPAINT"], "STABLE_OUTPAINT", "/image", (350, 320)),
        (SERVICES["FAST_UPSCALE"], "FAST_UPSCALE", "/image", (1200, 800)),
        *((SERVICES[task], task, "/image", None) for task in UNSAID_SIZE),
        (SERVICES["STYLE_TRANSFER"], "STYLE_TRANSFER", "/init_image", None),
    ],
)
def test_the_size_of_the_output_is_told_where_it_follows(model: str, name: str, place: str, size: tuple[int, int] | None) -> None:
    assert output_size(find_model(model), sample(name), {place: INPUT}) == size
    if place:
        assert output_size(find_model(model), sample(name), {}) is None


@pytest.mark.parametrize(("task", "price"), NATIVE_PRICES)
def test_a_native_image_has_one_price(task: str, price: str) -> None:
    assert price_usd(find_model(SERVICES.get(task, task)), {}, {}) == Decimal(price)
