"""Each documented limit refuses a body just beyond it, at the place that is wrong, and accepts the value on it."""

from __future__ import annotations

from typing import NamedTuple, get_args

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.models.titan import TITAN_SIZES
from darkroom_shared.task_types.values import GarmentClass, Style
from tests.support.bodies import ABSENT, NOVA, TITAN_V1, TITAN_V2, b64, edited, mask, picture, sample

TEXT, CONFIG = "/textToImageParams", "/imageGenerationConfig"
INPAINT, OUTPAINT = "/inPaintingParams", "/outPaintingParams"
VARY, COLORS, CUT, WEAR = "/imageVariationParams", "/colorGuidedGenerationParams", "/backgroundRemovalParams", "/virtualTryOnParams"
CONDITIONED = "TEXT_IMAGE with conditioning"
AMAZON = (TITAN_V1, TITAN_V2, NOVA)
NEWER = (TITAN_V2, NOVA)


class Change(NamedTuple):
    """A sample body with one value changed."""

    models: tuple[str, ...]
    task: str
    pointer: str
    value: object
    at: str | None = None
    """Where the problem is reported, if not at the changed place."""


PICTURE = b64(picture())

REFUSED = [
    Change(AMAZON, "TEXT_IMAGE", "/taskType", ABSENT),
    Change(AMAZON, "TEXT_IMAGE", "/taskType", "PAINT"),
    Change(AMAZON, "TEXT_IMAGE", "/taskType", 7),
    Change(AMAZON, "TEXT_IMAGE", "/textToImageParams", ABSENT),
    Change(AMAZON, "TEXT_IMAGE", "/textToImageParams", "a prompt"),
    Change(AMAZON, "TEXT_IMAGE", "/extra", 1),
    Change(AMAZON, "TEXT_IMAGE", f"{TEXT}/prompt", "x"),
    Change(AMAZON, "TEXT_IMAGE", f"{TEXT}/text", ABSENT),
    Change(AMAZON, "TEXT_IMAGE", f"{TEXT}/text", ""),
    Change(AMAZON, "TEXT_IMAGE", f"{TEXT}/text", None),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{TEXT}/text", "x" * 513),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{TEXT}/negativeText", "x" * 513),
    Change((NOVA,), "TEXT_IMAGE", f"{TEXT}/text", "x" * 1025),
    Change((NOVA,), "TEXT_IMAGE", f"{TEXT}/negativeText", "x" * 1025),
    Change((NOVA,), "TEXT_IMAGE", f"{TEXT}/negativeText", ""),
    Change((NOVA,), "TEXT_IMAGE", f"{TEXT}/style", "WATERCOLOR"),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{TEXT}/style", "PHOTOREALISM"),
    Change((TITAN_V1,), "TEXT_IMAGE", f"{TEXT}/conditionImage", PICTURE),
    Change(NEWER, CONDITIONED, f"{TEXT}/controlMode", "DEPTH"),
    Change(NEWER, CONDITIONED, f"{TEXT}/controlStrength", 1.01),
    Change(NEWER, CONDITIONED, f"{TEXT}/controlStrength", -0.01),
    Change(NEWER, "TEXT_IMAGE", f"{TEXT}/controlMode", "CANNY_EDGE"),
    Change(NEWER, "TEXT_IMAGE", f"{TEXT}/controlStrength", 0.5),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", 0),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", 6),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", 1.0),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", True),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", "1"),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/quality", "best"),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/cfgScale", 1.0),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/cfgScale", 10.1),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/cfgScale", float("nan")),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/seed", -1),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/seed", 2_147_483_647),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/steps", 30),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{CONFIG}/width", ABSENT),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{CONFIG}/height", ABSENT),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{CONFIG}/height", 513),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{CONFIG}/width", 1000),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{CONFIG}/width", 1024, CONFIG),
    Change((TITAN_V1, TITAN_V2), "INPAINTING", CONFIG, {"width": 512, "height": 768}, CONFIG),
    Change((NOVA,), "TEXT_IMAGE", f"{CONFIG}/width", 304),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 4112, "height": 1024}, f"{CONFIG}/width"),
    Change((NOVA,), "TEXT_IMAGE", f"{CONFIG}/width", 1000),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 1296, "height": 320}, CONFIG),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 320, "height": 1296}, CONFIG),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 2064, "height": 2048}, CONFIG),
    Change((NOVA,), "INPAINTING", f"{CONFIG}/width", 512),
    Change((NOVA,), "OUTPAINTING", f"{CONFIG}/height", 512),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{CONFIG}/width", 512),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/image", ABSENT),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/image", ""),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/image", 5),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/maskPrompt", "the cup", INPAINT),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/maskImage", ABSENT, INPAINT),
    Change((NOVA,), "INPAINTING", f"{INPAINT}/returnMask", True),
    Change((TITAN_V1, TITAN_V2), "INPAINTING", f"{INPAINT}/returnMask", "yes"),
    Change((TITAN_V1, TITAN_V2), "INPAINTING", f"{INPAINT}/text", "x" * 513),
    Change(AMAZON, "OUTPAINTING", f"{OUTPAINT}/image", ABSENT),
    Change((TITAN_V1, TITAN_V2), "OUTPAINTING", f"{OUTPAINT}/text", ABSENT),
    Change(AMAZON, "OUTPAINTING", f"{OUTPAINT}/outPaintingMode", "EXACT"),
    Change(AMAZON, "OUTPAINTING", f"{OUTPAINT}/maskImage", b64(mask()), OUTPAINT),
    Change(AMAZON, "OUTPAINTING", f"{OUTPAINT}/maskPrompt", ABSENT, OUTPAINT),
    Change((TITAN_V1, TITAN_V2), "OUTPAINTING", f"{OUTPAINT}/maskPrompt", "x" * 513),
    Change((NOVA,), "OUTPAINTING", f"{OUTPAINT}/maskPrompt", "x" * 1025),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images", ABSENT),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images", []),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images", [PICTURE] * 6),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images", PICTURE),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images/1", ""),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/similarityStrength", 0.19),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/similarityStrength", 1.01),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/text", ABSENT),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors", ABSENT),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors", []),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors", ["#000000"] * 11),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors/1", "red"),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors/1", "#FFF"),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors/1", "#FF98000"),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors/1", "#FF9800\n"),
    Change(NEWER, "BACKGROUND_REMOVAL", f"{CUT}/image", ABSENT),
    Change(NEWER, "BACKGROUND_REMOVAL", f"{CUT}/text", "cut out the cat"),
    Change(NEWER, "BACKGROUND_REMOVAL", CONFIG, {"numberOfImages": 1}),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/sourceImage", ABSENT),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/referenceImage", ABSENT),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/maskType", ABSENT),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/maskType", "SHAPE"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/maskType", "IMAGE", f"{WEAR}/imageBasedMask"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/maskType", "PROMPT", f"{WEAR}/promptBasedMask"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask", ABSENT),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask/garmentClass", ABSENT),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask/garmentClass", "HAT"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask/maskShape", "CIRCLE"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask/garmentStyling/longSleeveStyle", "ROLLED"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask/garmentStyling/tuckingStyle", "HALF"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask/garmentStyling/outerLayerStyle", "ZIPPED"),
    Change(
        (NOVA,),
        "VIRTUAL_TRY_ON",
        f"{WEAR}/garmentBasedMask",
        {"garmentClass": "BOOTS", "garmentStyling": {"tuckingStyle": "TUCKED"}},
        f"{WEAR}/garmentBasedMask/garmentStyling/tuckingStyle",
    ),
    Change(
        (NOVA,),
        "VIRTUAL_TRY_ON",
        f"{WEAR}/garmentBasedMask",
        {"garmentClass": "LONG_PANTS", "garmentStyling": {"outerLayerStyle": "OPEN"}},
        f"{WEAR}/garmentBasedMask/garmentStyling/outerLayerStyle",
    ),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/promptBasedMask", {"maskShape": "CONTOUR"}, f"{WEAR}/promptBasedMask/maskPrompt"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/imageBasedMask", {}, f"{WEAR}/imageBasedMask/maskImage"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/maskExclusions/preserveFace", True),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/mergeStyle", "HARD"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/returnMask", 1),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/text", "a hat"),
]

