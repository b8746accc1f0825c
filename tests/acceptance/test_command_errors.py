"""What the command line says when something is wrong: one sentence that mends, the right exit code, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from tests.acceptance.running import CommandLine
from tests.support.bodies import edited, sample
from tests.support.rows import pairs

TITAN, NOVA = "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"


def test_without_a_stack_the_error_says_how_to_start_one(alone: CommandLine) -> None:
    done = alone("list")
    assert (done.code, done.out) == (3, "")
    assert "darkroom up" in done.err
    assert "DARKROOM_REDIS_URL" in done.err


def test_with_json_the_error_is_one_document_on_standard_output(alone: CommandLine) -> None:
    done = alone("status", "job_x", "--json")
    assert (done.code, done.json["error"]["code"], done.json["error"]["problems"]) == (3, "misconfigured", [])


def test_a_redis_that_is_away_is_not_a_traceback(alone: CommandLine) -> None:
    done = alone("list", DARKROOM_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.code == 3
    assert "Traceback" not in done.err
    assert "darkroom doctor" in done.err


def test_a_wrong_setting_is_named(alone: CommandLine) -> None:
    done = alone("list", DARKROOM_SLOTS="many")
    assert done.code == 3
    assert "DARKROOM_SLOTS" in done.err


def test_the_doctor_without_a_stack_fails_and_says_how_to_mend_it(alone: CommandLine) -> None:
    done = alone("doctor", "--json")
    ledger = next(check for check in done.json["checks"] if check["check"] == "ledger")
    assert (done.code, done.json["ok"], ledger["level"]) == (1, False, "fail")
    assert "darkroom up" in ledger["mend"]
    assert not (alone.folder / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sing",), "No such command"),
        (("submit", "text-image"), "TEXT"),
        (("submit", "text-image", "x", "--seed", "many"), "integer"),
        (("submit",), "text-image"),
        (("submit", "inpainting", "--image", "nowhere.png"), "nowhere.png"),
        (("submit", "image-variation"), "--image FILE"),
        (("submit", "text-image", "x", "--start-within", "9999999999d"), "--start-within"),
        (("submit", "text-image", "x", "--not-before", "+9999999999d"), "--not-before"),
        (("submit", "text-image", "x", "--style", "cubism"), "PHOTOREALISM"),
        (("submit", "text-image", "x", "--start-within", "soon"), "90s"),
        (("submit", "text-image", "x", "--not-before", "tomorrow"), "+10m"),
        (("submit", "text-image", "x", "--meta", "colour"), "NAME=VALUE"),
        (("submit", "--json-body", "nowhere.json"), "nowhere.json"),
        (("submit", "--model", NOVA, "text-image", "x"), "behind the task type"),
        (("chain",), "--help"),
        (("chain", "nowhere.png", "background-removal"), "neither a picture"),
        (("chain", "text-image:a boat", "outpaint:a beach"), "outpainting"),
        (("chain", "text-image:a boat,sed=3"), "seed"),
        (("chain", "text-image:a boat,seed=x"), "whole number"),
        (("chain", "resize:longest_side=wide"), "longest_side"),
        (("chain", "background-removal:a boat"), "no prompt"),
        (("chain", "--file", "nowhere.json"), "nowhere.json"),
        (("plan", "text-image:a boat", "--file", "x.json"), "not both"),
        (("validate", "--json", "nowhere.json"), "--model"),
        (("fetch",), "ID"),
    ],
    ids=lambda value: " ".join(cast("tuple[str, ...]", value))[:60] if isinstance(value, tuple) else None,
)
def test_wrong_input_ends_with_2_and_a_sentence(darkroom: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    done = darkroom(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_refused_request_names_every_problem(darkroom: CommandLine) -> None:
    done = darkroom("submit", "text-image", "x", "--width", "500", "--seed", "-1", "--json")
    assert (done.code, done.json["error"]["code"]) == (2, "invalid_input")
    pointers = {problem["pointer"] for problem in done.json["error"]["problems"]}
    assert pointers == {"/imageGenerationConfig/width", "/imageGenerationConfig/seed"}
    assert "/imageGenerationConfig/seed" in done.err


def test_an_unknown_id_ends_with_2(darkroom: CommandLine) -> None:
    for command in ("status", "watch", "cancel", "fetch"):
        done = darkroom(command, "job_" + "0" * 26, "--json")
        assert (done.code, done.json["error"]["code"]) == (2, "not_found")


def test_a_job_that_a_filter_refused_ends_with_1(darkroom: CommandLine) -> None:
    done = darkroom("submit", "text-image", "a boat [blocked]", "--wait", "--json")
    assert (done.code, done.json["state"]) == (1, "rejected"), done.out


def test_every_sample_body_is_valid_for_every_model_that_takes_it(alone: CommandLine) -> None:
    rows = [{"id": f"{model.id} {name}", "model_id": model.id, "body": sample(name)} for model, name in pairs()]
    done = alone("validate", given="\n".join(map(json.dumps, rows)))
    assert (done.code, done.lines) == (0, [{"id": row["id"], "valid": True, "errors": []} for row in rows])


def test_a_fine_tuned_model_is_validated_by_the_rules_of_its_base_once_it_is_said_which_that_is(alone: CommandLine) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/boat00000001"
    rows = "\n".join(json.dumps({"model_id": arn, "body": sample(name)}) for name in ("TEXT_IMAGE", "INPAINTING"))
    told = alone("validate", given=rows, DARKROOM_CUSTOM_MODELS=json.dumps({arn: TITAN}))
    assert [line["valid"] for line in told.lines] == [True, False]  # a fine-tuned Titan does not inpaint
    assert told.lines[1]["errors"][0]["pointer"] == "/taskType"
    untold = alone("validate", given=rows)
    assert all("DARKROOM_CUSTOM_MODELS" in line["errors"][0]["message"] for line in untold.lines)


def test_each_line_of_a_stream_gets_its_verdict(alone: CommandLine) -> None:
    good = sample("TEXT_IMAGE")
    bad = edited(good, "/imageGenerationConfig/seed", -1)
    rows = [{"id": 1, "model_id": TITAN, "body": good}, {"id": "b", "model_id": TITAN, "body": bad}, {"id": 3, "body": good}]
    done = alone("validate", given="\n".join([*map(json.dumps, rows), "not json", ""]))
    assert done.code == 2
    assert [(line["id"], line["valid"]) for line in done.lines] == [(1, True), ("b", False), (3, False), (None, False)]
    assert done.lines[1]["errors"][0]["pointer"] == "/imageGenerationConfig/seed"
    assert set(done.lines[1]["errors"][0]) == {"pointer", "message", "allowed"}


def test_models_tell_prices_quotas_and_dates(alone: CommandLine) -> None:
    told = {model["id"]: model for model in alone("models", "--json").json["models"]}
    assert told[NOVA]["end_of_life"] == "2026-09-30"
    assert told[NOVA]["requests_per_minute"] == 100
    assert {"width": 512, "height": 512, "quality": "standard", "price_usd": 0.008} in told[TITAN]["prices_usd"]
    assert NOVA in alone("models").out


def test_profiles_of_a_model_share_a_row_unless_every_id_is_asked_for(alone: CommandLine) -> None:
    ids = [model["id"] for model in alone("models", "--json").json["models"]]
    every, short = alone("models", "--all"), alone("models")
    first = [line.split()[0] for line in short.out.splitlines() if line.strip()]

    assert set(ids) <= {line.split()[0] for line in every.out.splitlines() if line.strip()}
    assert (first.count("anthropic.claude-opus-4-7"), first.count("us.anthropic.claude-opus-4-7")) == (1, 0)
    assert "us, eu, jp, au, global" in short.out
    assert first.count("cohere.embed-v4:0") == 2, "with a profile it has another quota"
    assert {"us.stability.stable-outpaint-v1:0", NOVA} <= set(first)
    assert f"{len(ids)} ids in " in short.err
    assert alone("models", "--all", "--json").code == 2


def test_one_picture_alone_is_not_compared_on_the_command_line(alone: CommandLine, photo: Path) -> None:
    done = alone("submit", "compare", "--image", photo)
    assert done.code == 2
    assert "/images: there is nothing to compare one picture with" in done.err


def test_help_names_every_command(alone: CommandLine) -> None:
    told = alone("--help").out
    wanted = "demo up submit chain plan status watch list fetch cancel validate models quotas doctor worker local-bedrock"
    for command in (*wanted.split(), "lint-prompt", "prices"):
        assert f"  {command} " in told
    assert alone().code == 2


def test_nothing_coloured_goes_into_a_pipe(darkroom: CommandLine, photo: Path) -> None:
    for command in (("models",), ("doctor",), ("list",), ("plan", photo, "background-removal")):
        done = darkroom(*command)
        assert "\x1b[" not in done.out + done.err


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_submitted(darkroom: CommandLine) -> None:
    (darkroom.folder / "taken").write_text("a file")
    before = darkroom("list", "--json").json["jobs"]
    for command in (("submit", "text-image", "x"), ("chain", "text-image:x")):
        done = darkroom(*command, "--save", "taken/pictures")
        assert done.code == 2
        assert "--save" in done.err
    assert darkroom("list", "--json").json["jobs"] == before


def test_pictures_of_one_job_are_not_written_over_by_those_of_another(darkroom: CommandLine) -> None:
    keyed = ("submit", "text-image", "a red boat", "--key", "boat", "--save", "boats", "--json")
    job = darkroom(*keyed).json["id"]
    before = darkroom("list", "--json").json["jobs"]
    for command in (("submit", "text-image", "x"), ("chain", "text-image:x")):
        done = darkroom(*command, "--save", "boats")
        assert (done.code, f"boats holds the results of {job}, which would be written over" in done.err) == (2, True)
    assert darkroom("list", "--json").json["jobs"] == before

    assert darkroom(*keyed).json["id"] == job, "the same job again may lie where it lies"
    assert darkroom("fetch", job, "--out", "boats").code == 0
    other = darkroom("submit", "text-image", "a blue boat", "--key", "another", "--save", "boats")
    [new] = [view["id"] for view in darkroom("list", "--json").json["jobs"] if view not in before]
    assert other.code == 2
    assert f"darkroom fetch {new} --out DIR" in other.err
    assert darkroom("fetch", new, "--out", "boats").code == 2
    assert json.loads((darkroom.folder / "boats" / "job.json").read_text())["id"] == job


def test_pictures_that_cannot_be_saved_can_be_fetched_elsewhere(darkroom: CommandLine) -> None:
    job = darkroom("submit", "text-image", "a red boat", "--wait", "--json").json["id"]
    (darkroom.folder / "taken").write_text("a file")
    done = darkroom("fetch", job, "--out", "taken")
    assert done.code == 3
    assert f"darkroom fetch {job} --out DIR" in done.err
    assert darkroom("fetch", job, "--out", "elsewhere").code == 0


def test_a_warning_is_told_once_and_without_its_line_of_source(darkroom: CommandLine) -> None:
    done = darkroom("chain", "text-image:a boat,n=2", "background-removal", "--wait")
    assert done.code == 0, done.err
    assert done.err.count("the first of the 2 pictures") == 1
    assert "DarkroomWarning" not in done.err


@pytest.mark.parametrize("arguments", [("--model", TITAN, "--json"), ("--json", "--model", TITAN)])
def test_validate_says_how_it_reads_lines(alone: CommandLine, arguments: tuple[str, ...]) -> None:
    done = alone("validate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert "without --json, JSON lines are read from standard input" in done.err


def test_without_the_command_lines_packages_one_sentence_names_the_extra(tmp_path: Path) -> None:
    code = "import sys; sys.modules['typer'] = None; from darkroom.__main__ import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 3
    assert "pip install 'darkroom[direct]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "65536"), "65535"),
        (("--port", "-1"), "65535"),
        (("--log", "nowhere/log.jsonl"), "nowhere/log.jsonl cannot be opened"),
    ],
)
def test_the_local_endpoint_names_the_option_that_is_wrong(alone: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    done = alone("local-bedrock", *arguments)
    assert (done.code, done.out) == (2, "")
    assert arguments[0] in done.err
    assert said in done.err
