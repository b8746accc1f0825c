"""Questions about pictures through the whole system: a real worker, a real endpoint whose log counts the paid calls."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image, ImageDraw

from darkroom import (
    Ask,
    Check,
    Compare,
    Darkroom,
    Describe,
    Extract,
    ImageVariation,
    JobRejected,
    JobState,
    Settings,
    TextImage,
    WrongResult,
)
from tests.integration.client.live import bedrock, live, settings, stack
from tests.integration.local_bedrock.endpoints import Running
from tests.support.bodies import b64, encoded
from tests.support.native_bodies import HAIKU
from tests.support.stack import Stack

__all__ = ["bedrock", "live", "settings", "stack"]

SCHEMA = {
    "type": "object",
    "properties": {"colours": {"type": "array", "items": {"type": "string"}}, "width": {"type": "integer", "minimum": 1}},
    "required": ["colours", "width"],
}
NOVA = "amazon.nova-canvas-v1:0"


def boat(size: tuple[int, int] = (640, 480), **options: Any) -> bytes:
    """A red boat on a blue sea, as far as anybody can tell."""
    image = Image.new("RGB", size, "#2255bb")
    ImageDraw.Draw(image).ellipse((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), fill="#cc2222")
    return encoded(image, **options)


@pytest.fixture
def plain(settings: Settings) -> Iterator[Darkroom]:
    """The client in one colour, where the other would only say the same."""
    with Darkroom(settings=settings) as room:
        yield room


def asked(stack: Stack, after: int) -> list[tuple[str, str, int, bool]]:
    """What the endpoint was asked since: operation, model, status, and whether it would be paid."""
    return [(row["operation"], row["model"], row["status"], row["billed"]) for row in stack.endpoint.log(after)]


def last(stack: Stack) -> int:
    return max((row["n"] for row in stack.endpoint.log()), default=0)


def test_each_question_is_answered_stored_and_counted(room: Darkroom, stack: Stack, tmp_path: Path) -> None:
    photo, before = boat(), last(stack)
    jobs = [
        room.submit(Describe(photo)),
        room.submit(Ask([photo], "What is it?"), model=HAIKU),
        room.submit(Extract([photo], SCHEMA), model="auto"),
        room.submit(Compare([photo, photo])),
        room.submit(Check(photo, "a red boat is visible")),
    ]
    views = [job.result(timeout=30) for job in jobs]

    assert [(view.task_type, view.model, view.state) for view in views] == [("CONVERSE", HAIKU, JobState.SUCCEEDED)] * 5
    assert asked(stack, before) == [("converse", HAIKU, 200, True)] * 5
    assert "640x480 pixels, blue" in jobs[0].text()
    assert jobs[2].json() == {"colours": ["blue", "red"], "width": 640}
    assert "Likeness of pictures 1 and 2: 100%" in jobs[3].text()
    assert jobs[4].json() == {"passes": True, "reason": "Local preview, no model looked at this. Picture 1 has 5% red."}
    with pytest.raises(WrongResult, match=r"text\(\) or json\(\)"):
        jobs[0].images()
    with pytest.raises(WrongResult, match=r"words, not JSON"):
        jobs[0].json()

    files = jobs[2].save(tmp_path)
    assert [file.name for file in files] == ["0.json", "job.json"]
    [out], [call] = views[2].outputs, jobs[2].status().calls
    assert (out.role, out.media_type, out.width, out.excerpt) == ("json", "application/json", None, files[0].read_text())
    assert call.usage is not None
    assert (call.usage.input_tokens or 0) > 400
    assert (views[2].cost.actual_usd, views[2].cost.estimated_usd) == (None, None)  # by tokens, whose price nobody told


def test_a_body_that_somebody_has_works_as_it_is_and_as_the_sdk_sends_it(room: Darkroom, bedrock: Running) -> None:
    content = [{"image": {"format": "png", "source": {"bytes": boat()}}}, {"text": "What is it?"}]
    client = boto3.client(
        "bedrock-runtime", endpoint_url=bedrock.url, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    answer = client.converse(modelId=HAIKU.replace("us.", "eu."), messages=[{"role": "user", "content": content}])  # type: ignore[list-item]
    words = answer["output"]["message"]["content"][0]["text"]  # type: ignore[typeddict-item]
    assert answer["stopReason"] == "end_turn"

    job = room.submit(with_base64(content), model="anthropic.claude-haiku-4-5-20251001-v1:0", region="eu-west-1")
    assert (job.result(timeout=30).model, job.text()) == (HAIKU.replace("us.", "eu."), words)


def with_base64(content: list[dict[str, Any]]) -> Mapping[str, object]:
    picture = {"image": {"format": "png", "source": {"bytes": b64(content[0]["image"]["source"]["bytes"])}}}
    return {"messages": [{"role": "user", "content": [picture, *content[1:]]}]}


@pytest.mark.parametrize(
    ("fault", "request_", "outcome", "paid"),
    [
        ("throttle:count=1", Describe(boat()), ("succeeded", "", None), 1),
        ("error=ServiceUnavailableException:count=1", Describe(boat()), ("succeeded", "", None), 1),
        ("inference-error:count=1", Extract([boat()], SCHEMA), ("succeeded", "", None), 2),
        ("empty-images", Extract([boat()], SCHEMA), ("failed", "attempts_exhausted", "unfit_answer"), 3),
        ("bad-base64:count=1", Check(boat(), "red"), ("succeeded", "", None), 2),
        ("invalid-json", Describe(boat()), ("failed", "invalid_answer", "invalid_answer"), 1),
        ("", Extract([boat()], SCHEMA, max_tokens=1), ("failed", "answer_cut_short", "answer_cut_short"), 1),
        ("", Describe(boat(), "[blocked]"), ("rejected", "content_filter", None), 0),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_goes_wrong_ends_as_it_should(
    plain: Darkroom, stack: Stack, fault: str, request_: Any, outcome: tuple[str, str, str | None], paid: int
) -> None:
    stack.faults(*([fault] if fault else []))
    before = last(stack)
    view = plain.submit(request_).wait(timeout=60)
    assert (view.state.value, view.reason, view.error.code if view.error else None) == outcome
    assert sum(billed for *_, billed in asked(stack, before)) == paid


def test_words_that_were_cut_off_are_kept_with_a_warning(plain: Darkroom) -> None:
    job = plain.submit(Describe(boat(), max_tokens=5))
    assert job.result(timeout=30).warnings[0].startswith("The answer was cut off at its longest length (5 tokens)")
    assert job.text() == "Local preview, no mo"


def test_a_picture_too_large_for_the_model_is_made_smaller_and_that_is_told(plain: Darkroom, stack: Stack) -> None:
    noise = Image.frombytes("RGB", (1500, 1000), random.Random(1).randbytes(4_500_000))
    job = plain.submit(Describe(encoded(noise)))
    view = job.result(timeout=60)
    assert "1470x980 pixels" in job.text()
    assert [text.startswith("A picture of 1500x1000 pixels and 4.5 MB is sent as JPEG of 1470x980") for text in view.lost] == [True]
    [row] = [row for row in stack.endpoint.log() if row["operation"] == "converse"][-1:]
    assert row["request_bytes"] < 5_000_000


def test_a_chain_goes_on_with_the_picture_that_passed_its_check(room: Darkroom, stack: Stack) -> None:
    before = last(stack)
    flow = room.chain(Check(question="a red boat is visible"), Describe(), ImageVariation(text="evening"), image=boat(), model=NOVA)
    view = flow.result(timeout=60)
    assert [(step.step, step.model, step.state.value) for step in view.steps] == [
        ("check", HAIKU, "succeeded"),
        ("describe", HAIKU, "succeeded"),
        ("variation", NOVA, "succeeded"),
    ]
    assert flow.steps["check"].json() == {
        "passes": True,
        "reason": "Local preview, no model looked at this. Picture 1 has 5% red.",
    }
    assert "640x480" in flow.steps["describe"].text()
    assert len(flow.images()) == 1
    assert sorted(row[0] for row in asked(stack, before)) == ["converse", "converse", "invoke"]


def test_a_chain_ends_where_its_picture_does_not_pass_and_nothing_more_is_paid(room: Darkroom, stack: Stack) -> None:
    before = last(stack)
    steps = TextImage("a boat", width=512, height=512), Check(question="everything is green"), ImageVariation(text="evening")
    flow = room.chain(*steps, model=NOVA)
    view = flow.wait(timeout=60)
    assert [(step.step, step.state.value, step.reason) for step in view.steps] == [
        ("text_image", "succeeded", ""),
        ("check", "rejected", "check_not_passed"),
        ("variation", "canceled", "dependency"),
    ]
    assert [row[0] for row in asked(stack, before)] == ["invoke", "converse"]
    verdict = flow.steps["check"].json()
    assert isinstance(verdict, dict)
    assert (verdict["passes"], "0% green" in verdict["reason"]) == (False, True)
    with pytest.raises(JobRejected, match="did not pass its check"):
        flow.result()


def test_a_guardrail_is_sent_with_the_call_and_its_gate_reads_the_answer(plain: Darkroom) -> None:
    guarded = {"guardrail": "localguard:1", "guardrail_gates": ["output"]}
    fine = plain.submit(Describe(boat()), **guarded).result(timeout=30)  # type: ignore[arg-type]
    assert fine.calls[0].guardrail_use is not None
    assert fine.calls[0].guardrail_use.text_units > 0
    for words in ("[guard-prompt]", "[guard-output]"):
        view = plain.submit(Describe(boat(), words), **guarded).wait(timeout=30)  # type: ignore[arg-type]
        assert (view.state.value, view.rejected[0].code) == ("rejected", "guardrail_intervened")
        assert "VIOLENCE (HIGH)" in view.rejected[0].message