ACCEPTED = [
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{TEXT}/text", "x" * 512),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{TEXT}/text", "\N{SAILBOAT}" * 512),
    Change((NOVA,), "TEXT_IMAGE", f"{TEXT}/text", "x" * 1024),
    Change((NOVA,), "TEXT_IMAGE", f"{TEXT}/negativeText", "x"),
    Change((TITAN_V1, TITAN_V2), "TEXT_IMAGE", f"{TEXT}/negativeText", ""),
    Change(AMAZON, "TEXT_IMAGE", f"{TEXT}/negativeText", ABSENT),
    Change(AMAZON, "TEXT_IMAGE", CONFIG, ABSENT),
    Change(AMAZON, "TEXT_IMAGE", CONFIG, {}),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", 5),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/quality", "premium"),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/cfgScale", 1.1),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/cfgScale", 10),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/seed", 0),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/seed", 2_147_483_646),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 320, "height": 1280}),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 4096, "height": 1024}),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 2048, "height": 2048}),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 1280}),
    Change(NEWER, CONDITIONED, f"{TEXT}/controlMode", "SEGMENTATION"),
    Change(NEWER, CONDITIONED, f"{TEXT}/controlStrength", 0),
    Change(NEWER, CONDITIONED, f"{TEXT}/controlStrength", 1),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/text", ABSENT),
    Change((TITAN_V1, TITAN_V2), "INPAINTING", f"{INPAINT}/returnMask", True),
    Change((TITAN_V1, TITAN_V2), "INPAINTING", CONFIG, {"numberOfImages": 1, "height": 512, "width": 512, "cfgScale": 8.0}),
    Change((NOVA,), "OUTPAINTING", f"{OUTPAINT}/text", ABSENT),
    Change(AMAZON, "OUTPAINTING", f"{OUTPAINT}/outPaintingMode", "PRECISE"),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/text", ABSENT),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images", [PICTURE]),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images", [PICTURE] * 5),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/similarityStrength", 0.2),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/similarityStrength", 1.0),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors", ["#aBcDeF"] * 10),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/referenceImage", ABSENT),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask", {"garmentClass": "SHOES"}),
    Change(
        (NOVA,),
        "VIRTUAL_TRY_ON",
        WEAR,
        {"sourceImage": PICTURE, "referenceImage": PICTURE, "maskType": "IMAGE", "imageBasedMask": {"maskImage": b64(mask())}},
    ),
    Change(
        (NOVA,),
        "VIRTUAL_TRY_ON",
        WEAR,
        {"sourceImage": PICTURE, "referenceImage": PICTURE, "maskType": "PROMPT", "promptBasedMask": {"maskPrompt": "the couch"}},
    ),
]


