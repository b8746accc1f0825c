"""A refused body is told in the service's own words."""

from __future__ import annotations

import pytest

from darkroom_shared.core.problems import Problem
from darkroom_worker.local_bedrock.wording import refusal_text

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["taskType", "textToImageParams"],
    "properties": {
        "taskType": {"enum": ["TEXT_IMAGE"]},
        "textToImageParams": {
            "type": "object",
            "required": ["text"],
            "additionalProperties": False,
            "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 512}},
        },
        "imageGenerationConfig": {
            "type": "object",
            "properties": {
                "numberOfImages": {"type": "integer", "minimum": 1, "maximum": 5},
                "width": {"type": "integer", "multipleOf": 16},
                "height": {"type": "integer"},
                "colors": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"pattern": "^#"}},
            },
        },
    },
}
FOUND = [Problem("/somewhere", "something is wrong")]


def body(**changes: object) -> dict[str, object]:
    return {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}, **changes}


@pytest.mark.parametrize(
    ("wrong", "phrase"),
    [
        (body(textToImageParams={"text": "x" * 536}), "#/textToImageParams/text: expected maxLength: 512, actual: 536"),
        (body(textToImageParams={"text": ""}), "#/textToImageParams/text: expected minLength: 1, actual: 0"),
        (body(textToImageParams={"text": 3}), "#/textToImageParams/text: expected type: String, found: Integer"),
        (body(textToImageParams={}), "#/textToImageParams: required key [text] not found"),
        ({"taskType": "TEXT_IMAGE"}, "#: required key [textToImageParams] not found"),
        (body(extra=1), "#: extraneous key [extra] is not permitted"),
        (body(imageGenerationConfig=[]), "#/imageGenerationConfig: expected type: JSONObject, found: JSONArray"),
        (
            body(imageGenerationConfig={"numberOfImages": 6}),
            "#/imageGenerationConfig/numberOfImages: 6 is not less or equal to 5",
        ),
        (
            body(imageGenerationConfig={"numberOfImages": 0}),
            "#/imageGenerationConfig/numberOfImages: 0 is not greater or equal to 1",
        ),
        (
            body(imageGenerationConfig={"numberOfImages": None}),
            "#/imageGenerationConfig/numberOfImages: expected type: Integer, found: Null",
        ),
        (body(imageGenerationConfig={"width": 17}), "#/imageGenerationConfig/width: 17 is not a multiple of 16"),
        (
            body(imageGenerationConfig={"colors": ["#1", "#2", "#3"]}),
            "#/imageGenerationConfig/colors: expected maximum item count: 2, found: 3",
        ),
        (
            body(imageGenerationConfig={"colors": ["red"]}),
            "#/imageGenerationConfig/colors/0: string [red] does not match pattern ^#",
        ),
    ],
)
def test_a_breach_of_the_schema_is_told_as_bedrocks_validator_does(wrong: dict[str, object], phrase: str) -> None:
    expected = f"Malformed input request: {phrase}, please reformat your input and try again."
    assert refusal_text(FOUND, wrong, SCHEMA, titan=False) == expected


def test_a_body_without_a_task_type_lacks_a_key() -> None:
    expected = "Malformed input request: #: required key [taskType] not found, please reformat your input and try again."
    assert refusal_text(FOUND, {}, None, titan=False) == expected


def test_a_titan_size_is_told_with_both_numbers() -> None:
    wrong = body(imageGenerationConfig={"width": 1280, "height": 720})
    problems = [Problem("/imageGenerationConfig", "1280x720 is no size of this model")]
    assert refusal_text(problems, wrong, SCHEMA, titan=True) == (
        "400 Bad Request: Value of (width, height) is not valid. Given: (1280, 720)."
    )


def test_what_no_schema_says_is_told_in_a_sentence_with_its_place() -> None:
    problems = [Problem("/inPaintingParams/maskImage", "the mask is 10x10, the image 20x20")]
    assert refusal_text(problems, body(), SCHEMA, titan=False) == (
        "Malformed input request: #/inPaintingParams/maskImage: the mask is 10x10, the image 20x20, please reformat your input and"
        " try again."
    )
