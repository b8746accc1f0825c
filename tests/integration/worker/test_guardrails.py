"""Guardrails with a real worker and an endpoint that plays them: blocked calls, the gates before and after, gates that are shut."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from darkroom_shared.contract.views import Attempt, GuardrailUse, JobView, Rejected
from darkroom_shared.storage import open_store
from darkroom_shared.store import steering
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.native_bodies import CORE
from tests.support.stack import PRICE, Stack

Seeds = Callable[[], int]
GUARD = "localguard:1"
FOUND = "content filter VIOLENCE (HIGH)"
USD = PRICE / 1_000_000


def asset(fleet: Stack, data: bytes, media_type: str = "image/png") -> str:
    """Stores a picture; how a request refers to it."""
    return f"asset:{open_store(fleet.settings.store_url).put(data, media_type).sha256}"


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def variation(image: str, number: int) -> dict[str, object]:
    """A variation of a stored picture."""
    config = {"seed": number, "numberOfImages": 1, "width": 512, "height": 512}
    return {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"images": [image]}, "imageGenerationConfig": config}


def use_of(view: JobView) -> GuardrailUse | None:
    """What the one call of a job asked its guardrail."""
    [call] = view.calls
    return call.guardrail_use


def asked(fleet: Stack, after: int) -> list[dict[str, Any]]:
    """What the endpoint logged of ApplyGuardrail since an entry."""
    return [entry for entry in fleet.endpoint.log(after) if entry["operation"] == "apply-guardrail"]


def last(fleet: Stack) -> int:
    """The number of the log's last entry."""
    return max((entry["n"] for entry in fleet.endpoint.log()), default=0)


def test_a_call_that_its_guardrail_blocks_is_rejected_with_the_guardrails_reason(fleet: Stack, seed: Seeds) -> None:
    number = seed()
    view = fleet.wait(fleet.submit(text_image("a secret word [guard-prompt]", seed=number), guardrail=GUARD))
    assert (view.state, view.guardrail, view.outputs) == ("rejected", GUARD, ())
    reason = f"The guardrail kept back the request: {FOUND}."
    assert view.rejected == (Rejected(index=0, code="guardrail_intervened", message=reason, billed=None),)
    [entry] = fleet.calls_of(number)
    assert (entry["status"], entry["filtered"], entry["billed"]) == (200, "guardrail", False)
    [attempt] = view.calls[0].attempts
    assert attempt.guardrail == GUARD
    assert use_of(view) is None
    assert "secret" not in fleet.told(view.id)["rejected"][0]["message"]


def test_a_guardrail_that_blocks_the_pictures_of_a_call_leaves_none(fleet: Stack, seed: Seeds) -> None:
    view = fleet.wait(fleet.submit(text_image("[guard-output]", seed=seed(), count=2), images_wanted=2, guardrail=GUARD))
    assert (view.state, [row.code for row in view.rejected]) == ("rejected", ["guardrail_intervened"] * 2)
    assert view.rejected[0].message == f"The guardrail kept back the pictures: {FOUND}."


def test_a_call_that_its_guardrail_lets_pass_becomes_a_picture(fleet: Stack, seed: Seeds) -> None:
    view = fleet.wait(fleet.submit(text_image(seed=seed()), guardrail=GUARD))
    assert (view.state, len(view.outputs), view.calls[0].attempts[0].guardrail) == ("succeeded", 1, GUARD)


def test_without_a_guardrail_nothing_is_held_against_one(fleet: Stack, seed: Seeds) -> None:
    view = fleet.wait(fleet.submit(text_image("[guard-prompt]", seed=seed())))
    assert (view.state, view.calls[0].attempts[0].guardrail) == ("succeeded", "")


def test_a_tenants_guardrail_counts_for_its_jobs_and_the_jobs_own_comes_first(fleet: Stack, seed: Seeds) -> None:
    fleet.ledger.run(steering.tenant("guarded", {"guardrail": "localguard:DRAFT"}))
    views = [
        fleet.wait(fleet.submit(text_image(seed=seed()), tenant="guarded")),
        fleet.wait(fleet.submit(text_image(seed=seed()), tenant="guarded", guardrail=GUARD)),
    ]
    fleet.ledger.run(steering.tenant("guarded", {}, ["guardrail"]))
    views.append(fleet.wait(fleet.submit(text_image(seed=seed()), tenant="guarded")))
    assert [view.calls[0].attempts[0].guardrail for view in views] == ["localguard:DRAFT", GUARD, ""]


def test_a_guardrail_that_is_not_there_ends_the_job_and_marks_no_model(fleet: Stack, seed: Seeds) -> None:
    view = fleet.wait(fleet.submit(text_image(seed=seed()), guardrail="nosuch:1"))
    assert view.error is not None
    assert (view.state, view.error.code, view.error.billed) == ("failed", "guardrail_not_found", False)
    assert fleet.wait(fleet.submit(text_image(seed=seed()))).state == "succeeded"


def test_a_prompt_is_refused_at_its_gate_before_anything_is_paid(fleet: Stack, seed: Seeds) -> None:
    number = seed()
    body = text_image("a boat [guard-prompt]", seed=number)
    view = fleet.wait(fleet.submit(body, guardrail=GUARD, guardrail_gates=["prompt"]))
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("rejected", 0, 0)
    assert [(row.code, row.billed) for row in view.rejected] == [("guardrail_intervened", False)]
    assert (fleet.calls_of(number), view.calls[0].attempts) == ([], ())
    assert use_of(view) == GuardrailUse(requests=1, image_units=0, text_units=1)


