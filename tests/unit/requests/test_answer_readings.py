"""What the catalogue reads from an answer of each family: pictures, seeds, refusals of input and output, failures, nonsense."""

from __future__ import annotations

import pytest

from darkroom_shared.models.answers import Reading
from darkroom_shared.models.catalogue import MODELS, find_model, gives_documents, read_answer
from tests.support.bodies import NOVA
from tests.support.native_bodies import CORE, SDXL, SERVICES

STABILITY = [model for model in MODELS if "stability." in model and model != SDXL]
INFERENCE_ERROR = "Inference error"


def read(model: str, wanted: int = 1, **answer: object) -> Reading:
    return read_answer(find_model(model), answer, wanted, {})


ACTION, TRACE = "amazon-bedrock-guardrailAction", "amazon-bedrock-trace"
HATE = {"contentPolicy": {"filters": [{"type": "HATE", "confidence": "HIGH", "action": "BLOCKED"}]}}
PERSON = {"sensitiveInformationPolicy": {"piiEntities": [{"type": "NAME", "match": "Alice", "action": "ANONYMIZED"}]}}


def traced(reason: str, **parts: object) -> dict[str, object]:
    return {ACTION: "INTERVENED", TRACE: {"guardrail": {"actionReason": reason, **parts}}}


@pytest.mark.parametrize("model", [model.id for model in MODELS.values() if not gives_documents(model)])
@pytest.mark.parametrize("more", [{}, {"images": []}, {"images": ["QQ=="], "seeds": [1], "finish_reasons": [None]}], ids=str)
def test_a_guardrails_intervention_leaves_no_picture_of_any_family(model: str, more: dict[str, object]) -> None:
    told = traced("Guardrail blocked.", input={"id": HATE}) | more
    reason = "The guardrail kept back the request: content filter HATE (HIGH)."
    assert read_answer(find_model(model), told, 2, {}) == Reading("intervened", missing=2, reason=reason)


def test_an_intervention_is_told_by_its_part_of_the_trace_or_without_one() -> None:
    told = traced("Guardrail blocked.", input={"id": {}}, outputs=[{"id": HATE}])
    assert read_answer(find_model(CORE), told, 1, {}).reason == "The guardrail kept back the pictures: content filter HATE (HIGH)."
    assert read_answer(find_model(CORE), {ACTION: "INTERVENED"}, 1, {}).reason == "The guardrail kept back the call."


def test_pictures_of_a_masked_prompt_are_kept_and_a_block_beside_the_mask_keeps_them_back() -> None:
    masked = traced("Guardrail masked.", input={"id": PERSON}) | {"images": ["QQ=="]}
    assert read_answer(find_model(NOVA), masked, 1, {}) == Reading("pictures", ("QQ==",), (None,))
    both = traced("Guardrail blocked. Guardrail masked.", input={"id": PERSON}) | {"images": ["QQ=="]}
    assert read_answer(find_model(NOVA), both, 1, {}).reason == "The guardrail kept back the request: personal data NAME."
    without = {name: value for name, value in masked.items() if name != "images"}
    assert read_answer(find_model(NOVA), without, 1, {}).outcome == "intervened"


def test_a_guardrail_that_did_nothing_changes_no_reading() -> None:
    assert read_answer(find_model(NOVA), {"images": ["QQ=="], ACTION: "NONE"}, 1, {}) == Reading("pictures", ("QQ==",), (None,))


def artifact(seed: object, text: str, reason: str) -> dict[str, object]:
    return {"seed": seed, "base64": text, "finishReason": reason}


@pytest.mark.parametrize("model", STABILITY)
def test_a_picture_of_stability_comes_with_its_seed(model: str) -> None:
    assert read(model, images=["QQ=="], seeds=[2130420379], finish_reasons=[None]) == Reading("pictures", ("QQ==",), (2130420379,))


@pytest.mark.parametrize(
    ("seeds", "known"),
    [([], None), (None, None), ("x", None), (["17"], 17), (["x"], None), ([True], None), ([1, 2], None), ([0], 0)],
)
def test_a_seed_that_cannot_be_read_is_none_and_spoils_nothing(seeds: object, known: int | None) -> None:
    assert read(CORE, images=["QQ=="], seeds=seeds, finish_reasons=[None]) == Reading("pictures", ("QQ==",), (known,))