def _each_model(changes: list[Change]) -> list[object]:
    return [
        pytest.param(
            model, change, id=f"{model.split('.')[1].removesuffix(':0')}-{change.pointer}-{str(change.value)[:12]!r}-{number}"
        )
        for number, change in enumerate(changes)
        for model in change.models
    ]


@pytest.mark.parametrize(("model", "change"), _each_model(REFUSED))
def test_a_value_beyond_a_documented_limit_is_refused_at_its_place_and_nowhere_else(model: str, change: Change) -> None:
    checked = check_request(edited(sample(change.task), change.pointer, change.value), model)

    assert {problem.pointer for problem in checked.problems} == {change.at or change.pointer}
    assert all(problem.message and problem.allowed for problem in checked.problems)


@pytest.mark.parametrize(("model", "change"), _each_model(ACCEPTED))
def test_a_value_on_a_documented_limit_is_accepted(model: str, change: Change) -> None:
    checked = check_request(edited(sample(change.task), change.pointer, change.value), model)

    assert checked.problems == ()


@pytest.mark.parametrize("size", TITAN_SIZES)
def test_every_titan_size_is_accepted_and_its_neighbour_is_not(size: tuple[int, int]) -> None:
    body = edited(sample("TEXT_IMAGE"), CONFIG, {"width": size[0], "height": size[1]})

    assert check_request(body, TITAN_V2).valid
    assert not check_request(edited(body, f"{CONFIG}/width", size[0] + 1), TITAN_V2).valid


