"""Checking a whole request: base64, references, unknown models, the verdict, and that nothing at all makes it raise."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom_shared.checking import check_request, verdict
from darkroom_shared.images import OpenLimits
from darkroom_shared.models.body_size import MAX_BODY_BYTES
from darkroom_shared.models.catalogue import MODELS, price_usd
from darkroom_shared.task_types import TASK_TYPES, as_array, as_object
from tests.support.bodies import JUDGED, NOVA, SAMPLE_NAMES, TITAN_V2, b64, edited, picture, sample

IMAGE = "/backgroundRemovalParams/image"


def _messages(value: object, **options: Any) -> list[str]:
    checked = check_request(edited(sample("BACKGROUND_REMOVAL"), IMAGE, value), TITAN_V2, **options)
    assert {problem.pointer for problem in checked.problems} <= {IMAGE}
    return [problem.message for problem in checked.problems]


def test_the_pictures_come_back_as_they_were_sent() -> None:
    checked = check_request(sample("IMAGE_VARIATION"), TITAN_V2)

    assert checked.images == {
        "/imageVariationParams/images/0": picture(),
        "/imageVariationParams/images/1": picture(seed=1),
    }
    assert checked.facts["/imageVariationParams/images/0"].width == 512


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("not base64!", "white space"),
        (base64.encodebytes(picture()).decode(), "line breaks"),
        (b64(picture()) + "A", "padding"),
        (base64.urlsafe_b64encode(b"\xfb\xff" * 30).decode(), "URL-safe"),
        ("caf\u00e9", "ASCII"),
        (b64(b"hello, world"), "neither a PNG nor a JPEG"),
        (b64(picture()[:-20]), "damaged or cut off"),
        ("data:image/png;base64," + b64(picture()), "data URL"),
        ("asset:" + "0" * 64, "reference"),
        ("s3://bucket/cat.png", "reference"),
    ],
)
def test_a_raw_body_takes_only_a_picture_as_base64_and_says_why_not(value: str, reason: str) -> None:
    (message,) = _messages(value)

    assert reason in message


@pytest.mark.parametrize(
    "value", ["asset:" + "0" * 64, "s3://bucket/cat.png", "https://example.com/cat.png", "$steps.cut.outputs[0]"]
)
def test_references_are_passed_over_where_they_are_allowed(value: str) -> None:
    assert _messages(value, allow_references=True) == []


def test_a_data_url_is_decoded_where_references_are_allowed() -> None:
    body = edited(sample("BACKGROUND_REMOVAL"), IMAGE, "data:image/png;base64," + b64(picture()))

    assert check_request(body, TITAN_V2, allow_references=True).images == {IMAGE: picture()}


def test_a_body_beyond_25_million_bytes_is_refused() -> None:
    body = sample("TEXT_IMAGE")
    body["textToImageParams"]["conditionImage"] = "A" * MAX_BODY_BYTES

    problems = check_request(body, NOVA).problems

    assert "" in {problem.pointer for problem in problems}
    assert any("25,000,000" in problem.message for problem in problems)


def test_an_unknown_model_is_a_problem_with_the_known_ones() -> None:
    checked = check_request(sample("TEXT_IMAGE"), "amazon.titan-image-generator-v3")

    assert checked.model is None
    assert [problem.allowed for problem in checked.problems] == [list(MODELS)]


def test_a_verdict_is_one_json_object() -> None:
    bad = check_request(edited(sample("TEXT_IMAGE"), "/imageGenerationConfig/seed", -1), NOVA)

    assert json.loads(json.dumps(verdict("row-1", bad))) == {
        "id": "row-1",
        "valid": False,
        "errors": [
            {
                "pointer": "/imageGenerationConfig/seed",
                "message": "seed is -1, but must lie between 0 and 2147483646",
                "allowed": {"type": "integer", "minimum": 0, "maximum": 2147483646},
            }
        ],
    }
    assert verdict(7, check_request(sample("TEXT_IMAGE"), NOVA)) == {"id": 7, "valid": True, "errors": []}


def test_text_that_is_no_unicode_is_refused() -> None:
    checked = check_request(edited(sample("TEXT_IMAGE"), "/textToImageParams/text", "a \ud800 b"), NOVA)

    assert not checked.valid


def test_a_body_nested_too_deeply_is_refused() -> None:
    deep: object = []
    for _ in range(100_000):
        deep = [deep]

    checked = check_request({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "x"}, "more": deep}, NOVA)

    assert [problem.pointer for problem in checked.problems] == [""]


@pytest.mark.parametrize("field", ["width", "cfgScale", "seed", "numberOfImages"])
@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf"), float("nan")])
@pytest.mark.parametrize("model", [NOVA, TITAN_V2])
def test_a_number_beyond_all_bounds_is_refused(field: str, value: float, model: str) -> None:
    checked = check_request(edited(sample("TEXT_IMAGE"), f"/imageGenerationConfig/{field}", value), model)

    assert f"/imageGenerationConfig/{field}" in {problem.pointer for problem in checked.problems}
    _well_formed(checked)


def test_a_number_too_long_to_be_written_is_refused() -> None:
    checked = check_request(edited(sample("TEXT_IMAGE"), "/imageGenerationConfig/width", 10**5000), TITAN_V2)

    assert not checked.valid
    _well_formed(checked)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*TASK_TYPES, "CANNY_EDGE", b64(picture(32, 32))])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
MODEL_IDS = st.sampled_from([*MODELS, "nonsense"]) | st.text()


def _well_formed(checked: Any) -> None:
    for problem in checked.problems:
        assert problem.pointer == "" or problem.pointer.startswith("/")
        assert problem.message
    json.dumps(verdict("id", checked), allow_nan=False).encode()


@settings(max_examples=150, deadline=None)
@given(JSON, MODEL_IDS)
def test_any_json_at_all_gets_a_verdict(body: object, model_id: str) -> None:
    _well_formed(check_request(body, model_id))


def _pointers(value: object, here: str = "") -> list[str]:
    items = {**as_object(value), **{str(index): item for index, item in enumerate(as_array(value))}}
    return [here, *(where for key, item in items.items() for where in _pointers(item, f"{here}/{key}"))]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
@pytest.mark.parametrize("value", [None, True, 7, 0.5, "x", [], ["x"], {}, {"x": []}], ids=repr)
def test_a_value_of_any_kind_in_any_place_gets_a_verdict_and_a_price_or_none(name: str, value: object) -> None:
    for where in _pointers(sample(name)):
        body = edited(sample(name), where, value) if where else {"taskType": value}
        for model in JUDGED:
            _well_formed(check_request(body, model.id, limits=OpenLimits(max_pixels=1)))  # pictures are not what this is about
            assert price_usd(model, body, {}) != 0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_documented_body_with_any_one_value_replaced_gets_a_verdict(data: st.DataObject) -> None:
    body = sample(data.draw(st.sampled_from(SAMPLE_NAMES)))
    where = data.draw(st.sampled_from([pointer for pointer in _pointers(body) if pointer]))

    _well_formed(check_request(edited(body, where, data.draw(JSON)), data.draw(st.sampled_from(list(MODELS)))))
