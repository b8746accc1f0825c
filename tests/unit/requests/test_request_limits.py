"""What no schema of Amazon's models says: rules between fields, and values that only look right.

`test_catalogue_rows` tries every limit of a single field.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.models.titan import TITAN_SIZES
from tests.support.bodies import ABSENT, NOVA, TITAN_V1, TITAN_V2, b64, edited, mask, sample

TEXT, CONFIG = "/textToImageParams", "/imageGenerationConfig"
INPAINT, OUTPAINT = "/inPaintingParams", "/outPaintingParams"
VARY, COLORS, WEAR = "/imageVariationParams", "/colorGuidedGenerationParams", "/virtualTryOnParams"
AMAZON = (TITAN_V1, TITAN_V2, NOVA)
TITANS = (TITAN_V1, TITAN_V2)
NEWER = (TITAN_V2, NOVA)


class Change(NamedTuple):
    """A sample body with one value changed."""

    models: tuple[str, ...]
    task: str
    pointer: str
    value: object
    at: str | None = None
    """Where the problem is reported, if not at the changed place."""


REFUSED = [
    Change(AMAZON, "TEXT_IMAGE", "/taskType", 7),
    Change(NEWER, "TEXT_IMAGE", f"{TEXT}/controlMode", "CANNY_EDGE"),
    Change(NEWER, "TEXT_IMAGE", f"{TEXT}/controlStrength", 0.5),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", 1.0),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/numberOfImages", True),
    Change(AMAZON, "TEXT_IMAGE", f"{CONFIG}/cfgScale", float("nan")),
    Change(TITANS, "TEXT_IMAGE", f"{CONFIG}/width", ABSENT),
    Change(TITANS, "TEXT_IMAGE", f"{CONFIG}/height", ABSENT),
    Change(TITANS, "TEXT_IMAGE", f"{CONFIG}/height", 513),
    Change(TITANS, "TEXT_IMAGE", f"{CONFIG}/width", 1000),
    Change(TITANS, "TEXT_IMAGE", f"{CONFIG}/width", 1024, CONFIG),
    Change(TITANS, "INPAINTING", CONFIG, {"width": 512, "height": 768}, CONFIG),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 4112, "height": 1024}, f"{CONFIG}/width"),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 1296, "height": 320}, CONFIG),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 320, "height": 1296}, CONFIG),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 2064, "height": 2048}, CONFIG),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/maskPrompt", "the cup", INPAINT),
    Change(AMAZON, "INPAINTING", f"{INPAINT}/maskImage", ABSENT, INPAINT),
    Change(AMAZON, "OUTPAINTING", f"{OUTPAINT}/maskImage", b64(mask()), OUTPAINT),
    Change(AMAZON, "OUTPAINTING", f"{OUTPAINT}/maskPrompt", ABSENT, OUTPAINT),
    Change(AMAZON, "IMAGE_VARIATION", f"{VARY}/images/1", ""),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors/1", "#FFF"),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors/1", "#FF98000"),
    Change(NEWER, "COLOR_GUIDED_GENERATION", f"{COLORS}/colors/1", "#FF9800\n"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/maskType", "IMAGE", f"{WEAR}/imageBasedMask"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/maskType", "PROMPT", f"{WEAR}/promptBasedMask"),
    Change((NOVA,), "VIRTUAL_TRY_ON", f"{WEAR}/garmentBasedMask", ABSENT),
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
]

ACCEPTED = [
    Change(AMAZON, "TEXT_IMAGE", CONFIG, ABSENT),
    Change(AMAZON, "TEXT_IMAGE", CONFIG, {}),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 320, "height": 1280}),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 4096, "height": 1024}),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 2048, "height": 2048}),
    Change((NOVA,), "TEXT_IMAGE", CONFIG, {"width": 1280}),
    Change(TITANS, "INPAINTING", CONFIG, {"numberOfImages": 1, "height": 512, "width": 512, "cfgScale": 8.0}),
]


def _named(change: Change) -> str:
    return f"{change.task}-{change.pointer}-{str(change.value)[:12]!r}"


@pytest.mark.parametrize("change", REFUSED, ids=_named)
def test_what_does_not_go_together_is_refused_at_its_place_and_nowhere_else(change: Change) -> None:
    for model in change.models:
        checked = check_request(edited(sample(change.task), change.pointer, change.value), model)

        assert {problem.pointer for problem in checked.problems} == {change.at or change.pointer}
        assert all(problem.message and problem.allowed for problem in checked.problems)


@pytest.mark.parametrize("change", ACCEPTED, ids=_named)
def test_what_goes_together_is_accepted(change: Change) -> None:
    for model in change.models:
        assert check_request(edited(sample(change.task), change.pointer, change.value), model).problems == ()


def test_each_of_titans_twenty_five_sizes_is_accepted_and_its_neighbour_is_not() -> None:
    assert len(set(TITAN_SIZES)) == 25
    for width, height in TITAN_SIZES:
        body = edited(sample("TEXT_IMAGE"), CONFIG, {"width": width, "height": height})

        assert check_request(body, TITAN_V2).valid
        assert not check_request(edited(body, f"{CONFIG}/width", width + 1), TITAN_V2).valid


@pytest.mark.parametrize("size", [(1280, 720), (1280, 1294)])
def test_the_sizes_that_titan_is_known_to_refuse_are_refused_with_all_that_it_takes(size: tuple[int, int]) -> None:
    checked = check_request(edited(sample("TEXT_IMAGE"), CONFIG, {"width": size[0], "height": size[1]}), TITAN_V2)

    assert [(problem.pointer, problem.allowed) for problem in checked.problems] == [
        (f"{CONFIG}/height", [f"{width}x{height}" for width, height in TITAN_SIZES])
    ]


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
