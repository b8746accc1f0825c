"""`darkroom lint-prompt` and `darkroom prices` as a person calls them, without a stack; and what `submit` tells of a prompt."""

from __future__ import annotations

import json

import pytest

from darkroom_shared.models.catalogue import MODELS, gives_documents
from tests.acceptance.running import CommandLine

NOVA, CORE = "amazon.nova-canvas-v1:0", "stability.stable-image-core-v1:1"
BODY = {"taskType": "INPAINTING", "inPaintingParams": {"maskPrompt": "it", "text": "a chair without arms"}}


def test_advice_is_printed_with_its_place_and_what_to_write_instead(alone: CommandLine) -> None:
    done = alone("lint-prompt", "a street at dawn with no cars")
    assert done.code == 0
    assert done.out.startswith("/textToImageParams/text: ")
    assert "negativeText" in done.out


def test_there_may_be_nothing_to_say(alone: CommandLine) -> None:
    done = alone("lint-prompt", 'a shop sign that says "NO ENTRY" above a door', "--strict")
    assert (done.code, done.out) == (0, "")
    assert alone("lint-prompt", "a red sailboat at sea", "--json").json == {"model": NOVA, "advice": []}


def test_strict_makes_an_error_of_advice(alone: CommandLine) -> None:
    assert [alone("lint-prompt", "boat", *more).code for more in ((), ("--strict",), ("--strict", "--json"))] == [0, 2, 2]


@pytest.mark.parametrize("arguments", [("--json-body", "body.json"), ("--json-body", "-")])
def test_a_body_is_read_from_a_file_or_from_standard_input(alone: CommandLine, arguments: tuple[str, ...]) -> None:
    (alone.folder / "body.json").write_text(json.dumps(BODY))
    done = alone("lint-prompt", *arguments, "--json", given=json.dumps(BODY))
    found = {(advice["pointer"], advice["code"]) for advice in done.json["advice"]}
    assert found == {("/inPaintingParams/maskPrompt", "vague_mask"), ("/inPaintingParams/text", "negation")}
    assert set(done.json["advice"][0]) == {"pointer", "code", "message", "suggestion"}


@pytest.mark.parametrize(
    ("model", "pointer"),
    [
        (CORE, "/prompt"),
        ("stability.stable-diffusion-xl-v1", "/text_prompts/0/text"),
        ("us.stability.stable-outpaint-v1:0", "/prompt"),
        ("auto", "/textToImageParams/text"),
    ],
)
def test_words_are_read_in_the_dialect_of_the_model(alone: CommandLine, model: str, pointer: str) -> None:
    done = alone("lint-prompt", "a street at dawn with no cars", "--model", model, "--json")
    assert [advice["pointer"] for advice in done.json["advice"]] == [pointer]


def test_a_native_body_without_a_task_is_that_of_its_model(alone: CommandLine) -> None:
    given = json.dumps({"prompt": "a street at dawn with no cars"})
    assert alone("lint-prompt", "--json-body", "-", "--model", CORE, given=given).code == 0
    assert alone("lint-prompt", "--json-body", "-", given=given).code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give a prompt"),
        (("boat", "--json-body", "-"), "one of the two"),
        (("boat", "--model", "nova-canvass"), "no model"),
        (("boat", "--model", "us.stability.stable-image-remove-background-v1:0"), "no prompt"),
        (("--json-body", "nowhere.json"), "nowhere.json"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_no_traceback(alone: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    done = alone("lint-prompt", *arguments)
    assert (done.code, said in done.err, "Traceback" in done.err) == (2, True, False)


def test_a_submit_tells_its_advice_once_and_the_job_keeps_it(darkroom: CommandLine) -> None:
    done = darkroom("submit", "text-image", "a street at dawn with no cars", "--wait")
    assert done.code == 0, done.err
    assert (done.out + done.err).count('image models do not understand "no"') == 1
    quiet = darkroom("submit", "text-image", "a street at dawn with no cars", "--json", DARKROOM_ADVICE="false")
    assert quiet.json["warnings"] == []


BY_TOKENS = [model.id for model in MODELS.values() if gives_documents(model)]


def test_the_prices_in_force_are_shown_with_version_and_sources(alone: CommandLine) -> None:
    told = alone("prices", "--json").json
    assert (told["currency"], told["file"], told["without_price"], told["not_in_catalogue"]) == ("USD", None, BY_TOKENS, [])
    row = next(row for row in told["prices"] if row["model"] == NOVA and row["quality"] == "premium" and row["size"])
    assert (row["usd"], row["size"], row["unit"], bool(row["source"]), bool(row["as_of"])) == (
        0.06,
        "1024x1024",
        "image",
        True,
        True,
    )
    done = alone("prices")
    assert told["version"] in done.err
    assert "$0.04 an image" in done.out


def test_prices_of_ones_own_come_first_and_models_without_one_are_named(alone: CommandLine) -> None:
    rows = [{"model": NOVA, "usd": 0.05}, {"model": CORE, "usd": None}, {"model": "somebody.brush-v1:0", "usd": 1}]
    (alone.folder / "prices.json").write_text(json.dumps({"version": "studio-1", "prices": rows}))
    done = alone("prices", "--json", DARKROOM_PRICES="prices.json")
    assert done.json["version"].endswith("+studio-1")
    assert [row["usd"] for row in done.json["prices"] if row["model"] in (NOVA, CORE)] == [0.05, None]
    assert (done.json["without_price"], done.json["not_in_catalogue"]) == ([CORE, *BY_TOKENS], ["somebody.brush-v1:0"])
    said = alone("prices", DARKROOM_PRICES="prices.json")
    assert "not known" in said.out
    assert f"No price is known of: {CORE}" in said.err
    models = {model["id"]: model for model in alone("models", "--json", DARKROOM_PRICES="prices.json").json["models"]}
    assert {row["price_usd"] for row in models[NOVA]["prices_usd"]} == {0.05}


def test_a_wrong_file_of_prices_stops_every_command_with_line_and_field(alone: CommandLine) -> None:
    (alone.folder / "prices.json").write_text('{"version": "x",\n "prices": [\n {"model": "m", "usd": 0}]}')
    done = alone("list", DARKROOM_PRICES="prices.json")
    assert (done.code, "Traceback" in done.err) == (3, False)
    assert "line 3, prices[0].usd" in done.err
