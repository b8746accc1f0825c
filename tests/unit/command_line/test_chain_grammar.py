"""The words of `darkroom chain`, and the options that are read from the typed requests."""

from __future__ import annotations

from typing import get_args

import pytest

from darkroom.cli.chain_grammar import LOCAL, is_step, read_step
from darkroom.cli.delivery import seconds
from darkroom.cli.exits import BadInput
from darkroom.request_fields import REQUESTS, prompt_field, request_fields
from darkroom_shared.contract.steps import ContactSheet, Resize, ZoomOut
from darkroom_shared.task_types import (
    TASK_TYPES,
    AnyRequest,
    BackgroundRemoval,
    ColorGuidedGeneration,
    ImageVariation,
    Outpainting,
    SdxlImage,
    StableInpaint,
)


@pytest.mark.parametrize(
    ("word", "request_"),
    [
        ("background-removal", BackgroundRemoval()),
        ("BACKGROUND_REMOVAL", BackgroundRemoval()),
        ("outpainting:on a beach", Outpainting(text="on a beach")),
        (
            "outpainting:on a beach, at sunset,seed=3,mode=precise",
            Outpainting(text="on a beach, at sunset", seed=3, mode="PRECISE"),
        ),
        ("image-variation:n=3", ImageVariation(number_of_images=3)),
        ("image-variation:similarity-strength=0.4,as a drawing", ImageVariation(text="as a drawing", similarity_strength=0.4)),
        ("color-guided-generation:a jar,color=#ff0000+#00ff00", ColorGuidedGeneration("a jar", ["#ff0000", "#00ff00"])),
        (
            "stable-inpaint:a flower pot,grow-mask=8,style-preset=3d-model",
            StableInpaint(prompt="a flower pot", grow_mask=8, style_preset="3d-model"),
        ),
        ("sdxl-image:a boat,steps=40", SdxlImage("a boat", steps=40)),
        ("zoom-out:width=768,height=640,scale=0.5", ZoomOut(width=768, height=640, scale=0.5)),
        ("resize:longest_side=512", Resize(longest_side=512)),
        ("contact-sheet:cell=64,numbers=yes", ContactSheet(cell=64, numbers=True)),
    ],
)
def test_a_word_becomes_the_request_it_describes(word: str, request_: object) -> None:
    assert read_step(word).request == request_


def test_a_step_can_be_given_a_name() -> None:
    step = read_step("outpainting:name=beach,on a beach")
    assert (step.name, step.request) == ("beach", Outpainting(text="on a beach"))


@pytest.mark.parametrize("word", ["photo.jpg", "asset:00", "outpaint", ""])
def test_what_is_no_step_is_not_taken_for_one(word: str) -> None:
    assert not is_step(word)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("outpaint:x", "Steps are text-image"),
        ("outpainting:x,sed=3", "has no option 'sed'"),
        ("outpainting:x,seed=three", "not a whole number"),
        ("outpainting:x,return_mask=perhaps", "yes or no"),
        ("outpainting:x,mode=soft", "DEFAULT, PRECISE"),
        ("flatten:white", "takes no prompt"),
        ("zoom-out:width=768", "height"),
        ("text-image:seed=3", "text"),
        ("select:by=/score", "a chain has none: see `darkroom workflow show best-of`"),
    ],
)
def test_a_wrong_step_is_refused_with_what_is_allowed(word: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_step(word)


def test_every_typed_request_and_every_local_step_has_a_word() -> None:
    assert {request.task_type for request in REQUESTS.values()} == set(TASK_TYPES)
    assert len(REQUESTS) == len(get_args(AnyRequest))
    assert not set(REQUESTS) & set(LOCAL)


def test_every_option_of_a_request_is_explained_and_unique() -> None:
    for request in REQUESTS.values():
        fields = request_fields(request)
        assert [field.name for field in fields if not field.help] == []
        assert len({field.option for field in fields}) == len(fields)


def test_only_requests_with_words_take_a_prompt() -> None:
    assert {name for name, request in REQUESTS.items() if prompt_field(request) is None} == {
        "background-removal",
        "virtual-try-on",
        "remove-background",
        "erase-object",
        "fast-upscale",
    }


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("500ms", 0.5), ("1d", 86400.0)]
)
def test_a_duration_is_read_in_seconds(text: str, value: float) -> None:
    assert seconds("--timeout", text) == value


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5 weeks", "1e3"])
def test_a_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        seconds("--timeout", text)
