"""What is read from an answer with status 200: pictures, refusals, nonsense."""

from __future__ import annotations

import base64
import json

import pytest

from darkroom_shared.core.failure import Failure
from darkroom_shared.models.catalogue import find_model
from darkroom_worker.bedrock.answers import Contents, read_answer

PICTURE = b"\x89PNG-not-really"
TEXT = base64.b64encode(PICTURE).decode()
NOVA = find_model("amazon.nova-canvas-v1:0")
CORE = find_model("stability.stable-image-core-v1:1")
BLOCKED = "Some of the generated images have been blocked by our content filters."


def read(wanted: int = 1, **answer: object) -> Contents | Failure:
    return read_answer(NOVA, json.dumps(answer).encode(), wanted, {}, "req-1")


def read_native(**answer: object) -> Contents | Failure:
    return read_answer(CORE, json.dumps(answer).encode(), 1, {}, "req-1")


def test_pictures_are_given_byte_for_byte() -> None:
    assert read(2, images=[TEXT, TEXT], error=None) == Contents((PICTURE, PICTURE), (None, None), None, 0, "")


def test_a_mask_that_was_asked_for_comes_with_them() -> None:
    answer = read(images=[TEXT], maskImage=TEXT)
    assert isinstance(answer, Contents)
    assert answer.mask == PICTURE


def test_pictures_kept_back_by_a_filter_are_counted() -> None:
    assert read(3, images=[TEXT], error=BLOCKED) == Contents((PICTURE,), (None,), None, 2, BLOCKED)
    assert read(2, images=[], error=BLOCKED) == Contents((), (), None, 2, BLOCKED)
    assert read(2, images=None, error=BLOCKED) == Contents((), (), None, 2, BLOCKED)


def test_fewer_pictures_without_a_word_are_missing_all_the_same() -> None:
    answer = read(2, images=[TEXT])
    assert isinstance(answer, Contents)
    assert answer.missing == 1
    assert answer.reason


def test_an_error_that_is_no_filter_is_tried_again_and_was_billed() -> None:
    failure = read(images=[], error="An internal error occurred.")
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.billed, failure.request_id) == ("retry", "model_error", True, "req-1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b"null",
        b'{"images": []}',
        b'{"images": "x"}',
        b'{"images": [1]}',
        b'{"images": ["%%%"]}',
        b'{"images": ["YQ"]}',
        b'{"images": ["YQ=="], "maskImage": 5}',
    ],
)
def test_an_answer_that_cannot_be_read_is_final_and_was_billed(body: bytes) -> None:
    failure = read_answer(NOVA, body, 1, {}, "req-1")
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.billed, failure.http_status) == ("permanent", "invalid_answer", True, 200)


def test_a_picture_of_stability_comes_with_the_seed_that_made_it() -> None:
    assert read_native(images=[TEXT], seeds=[99], finish_reasons=[None]) == Contents((PICTURE,), (99,), None, 0, "")


def test_an_input_that_stability_filtered_is_rejected_and_nobody_knows_if_it_was_billed() -> None:
    failure = read_native(finish_reasons=["Filter reason: prompt"])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.billed) == ("filtered", "content_filtered_input", None)
    assert failure.message == "Filter reason: prompt"


def test_an_output_that_stability_filtered_is_a_missing_picture() -> None:
    assert read_native(finish_reasons=["Filter reason: output image"]) == Contents((), (), None, 1, "Filter reason: output image")


def test_an_inference_error_of_stability_is_tried_again() -> None:
    failure = read_native(finish_reasons=["Inference error"])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.message) == ("retry", "model_error", "Inference error")


def test_a_picture_of_stability_that_is_not_base64_is_final() -> None:
    failure = read_native(images=["%%%"], seeds=[1], finish_reasons=[None])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == ("permanent", "invalid_answer")
