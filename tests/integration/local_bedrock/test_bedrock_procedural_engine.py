"""The endpoint with the engine that makes real pixels, in processes of its own."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from darkroom_worker.local_bedrock.engine_pool import PooledEngine
from darkroom_worker.local_bedrock.pictures import EngineSlow, Request
from tests.integration.local_bedrock.endpoints import NOVA, TITAN, Running, running_endpoint, text_image


@pytest.fixture(scope="module")
def procedural() -> Iterator[Running]:
    """One endpoint with the default engine."""
    with running_endpoint("--quota", "off") as running:
        yield running


def opened(encoded: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    image.load()
    return image


def engine_processes(running: Running) -> list[int]:
    """Ids of the processes that make pictures: the endpoint's children that multiprocessing spawned."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_text()
        except OSError:
            continue
        if parent == running.process.pid and "spawn_main" in command:
            found.append(int(stat.parent.name))
    return found


def test_the_same_request_gives_the_same_bytes_in_every_process_and_after_a_restart(procedural: Running) -> None:
    answers = {procedural.invoke(text_image(size=320)).body for _ in range(4)}
    with running_endpoint("--quota", "off", "--processes", "1") as other:
        answers.add(other.invoke(text_image(size=320)).body)
    assert len(answers) == 1


def test_another_seed_gives_another_picture(procedural: Running) -> None:
    images = {procedural.invoke(text_image(seed=seed, size=320)).json["images"][0] for seed in (1, 2)}
    assert len(images) == 2


def test_as_many_pictures_come_as_were_asked_for(procedural: Running) -> None:
    answer = procedural.invoke(text_image(count=3, size=320))
    assert answer.headers["x-darkroom-local-preview"] == "procedural"
    assert [opened(image).size for image in answer.json["images"]] == [(320, 320)] * 3


@pytest.mark.parametrize("model", [TITAN, NOVA])
def test_background_removal_gives_an_rgba_png(procedural: Running, picture: Callable[..., bytes], model: str) -> None:
    image = base64.b64encode(picture(400, 336, noise=True)).decode()
    answer = procedural.invoke({"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": image}}, model)
    assert answer.status == 200, answer.body
    cut_out = opened(answer.json["images"][0])
    assert (cut_out.format, cut_out.mode, cut_out.size) == ("PNG", "RGBA", (400, 336))


def test_an_edit_returns_its_mask_when_asked_to(procedural: Running, picture: Callable[..., bytes]) -> None:
    image = base64.b64encode(picture(320, 320, noise=True)).decode()
    params = {"image": image, "maskPrompt": "the background", "text": "a wall", "returnMask": True}
    answer = procedural.invoke({"taskType": "INPAINTING", "inPaintingParams": params}, TITAN)
    assert answer.status == 200, answer.body
    assert opened(answer.json["maskImage"]).size == opened(answer.json["images"][0]).size == (320, 320)


def test_other_requests_are_answered_while_pictures_are_made(procedural: Running) -> None:
    drawing = threading.Thread(target=procedural.invoke, args=(text_image(size=1024, seed=99),))
    drawing.start()
    waits: list[float] = []
    while drawing.is_alive():
        began = time.monotonic()
        assert procedural.invoke({}).status == 400
        waits.append(time.monotonic() - began)
    drawing.join()
    assert len(waits) > 5
    assert sorted(waits)[len(waits) // 2] < 0.1


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find the processes")
def test_a_dead_engine_process_costs_no_request_its_answer() -> None:
    with running_endpoint("--quota", "off", "--processes", "1") as running:
        expected = running.invoke(text_image(size=320)).body
        [before] = engine_processes(running)
        os.kill(before, signal.SIGKILL)
        assert running.invoke(text_image(size=320)).body == expected
        assert engine_processes(running) != [before]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find the processes")
def test_engine_processes_end_with_an_endpoint_that_is_killed() -> None:
    with running_endpoint("--quota", "off", expected_status=-signal.SIGKILL) as running:
        running.invoke(text_image(size=320))
        processes = engine_processes(running)
        assert len(processes) == 2
        running.process.kill()
        running.process.wait()
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{process}").exists() for process in processes):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_an_engine_that_takes_too_long_is_given_up_and_replaced() -> None:
    body = text_image(size=1024)
    request = Request("nova-canvas", NOVA, "TEXT_IMAGE", body, {}, {}, 1)

    async def draw_twice() -> None:
        engine = PooledEngine(1, time_limit_s=0.01)
        await engine.start()
        try:
            for _ in range(2):
                with pytest.raises(EngineSlow):
                    await engine.draw(request)
        finally:
            await engine.stop()

    asyncio.run(draw_twice())


def test_ctrl_c_stops_the_whole_group_without_a_word() -> None:
    command = [sys.executable, "-m", "darkroom_worker.local_bedrock", "--quota", "off"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        running = Running(json.loads(process.stdout.readline())["url"], process)
        assert running.invoke(text_image(size=320)).status == 200
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (0, "")