@pytest.mark.parametrize("size", [(1280, 720), (1280, 1294)])
def test_the_sizes_that_titan_is_known_to_refuse_are_refused_with_all_that_it_takes(size: tuple[int, int]) -> None:
    checked = check_request(edited(sample("TEXT_IMAGE"), CONFIG, {"width": size[0], "height": size[1]}), TITAN_V2)

    assert [(problem.pointer, problem.allowed) for problem in checked.problems] == [
        (f"{CONFIG}/height", [f"{width}x{height}" for width, height in TITAN_SIZES])
    ]


def test_titan_has_twenty_five_sizes() -> None:
    assert len(set(TITAN_SIZES)) == 25


@pytest.mark.parametrize("style", get_args(Style))
def test_every_style_of_nova_is_accepted(style: str) -> None:
    assert check_request(edited(sample("TEXT_IMAGE"), f"{TEXT}/style", style), NOVA).valid


@pytest.mark.parametrize("garment", get_args(GarmentClass))
def test_every_garment_class_is_accepted(garment: str) -> None:
    body = edited(sample("VIRTUAL_TRY_ON"), f"{WEAR}/garmentBasedMask", {"garmentClass": garment})

    assert check_request(body, NOVA).valid


@pytest.mark.parametrize(
    ("model", "task", "allowed"),
    [
        (TITAN_V1, "COLOR_GUIDED_GENERATION", 4),
        (TITAN_V1, "BACKGROUND_REMOVAL", 4),
        (TITAN_V1, "VIRTUAL_TRY_ON", 4),
        (TITAN_V2, "VIRTUAL_TRY_ON", 6),
    ],
)
def test_a_task_that_the_model_cannot_do_is_one_problem_with_the_tasks_it_can(model: str, task: str, allowed: int) -> None:
    (problem,) = check_request(edited(sample(task), "/rubbish", 1), model).problems

    assert problem.pointer == "/taskType"
    assert isinstance(problem.allowed, list)
    assert len(problem.allowed) == allowed


def test_several_mistakes_are_all_told_at_once() -> None:
    body = sample("INPAINTING")
    changes: dict[str, object] = {
        f"{INPAINT}/text": "x" * 513,
        f"{INPAINT}/maskPrompt": "the cup",
        f"{INPAINT}/maskImage": b64(mask(256, 256)),
        f"{CONFIG}/cfgScale": 0,
        f"{CONFIG}/seed": "x",
        "/surprise": True,
    }
    for pointer, value in changes.items():
        body = edited(body, pointer, value)

    found = {problem.pointer for problem in check_request(body, TITAN_V2).problems}

    assert found == {*changes, INPAINT} - {f"{INPAINT}/maskPrompt"}


def test_a_prompt_never_stands_in_a_message() -> None:
    body = edited(sample("TEXT_IMAGE"), f"{TEXT}/text", "top secret " * 60)
    body = edited(body, f"{TEXT}/negativeText", ["top secret"])

    messages = " ".join(problem.message for problem in check_request(body, TITAN_V2).problems)

    assert "secret" not in messages
    assert "660 characters" in messages


def test_the_message_names_the_value_and_the_limit() -> None:
    (problem,) = check_request(edited(sample("TEXT_IMAGE"), f"{CONFIG}/cfgScale", 11), NOVA).problems

    assert problem.as_json() == {
        "pointer": f"{CONFIG}/cfgScale",
        "message": "cfgScale is 11, but must lie between 1.1 and 10",
        "allowed": {"type": "number", "minimum": 1.1, "maximum": 10},
    }
