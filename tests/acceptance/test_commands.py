"""Every command of the command line against a running stack."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from PIL import Image

from tests.acceptance.conftest import RunningStack
from tests.acceptance.running import CommandLine

SMALL = ("--width", "512", "--height", "512")


def submitted(darkroom: CommandLine, *options: str) -> str:
    """The id of a finished job."""
    done = darkroom("submit", "text-image", "a red sailboat", *SMALL, "--wait", "--json", *options)
    assert done.code == 0, done.err
    return str(done.json["id"])


def test_a_submit_prints_nothing_but_the_id_on_standard_output(darkroom: CommandLine) -> None:
    done = darkroom("submit", "text-image", "a red sailboat", *SMALL)
    assert done.code == 0, done.err
    assert done.out.startswith("job_")
    assert done.out.count("\n") == 1
    assert f"darkroom watch {done.out.strip()}" in done.err


def test_a_saved_picture_is_the_stored_asset_byte_for_byte(darkroom: CommandLine, tmp_path: Path) -> None:
    done = darkroom("submit", "text-image", "a boat", "--seed", "7", "-n", "2", *SMALL, "--save", "out", "--json")
    assert done.code == 0, done.err
    names = [sha256((tmp_path / "out" / f"{index}.png").read_bytes()).hexdigest() for index in range(2)]
    assert [output["sha256"] for output in done.json["outputs"]] == names
    assert json.loads((tmp_path / "out" / "job.json").read_text())["id"] == done.json["id"]
    assert done.json["request"]["imageGenerationConfig"] == {"numberOfImages": 2, "width": 512, "height": 512, "seed": 7}


def test_every_task_type_has_a_subcommand_that_builds_its_body(darkroom: CommandLine, photo: Path) -> None:
    mask = photo.with_name("mask.png")
    Image.new("RGB", (512, 512), "white").save(mask)
    image = ("--image", str(photo))
    commands = [
        ("inpainting", "a flower", *image, "--mask-prompt", "the disc"),
        ("inpainting", *image, "--mask", str(mask)),
        ("outpainting", "a beach", *image, "--mask-prompt", "the disc", "--mode", "precise"),
        ("image-variation", "a disc", *image, *image, "--similarity-strength", "0.5"),
        ("color-guided-generation", "a jar", "--color", "#ff0000", "--color", "#00ff00", "--reference", str(photo)),
        ("background-removal", *image),
        ("virtual-try-on", "--source", str(photo), "--reference", str(photo), "--garment-class", "upper-body"),
    ]
    states = {}
    for command in commands:
        done = darkroom("submit", *command, "--wait", "--json")
        states[command] = (done.code, done.json.get("state"), done.err)
    assert states == dict.fromkeys(commands, (0, "succeeded", ""))


def test_bedrocks_own_body_is_taken_from_standard_input(darkroom: CommandLine) -> None:
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat"}}
    model = "amazon.titan-image-generator-v2:0"
    done = darkroom("submit", "--json-body", "-", "--model", model, "--wait", "--json", given=json.dumps(body))
    assert (done.code, done.json["model"], done.json["request"]) == (0, model, body)


def test_one_key_makes_one_job(darkroom: CommandLine) -> None:
    first, second = (submitted(darkroom, "--key", "order-1") for _ in range(2))
    assert first == second
    other = darkroom("submit", "text-image", "another boat", "--key", "order-1", "--json")
    assert (other.code, other.json["error"]["code"]) == (2, "idempotency_conflict")


def test_status_list_and_fetch_agree_on_a_job(darkroom: CommandLine, tmp_path: Path) -> None:
    identity = submitted(darkroom, "--tenant", "blue", "--meta", "order=42")
    view = darkroom("status", identity, "--json").json
    assert (view["metadata"], view["state"]) == ({"order": "42"}, "succeeded")
    assert [call["attempts"][0]["outcome"] for call in view["calls"]] == ["answered"]
    assert [job["id"] for job in darkroom("list", "--tenant", "blue", "--limit", "1", "--json").json["jobs"]] == [identity]
    fetched = darkroom("fetch", identity, "--out", "got", "--json").json
    assert [Path(name).name for name in fetched["files"]] == ["0.png", "job.json"]
    assert sha256((tmp_path / "got" / "0.png").read_bytes()).hexdigest() == view["outputs"][0]["sha256"]


def test_people_get_tables_of_the_same(darkroom: CommandLine) -> None:
    identity = submitted(darkroom)
    assert identity in darkroom("list").out
    told = darkroom("status", identity).out
    assert "succeeded" in told
    assert "asset:" in told
    assert "\x1b[" not in told


def test_watch_prints_each_event_as_a_line_up_to_the_last(darkroom: CommandLine) -> None:
    identity = darkroom("submit", "text-image", "a boat", *SMALL).out.strip()
    done = darkroom("watch", identity, "--json")
    assert done.code == 0
    assert [event["sequence"] for event in done.lines] == list(range(1, len(done.lines) + 1))
    assert (done.lines[0]["type"], done.lines[-1]["terminal"], done.lines[-1]["state"]) == ("job.accepted", True, "succeeded")
    assert next(event["sequence"] for event in darkroom("watch", identity, "--json", "--after", "2").lines) == 3


def test_a_scheduled_job_can_be_canceled_before_it_costs_anything(darkroom: CommandLine) -> None:
    identity = darkroom("submit", "text-image", "a boat", "--not-before", "+1h").out.strip()
    assert darkroom("status", identity, "--json").json["state"] == "scheduled"
    first, second = (darkroom("cancel", identity, "--json") for _ in range(2))
    assert (first.code, first.json) == (0, {"id": identity, "outcome": "prevented", "state": "canceled"})
    assert (second.code, second.json["outcome"]) == (1, "finished")
    watched = darkroom("watch", identity)
    assert watched.code == 1
    assert "canceled" in watched.out


def test_a_wait_that_runs_out_says_that_the_job_goes_on(darkroom: CommandLine) -> None:
    done = darkroom("submit", "text-image", "a boat", "--not-before", "+1h", "--timeout", "300ms", "--json")
    assert (done.code, done.json["error"]["code"]) == (4, "still_running")
    identity = done.json["error"]["message"].split()[0]
    assert darkroom("fetch", identity).code == 4
    assert darkroom("watch", identity, "--timeout", "0.2s", "--json").code == 4
    assert darkroom("cancel", identity).code == 0


def test_a_chain_shows_its_inserted_steps_and_saves_every_step(darkroom: CommandLine, photo: Path, tmp_path: Path) -> None:
    steps = ("background-removal", "outpainting:on a beach, at sunset,seed=3", "image-variation:n=3,width=512,height=512")
    planned = darkroom("chain", photo, *steps, "--dry-run", "--json").json
    assert [(step["name"], step["inserted"]) for step in planned["steps"]] == [
        ("background_removal", False),
        ("flatten", True),
        ("mask_from_alpha", True),
        ("outpainting", False),
        ("variation", False),
    ]
    assert darkroom("plan", photo, *steps, "--json").json == planned
    done = darkroom("chain", photo, *steps, "--save", "beach")
    assert done.code == 0, done.err
    assert "+ mask_from_alpha" in done.err
    assert len(list((tmp_path / "beach").glob("*variation/*.png"))) == 3


def test_a_chain_can_stand_in_a_file(darkroom: CommandLine, photo: Path, tmp_path: Path) -> None:
    words = {"taskType": "OUTPAINTING", "outPaintingParams": {"text": "a wooden table"}, "name": "wider"}
    chain = {"image": str(photo), "steps": [{"step": {"kind": "zoom_out", "width": 768, "height": 768}}, words]}
    (tmp_path / "chain.json").write_text(json.dumps(chain))
    done = darkroom("chain", "--file", "chain.json", "--wait", "--json")
    assert done.code == 0, done.err
    assert [step["step"] for step in done.json["steps"]] == ["zoom_out", "wider"]
    watched = darkroom("watch", done.json["id"], "--json")
    assert {event["step"] for event in watched.lines} == {"zoom_out", "wider"}
    assert darkroom("fetch", done.json["id"], "--out", "all").code == 0


def test_the_doctor_finds_a_running_stack_healthy(darkroom: CommandLine) -> None:
    done = darkroom("doctor", "--json")
    levels = {check["check"]: check["level"] for check in done.json["checks"]}
    assert (done.code, done.json["ok"]) == (0, True), done.out
    needed = ("python", "ledger", "durability", "clock", "workers", "asset store", "bedrock", "default model")
    assert {name: levels[name] for name in needed} == dict.fromkeys(needed, "ok")


def test_up_announces_addresses_and_a_way_into_flower(stack: RunningStack) -> None:
    told = stack.announced
    assert told["redis_url"].startswith("unix://")
    assert told["bedrock_url"].startswith("http://127.0.0.1:")
    assert told["flower"]["user"] == "darkroom"
    assert len(told["flower"]["password"]) > 15


def test_a_second_up_on_the_same_home_says_who_runs_there(darkroom: CommandLine) -> None:
    done = darkroom("up", "--json")
    assert (done.code, done.json["error"]["code"]) == (3, "misconfigured")
    assert "already runs" in done.err


def test_worker_and_local_bedrock_take_their_arguments_as_they_are(darkroom: CommandLine) -> None:
    assert "--fault" in darkroom("local-bedrock", "--help").out
    assert "worker" in darkroom("worker", "--help").out
    refused = darkroom("local-bedrock", "--engine", "oil-on-canvas")
    assert refused.code == 2
    assert "oil-on-canvas" in refused.err
