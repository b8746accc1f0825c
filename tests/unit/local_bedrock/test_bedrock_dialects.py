"""Each family of models says the same things in its own form, and the worker's reader understands each of them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

from darkroom_shared.models.catalogue import FAMILIES
from darkroom_worker.local_bedrock.dialects import DIALECTS as ALL_DIALECTS
from darkroom_worker.local_bedrock.dialects import Dialect, Drawn, EmbeddingDialect, Told
from darkroom_worker.local_bedrock.dialects.amazon import images_left, output_error
from darkroom_worker.local_bedrock.filters import Filter
from darkroom_worker.local_bedrock.pictures import Pictures
from darkroom_worker.local_bedrock.wire import ServiceError

STABILITY = ("stable-image", "stability-services")
DIALECTS: Mapping[str, Dialect] = {name: found for name, found in ALL_DIALECTS.items() if not isinstance(found, EmbeddingDialect)}
"""Those that tell of pictures."""


def picture(color: str = "#884422") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(data, "PNG")
    return base64.b64encode(data.getvalue())


def drawn(filtered: Filter | None = None, *, seed: int | None = 7) -> Drawn:
    return Drawn(Pictures((picture(),), ("the hash",)), seed, filtered)


def read(body: bytes, family: str) -> Any:
    answer: Mapping[str, object] = json.loads(body)
    return FAMILIES[family].read_answer(answer, 1, {})


PICTURED = [family for family in DIALECTS if not FAMILIES[family].documents]


def test_every_family_of_the_catalogue_has_a_dialect() -> None:
    assert set(ALL_DIALECTS) == set(FAMILIES)


@pytest.mark.parametrize("family", PICTURED)
def test_a_picture_arrives_with_its_hash(family: str) -> None:
    told = DIALECTS[family].answer(drawn())
    reading = read(told.body, family)
    assert (reading.outcome, reading.images, reading.missing) == ("pictures", (picture().decode(),), 0)
    assert told.sha256 == ("the hash",)


@pytest.mark.parametrize("family", [*STABILITY, "sdxl"])
def test_the_seed_arrives_where_the_form_has_a_place_for_it(family: str) -> None:
    assert read(DIALECTS[family].answer(drawn()).body, family).seeds == (7,)


def test_the_forms_are_those_that_aws_documents() -> None:
    image = picture().decode()
    assert json.loads(DIALECTS["stable-image"].answer(drawn()).body) == {"seeds": [7], "finish_reasons": [None], "images": [image]}
    assert json.loads(DIALECTS["sdxl"].answer(drawn()).body) == {
        "result": "success",
        "artifacts": [{"seed": 7, "base64": image, "finishReason": "SUCCESS"}],
    }
    assert json.loads(DIALECTS["nova-canvas"].answer(drawn()).body) == {"images": [image]}
    assert json.loads(DIALECTS["titan-image"].answer(drawn()).body) == {"images": [image], "error": None}


@pytest.mark.parametrize("family", ["titan-image", "nova-canvas"])
def test_refused_prompts_and_images_carry_the_words_that_clients_look_for(family: str) -> None:
    prompt, image = (DIALECTS[family].refused(kind) for kind in ("prompt", "image"))
    assert isinstance(prompt, ServiceError)
    assert isinstance(image, ServiceError)
    assert "blocked by our content filters" in prompt.message
    assert "blocked by our content filters" in image.message
    assert prompt.message != image.message


@pytest.mark.parametrize("family", STABILITY)
@pytest.mark.parametrize(("kind", "reason"), [("prompt", "Filter reason: prompt"), ("image", "Filter reason: input image")])
def test_stability_refuses_input_with_a_finish_reason_and_nothing_else(family: str, kind: Filter, reason: str) -> None:
    told = DIALECTS[family].refused(kind)
    assert isinstance(told, Told)
    assert json.loads(told.body) == {"finish_reasons": [reason]}
    assert read(told.body, family).outcome == "filtered_input"


def test_sdxl_refuses_prompts_with_an_exception_that_says_invalid_prompts() -> None:
    refused = DIALECTS["sdxl"].refused("prompt")
    assert isinstance(refused, ServiceError)
    assert (refused.code, "invalid_prompts" in refused.message) == ("ValidationException", True)


@pytest.mark.parametrize("family", PICTURED)
def test_a_filter_of_the_output_refuses_nothing_before_the_work(family: str) -> None:
    assert [DIALECTS[family].refused(kind) for kind in ("all", "some")] == [None, None]


@pytest.mark.parametrize("family", PICTURED)
def test_a_filtered_picture_does_not_arrive_and_a_reason_does(family: str) -> None:
    told = DIALECTS[family].answer(drawn("all"))
    reading = read(told.body, family)
    assert (reading.outcome, reading.images, reading.missing, told.sha256) == ("pictures", (), 1, ())
    assert reading.reason


def test_a_filtered_sdxl_picture_comes_back_blurred() -> None:
    stripes = Image.frombytes("L", (64, 48), bytes([0, 255] * 32) * 48)
    data = io.BytesIO()
    stripes.save(data, "PNG")
    told = DIALECTS["sdxl"].answer(Drawn(Pictures((base64.b64encode(data.getvalue()),), ("h",)), 7, "all"))
    [artifact] = json.loads(told.body)["artifacts"]
    assert artifact["finishReason"] == "CONTENT_FILTERED"
    blurred = Image.open(io.BytesIO(base64.b64decode(artifact["base64"])))
    assert blurred.size == (64, 48)
    assert {round(grey / 8) for grey in blurred.convert("L").tobytes()} == {16}


@pytest.mark.parametrize(("count", "left", "error"), [(3, 2, "Some of"), (1, 0, "All of")])
def test_a_partly_filtered_amazon_answer_has_fewer_images_and_says_so(count: int, left: int, error: str) -> None:
    assert images_left("some", count) == left
    assert (output_error(left, count) or "").startswith(error)


@pytest.mark.parametrize("family", PICTURED)
def test_a_failed_inference_is_told_as_one(family: str) -> None:
    assert read(DIALECTS[family].inference_error(7), family).outcome == "model_error"


def test_a_failed_inference_of_stability_has_the_documented_reason() -> None:
    assert json.loads(DIALECTS["stability-services"].inference_error(7)) == {"finish_reasons": ["Inference error"]}


@pytest.mark.parametrize("family", PICTURED)
def test_an_answer_without_images_holds_none_and_no_reason(family: str) -> None:
    assert read(DIALECTS[family].without_images(7), family).outcome == "unreadable"


@pytest.mark.parametrize("family", PICTURED)
def test_an_answer_that_is_not_base64_holds_one_picture_that_cannot_be_decoded(family: str) -> None:
    [image] = read(DIALECTS[family].not_base64(7), family).images
    with pytest.raises(ValueError, match="base64"):
        base64.b64decode(image, validate=True)
