"""Workflows with a real worker and endpoint: the flagship, a diamond, the best of several; calls are counted by its log."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from darkroom import Darkroom, JobState, Settings, WorkflowHandle
from tests.integration.client.live import bedrock, live, settings, stack
from tests.support.stack import Stack
from tests.support.valkey import redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "settings", "stack", "valkey_server"]

DIAMOND = """
name: diamond
model: auto
parameters: {photo: {type: image}}
steps:
  cut: {do: background-removal, with: {image: $params.photo}}
  scene:
    for_each: [spring, summer, autumn, winter, night]
    do: outpainting
    with: {text: "a garden in ${item}", mode: PRECISE}
    images: ["$steps.cut.outputs[0]"]
  sheet: {step: {kind: contact_sheet, cell: 128}, images: $steps.scene.outputs}
"""
CHAIN = """
model: auto
parameters: {photo: {type: image}}
steps:
  first: {do: background-removal, with: {image: $params.photo}}
  second: {do: outpainting, with: {text: a beach, mode: PRECISE}}
  third: {do: conservative-upscale, with: {prompt: a beach}}
  fourth: {do: fast-upscale, images: ["$steps.second.outputs[0]"], needs: [third]}
"""
BOTH = ["$params.first", "$params.second"]
SCORE = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"], "additionalProperties": False}
JUDGE = {"do": "extract", "with": {"prompt": "How good is it?", "schema": SCORE}}
ANSWERS = ["$steps.judge.outputs[0]", "$steps.judge_2.outputs[0]"]
CHOICE = {
    "model": "auto",
    "parameters": {"first": {"type": "image"}, "second": {"type": "image"}},
    "steps": {
        "judge": {**JUDGE, "images": BOTH[:1]},
        "judge_2": {**JUDGE, "images": BOTH[1:]},
        "best": {"step": {"kind": "select", "by": "/score"}, "images": BOTH, "documents": ANSWERS},
        "none": {"step": {"kind": "select", "by": "/score", "at_least": 1e6}, "images": BOTH, "documents": ANSWERS},
        "after": {"step": {"kind": "invert"}, "images": ["$steps.none.outputs[0]"]},
    },
}
PAID = ["first", "second", "third", "fourth"]


@pytest.fixture
def room(settings: Settings) -> Darkroom:
    return Darkroom(settings=settings)


def document(folder: Path, text: str) -> Path:
    file = folder / "flow.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def photo() -> bytes:
    """A subject on a plain ground."""
    image = Image.new("RGB", (768, 768), (230, 230, 225))
    image.paste((180, 40, 30), (284, 184, 484, 584))
    return png(image)


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def billed(stack: Stack, after: int) -> int:
    """Requests since then that a model answered with a picture."""
    return len([entry for entry in stack.endpoint.log(after) if entry["status"] == 200 and entry["billed"]])


def last(stack: Stack) -> int:
    return max((int(entry["n"]) for entry in stack.endpoint.log()), default=0)


def paid_steps(flow: WorkflowHandle) -> int:
    return len([step for step in flow.status().steps if step.kind == "bedrock"])


def test_the_flagship_chain_runs_from_its_template_and_pays_each_step_once(room: Darkroom, stack: Stack) -> None:
    before = last(stack)
    flow = room.run("relight", {"photo": photo(), "variations": 2}, budget_usd=1)
    view = flow.result(60)
    assert view.state is JobState.SUCCEEDED
    assert len(flow.images()) == 2
    assert billed(stack, before) == 4, "cut-out, background, and two variations that are a call each"
    assert view.cost.actual_usd == pytest.approx(view.cost.estimated_usd)


def test_a_diamond_from_yaml_pays_each_arm_once_and_joins_once(room: Darkroom, stack: Stack, tmp_path: Path) -> None:
    before = last(stack)
    flow = room.run(document(tmp_path, DIAMOND), {"photo": photo()})
    view = flow.result(60)
    assert view.state is JobState.SUCCEEDED
    assert billed(stack, before) == 6
    events = [event.type for event in flow.steps["sheet"].events(timeout=5)]
    assert events.count("call.park") == 1
    [sheet] = flow.images()
    assert Image.open(io.BytesIO(sheet)).size == (3 * 136 + 8, 2 * 136 + 8)


def test_the_best_of_several_is_one_of_them_byte_for_byte(room: Darkroom) -> None:
    flow = room.run("best-of", {"prompt": "a red jar", "count": 3})
    assert flow.result(60).state is JobState.SUCCEEDED
    made = [one.sha256 for one in flow.steps["make"].status().outputs if one.role == "image"]
    [best] = flow.steps["best"].status().outputs
    assert best.sha256 in made
    scores = [flow.steps[f"judge_{number}"].json() for number in (1, 2, 3)]
    numbers = [score["score"] for score in scores if isinstance(score, dict)]
    assert made.index(best.sha256) == numbers.index(max(numbers))


def test_pictures_from_outside_are_chosen_from_and_none_where_none_is_good_enough(room: Darkroom) -> None:
    pictures = [photo(), png(Image.new("RGB", (512, 512), (40, 90, 160)))]
    flow = room.run(CHOICE, {"first": pictures[0], "second": pictures[1]})
    flow.wait(60)
    scores = [answer["score"] for name in ("judge", "judge_2") if isinstance(answer := flow.steps[name].json(), dict)]
    [best] = flow.steps["best"].status().outputs
    assert best.sha256 == hashlib.sha256(pictures[scores.index(max(scores))]).hexdigest()
    none = flow.steps["none"].status()
    assert (none.state, none.reason, list(none.outputs)) == (JobState.REJECTED, "nothing_selected", [])
    assert flow.steps["after"].status().state is not JobState.SUCCEEDED


@pytest.mark.parametrize("failing", range(4))
def test_going_on_after_a_failure_makes_exactly_the_missing_calls(
    room: Darkroom, stack: Stack, failing: int, tmp_path: Path
) -> None:
    before = last(stack)
    stack.faults(f"error=ValidationException:after={failing}:count=1")
    flow = room.run(document(tmp_path, CHAIN), {"photo": photo()})
    flow.wait(60)
    stack.faults()
    states = {step.step: step.state for step in flow.status().steps}
    assert states[PAID[failing]] is JobState.FAILED
    assert billed(stack, before) == failing

    middle = last(stack)
    again = flow.resume()
    assert again.result(60).state is JobState.SUCCEEDED
    assert billed(stack, middle) == len(PAID) - failing
    assert billed(stack, before) == len(PAID) == paid_steps(again)


def test_equal_free_steps_are_computed_once_and_equal_paid_ones_with_a_seed_called_once(room: Darkroom, stack: Stack) -> None:
    before = last(stack)
    steps = {
        "make": {"do": "text-image", "with": {"text": "a reused jar", "seed": 4242, "width": 512, "height": 512}},
        "small": {"step": {"kind": "resize", "width": 64, "height": 64}},
    }
    first = room.run({"model": "auto", "steps": steps})
    first.result(30)
    again = room.run({"model": "auto", "steps": steps})
    view = again.result(30)
    assert billed(stack, before) == 1
    assert [step.reused_from for step in view.steps] == [first.steps["make"].id, first.steps["small"].id]
    assert view.cost.actual_usd == 0
    assert again.images() == first.images()
