"""The local endpoint's guardrails over the wire: known and unknown ones, blocked calls in each family's form, ApplyGuardrail."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.integration.local_bedrock.endpoints import AUTHORIZATION, NOVA, TITAN, Raw, Running, running_endpoint, text_image
from tests.support.native_bodies import CORE, SDXL

ARN = "arn:aws:bedrock:us-east-1:123456789012:guardrail/localguard"
GUARD = {"Identifier": "localguard", "Version": "1"}
BLOCKED = {"amazon-bedrock-guardrailAction": "INTERVENED"}


def invoked(running: Running, body: object, model: str, headers: dict[str, str], *, trace: bool = False) -> Raw:
    """A call with a guardrail's headers, without what they all begin with."""
    named = {f"X-Amzn-Bedrock-Guardrail{name}": value for name, value in headers.items()}
    more = {"X-Amzn-Bedrock-Trace": "ENABLED"} if trace else {}
    path = f"/model/{quote(model, safe='')}/invoke"
    return running.request("POST", path, json.dumps(body).encode(), {"authorization": AUTHORIZATION, **named, **more})


def applied(running: Running, *content: object, guardrail: str = "localguard", version: str = "1", source: str = "INPUT") -> Raw:
    path = f"/guardrail/{quote(guardrail, safe='')}/version/{version}/apply"
    body = json.dumps({"source": source, "content": content}).encode()
    return running.request("POST", path, body, {"authorization": AUTHORIZATION})


def text(words: str) -> dict[str, Any]:
    return {"text": {"text": words}}


def picture(colour: tuple[int, int, int], size: int = 64, kind: str = "png") -> dict[str, Any]:
    out = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(out, "PNG")
    return {"image": {"format": kind, "source": {"bytes": base64.b64encode(out.getvalue()).decode()}}}


@pytest.mark.parametrize(
    ("model", "body", "told"),
    [
        (NOVA, text_image("[guard-prompt]"), {"images": []}),
        (TITAN, text_image("[guard-prompt]"), {"images": [], "error": None}),
        (CORE, {"prompt": "[guard-prompt]"}, {}),
        (SDXL, {"text_prompts": [{"text": "[guard-prompt]"}]}, {"result": "success", "artifacts": []}),
    ],
)
def test_a_blocked_call_is_a_200_in_the_form_of_its_family(
    canned: Running, model: str, body: dict[str, object], told: dict[str, object]
) -> None:
    answer = invoked(canned, body, model, GUARD)
    assert (answer.status, answer.json) == (200, told | BLOCKED)
    traced = invoked(canned, body, model, {"Identifier": ARN, "Version": "DRAFT"}, trace=True).json["amazon-bedrock-trace"]
    assert traced["guardrail"]["actionReason"] == "Guardrail blocked."
    assert traced["guardrail"]["input"]["localguard"]["contentPolicy"]["filters"][0]["type"] == "VIOLENCE"


def test_a_call_that_passes_says_so_beside_its_picture(canned: Running) -> None:
    answer = invoked(canned, text_image(), NOVA, GUARD).json
    assert (answer["amazon-bedrock-guardrailAction"], len(answer["images"]), "amazon-bedrock-trace" in answer) == ("NONE", 1, False)
    assert "amazon-bedrock-guardrailAction" not in canned.invoke(text_image("[guard-prompt]")).json


@pytest.mark.parametrize(
    "headers",
    [{"Identifier": "nosuch", "Version": "1"}, {"Identifier": "localguard", "Version": "2"}, {"Identifier": "localguard"}],
)
def test_a_call_with_an_unknown_guardrail_is_refused(canned: Running, headers: dict[str, str]) -> None:
    answer = invoked(canned, text_image(), NOVA, headers)
    assert (answer.status, answer.error_code) == (400, "ValidationException")
    assert "uardrail" in answer.json["message"]


@pytest.mark.parametrize(("guardrail", "version"), [("nosuch", "1"), ("localguard", "2")])
def test_an_unknown_guardrail_cannot_be_asked(canned: Running, guardrail: str, version: str) -> None:
    answer = applied(canned, text("x"), guardrail=guardrail, version=version)
    assert (answer.status, answer.error_code) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("content", "action"),
    [
        ([text("a boat")], "NONE"),
        ([text("a boat"), text("a [guard-prompt] b")], "GUARDRAIL_INTERVENED"),
        ([picture((255, 0, 255))], "GUARDRAIL_INTERVENED"),
        ([picture((231, 24, 231))], "GUARDRAIL_INTERVENED"),
        ([picture((230, 0, 255))], "NONE"),
        ([text("a boat"), picture((0, 0, 255))], "NONE"),
    ],
)
def test_a_guardrail_says_whether_it_steps_in_and_what_it_looked_at(
    canned: Running, content: list[dict[str, Any]], action: str
) -> None:
    answer = applied(canned, *content, guardrail=ARN).json
    images = sum("image" in block for block in content)
    assert (answer["action"], answer["usage"]["contentPolicyImageUnits"]) == (action, images)
    assert answer["guardrailCoverage"]["images"] == {"guarded": images, "total": images}


@pytest.mark.parametrize(
    "content",
    [
        [],
        [{"video": {}}],
        [picture((0, 0, 0), kind="jpeg")],
        [picture((0, 0, 0), size=8001)],
        [picture((0, 0, 0))] * 21,
        [{"image": {"format": "png", "source": {"bytes": "AAAA"}}}],
    ],
    ids=["nothing", "a film", "another format", "too large", "too many", "no picture"],
)
def test_a_request_beyond_the_limits_is_refused(canned: Running, content: list[dict[str, Any]]) -> None:
    answer = applied(canned, *content)
    assert (answer.status, answer.error_code) == (400, "ValidationException")


def test_the_first_picture_of_a_marked_call_is_objected_to_later(canned: Running) -> None:
    made = invoked(canned, text_image("[guard-picture]", seed=4711, count=2), NOVA, GUARD).json["images"]
    contents = [{"image": {"format": "png", "source": {"bytes": image}}} for image in made]
    actions = [applied(canned, content, source="OUTPUT").json["action"] for content in contents]
    assert actions == ["GUARDRAIL_INTERVENED", "NONE"]


def test_more_guardrails_are_named_at_the_start() -> None:
    with running_endpoint("--engine", "canned", "--guardrail", "mine1") as endpoint:
        statuses = [applied(endpoint, text("x"), guardrail=name).status for name in ("mine1", "localguard", "other")]
    assert statuses == [200, 200, 404]
