"""AWS's own SDKs get images and typed errors from the local endpoint with nothing but environment variables set."""

from __future__ import annotations

import base64
import io
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.integration.local_bedrock.endpoints import NOVA, TITAN, Running, text_image
from tests.support.programs import missing

HERE = Path(__file__).parent
ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"
TYPED = {
    "ValidationException": 400,
    "ServiceQuotaExceededException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ThrottlingException": 429,
    "ModelNotReadyException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}


def ran(command: Sequence[str], running: Running, given: object, **environment: str) -> Any:
    """What the program printed; its environment holds the endpoint's address, keys, a Region, and nothing else of AWS."""
    done = subprocess.run(
        command,
        input=json.dumps(given),
        env=running.sdk_environment() | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def boto3(running: Running, *requests: dict[str, Any], **environment: str) -> Any:
    return ran([sys.executable, str(HERE / "boto3_client.py")], running, requests, **environment)


def noise_png(side: int, seed: int) -> str:
    pixels = random.Random(seed).randbytes(side * side * 3)
    data = io.BytesIO()
    Image.frombytes("RGB", (side, side), pixels).save(data, "PNG", compress_level=1)
    return base64.b64encode(data.getvalue()).decode()


@pytest.mark.parametrize("model", [NOVA, TITAN, "amazon.titan-image-generator-v1", ARN])
def test_boto3_gets_images_by_id_and_by_arn(canned: Running, model: str) -> None:
    [answer] = boto3(canned, {"model": model, "body": text_image(count=3)})
    assert len(set(answer["images"])) == 3
    assert answer["png"]
    assert answer["content_type"] == "application/json"
    assert answer["error"] is None


def test_the_log_knows_each_answer_by_its_request_id(start: Callable[..., Running]) -> None:
    running = start()
    answers = boto3(running, {"model": NOVA, "body": text_image()}, {"model": ARN, "body": text_image(seed=8)})
    logged = {entry["request_id"]: entry for entry in running.log()}
    assert [logged[answer["request_id"]]["image_sha256"] for answer in answers] == [answer["images"] for answer in answers]
    assert [logged[answer["request_id"]]["seed"] for answer in answers] == [7, 8]
    assert {entry["model"] for entry in logged.values()} == {NOVA}


def test_boto3_raises_the_class_of_every_error_of_the_service(start: Callable[..., Running]) -> None:
    faults = [argument for code in TYPED for argument in ("--fault", f"error={code}:count=1")]
    answers = boto3(start(*faults), *({"model": NOVA, "body": text_image()} for _ in TYPED))
    assert {answer["exception"]: answer["status"] for answer in answers} == TYPED
    assert all(answer["typed"] for answer in answers)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"model": "amazon.no-such-model", "body": text_image()}, "The provided model identifier is invalid."),
        ({"model": NOVA, "body": text_image(), "operation": "invoke_model_with_response_stream"}, "streaming"),
        (
            {"model": NOVA, "operation": "converse", "messages": [{"role": "user", "content": [{"text": "hi"}]}]},
            "This action doesn't support the model",
        ),
        ({"model": NOVA, "body": {}}, "#: required key [taskType] not found"),
        ({"model": NOVA, "body": {**text_image(), "extra": 1}}, "#: extraneous key [extra] is not permitted"),
        (
            {"model": TITAN, "body": text_image("x" * 536)},
            "#/textToImageParams/text: expected maxLength: 512, actual: 536, please reformat your input and try again.",
        ),
        (
            {
                "model": TITAN,
                "body": {**text_image(), "imageGenerationConfig": {"width": 1280, "height": 720}},
            },
            "400 Bad Request: Value of (width, height) is not valid. Given: (1280, 720).",
        ),
        ({"model": NOVA, "body": text_image("a [blocked] prompt")}, "blocked by our content filters"),
    ],
)
def test_what_the_service_would_refuse_is_a_validation_exception(canned: Running, request_: dict[str, Any], words: str) -> None:
    [answer] = boto3(canned, request_)
    assert (answer["exception"], answer["status"], answer["typed"]) == ("ValidationException", 400, True)
    assert words in answer["message"]


