"""Each fault, as a client meets it, and what the log says of it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.integration.local_bedrock.endpoints import AUTHORIZATION, NOVA, TITAN, Running, text_image
from tests.integration.local_bedrock.http2_client import ConnectionCut, Http2

INVOKE = "/model/amazon.nova-canvas-v1%3A0/invoke"


def last(running: Running) -> dict[str, Any]:
    entry: dict[str, Any] = running.log()[-1]
    return entry


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailableException", "ModelNotReadyException"])
def test_an_error_before_the_work_is_not_billed(start: Callable[..., Running], code: str) -> None:
    running = start("--fault", f"error={code}")
    assert running.invoke(text_image()).error_code == code
    assert (last(running)["billed"], last(running)["error_code"], last(running)["fault"]) == (False, code, "error")


def test_an_error_after_the_work_is_billed(start: Callable[..., Running]) -> None:
    running = start("--fault", "error-after=InternalServerException")
    answer = running.invoke(text_image())
    assert (answer.status, answer.error_code) == (500, "InternalServerException")
    assert (last(running)["billed"], last(running)["images"]) == (True, 0)


@pytest.mark.parametrize(("fault", "billed"), [("reset", True), ("reset-early", False)])
def test_a_reset_cuts_the_connection_without_an_answer(start: Callable[..., Running], fault: str, billed: bool) -> None:
    running = start("--fault", f"{fault}:count=1")
    with pytest.raises(ConnectionError):
        running.invoke(text_image())
    entry = last(running)
    assert (entry["outcome"], entry["billed"], entry["status"], entry["client_gone"]) == ("cut", billed, 0, False)
    assert running.invoke(text_image()).status == 200


def test_half_a_body_breaks_off_in_the_middle(start: Callable[..., Running]) -> None:
    running = start("--fault", "half-body:count=1")
    with pytest.raises(http.client.IncompleteRead) as broken:
        running.invoke(text_image())
    assert broken.value.partial.startswith(b'{"images":["iVBOR')
    assert (last(running)["outcome"], last(running)["billed"]) == ("cut", True)
    assert last(running)["response_bytes"] == len(broken.value.partial)


@pytest.mark.parametrize("fault", ["reset", "half-body"])
def test_http2_connections_are_cut_too(start: Callable[..., Running], fault: str) -> None:
    running = start("--fault", fault)
    connection = Http2(running.address)
    with pytest.raises(ConnectionCut):
        connection.post_all([(INVOKE, {"authorization": AUTHORIZATION}, json.dumps(text_image()).encode())])
    connection.close()
    assert (last(running)["outcome"], last(running)["billed"]) == ("cut", True)


def test_invalid_json_is_a_200_that_cannot_be_read(start: Callable[..., Running]) -> None:
    answer = start("--fault", "invalid-json").invoke(text_image())
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_empty_images_is_a_200_without_images_or_reason(start: Callable[..., Running]) -> None:
    answer = start("--fault", "empty-images").invoke(text_image())
    assert (answer.status, answer.json) == (200, {"images": []})


def test_bad_base64_is_a_200_with_a_string_that_is_no_image(start: Callable[..., Running]) -> None:
    [image] = start("--fault", "bad-base64").invoke(text_image()).json["images"]
    with pytest.raises(ValueError, match="base64"):
        base64.b64decode(image, validate=True)


def test_blank_pictures_have_the_size_that_was_asked_for(start: Callable[..., Running]) -> None:
    [image] = start("--fault", "blank").invoke(text_image()).json["images"]
    with Image.open(io.BytesIO(base64.b64decode(image))) as opened:
        assert (opened.format, opened.size, len(opened.convert("RGB").getcolors() or ())) == ("PNG", (512, 512), 1)


def test_a_time_out_does_the_work_and_never_answers(start: Callable[..., Running]) -> None:
    running = start("--fault", "timeout")
    connection = http.client.HTTPConnection(running.address[0], running.address[1], timeout=0.5)
    connection.request("POST", INVOKE, json.dumps(text_image()), {"authorization": AUTHORIZATION})
    with pytest.raises(socket.timeout):
        connection.getresponse()
    assert running.log() == []
    connection.close()
    while not (entries := running.log()):
        assert running.stats()["in_flight"] <= 1
    [entry] = entries
    assert (entry["outcome"], entry["billed"], entry["client_gone"], entry["fault"]) == ("cut", True, True, "timeout")


def test_slow_delays_the_answer(start: Callable[..., Running]) -> None:
    running = start("--fault", "slow=0.3")
    assert running.invoke(text_image()).status == 200
    assert last(running)["duration_s"] >= 0.3


def test_a_header_asks_for_a_fault_of_one_request(canned: Running) -> None:
    assert canned.invoke(text_image(), fault="throttle").error_code == "ThrottlingException"
    assert canned.invoke(text_image()).status == 200


def test_a_header_that_makes_no_sense_is_refused(canned: Running) -> None:
    answer = canned.invoke(text_image(), fault="explode")
    assert answer.error_code == "ValidationException"
    assert "'explode' is none of" in answer.json["message"]


def test_a_fault_falls_only_on_its_model_and_task(start: Callable[..., Running]) -> None:
    running = start("--fault", f"throttle:model={TITAN}", "--fault", "throttle:task=BACKGROUND_REMOVAL")
    removal = {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": "x"}}
    statuses = [
        running.invoke(body, model).status for body, model in [(text_image(), TITAN), (removal, NOVA), (text_image(), NOVA)]
    ]
    assert statuses == [429, 429, 200]


def test_faults_can_be_changed_while_it_runs(start: Callable[..., Running]) -> None:
    running = start("--fault", "throttle")
    told = running.request("PUT", "/_darkroom/faults", b'["error=ModelErrorException:count=1"]').json
    assert [fault["code"] for fault in told] == ["ModelErrorException"]
    answer = running.invoke(text_image())
    assert (answer.status, answer.error_code) == (424, "ModelErrorException")
    assert answer.json["originalStatusCode"] == 500
    assert running.request("PUT", "/_darkroom/faults", b'["explode"]').status == 400
    assert running.request("DELETE", "/_darkroom/faults").json == []
    assert running.invoke(text_image()).status == 200


def test_random_faults_repeat_with_the_seed(start: Callable[..., Running]) -> None:
    def statuses(seed: int) -> list[int]:
        running = start("--fault", "throttle:0.5", "--seed", str(seed))
        return [running.invoke(text_image()).status for _ in range(20)]

    first = statuses(3)
    assert first == statuses(3)
    assert set(first) == {200, 429}


def test_one_region_refuses_everything_for_a_time_and_heals(start: Callable[..., Running]) -> None:
    running = start()
    running.request("PUT", "/_darkroom/faults", b'["throttle:region=us-west-2:for=1"]')
    since = time.monotonic()
    assert running.invoke(text_image(), region="us-west-2").error_code == "ThrottlingException"
    assert running.invoke(text_image(), region="us-east-1").status == 200
    while running.invoke(text_image(), region="us-west-2").status == 429:
        assert time.monotonic() - since < 10, "it did not heal"
    assert time.monotonic() - since > 0.9
