"""The typed requests of the native tasks build tagged bodies that pass, and say what they are without their pictures."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import cast, get_args

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.task_types import (
    TASK_TYPES,
    AnyRequest,
    Ask,
    Check,
    CohereEmbedding,
    Compare,
    ConservativeUpscale,
    ControlSketch,
    ControlStructure,
    CreativeUpscale,
    Describe,
    EraseObject,
    Extract,
    FastUpscale,
    ImagePlace,
    RemoveBackground,
    SdxlImage,
    SearchAndRecolor,
    SearchAndReplace,
    StableImage,
    StableInpaint,
    StableOutpaint,
    StyleGuide,
    StyleTransfer,
    TitanEmbedding,
    chain_images,
    image_places,
    image_values,
    replace_at,
)
from tests.support.bodies import b64, mask, picture
from tests.support.native_bodies import CORE, HAIKU, SD35, SDXL, SERVICES, ULTRA

PHOTO, OTHER, MASK = picture(128, 128), picture(128, 128, seed=1), mask(128, 128)
STEP = "$steps.cut.outputs[0]"
REQUESTS: list[tuple[AnyRequest, str]] = [
    (StableImage("a boat"), CORE),
    (StableImage("a boat", aspect_ratio="21:9", negative_prompt="people", seed=7, output_format="jpeg"), CORE),
    (StableImage("in oil", image=PHOTO, strength=0.6), ULTRA),
    (StableImage("in oil", image=PHOTO, strength=0.6, mode="image-to-image", output_format="webp"), SD35),
    (SdxlImage("a boat"), SDXL),
    (Describe(PHOTO), HAIKU),
    (Ask([PHOTO, PHOTO], "Which is older?", system="You restore paintings.", max_tokens=300, temperature=0), HAIKU),
    (Extract([PHOTO], {"type": "object", "properties": {"colours": {"type": "array"}}}), HAIKU),
    (Compare([PHOTO, PHOTO]), HAIKU),
    (Check(PHOTO, "a boat is visible"), HAIKU),
    (SdxlImage(["a boat", ("people", -0.5)], width=1216, height=832, cfg_scale=7, steps=30, seed=7, samples=1), SDXL),
    (SdxlImage([("a boat", 2)], clip_guidance_preset="SLOW", sampler="K_LMS", style_preset="anime", extras={"a": 1}), SDXL),
    (SdxlImage("in oil", init_image=PHOTO, init_image_mode="IMAGE_STRENGTH", image_strength=0.4), SDXL),
    (SdxlImage("in oil", init_image=PHOTO, init_image_mode="STEP_SCHEDULE", step_schedule_start=0.6, step_schedule_end=0), SDXL),
    (SdxlImage("a pot", init_image=PHOTO, mask_source="MASK_IMAGE_WHITE", mask_image=MASK), SDXL),
    (RemoveBackground(PHOTO, output_format="webp"), SERVICES["REMOVE_BACKGROUND"]),
    (StableInpaint(PHOTO, "a pot", mask=MASK, grow_mask=3, style_preset="anime", seed=7), SERVICES["STABLE_INPAINT"]),
    (StableInpaint(PHOTO, "a pot"), SERVICES["STABLE_INPAINT"]),
    (StableOutpaint(PHOTO, left=10, right=20, up=30, down=40, creativity=0.4, prompt="a beach"), SERVICES["STABLE_OUTPAINT"]),
    (EraseObject(PHOTO, mask=MASK, grow_mask=0), SERVICES["ERASE_OBJECT"]),
    (SearchAndReplace(PHOTO, "a pot", "the disc", negative_prompt="people"), SERVICES["SEARCH_AND_REPLACE"]),
    (SearchAndRecolor(PHOTO, "pink", "the disc", grow_mask=1), SERVICES["SEARCH_AND_RECOLOR"]),
    (ControlSketch(PHOTO, "a castle", control_strength=0.3), SERVICES["CONTROL_SKETCH"]),
    (ControlStructure(PHOTO, "a castle", control_strength=0.3), SERVICES["CONTROL_STRUCTURE"]),
    (StyleGuide(PHOTO, "a castle", aspect_ratio="9:16", fidelity=0.9), SERVICES["STYLE_GUIDE"]),
    (StyleTransfer(PHOTO, OTHER, composition_fidelity=0.2, style_strength=0.3, change_strength=0.4), SERVICES["STYLE_TRANSFER"]),
    (FastUpscale(PHOTO, output_format="jpeg"), SERVICES["FAST_UPSCALE"]),
    (ConservativeUpscale(PHOTO, "a disc", creativity=0.2), SERVICES["CONSERVATIVE_UPSCALE"]),
    (CreativeUpscale(PHOTO, "a disc", creativity=0.2, style_preset="enhance"), SERVICES["CREATIVE_UPSCALE"]),
    (TitanEmbedding("a boat", PHOTO, dimension=384), "amazon.titan-embed-image-v1"),
    (CohereEmbedding("a boat", input_type="search_query", embedding_types="int8"), "cohere.embed-v4:0"),
]


@pytest.mark.parametrize(("request_", "model"), REQUESTS, ids=lambda value: getattr(value, "task_type", None))
def test_what_a_typed_request_builds_is_accepted_once_its_pictures_are_in(request_: AnyRequest, model: str) -> None:
    body = request_.to_body()
    pictures = {place.pointer: b64(value) for place, value in image_values(body).items() if isinstance(value, bytes)}

    assert body["taskType"] == request_.task_type
    assert check_request(replace_at(body, pictures), model).problems == ()


def test_one_picture_alone_is_not_compared() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Compare([PHOTO])
    assert caught.value.problems == (
        Problem("/images", "there is nothing to compare one picture with", {"minItems": 2, "maxItems": 20}),
    )
    assert Compare().to_body()["messages"], "a chain puts its pictures in"


def test_every_native_task_has_a_typed_request_and_a_model() -> None:
    native = {name for name, task in TASK_TYPES.items() if task.native}

    assert {request.task_type for request, _ in REQUESTS} == native
    assert {task for model in MODELS.values() for task in model.task_types if TASK_TYPES[task].native} == native
    assert native < {request.task_type for request in cast("tuple[type[AnyRequest], ...]", get_args(AnyRequest))}


@pytest.mark.parametrize("task", SERVICES)
def test_a_typed_request_has_every_field_of_its_service(task: str) -> None:
    request = next(one for one, _ in REQUESTS if one.task_type == task)
    known = check_request({"taskType": task, "?": 1}, SERVICES[task]).problems
    allowed = next(problem.allowed for problem in known if problem.pointer == "/?")

    assert {field.name for field in fields(request)} == set(cast("list[str]", allowed)) - {"taskType"}


def test_fields_stand_at_the_top_and_those_not_given_are_absent() -> None:
    assert StableInpaint(PHOTO, "a pot", mask=Path("mask.png"), seed=0).to_body() == {
        "taskType": "STABLE_INPAINT",
        "image": PHOTO,
        "prompt": "a pot",
        "mask": Path("mask.png"),
        "seed": 0,
    }


def test_texts_of_sdxl_may_have_weights() -> None:
    assert SdxlImage(["a boat", ("people", -1)]).to_body() == {
        "taskType": "SDXL_IMAGE",
        "text_prompts": [{"text": "a boat"}, {"text": "people", "weight": -1}],
    }


def test_pictures_and_their_roles_are_found() -> None:
    assert image_places(StyleTransfer(PHOTO, OTHER).to_body()) == [
        ImagePlace("/init_image", "image"),
        ImagePlace("/style_image", "reference"),
    ]
    assert image_places(EraseObject(PHOTO, mask=MASK).to_body()) == [ImagePlace("/image", "image"), ImagePlace("/mask", "mask")]


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        (RemoveBackground(), "image"),
        (EraseObject(mask=MASK), "image"),
        (StyleTransfer(style_image=OTHER), "init_image"),
        (StableImage("in oil", strength=0.5), "image"),
        (SdxlImage("in oil", image_strength=0.5), "init_image"),
        (SdxlImage("in oil", mask_source="INIT_IMAGE_ALPHA"), "init_image"),
    ],
    ids=lambda value: getattr(value, "task_type", value),
)
def test_a_picture_left_out_is_filled_with_the_previous_output(request_: AnyRequest, key: str) -> None:
    assert chain_images(request_.to_body(), STEP) == {**request_.to_body(), key: STEP}


@pytest.mark.parametrize("request_", [StableImage("a boat"), SdxlImage("a boat"), RemoveBackground(PHOTO)], ids=repr)
def test_a_request_that_starts_from_words_or_has_a_picture_is_not_filled(request_: AnyRequest) -> None:
    assert chain_images(request_.to_body(), STEP) == request_.to_body()


def test_a_request_does_not_print_its_pictures() -> None:
    for request, _ in REQUESTS:
        assert len(repr(request)) < 500