def test_an_answer_without_finish_reasons_is_what_its_pictures_are() -> None:
    assert read(CORE, images=["QQ=="]) == Reading("pictures", ("QQ==",), (None,))


@pytest.mark.parametrize("reason", ["Filter reason: prompt", "Filter reason: input image", "FILTER REASON: PROMPT"])
@pytest.mark.parametrize("more", [{}, {"images": [], "seeds": []}, {"images": None}, {"images": ["QQ=="], "seeds": [1]}], ids=str)
def test_a_refused_input_is_told_in_the_services_words(reason: str, more: dict[str, object]) -> None:
    assert read_answer(find_model(CORE), {"finish_reasons": [reason], **more}, 1, {}) == Reading(
        "filtered_input", missing=1, reason=reason
    )


@pytest.mark.parametrize("more", [{}, {"images": [], "seeds": []}, {"images": ["QQ=="], "seeds": [1]}], ids=str)
def test_a_refused_output_is_a_missing_picture(more: dict[str, object]) -> None:
    reason = "Filter reason: output image"
    answer = {"finish_reasons": [reason], **more}
    assert read_answer(find_model(SERVICES["STABLE_INPAINT"]), answer, 1, {}) == Reading("pictures", missing=1, reason=reason)


def test_of_several_pictures_the_refused_one_is_left_out_with_its_seed() -> None:
    reason = "Filter reason: output image"
    paired = read(CORE, 3, images=["QQ==", "Qg==", "Qw=="], seeds=[1, 2, 3], finish_reasons=[None, reason, None])
    assert paired == Reading("pictures", ("QQ==", "Qw=="), (1, 3), None, 1, reason)
    left_out = read(CORE, 2, images=["QQ=="], seeds=[1], finish_reasons=[reason, None])
    assert left_out == Reading("pictures", ("QQ==",), (1,), None, 1, reason)


@pytest.mark.parametrize("reason", [INFERENCE_ERROR, "Something new"])
def test_a_reason_that_is_no_filter_is_the_models_failure(reason: str) -> None:
    assert read(CORE, finish_reasons=[reason]) == Reading("model_error", missing=1, reason=reason)
    assert read(CORE, finish_reasons=[reason], images=["QQ=="], seeds=[1]).outcome == "model_error"


def test_sdxl_tells_each_picture_as_an_artifact() -> None:
    answer = read(SDXL, result="success", artifacts=[artifact(7, "QQ==", "SUCCESS")])
    assert answer == Reading("pictures", ("QQ==",), (7,))


def test_a_blurred_picture_of_sdxl_is_not_kept() -> None:
    answer = read(SDXL, result="success", artifacts=[artifact(7, "QQ==", "CONTENT_FILTERED")])
    assert answer == Reading("pictures", missing=1, reason="CONTENT_FILTERED")


def test_an_error_of_sdxl_is_the_models_failure_unless_a_picture_came() -> None:
    bad = artifact(7, "", "ERROR")
    assert read(SDXL, result="success", artifacts=[bad]).outcome == "model_error"
    both = read(SDXL, 2, result="success", artifacts=[bad, artifact(8, "QQ==", "SUCCESS")])
    assert both == Reading("pictures", ("QQ==",), (8,), None, 1, "ERROR")


def test_amazon_says_no_seeds() -> None:
    assert read(NOVA, 2, images=["QQ==", "Qg=="]) == Reading("pictures", ("QQ==", "Qg=="), (None, None))


@pytest.mark.parametrize("model", [model.id for model in MODELS.values() if not gives_documents(model)])
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"images": []},
        {"images": "QQ=="},
        {"images": [1]},
        {"images": [None], "finish_reasons": [None]},
        {"finish_reasons": [None]},
        {"finish_reasons": "x", "artifacts": 1},
        {"artifacts": [{"finishReason": "SUCCESS"}]},
        {"result": "success", "artifacts": []},
        {"images": ["QQ=="] * 9, "artifacts": [artifact(1, "QQ==", "SUCCESS")] * 9, "finish_reasons": [None] * 9},
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_an_answer_without_pictures_or_a_reason_is_unreadable_and_says_why(model: str, answer: dict[str, object]) -> None:
    reading = read_answer(find_model(model), answer, 1, {})

    assert (reading.outcome, reading.images) == ("unreadable", ())
    assert reading.reason