def test_boto3_sends_18_megabytes(canned: Running) -> None:
    params = {"images": [noise_png(950, seed) for seed in range(5)], "text": "the same, but blue"}
    body = {"taskType": "IMAGE_VARIATION", "imageVariationParams": params}
    assert len(json.dumps(body)) > 18_000_000
    [answer] = boto3(canned, {"model": NOVA, "body": body})
    assert len(answer["images"]) == 1


def test_more_than_25_megabytes_are_refused(canned: Running) -> None:
    [answer] = boto3(canned, {"model": NOVA, "body": {"filler": "x" * 25_000_000}})
    assert answer["exception"] == "ValidationException"
    assert "length limit exceeded" in answer["message"]


def test_a_bearer_token_does_in_place_of_keys(canned: Running) -> None:
    [answer] = boto3(
        canned,
        {"model": NOVA, "body": text_image()},
        AWS_BEARER_TOKEN_BEDROCK="token",
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
    )
    assert len(answer["images"]) == 1


def test_fifty_calls_of_aioboto3_are_served_at_once(start: Callable[..., Running]) -> None:
    running = start("--latency", "1")
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}}
    hashes = ran([sys.executable, str(HERE / "aioboto3_client.py")], running, {"model": NOVA, "body": body})
    assert len(set(hashes)) == 50
    stats = running.stats()
    assert stats["billed"] == 50
    assert stats["max_in_flight"] > 25


def test_aioboto3_raises_typed_errors(start: Callable[..., Running]) -> None:
    running = start("--quota", f"{NOVA}=10")
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}}
    hashes = ran([sys.executable, str(HERE / "aioboto3_client.py")], running, {"model": NOVA, "body": body})
    throttled = hashes.count("ThrottlingException")
    assert 30 <= throttled <= 40  # the bucket may have refilled a little in between
    assert running.stats()["by_error"] == {"ThrottlingException": throttled}


@pytest.fixture(scope="session")
def javascript_sdk(request: pytest.FixtureRequest) -> Path:
    """A folder with the newest JavaScript SDK; installed once and kept with pytest's cache."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("node with npm")
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("aws-sdk-javascript")
    if not (folder / "node_modules" / "@aws-sdk" / "client-bedrock-runtime").is_dir():
        (folder / "package.json").write_text("{}")
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "@aws-sdk/client-bedrock-runtime@3"]
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            missing(f"the JavaScript SDK (npm: {done.stderr.strip()[-200:]})")
    shutil.copy(HERE / "javascript_client.mjs", folder)
    return folder


def javascript(running: Running, sdk: Path, *requests: dict[str, Any]) -> Any:
    node = shutil.which("node")
    assert node is not None
    return ran([node, str(sdk / "javascript_client.mjs")], running, requests)


def test_the_javascript_sdk_gets_the_same_images_over_http2(start: Callable[..., Running], javascript_sdk: Path) -> None:
    running = start()
    requests = [{"model": model, "body": text_image(seed=seed)} for seed, model in enumerate([NOVA, TITAN, ARN])]
    assert [answer["images"] for answer in javascript(running, javascript_sdk, *requests)] == [
        answer["images"] for answer in boto3(running, *requests)
    ]


def test_the_javascript_sdk_raises_typed_errors(start: Callable[..., Running], javascript_sdk: Path) -> None:
    faults = [argument for code in TYPED for argument in ("--fault", f"error={code}:count=1")]
    answers = javascript(start(*faults), javascript_sdk, *({"model": NOVA, "body": text_image()} for _ in TYPED))
    assert {answer["exception"]: answer["status"] for answer in answers} == TYPED
    assert all(answer["typed"] for answer in answers)