def test_a_negative_text_is_not_asked_about(fleet: Stack, seed: Seeds) -> None:
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat", "negativeText": "[guard-prompt]"}}
    body |= {"imageGenerationConfig": {"seed": seed(), "width": 512, "height": 512, "numberOfImages": 1}}
    view = fleet.wait(fleet.submit(body, guardrail=GUARD, guardrail_gates=["prompt"]))
    # The call's own guardrail sees it, the gate does not.
    assert ([attempt.outcome for attempt in view.calls[0].attempts], view.state) == (["answered"], "rejected")


def test_an_input_picture_is_refused_at_its_gate(fleet: Stack, seed: Seeds) -> None:
    number = seed()
    image = asset(fleet, encoded(Image.new("RGB", (512, 512), (255, 10, 250))))
    view = fleet.wait(fleet.submit(variation(image, number), guardrail=GUARD, guardrail_gates=["input"]))
    assert (view.state, view.rejected[0].billed, fleet.calls_of(number)) == ("rejected", False, [])
    assert use_of(view) == GuardrailUse(requests=1, image_units=1)


def test_a_picture_beyond_the_guardrails_limits_is_made_smaller_for_the_check_alone(fleet: Stack, seed: Seeds) -> None:
    number = seed()
    noise = Image.effect_noise((1400, 1400), 100).convert("RGB")
    data = encoded(noise, compress_level=0)
    assert len(data) > 4_000_000
    view = fleet.wait(fleet.submit(variation(asset(fleet, data), number), guardrail=GUARD, guardrail_gates=["input"]))
    assert (view.state, use_of(view)) == ("succeeded", GuardrailUse(requests=1, image_units=1))
    [entry] = fleet.calls_of(number)
    assert entry["request_bytes"] > len(data)


def test_a_made_picture_that_its_gate_refuses_is_not_stored_and_the_others_are(fleet: Stack, seed: Seeds) -> None:
    number = seed()
    body = text_image(f"picture {number} [guard-picture]", seed=number, count=3)
    view = fleet.wait(fleet.submit(body, images_wanted=3, guardrail=GUARD, guardrail_gates=["output"]))
    assert (view.state, [out.index for out in view.outputs]) == ("partial", [1, 2])
    refused = Rejected(index=0, code="guardrail_intervened", message=f"The guardrail kept back the picture: {FOUND}.", billed=True)
    assert view.rejected == (refused,)
    [entry] = fleet.calls_of(number)
    assert [out.sha256 for out in view.outputs] == entry["image_sha256"][1:]
    assert not open_store(fleet.settings.store_url).exists(entry["image_sha256"][0])
    assert (view.cost.actual_usd, use_of(view)) == (3 * USD, GuardrailUse(requests=3, image_units=3))


@pytest.mark.parametrize("fault", ["throttle:model=localguard:count=1", "reset-early:model=localguard:count=1"])
def test_a_guardrail_that_cannot_be_asked_puts_the_call_off_and_lets_nothing_through(fleet: Stack, seed: Seeds, fault: str) -> None:
    fleet.faults(fault)
    number, before = seed(), last(fleet)
    job = fleet.submit(text_image(seed=number), guardrail=GUARD, guardrail_gates=["prompt"])
    snoozed = fleet.until_event(job, "call.snooze")
    assert str(snoozed.data["reason"]).startswith("guardrail_")
    assert fleet.calls_of(number) == []
    view = fleet.wait(job)
    assert (view.state, [attempt.attempt for attempt in view.calls[0].attempts], len(asked(fleet, before))) == ("succeeded", [1], 2)


def test_a_paid_answer_waits_for_its_gate_and_is_not_paid_again(fleet: Stack, seed: Seeds) -> None:
    fleet.faults("error=ServiceUnavailableException:model=localguard:count=1")
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number), guardrail=GUARD, guardrail_gates=["output"]))
    attempts: tuple[Attempt, ...] = view.calls[0].attempts
    assert (view.state, len(fleet.calls_of(number)), [one.outcome for one in attempts]) == ("succeeded", 1, ["answered"])
    assert (view.cost.actual_usd, use_of(view)) == (USD, GuardrailUse(requests=1, image_units=1))


def test_gates_without_a_guardrail_end_the_job_unpaid(fleet: Stack, seed: Seeds) -> None:
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number), guardrail_gates=["output"]))
    assert view.error is not None
    assert (view.state, view.error.code, fleet.calls_of(number)) == ("failed", "guardrail_missing", [])


def test_the_workers_settings_name_a_guardrail_and_gates_for_all(empty_stack: Stack, seed: Seeds) -> None:
    with empty_stack.worker(DARKROOM_GUARDRAIL=GUARD, DARKROOM_GUARDRAIL_GATES="prompt,output"):
        view = empty_stack.wait(empty_stack.submit(text_image(seed=seed())))
    assert (view.state, view.guardrail, view.calls[0].attempts[0].guardrail) == ("succeeded", "", GUARD)
    assert use_of(view) == GuardrailUse(requests=2, image_units=1, text_units=1)


def test_a_stability_model_is_guarded_in_its_own_form(fleet: Stack, seed: Seeds) -> None:
    body = {"taskType": "STABLE_IMAGE", "prompt": "a boat [guard-output]", "seed": seed()}
    view = fleet.wait(fleet.submit(body, model=CORE, guardrail=GUARD))
    assert (view.state, view.rejected[0].code) == ("rejected", "guardrail_intervened")


def marked_png() -> bytes:
    """A picture with the marker in a text chunk."""
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "[guard-image]")
    return encoded(Image.new("RGB", (512, 512), "white"), pnginfo=text)


def test_a_call_with_a_picture_that_its_guardrail_objects_to_is_blocked(fleet: Stack, seed: Seeds) -> None:
    view = fleet.wait(fleet.submit(variation(asset(fleet, marked_png()), seed()), guardrail=GUARD))
    assert (view.state, view.rejected[0].code) == ("rejected", "guardrail_intervened")
