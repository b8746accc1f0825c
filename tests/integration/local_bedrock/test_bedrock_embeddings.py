"""The embedding models over the wire: forms of answers, refusals in the words of the service, and what the header says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.local_bedrock.endpoints import Running
from tests.integration.local_bedrock.native_client import client, photo, text

TITAN, NOVA, COHERE = "amazon.titan-embed-image-v1", "amazon.nova-2-multimodal-embeddings-v1:0", "eu.cohere.embed-v4:0"
PHOTO = photo()
URL = "data:image/png;base64," + text(PHOTO)


def asked(running: Running, model: str, body: dict[str, object]) -> tuple[Any, Any]:
    caller = client(running)
    try:
        answer = caller.invoke_model(modelId=model, body=json.dumps(body))
        return json.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"]
    finally:
        caller.close()


def nova(**params: object) -> dict[str, object]:
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX", **params}}


def test_answers_have_the_form_of_their_family_and_say_that_no_model_made_them(canned: Running) -> None:
    titan, headers = asked(canned, TITAN, {"inputText": "a red boat", "inputImage": text(PHOTO)})
    assert (sorted(titan), len(titan["embedding"]), titan["message"]) == (
        ["embedding", "inputTextTokenCount", "message"],
        1024,
        None,
    )
    assert (titan["inputTextTokenCount"], headers["x-darkroom-local-preview"]) == (3, "colours, light and words; no model")

    single, _ = asked(canned, NOVA, nova(image={"format": "png", "source": {"bytes": text(PHOTO)}}, embeddingDimension=384))
    [found] = single["embeddings"]
    assert (found["embeddingType"], len(found["embedding"])) == ("IMAGE", 384)

    plain, _ = asked(canned, COHERE, {"input_type": "search_query", "texts": ["a", "b"]})
    assert (plain["response_type"], [len(vector) for vector in plain["embeddings"]]) == ("embeddings_floats", [1536, 1536])
    types = ["float", "int8", "uint8", "binary", "ubinary"]
    typed, _ = asked(
        canned, COHERE, {"input_type": "search_document", "images": [URL], "embedding_types": types, "output_dimension": 256}
    )
    assert {name: len(vectors[0]) for name, vectors in typed["embeddings"].items()} == dict(
        zip(types, (256, 256, 256, 32, 32), strict=True)
    )
    part = {"type": "image_url", "image_url": {"url": URL}}
    mixed, _ = asked(
        canned, COHERE, {"input_type": "classification", "inputs": [{"content": [{"type": "text", "text": "a"}, part]}]}
    )
    assert len(mixed["embeddings"]) == 1


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (TITAN, {}, "at least one of inputText, inputImage is needed"),
        (TITAN, {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 512}}, "512 is not a valid enum value"),
        (TITAN, {"taskType": "TITAN_EMBEDDING", "inputText": "a"}, "extraneous key [taskType]"),
        (NOVA, nova(video={}), "extraneous key [video]"),
        (NOVA, nova(image={"source": {"bytes": text(PHOTO)}}), "format is required"),
        (NOVA, {"singleEmbeddingParams": {}}, "required key [taskType] not found"),
        (COHERE, {"texts": ["a"]}, "required key [input_type] not found"),
        (COHERE, {"input_type": "search_query", "images": [text(PHOTO)]}, "no data URL"),
        ("cohere.embed-v9:0", {"texts": ["a"]}, "model identifier is invalid"),
    ],
)
def test_what_is_wrong_is_told_as_the_service_tells_it(canned: Running, model: str, body: dict[str, object], words: str) -> None:
    with pytest.raises(ClientError) as error:
        asked(canned, model, body)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert words in error.value.response["Error"]["Message"]


def test_equal_requests_get_equal_answers(canned: Running) -> None:
    body: dict[str, object] = {"input_type": "search_query", "texts": ["a red boat"]}
    assert asked(canned, COHERE, body)[0] == asked(canned, COHERE, body)[0]
