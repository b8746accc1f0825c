"""The typed requests build Bedrock's bodies, and the places of their pictures can be found and filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.task_types import (
    EACH,
    TASK_TYPES,
    AnyRequest,
    BackgroundRemoval,
    ColorGuidedGeneration,
    ImagePlace,
    ImageVariation,
    Inpainting,
    Outpainting,
    TextImage,
    VirtualTryOn,
    chain_images,
    image_places,
    image_values,
    replace_at,
    task_type_of,
)
from tests.support.bodies import NOVA, TITAN_V2, b64, mask, picture

PHOTO, OTHER, MASK = picture(), picture(seed=1), mask()
STEP = "$steps.cut.outputs[0]"


def test_a_text_is_enough_for_a_picture() -> None:
    assert TextImage("a red sailboat", seed=7).to_body() == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a red sailboat"},
        "imageGenerationConfig": {"seed": 7},
    }


def test_a_picture_is_enough_for_a_background_removal() -> None:
    assert BackgroundRemoval(PHOTO).to_body() == {
        "taskType": "BACKGROUND_REMOVAL",
        "backgroundRemovalParams": {"image": PHOTO},
    }


def test_every_field_of_text_image_reaches_its_place() -> None:
    request = TextImage(
        "a",
        negative_text="b",
        style="PHOTOREALISM",
        condition_image=Path("layout.png"),
        control_mode="SEGMENTATION",
        control_strength=0.5,
        number_of_images=2,
        width=512,
        height=768,
        quality="premium",
        cfg_scale=3.5,
        seed=0,
    )

    assert request.to_body() == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {
            "text": "a",
            "negativeText": "b",
            "style": "PHOTOREALISM",
            "conditionImage": Path("layout.png"),
            "controlMode": "SEGMENTATION",
            "controlStrength": 0.5,
        },
        "imageGenerationConfig": {
            "numberOfImages": 2,
            "width": 512,
            "height": 768,
            "quality": "premium",
            "cfgScale": 3.5,
            "seed": 0,
        },
    }


def test_outpainting_takes_picture_and_text_by_position() -> None:
    assert Outpainting(PHOTO, "on a beach", mask_prompt="the cup", mode="PRECISE", return_mask=False).to_body() == {
        "taskType": "OUTPAINTING",
        "outPaintingParams": {
            "image": PHOTO,
            "text": "on a beach",
            "maskPrompt": "the cup",
            "outPaintingMode": "PRECISE",
            "returnMask": False,
        },
    }


def test_a_try_on_is_given_flat_and_sent_nested() -> None:
    request = VirtualTryOn(
        PHOTO,
        OTHER,
        garment_class="UPPER_BODY",
        mask_shape="BOUNDING_BOX",
        long_sleeve_style="SLEEVE_UP",
        preserve_face=True,
        preserve_hands=False,
        preserve_body_pose="DEFAULT",
        merge_style="SEAMLESS",
        return_mask=True,
        seed=3,
    )

    assert request.to_body() == {
        "taskType": "VIRTUAL_TRY_ON",
        "virtualTryOnParams": {
            "sourceImage": PHOTO,
            "referenceImage": OTHER,
            "maskType": "GARMENT",
            "garmentBasedMask": {
                "maskShape": "BOUNDING_BOX",
                "garmentClass": "UPPER_BODY",
                "garmentStyling": {"longSleeveStyle": "SLEEVE_UP"},
            },
            "maskExclusions": {"preserveBodyPose": "DEFAULT", "preserveHands": "OFF", "preserveFace": "ON"},
            "mergeStyle": "SEAMLESS",
            "returnMask": True,
        },
        "imageGenerationConfig": {"seed": 3},
    }


def test_a_shape_for_a_mask_image_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="mask_shape"):
        VirtualTryOn(PHOTO, OTHER, mask_image=MASK, mask_shape="CONTOUR")


REQUESTS: list[tuple[AnyRequest, str]] = [
    (TextImage("a red sailboat", condition_image=PHOTO), TITAN_V2),
    (Inpainting(PHOTO, "a pot", mask_image=MASK, return_mask=True), TITAN_V2),
    (Inpainting(PHOTO, mask_prompt="the cup"), NOVA),
    (Outpainting(PHOTO, "on a beach", mask_image=MASK, mode="PRECISE"), NOVA),
    (ImageVariation(PHOTO), NOVA),
    (ImageVariation([PHOTO, OTHER], "in oil", similarity_strength=0.9), TITAN_V2),
    (ColorGuidedGeneration("a jar", ["#ff8080", "#00FF00"], reference_image=PHOTO), NOVA),
    (BackgroundRemoval(PHOTO), TITAN_V2),
    (VirtualTryOn(PHOTO, OTHER, mask_prompt="the sofa", mask_shape="CONTOUR"), NOVA),
    (VirtualTryOn(PHOTO, OTHER, mask_image=MASK), NOVA),
]


@pytest.mark.parametrize(("request_", "model"), REQUESTS, ids=lambda value: getattr(value, "task_type", None))
def test_what_a_typed_request_builds_is_accepted_once_its_pictures_are_in(request_: AnyRequest, model: str) -> None:
    body = request_.to_body()
    resolved = replace_at(
        body, {place.pointer: b64(value) for place, value in image_values(body).items() if isinstance(value, bytes)}
    )

    assert check_request(resolved, model).problems == ()
    task = task_type_of(body)
    assert task is not None
    assert task.name == request_.task_type


def test_pictures_and_their_roles_are_found_in_the_order_of_the_documentation() -> None:
    body = VirtualTryOn(PHOTO, OTHER, mask_image=MASK).to_body()

    assert image_places(body) == [
        ImagePlace("/virtualTryOnParams/sourceImage", "source"),
        ImagePlace("/virtualTryOnParams/referenceImage", "reference"),
        ImagePlace("/virtualTryOnParams/imageBasedMask/maskImage", "mask"),
    ]


def test_each_picture_of_a_list_is_a_place() -> None:
    assert [place.pointer for place in image_places(ImageVariation([PHOTO, OTHER]).to_body())] == [
        "/imageVariationParams/images/0",
        "/imageVariationParams/images/1",
    ]


@pytest.mark.parametrize("params", [None, "x", {"images": "x"}, {"images": None}, {"images": {}}, {"images": []}])
def test_a_malformed_body_has_no_places(params: object) -> None:
    assert image_places({"taskType": "IMAGE_VARIATION", "imageVariationParams": params}) == []
    assert image_places({"taskType": ["IMAGE_VARIATION"]}) == []


def test_replacing_pictures_leaves_the_given_body_alone() -> None:
    body = ImageVariation([PHOTO, OTHER]).to_body()

    replaced = replace_at(body, {"/imageVariationParams/images/1": "asset:1"})

    assert replaced["imageVariationParams"] == {"images": [PHOTO, "asset:1"]}
    assert body["imageVariationParams"] == {"images": [PHOTO, OTHER]}


@pytest.mark.parametrize("pointer", ["", "/nothing", "/imageVariationParams/images/2", "/imageVariationParams/images/x"])
def test_replacing_what_is_not_there_is_an_error(pointer: str) -> None:
    with pytest.raises(KeyError):
        replace_at(ImageVariation([PHOTO]).to_body(), {pointer: "asset:1"})


@pytest.mark.parametrize(
    ("request_", "key", "value"),
    [
        (BackgroundRemoval(), "backgroundRemovalParams", {"image": STEP}),
        (Outpainting(text="on a beach"), "outPaintingParams", {"image": STEP, "text": "on a beach"}),
        (Inpainting(mask_prompt="the cup"), "inPaintingParams", {"image": STEP, "maskPrompt": "the cup"}),
        (ImageVariation(text="in oil"), "imageVariationParams", {"images": [STEP], "text": "in oil"}),
        (VirtualTryOn(reference_image=OTHER), "virtualTryOnParams", {"sourceImage": STEP, "referenceImage": OTHER}),
        (TextImage("a boat"), "textToImageParams", {"text": "a boat"}),
        (Outpainting(PHOTO, "on a beach"), "outPaintingParams", {"image": PHOTO, "text": "on a beach"}),
    ],
    ids=lambda value: getattr(value, "task_type", None),
)
def test_a_picture_left_out_is_filled_with_the_previous_output(request_: AnyRequest, key: str, value: object) -> None:
    assert chain_images(request_.to_body(), STEP)[key] == value


def test_the_registry_agrees_with_itself() -> None:
    for name, task in TASK_TYPES.items():
        assert task.name == name
        assert task.slug == name.lower()
        assert task.native or all(slot.path[0] == task.params_key for slot in task.slots)
        assert not task.native or all(len(slot.path) == 1 or EACH in slot.path for slot in task.slots)


def test_a_request_does_not_print_its_pictures() -> None:
    assert repr(BackgroundRemoval(PHOTO)) == "BackgroundRemoval()"
    assert len(repr(Outpainting(PHOTO, "on a beach", mask_image=MASK))) < 300
