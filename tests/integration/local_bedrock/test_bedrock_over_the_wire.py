"""The endpoint as anything that speaks HTTP sees it: protocols, headers, limits, filters, the log, stopping."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.integration.local_bedrock.endpoints import AUTHORIZATION, NOVA, TITAN, Running, running_endpoint, text_image
from tests.integration.local_bedrock.http2_client import Http2

INVOKE = "/model/amazon.nova-canvas-v1%3A0/invoke"
HEADERS = {"authorization": AUTHORIZATION}


def until(condition: Callable[[], Any], within_s: float = 10) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def test_an_answer_carries_the_headers_of_the_service(canned: Running) -> None:
    answer = canned.invoke(text_image())
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-requestid"])
    assert answer.headers["x-amzn-bedrock-invocation-latency"].isdecimal()
    assert answer.headers["x-darkroom-local-preview"] == "canned"
    assert list(answer.json) == ["images"]


def test_titan_always_has_an_error_field(canned: Running) -> None:
    assert canned.invoke(text_image(), TITAN).json["error"] is None


def test_an_error_carries_its_type_in_a_header(canned: Running) -> None:
    answer = canned.invoke({})
    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"
    assert list(answer.json) == ["message"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "MissingAuthenticationTokenException"), ({"authorization": "Basic dTpw"}, "UnrecognizedClientException")],
)
def test_a_request_without_credentials_is_forbidden(canned: Running, headers: dict[str, str], code: str) -> None:
    answer = canned.request("POST", INVOKE, json.dumps(text_image()).encode(), headers)
    assert (answer.status, answer.error_code) == (403, code)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/octet-stream"])
def test_no_content_type_is_asked_for(canned: Running, content_type: str | None) -> None:
    headers = HEADERS | ({"content-type": content_type} if content_type else {})
    assert canned.request("POST", INVOKE, json.dumps(text_image()).encode(), headers).status == 200


@pytest.mark.parametrize("body", [b"", b"no json", b"[1]", b'"text"', b'{"taskType": NaN}', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(canned: Running, body: bytes) -> None:
    answer = canned.invoke(body)
    assert (answer.status, answer.error_code) == (400, "ValidationException")
    assert answer.json["message"] == "Malformed input request, please reformat your input and try again."


@pytest.mark.parametrize(
    ("method", "path"), [("GET", INVOKE), ("POST", "/model/x/explode"), ("GET", "/"), ("POST", "/async-invoke")]
)
def test_an_operation_that_does_not_exist_is_not_found(canned: Running, method: str, path: str) -> None:
    answer = canned.request(method, path, b"", HEADERS)
    assert (answer.status, answer.error_code) == (404, "UnknownOperationException")


@pytest.mark.parametrize("operation", ["invoke-with-response-stream", "converse", "converse-stream", "count-tokens"])
def test_what_image_models_cannot_do_is_refused(canned: Running, operation: str) -> None:
    answer = canned.invoke(text_image(), operation=operation)
    assert (answer.status, answer.error_code) == (400, "ValidationException")


def test_too_long_a_body_is_answered_and_the_connection_serves_on(canned: Running) -> None:
    answer = canned.invoke(b" " * 25_000_001)
    assert (answer.status, answer.error_code) == (400, "ValidationException")
    assert canned.invoke(b" " * 25_000_000).json["message"].startswith("Malformed input request")


def test_http2_with_prior_knowledge_serves_streams_side_by_side(start: Callable[..., Running]) -> None:
    running = start("--latency", "0.5")
    connection = Http2(running.address)
    bodies = [json.dumps(text_image(seed=seed)).encode() for seed in range(20)]
    began = time.monotonic()
    answers = connection.post_all([(INVOKE, HEADERS, body) for body in bodies])
    assert time.monotonic() - began < 5
    connection.close()
    images = [json.loads(answer.body)["images"][0] for answer in answers]
    assert len(set(images)) == 20
    assert running.stats()["max_in_flight"] == 20


def test_http2_and_http1_give_the_same_bytes_and_errors(canned: Running) -> None:
    connection = Http2(canned.address)
    good, bad = connection.post_all([(INVOKE, HEADERS, json.dumps(body).encode()) for body in (text_image(), {})])
    connection.close()
    assert good.body == canned.invoke(text_image()).body
    assert bad.headers["x-amzn-errortype"].startswith("ValidationException:")
    assert bad.body == canned.invoke({}).body


def test_http2_takes_large_bodies(canned: Running) -> None:
    connection = Http2(canned.address)
    long, too_long = connection.post_all([(INVOKE, HEADERS, b" " * size) for size in (18_000_000, 25_000_001)])
    connection.close()
    assert "Malformed" in json.loads(long.body)["message"]
    assert "length limit exceeded" in json.loads(too_long.body)["message"]


def test_a_canned_answer_depends_on_the_request_alone(start: Callable[..., Running]) -> None:
    first, second = start().invoke(text_image()), start().invoke(text_image())
    assert first.body == second.body
    assert start().invoke(text_image(seed=8)).body != first.body


def test_background_removal_returns_a_cut_out_of_the_inputs_size(canned: Running, picture: Callable[..., bytes]) -> None:
    image = base64.b64encode(picture(400, 336)).decode()
    answer = canned.invoke({"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": image}})
    cut_out = Image.open(io.BytesIO(base64.b64decode(answer.json["images"][0])))
    assert (cut_out.format, cut_out.mode, cut_out.size) == ("PNG", "RGBA", (400, 336))


def test_the_mask_is_returned_when_asked_for(canned: Running, picture: Callable[..., bytes]) -> None:
    image = base64.b64encode(picture(512, 512)).decode()
    params = {"image": image, "maskPrompt": "the cup", "returnMask": True}
    answer = canned.invoke({"taskType": "INPAINTING", "inPaintingParams": params}, TITAN)
    assert answer.status == 200, answer.body
    mask = Image.open(io.BytesIO(base64.b64decode(answer.json["maskImage"])))
    assert mask.size == (512, 512)


def test_a_blocked_prompt_is_refused_and_not_billed(start: Callable[..., Running]) -> None:
    running = start()
    answer = running.invoke(text_image("a [blocked] thing"))
    assert (answer.status, answer.error_code) == (400, "ValidationException")
    [entry] = running.log()
    assert (entry["billed"], entry["filtered"]) == (False, "prompt")


def test_a_blocked_input_image_is_told_from_a_blocked_prompt(canned: Running, picture: Callable[..., bytes]) -> None:
    note, data = PngInfo(), io.BytesIO()
    note.add_text("Comment", "[block-image]")
    Image.open(io.BytesIO(picture())).save(data, "PNG", pnginfo=note)
    params = {"image": base64.b64encode(data.getvalue()).decode()}
    by_bytes = canned.invoke({"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": params}).json["message"]
    assert by_bytes == canned.invoke(text_image("[block-image]")).json["message"]
    assert by_bytes != canned.invoke(text_image("[blocked]")).json["message"]
    assert "blocked by our content filters" in by_bytes


@pytest.mark.parametrize(
    ("marker", "asked", "left", "error"),
    [("[block-output]", 3, 0, "All of"), ("[block-some]", 3, 2, "Some of"), ("[block-some]", 1, 0, "All of")],
)
def test_filtered_output_is_a_200_with_an_error_and_fewer_images(
    canned: Running, marker: str, asked: int, left: int, error: str
) -> None:
    answer = canned.invoke(text_image(marker, count=asked))
    assert answer.status == 200
    assert len(answer.json["images"]) == left
    assert answer.json["error"] == f"{error} the generated images have been blocked by our content filters."


def test_the_log_counts_what_was_sent_and_names_every_image(start: Callable[..., Running]) -> None:
    running = start()
    answers = [running.invoke(text_image(seed=seed, count=2)) for seed in range(3)]
    running.invoke({})
    entries = running.log()
    assert [entry["n"] for entry in entries] == [1, 2, 3, 4]
    sent = [[hashlib.sha256(base64.b64decode(image)).hexdigest() for image in answer.json["images"]] for answer in answers]
    assert [entry["image_sha256"] for entry in entries] == [*sent, []]
    assert [entry["response_bytes"] for entry in entries[:3]] == [len(answer.body) for answer in answers]
    assert [entry["billed"] for entry in entries] == [True, True, True, False]
    assert running.log(after=3) == entries[3:]


def test_nothing_of_prompts_or_images_reaches_the_log(start: Callable[..., Running], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    running = start("--log", str(path))
    image = running.invoke(text_image("a very secret wish")).json["images"][0]
    text = path.read_text()
    assert json.loads(text) == running.log()[0]
    assert "secret" not in text
    assert image[:40] not in text


def test_the_log_can_be_forgotten_between_tests(start: Callable[..., Running]) -> None:
    running = start()
    running.invoke(text_image())
    assert running.request("DELETE", "/_darkroom/log").json == {"last": 1}
    assert running.log() == []
    running.invoke(text_image())
    assert [entry["n"] for entry in running.log(after=1)] == [2]


def test_an_answer_comes_no_earlier_than_its_latency(start: Callable[..., Running]) -> None:
    running = start("--latency", "0.4")
    began = time.monotonic()
    assert running.invoke(text_image()).headers["x-amzn-bedrock-invocation-latency"] == "400"
    assert time.monotonic() - began >= 0.4
    began = time.monotonic()
    running.invoke({})
    assert time.monotonic() - began < 0.4


def test_latencies_are_drawn_from_the_seed(start: Callable[..., Running]) -> None:
    def drawn(seed: int) -> list[str]:
        running = start("--latency", "0.1-0.3", "--seed", str(seed))
        return [running.invoke(text_image()).headers["x-amzn-bedrock-invocation-latency"] for _ in range(4)]

    first = drawn(1)
    assert first == drawn(1)
    assert first != drawn(2)
    assert all(100 <= int(latency) <= 300 for latency in first)


def test_a_client_that_leaves_is_logged_as_cut_and_billed(start: Callable[..., Running]) -> None:
    running = start("--latency", "60")
    body = json.dumps(text_image()).encode()
    with socket.create_connection(running.address) as client:
        head = f"POST {INVOKE} HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        until(lambda: running.stats()["in_flight"] == 1)
    [entry] = until(running.log)
    assert (entry["outcome"], entry["billed"], entry["client_gone"], entry["status"]) == ("cut", True, True, 0)


def test_a_stream_that_is_reset_is_logged_as_cut_and_its_connection_lives_on(start: Callable[..., Running]) -> None:
    running = start("--fault", "slow=60:count=1")
    connection = Http2(running.address)
    body = json.dumps(text_image()).encode()
    stream = connection.send(INVOKE, HEADERS, body)
    until(lambda: running.stats()["in_flight"] == 1)
    connection.abandon(stream)
    [entry] = until(running.log)
    assert (entry["outcome"], entry["client_gone"]) == ("cut", True)
    [answer] = connection.post_all([(INVOKE, HEADERS, body)])
    connection.close()
    assert answer.status == 200


def test_a_request_that_breaks_off_is_not_billed(start: Callable[..., Running]) -> None:
    running = start()
    with socket.create_connection(running.address) as client:
        client.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nContent-Length: 500\r\n\r\n{{".encode())
        until(lambda: running.stats()["in_flight"] == 1)
    [entry] = until(running.log)
    assert (entry["outcome"], entry["billed"], entry["client_gone"]) == ("cut", False, True)


def test_the_end_of_a_models_life_is_told_as_the_service_does(start: Callable[..., Running]) -> None:
    running = start("--eol", TITAN, "--legacy-idle", "amazon.titan-image-generator-v1")
    ended, idle = running.invoke(text_image(), TITAN), running.invoke(text_image(), "amazon.titan-image-generator-v1")
    assert {answer.status for answer in (ended, idle)} == {404}
    assert {answer.error_code for answer in (ended, idle)} == {"ResourceNotFoundException"}
    assert ended.json["message"].startswith("This model version has reached the end of its life.")
    assert "marked by provider as Legacy" in idle.json["message"]
    assert running.invoke(text_image()).status == 200


def test_the_control_plane_tells_which_models_are_legacy(start: Callable[..., Running]) -> None:
    running = start("--eol", TITAN, "--legacy-idle", NOVA)
    listed = running.request("GET", "/foundation-models").json["modelSummaries"]
    status = {model["modelId"]: model["modelLifecycle"]["status"] for model in listed}
    assert status[NOVA] == "LEGACY"
    assert TITAN not in status
    one = running.request("GET", "/foundation-models/amazon.nova-canvas-v1%3A0").json["modelDetails"]
    assert one["modelLifecycle"] == {"status": "LEGACY"}
    assert running.request("GET", "/foundation-models/amazon.titan-image-generator-v2%3A0").status == 404


@pytest.mark.parametrize(
    ("kind", "at_once"), [("token-bucket", 20), ("fixed-window", 20), ("sliding-log", 20), ("small-bucket", 2)]
)
def test_a_burst_over_the_quota_is_throttled(start: Callable[..., Running], kind: str, at_once: int) -> None:
    running = start("--quota", f"{NOVA}=20", "--quota-kind", kind, "--time-scale", "0.001")
    answers = [running.invoke(text_image(seed=seed)) for seed in range(30)]
    assert [answer.status for answer in answers] == [200] * at_once + [429] * (30 - at_once)
    assert answers[-1].error_code == "ThrottlingException"
    assert answers[-1].json["message"] == "Too many requests, please wait before trying again."
    assert running.stats()["billed"] == at_once


def test_the_catalogues_quotas_hold_unless_told_otherwise() -> None:
    with running_endpoint("--engine", "canned", "--time-scale", "0.001") as running:
        refused = [running.invoke(text_image("x", size=512), TITAN).status for _ in range(61)]
    assert refused == [200] * 60 + [429]


def test_a_quota_fills_up_again_with_time(start: Callable[..., Running]) -> None:
    running = start("--quota", f"{NOVA}=2", "--time-scale", "60")
    until(lambda: running.invoke(text_image()).status == 429)
    until(lambda: running.invoke(text_image()).status == 200, within_s=5)


def test_each_region_has_its_own_quota(start: Callable[..., Running]) -> None:
    running = start("--quota", f"{NOVA}=2", "--quota", f"us-west-2/{NOVA}=3", "--time-scale", "0.001")
    for region, passed in (("us-east-1", 2), ("us-west-2", 3), ("eu-west-1", 2)):
        statuses = [running.invoke(text_image(), region=region).status for _ in range(5)]
        assert statuses == [200] * passed + [429] * (5 - passed), region
    assert [entry["region"] for entry in running.log()] == ["us-east-1"] * 5 + ["us-west-2"] * 5 + ["eu-west-1"] * 5


def test_a_quota_is_changed_while_it_runs(start: Callable[..., Running]) -> None:
    running = start("--quota", "off", "--quota", f"{NOVA}=4", "--quota-kind", "sliding-log", "--time-scale", "0.001")
    assert [running.invoke(text_image()).status for _ in range(2)] == [200, 200]
    assert running.change_quotas({NOVA: 3}) == {NOVA: 3}
    assert [running.invoke(text_image()).status for _ in range(2)] == [200, 429]
    assert running.change_quotas({f"us-east-1/{NOVA}": 5}) == {NOVA: 3, f"us-east-1/{NOVA}": 5}
    assert [running.invoke(text_image()).status for _ in range(3)] == [200, 200, 429]
    assert running.change_quotas({f"us-east-1/{NOVA}": None, NOVA: None}) == {}
    assert running.invoke(text_image()).status == 200
    assert running.request("GET", "/_darkroom/quotas").json == {}


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"amazon.no-such": 3}', b'{"amazon.nova-canvas-v1:0": -1}'])
def test_a_change_of_quotas_that_makes_no_sense_is_refused_whole(canned: Running, body: bytes) -> None:
    before = canned.request("GET", "/_darkroom/quotas").json
    assert canned.request("PUT", "/_darkroom/quotas", body).status == 400
    assert canned.request("GET", "/_darkroom/quotas").json == before


def test_the_endpoint_stops_at_once_though_an_answer_is_due_much_later(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with running_endpoint("--engine", "canned", "--quota", "off", "--latency", "600", "--log", str(path)) as running:
        connection = Http2(running.address)
        connection.send(INVOKE, HEADERS, json.dumps(text_image()).encode())
        until(lambda: running.stats()["in_flight"] == 1)
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
        connection.close()
    assert time.monotonic() - began < 3
    entry = json.loads(path.read_text())
    assert (entry["outcome"], entry["billed"], entry["client_gone"]) == ("cut", True, False)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_an_endpoint_started_with_parent_does_not_outlive_it() -> None:
    starter = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'darkroom_worker.local_bedrock', '--with-parent', '--engine', 'canned'])\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        ready = json.loads(parent.stdout.readline())
        parent.kill()
        parent.wait()
        address = ("127.0.0.1", int(ready["url"].rpartition(":")[2]))
        until(lambda: not _accepts(address))


def _accepts(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--fault", "explode"], "'explode' is none of"),
        (["--quota", "amazon.nova=3"], "--quota amazon.nova=3"),
        (["--quota", "many"], "--quota is off or [REGION/]MODEL=RPM"),
        (["--quota", f"{NOVA}=nan"], "a number from 0 up"),
        (["--latency", "soon"], "neither SECONDS nor LOW-HIGH"),
        (["--eol", "amazon.no-such"], "amazon.no-such"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_sentence(arguments: list[str], words: str) -> None:
    command = [sys.executable, "-m", "darkroom_worker.local_bedrock", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_port_that_is_taken_ends_the_program_with_a_sentence(canned: Running) -> None:
    command = [sys.executable, "-m", "darkroom_worker.local_bedrock", "--engine", "canned", "--port", str(canned.address[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{canned.address[1]}" in done.stderr
