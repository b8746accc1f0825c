"""Embedding requests: what they build, what is refused and where, how their pictures go out, and how their answers are read."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.models.catalogue import MODELS, find_model, gives_documents, price_usd, read_answer
from darkroom_shared.task_types import CohereEmbedding, NovaEmbedding, TitanEmbedding, chain_images, image_values, replace_at
from darkroom_worker.guarding import texts_of
from darkroom_worker.requests import build_body
from tests.support.bodies import ABSENT, Body, b64, edited, picture, sample

TITAN, NOVA, COHERE = "amazon.titan-embed-image-v1", "amazon.nova-2-multimodal-embeddings-v1:0", "cohere.embed-v4:0"
PHOTO, JPEG = picture(96, 64), picture(96, 64, file_format="JPEG")
STEP = "$steps.made.outputs[0]"
PARAMS = "/singleEmbeddingParams"
URL = "data:image/png;base64," + b64(PHOTO)


def problems(body: Body, model: str) -> dict[str, str]:
    """What is wrong with a body as it is sent, by pointer."""
    return {problem.pointer: problem.message for problem in check_request(body, model).problems}


def test_the_body_of_each_request_is_the_services_own() -> None:
    assert TitanEmbedding("a boat", dimension=256).to_body() == {
        "taskType": "TITAN_EMBEDDING",
        "inputText": "a boat",
        "embeddingConfig": {"outputEmbeddingLength": 256},
    }
    assert NovaEmbedding(image=PHOTO, detail_level="DOCUMENT_IMAGE").to_body() == {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_INDEX",
            "image": {"detailLevel": "DOCUMENT_IMAGE", "source": {"bytes": PHOTO}},
        },
    }
    assert CohereEmbedding(["a boat", "a cup"], output_dimension=512, embedding_types=["float", "binary"]).to_body() == {
        "taskType": "COHERE_EMBEDDING",
        "texts": ["a boat", "a cup"],
        "input_type": "search_document",
        "embedding_types": ["float", "binary"],
        "output_dimension": 512,
    }


MIXED = sample("COHERE_EMBEDDING of both")
PART = "/inputs/0/content/1"


@pytest.mark.parametrize(
    ("model", "body", "where", "words"),
    [
        (TITAN, edited(edited(sample("TITAN_EMBEDDING"), "/inputText", ABSENT), "/inputImage", ABSENT), "", "at least one of"),
        (TITAN, edited(sample("TITAN_EMBEDDING"), "/inputText", "word " * 257), "/inputText", "257 words"),
        (TITAN, edited(sample("TITAN_EMBEDDING"), "/inputImage", b64(picture(2049, 8))), "/inputImage", "at most 2048"),
        (TITAN, edited(sample("TITAN_EMBEDDING"), "/inputImage", b64(picture(8, 8, file_format="WEBP"))), "/inputImage", "WEBP"),
        (TITAN, edited(sample("TITAN_EMBEDDING"), "/inputImage", URL), "/inputImage", "data URL"),
        (
            TITAN,
            edited(sample("TITAN_EMBEDDING"), "/embeddingConfig/outputEmbeddingLength", 512),
            "/embeddingConfig/outputEmbeddingLength",
            "512",
        ),
        (NOVA, edited(sample("SINGLE_EMBEDDING"), f"{PARAMS}/audio", {"format": "mp3"}), f"{PARAMS}/audio", "no audio"),
        (NOVA, edited(sample("SINGLE_EMBEDDING"), f"{PARAMS}/video", {}), f"{PARAMS}/video", "no video"),
        (NOVA, edited(sample("SINGLE_EMBEDDING"), f"{PARAMS}/text", ABSENT), PARAMS, "none is given"),
        (NOVA, edited(sample("SINGLE_EMBEDDING"), f"{PARAMS}/text/value", "x" * 8193), f"{PARAMS}/text/value", "8193 characters"),
        (NOVA, edited(sample("SINGLE_EMBEDDING"), f"{PARAMS}/embeddingPurpose", ABSENT), f"{PARAMS}/embeddingPurpose", "required"),
        (NOVA, edited(sample("SINGLE_EMBEDDING"), "/taskType", "SEGMENTED_EMBEDDING"), "/taskType", "SEGMENTED_EMBEDDING"),
        (
            NOVA,
            edited(sample("SINGLE_EMBEDDING of a picture"), f"{PARAMS}/image/format", ABSENT),
            f"{PARAMS}/image/format",
            "missing",
        ),
        (
            NOVA,
            edited(sample("SINGLE_EMBEDDING of a picture"), f"{PARAMS}/image/format", "jpeg"),
            f"{PARAMS}/image/format",
            "png file",
        ),
        (
            NOVA,
            edited(sample("SINGLE_EMBEDDING of a picture"), f"{PARAMS}/image/source", {"s3Location": {"uri": "s3://a/b"}}),
            f"{PARAMS}/image/source/bytes",
            "required",
        ),
        (COHERE, edited(sample("COHERE_EMBEDDING"), "/images", [URL]), "", "texts and images are given"),
        (COHERE, edited(sample("COHERE_EMBEDDING"), "/input_type", ABSENT), "/input_type", "required"),
        (COHERE, edited(sample("COHERE_EMBEDDING"), "/texts", ["a"] * 97), "/texts", "97 items"),
        (COHERE, edited(sample("COHERE_EMBEDDING of pictures"), "/images/1", b64(PHOTO)), "/images/1", "no data URL"),
        (COHERE, edited(sample("COHERE_EMBEDDING of pictures"), "/output_dimension", 384), "/output_dimension", "384"),
        (COHERE, edited(MIXED, f"{PART}/image_url", {"address": "x"}), f"{PART}/image_url", "holds no picture"),
        (COHERE, edited(MIXED, f"{PART}/type", "text"), f"{PART}/text", "required and missing"),
        (COHERE, edited(MIXED, f"{PART}/image_url/url", "data:image/png;base64,AAAA"), f"{PART}/image_url/url", "neither a PNG"),
    ],
)
def test_what_the_model_would_refuse_is_refused_at_its_place(model: str, body: Body, where: str, words: str) -> None:
    assert words in problems(body, model)[where]


def test_a_picture_of_more_than_five_megabytes_is_too_large_for_cohere() -> None:
    large = "data:image/png;base64," + b64(PHOTO + b"\0" * 5_000_001)
    found = problems(edited(sample("COHERE_EMBEDDING of pictures"), "/images/0", large), COHERE)
    assert "/images/0" in found


def test_prices_of_embeddings_are_not_known_and_their_answers_are_documents() -> None:
    embedding = [model for model in MODELS.values() if gives_documents(model) and "embed" in model.id]
    assert len(embedding) == 6
    assert {price_usd(model, {}, {}) for model in embedding} == {None}


@pytest.mark.parametrize(
    ("request_", "filled"),
    [
        (TitanEmbedding(), {"inputImage": STEP}),
        (TitanEmbedding("a boat"), {}),
        (CohereEmbedding(), {"images": [STEP]}),
        (CohereEmbedding("a boat"), {}),
        (CohereEmbedding(inputs=MIXED["inputs"]), {}),
    ],
    ids=repr,
)
def test_a_chain_fills_the_place_of_a_picture_unless_there_are_words(
    request_: TitanEmbedding, filled: Mapping[str, object]
) -> None:
    assert chain_images(request_.to_body(), STEP) == {**request_.to_body(), **filled}


def test_a_chain_fills_novas_picture_deep_inside() -> None:
    params: Any = chain_images(NovaEmbedding().to_body(), STEP)["singleEmbeddingParams"]
    assert params["image"] == {"source": {"bytes": STEP}}
    assert chain_images(NovaEmbedding("a boat").to_body(), STEP) == NovaEmbedding("a boat").to_body()


def test_a_guardrail_is_asked_about_every_text_that_is_embedded() -> None:
    bodies = (TitanEmbedding("a boat").to_body(), NovaEmbedding("a boat").to_body(), CohereEmbedding(["a boat", "a cup"]).to_body())
    assert [list(texts_of(body)) for body in (*bodies, MIXED)] == [["a boat"], ["a boat"], ["a boat", "a cup"], ["a disc"]]


class Shelf:
    """An asset store of two pictures."""

    async def get(self, name: str) -> bytes:
        """The bytes of that hash."""
        return next(data for data in (PHOTO, JPEG) if sha256(data).hexdigest() == name)


def sent(model: str, body: Mapping[str, object]) -> Any:
    """What goes out for a body whose pictures are references."""
    asset = {
        place.pointer: f"asset:{sha256(value).hexdigest()}"
        for place, value in image_values(body).items()
        if isinstance(value, bytes)
    }
    return json.loads(asyncio.run(build_body(find_model(model), replace_at(body, asset), {}, Shelf(), {})))  # type: ignore[arg-type]


def test_each_model_gets_its_pictures_in_the_form_that_it_takes() -> None:
    titan = sent(TITAN, TitanEmbedding(image=JPEG).to_body())
    nova = sent(NOVA, NovaEmbedding(image=JPEG).to_body())
    cohere = sent(COHERE, CohereEmbedding(images=[PHOTO, JPEG]).to_body())
    part = {"type": "image_url", "image_url": {"url": JPEG}}
    mixed = sent(COHERE, CohereEmbedding(inputs=[{"content": [part, {"type": "image_url", "image_url": PHOTO}]}]).to_body())

    assert titan == {"inputImage": b64(JPEG)}
    assert nova["singleEmbeddingParams"]["image"] == {"format": "jpeg", "source": {"bytes": b64(JPEG)}}
    assert cohere["images"] == [URL, "data:image/jpeg;base64," + b64(JPEG)]
    assert [part["image_url"] for part in mixed["inputs"][0]["content"]] == [{"url": cohere["images"][1]}, URL]
    assert [problems(body, model) for body, model in ((titan, TITAN), (nova, NOVA), (cohere, COHERE), (mixed, COHERE))] == [{}] * 4


def numbers(count: int, first: float = 0.5) -> list[float]:
    return [first] * count


@pytest.mark.parametrize(
    ("model", "body", "answer", "document"),
    [
        (
            TITAN,
            TitanEmbedding("a", PHOTO, dimension=256).to_body(),
            {"embedding": numbers(256), "inputTextTokenCount": 3, "message": None},
            {"dimension": 256, "type": "float", "embeddings": [numbers(256)], "inputs": ["text and image"]},
        ),
        (
            NOVA,
            NovaEmbedding("a", dimension=384).to_body(),
            {"embeddings": [{"embeddingType": "TEXT", "embedding": numbers(384), "truncatedCharLength": 7}]},
            {"dimension": 384, "type": "float", "embeddings": [numbers(384)], "inputs": ["text"], "truncated_characters": [7]},
        ),
        (
            COHERE,
            CohereEmbedding(["a", "b"], output_dimension=256).to_body(),
            {"embeddings": [numbers(256), numbers(256, 0.25)], "response_type": "embeddings_floats"},
            {"dimension": 256, "type": "float", "embeddings": [numbers(256), numbers(256, 0.25)], "inputs": ["text", "text"]},
        ),
        (
            COHERE,
            CohereEmbedding(inputs=MIXED["inputs"], output_dimension=256, embedding_types=["binary", "int8"]).to_body(),
            {"embeddings": {"int8": [numbers(256, 5)] * 2, "binary": [numbers(32, 1)] * 2}},
            {
                "dimension": 256,
                "type": "int8",
                "embeddings": [numbers(256, 5)] * 2,
                "inputs": ["text and image", "image"],
                "also": {"binary": [numbers(32, 1)] * 2},
            },
        ),
    ],
)
def test_all_answers_are_read_into_one_form(model: str, body: Body, answer: Body, document: Body) -> None:
    reading = read_answer(find_model(model), answer, 1, body)

    [found] = reading.documents
    assert (reading.outcome, found.role, json.loads(found.data)) == ("document", "embedding", document)
    assert (reading.usage is not None and reading.usage.input_tokens == 3) == (model == TITAN)


BAD: Sequence[tuple[str, Body, Body, str]] = [
    (TITAN, TitanEmbedding("a").to_body(), {"embedding": None, "message": "It failed."}, "model_error"),
    (TITAN, TitanEmbedding("a").to_body(), {"embedding": numbers(1023)}, "unreadable"),
    (TITAN, TitanEmbedding("a").to_body(), {"embedding": ["1"] * 1024}, "unreadable"),
    (NOVA, NovaEmbedding("a").to_body(), {"embeddings": []}, "unreadable"),
    (COHERE, CohereEmbedding(["a", "b"]).to_body(), {"embeddings": [numbers(1536)]}, "unreadable"),
    (COHERE, CohereEmbedding("a").to_body(), {"embeddings": {"float": [[True] * 1536]}}, "unreadable"),
    (COHERE, CohereEmbedding("a").to_body(), {}, "unreadable"),
]


@pytest.mark.parametrize(("model", "body", "answer", "outcome"), BAD)
def test_an_answer_without_the_vectors_that_were_asked_for_is_none(model: str, body: Body, answer: Body, outcome: str) -> None:
    assert read_answer(find_model(model), answer, 1, body).outcome == outcome


def test_base64_in_place_of_a_data_url_is_decoded_where_references_are_allowed() -> None:
    body = edited(sample("COHERE_EMBEDDING of pictures"), "/images", [base64.b64encode(PHOTO).decode(), "asset:" + "0" * 64])
    assert check_request(body, COHERE, allow_references=True).problems == ()
