"""Routes, error shapes, authentication and content filters of the local endpoint."""

from __future__ import annotations

import json

import pytest

from darkroom_worker.local_bedrock.config import Config, parse_latency
from darkroom_worker.local_bedrock.filters import find_filter
from darkroom_worker.local_bedrock.wire import (
    STATUS,
    Route,
    ServiceError,
    authentication_error,
    error_headers,
    parse_route,
    region_of,
)

ARN = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-canvas-v1:0"


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", b"/model/amazon.nova-canvas-v1%3A0/invoke", Route("invoke", "amazon.nova-canvas-v1:0")),
        ("POST", b"/model/amazon.nova-canvas-v1:0/invoke", Route("invoke", "amazon.nova-canvas-v1:0")),
        (
            "POST",
            b"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova-canvas-v1%3A0/invoke",
            Route("invoke", ARN),
        ),
        ("POST", b"/model/arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-canvas-v1:0/invoke", Route("invoke", ARN)),
        ("POST", b"/model/x/invoke-with-response-stream", Route("invoke-with-response-stream", "x")),
        ("POST", b"/model/x/converse", Route("converse", "x")),
        ("GET", b"/model/x/invoke", None),
        ("POST", b"/model/x/explode", None),
        ("POST", b"/model/invoke", None),
        ("POST", b"/", None),
        ("POST", b"/async-invoke", None),
    ],
)
def test_the_path_is_split_before_it_is_decoded(method: str, path: bytes, route: Route | None) -> None:
    assert parse_route(method, path) == route


@pytest.mark.parametrize("code", STATUS)
def test_every_error_has_the_shape_of_the_service(code: str) -> None:
    error = ServiceError(code)
    headers = dict(error_headers(error, "id-1"))
    assert headers[b"x-amzn-errortype"] == f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/".encode()
    assert headers[b"x-amzn-requestid"] == b"id-1"
    assert json.loads(error.body())["message"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/bedrock/aws4_request, Signature=0", None),
        (b"Bearer token", None),
        (b"", "MissingAuthenticationTokenException"),
        (b"  ", "MissingAuthenticationTokenException"),
        (b"Bearer", "UnrecognizedClientException"),
        (b"Basic dTpw", "UnrecognizedClientException"),
    ],
)
def test_some_credentials_must_be_there(value: bytes, code: str | None) -> None:
    error = authentication_error([(b"host", b"x"), (b"authorization", value)])
    assert (error.code if error else None) == code


def test_a_request_without_the_header_is_refused_with_403() -> None:
    error = authentication_error([])
    assert error is not None
    assert error.status == 403


@pytest.mark.parametrize(
    ("body", "images", "expected"),
    [
        ({"textToImageParams": {"text": "a cat"}}, [], None),
        ({"textToImageParams": {"text": "a [blocked] cat"}}, [], "prompt"),
        ({"textToImageParams": {"text": "a cat", "negativeText": "[blocked]"}}, [], "prompt"),
        ({"virtualTryOnParams": {"promptBasedMask": {"maskPrompt": "[block-image]"}}}, [], "image"),
        ({"textToImageParams": {"text": "[block-output]"}}, [], "all"),
        ({"textToImageParams": {"text": "[block-some]"}}, [], "some"),
        ({"backgroundRemovalParams": {"image": "[blocked]"}}, [b"no marker"], None),
        ({"prompt": "[blocked]"}, [], "prompt"),
        ({"negative_prompt": "[blocked]"}, [], "prompt"),
        ({"search_prompt": "[blocked]"}, [], "prompt"),
        ({"select_prompt": "[block-output]"}, [], "all"),
        ({"text_prompts": [{"text": "a cat"}, {"text": "[blocked]", "weight": -1}]}, [], "prompt"),
        ({"backgroundRemovalParams": {"image": "aGk="}}, [b"\x89PNG tEXt [block-image]"], "image"),
    ],
)
def test_a_marker_in_a_prompt_or_a_picture_wakes_a_filter(body: object, images: list[bytes], expected: str | None) -> None:
    assert find_filter(body, images) == expected


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "example.com", "::"])
def test_an_address_that_others_can_reach_is_refused_unless_asked_for(host: str) -> None:
    with pytest.raises(ValueError, match="allow-remote"):
        Config(host=host)
    assert Config(host=host, allow_remote=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "localhost", "::1"])
def test_a_loopback_address_is_accepted(host: str) -> None:
    assert Config(host=host).host == host


def test_a_latency_is_a_number_or_a_range() -> None:
    assert parse_latency("1.5") == (1.5, 1.5)
    assert parse_latency("1-3") == (1.0, 3.0)
    with pytest.raises(ValueError, match="neither"):
        parse_latency("fast")
    with pytest.raises(ValueError, match="LOW-HIGH"):
        Config(latency_s=(3, 1))


@pytest.mark.parametrize(
    ("value", "region"),
    [
        (b"AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=0", "eu-west-1"),
        (b"AWS4-HMAC-SHA256 SignedHeaders=host,Credential=AKID/20260101/us-gov-west-1/bedrock/aws4_request", "us-gov-west-1"),
        (b"Bearer token", "us-east-1"),
        (b"AWS4-HMAC-SHA256 Credential=A/20260101//bedrock/aws4_request", "us-east-1"),
        (b"", "us-east-1"),
    ],
)
def test_the_region_is_read_from_the_signatures_scope(value: bytes, region: str) -> None:
    assert region_of([(b"host", b"localhost"), (b"authorization", value)]) == region
