"""The native models as clients meet them: forms of answers, filters, faults, ids, quotas, the model list."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.integration.local_bedrock.endpoints import Running
from tests.integration.local_bedrock.native_client import (
    CORE,
    SD35,
    SDXL,
    ULTRA,
    cases,
    invoke,
    photo,
    picture_of,
    seed_of,
    seeded,
    service,
    text,
)

ERASE = service("stable-image-erase-object")
LAKE = {"prompt": "a lake", "seed": 7}


def refusal(running: Running, model: str, body: dict[str, object]) -> Any:
    with pytest.raises(ClientError) as error:
        invoke(running, model, body)
    return error.value.response


def test_answers_have_the_form_of_their_family(canned: Running) -> None:
    stable = invoke(canned, ULTRA, LAKE)
    assert (sorted(stable), stable["seeds"], stable["finish_reasons"]) == (["finish_reasons", "images", "seeds"], [7], [None])
    sdxl = invoke(canned, SDXL, {"text_prompts": [{"text": "a lake"}], "seed": 9})
    assert (sorted(sdxl), sdxl["result"]) == (["artifacts", "result"], "success")
    [artifact] = sdxl["artifacts"]
    assert (artifact["seed"], artifact["finishReason"]) == (9, "SUCCESS")


def test_drawn_seeds_differ_and_a_told_seed_gives_the_same_answer(canned: Running) -> None:
    drawn = [invoke(canned, CORE, {"prompt": "a lake"}) for _ in range(3)]
    assert len({seed_of(answer) for answer in drawn}) == len({answer["images"][0] for answer in drawn}) == 3
    assert invoke(canned, CORE, LAKE) == invoke(canned, CORE, LAKE) != invoke(canned, CORE, seeded(LAKE, 8))


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        ("[blocked]", "Filter reason: prompt"),
        ("[block-image]", "Filter reason: input image"),
        ("[block-output]", "Filter reason: output image"),
        ("[block-some]", "Filter reason: output image"),
    ],
)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_stability_filter_is_a_200_with_a_finish_reason_alone(
    start: Callable[..., Running], marker: str, reason: str, field: str
) -> None:
    running = start()
    assert invoke(running, SD35, {**LAKE, field: f"a {marker} lake"}) == {"finish_reasons": [reason]}
    [entry] = running.log()
    assert (entry["status"], entry["images"], entry["billed"]) == (200, 0, "output" in reason)
    assert entry["filtered"] is not None


def test_a_marker_inside_an_image_wakes_the_filter_of_input_images(canned: Running) -> None:
    note, data = PngInfo(), io.BytesIO()
    note.add_text("Comment", "[block-image]")
    Image.open(io.BytesIO(photo())).save(data, "PNG", pnginfo=note)
    assert invoke(canned, ERASE, {"image": text(data.getvalue())}) == {"finish_reasons": ["Filter reason: input image"]}


def test_sdxl_refuses_words_by_an_exception_and_blurs_what_it_filters(canned: Running) -> None:
    response = refusal(canned, SDXL, {"text_prompts": [{"text": "a [blocked] lake"}]})
    assert response["Error"]["Code"] == "ValidationException"
    assert "invalid_prompts" in response["Error"]["Message"]
    [artifact] = invoke(canned, SDXL, {"text_prompts": [{"text": "a [block-output] lake"}]})["artifacts"]
    assert artifact["finishReason"] == "CONTENT_FILTERED"
    assert Image.open(io.BytesIO(base64.b64decode(artifact["base64"]))).size == (1024, 1024)


FAILED: list[tuple[str, dict[str, object], dict[str, object]]] = [
    (CORE, LAKE, {"finish_reasons": ["Inference error"]}),
    (
        SDXL,
        {"text_prompts": [{"text": "a lake"}], "seed": 7},
        {"result": "success", "artifacts": [{"seed": 7, "base64": "", "finishReason": "ERROR"}]},
    ),
]


@pytest.mark.parametrize(("model", "body", "wanted"), FAILED, ids=["stability", "sdxl"])
def test_the_fault_inference_error_is_told_in_the_familys_form(
    start: Callable[..., Running], model: str, body: dict[str, object], wanted: dict[str, object]
) -> None:
    running = start("--fault", "inference-error:count=1")
    assert invoke(running, model, body) == wanted
    [entry] = running.log()
    assert (entry["fault"], entry["billed"], entry["images"]) == ("inference-error", True, 0)
    assert picture_of(invoke(running, model, body)).size == (1024, 1024)


@pytest.mark.parametrize(
    ("fault", "core", "sdxl"),
    [
        ("empty-images", {"seeds": [7], "finish_reasons": [None], "images": []}, {"result": "success", "artifacts": []}),
        (
            "bad-base64",
            {"seeds": [7], "finish_reasons": [None], "images": ["*** this is not base64 ***"]},
            {
                "result": "success",
                "artifacts": [{"seed": 7, "base64": "*** this is not base64 ***", "finishReason": "SUCCESS"}],
            },
        ),
    ],
)
def test_broken_answers_are_broken_in_the_familys_form(
    canned: Running, fault: str, core: dict[str, object], sdxl: dict[str, object]
) -> None:
    assert canned.invoke(LAKE, CORE, fault=fault).json == core
    assert canned.invoke({"text_prompts": [{"text": "a lake"}], "seed": 7}, SDXL, fault=fault).json == sdxl


def test_a_fault_can_be_meant_for_one_task_or_one_service(start: Callable[..., Running]) -> None:
    running = start("--fault", "throttle:task=ERASE_OBJECT", "--fault", f"error=ServiceUnavailableException:model={SD35}")
    answers = {
        model: running.invoke(body, model) for model, body in ((ERASE, {"image": text(photo())}), (SD35, LAKE), (CORE, LAKE))
    }
    assert [answer.status for answer in answers.values()] == [429, 503, 200]
    assert [entry["task_type"] for entry in running.log()] == ["ERASE_OBJECT", "STABLE_IMAGE", "STABLE_IMAGE"]
    assert [entry["seed"] for entry in running.log()] == [None, 7, 7]


@pytest.mark.parametrize(
    "bare",
    [
        "stability.stable-image-erase-object-v1:0",
        "arn:aws:bedrock:us-west-2::foundation-model/stability.stable-image-erase-object-v1:0",
    ],
)
def test_a_service_is_not_called_by_its_bare_id(canned: Running, bare: str) -> None:
    response = refusal(canned, bare, {"image": text(photo())})
    assert response["Error"]["Code"] == "ValidationException"
    assert response["Error"]["Message"].startswith(
        "Invocation of model ID stability.stable-image-erase-object-v1:0 with on-demand throughput isn't supported. Retry your"
        " request with the ID or ARN of an inference profile"
    )


def test_a_service_is_called_by_its_profile_or_the_profiles_arn(start: Callable[..., Running]) -> None:
    running = start()
    for model in (ERASE, f"arn:aws:bedrock:us-east-2:123456789012:inference-profile/{ERASE}"):
        assert picture_of(invoke(running, model, {"image": text(photo())}, region="us-east-2")).size == (320, 256)
    assert {(entry["model"], entry["region"]) for entry in running.log()} == {(ERASE, "us-east-2")}


def test_a_service_has_its_quota_in_each_region_that_calls_it(start: Callable[..., Running]) -> None:
    running = start("--quota", "off", "--quota", f"{ERASE}=1", "--quota", f"us-east-1/{ERASE}=2")
    body = {"image": text(photo())}
    west = [running.invoke(body, ERASE, region="us-west-2").status for _ in range(2)]
    east = [running.invoke(body, ERASE, region="us-east-1").status for _ in range(3)]
    assert (west, east) == ([200, 429], [200, 200, 429])


@pytest.mark.parametrize(("option", "code"), [("--eol", "end of its life"), ("--legacy-idle", "marked by provider as Legacy")])
@pytest.mark.parametrize("model", [ERASE, SDXL])
def test_a_model_can_be_retired(start: Callable[..., Running], option: str, code: str, model: str) -> None:
    response = refusal(start(option, model), model, {"image": text(photo())})
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert code in response["Error"]["Message"]


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (CORE, {}, "#: required key [prompt] not found"),
        (CORE, {**LAKE, "cfg_scale": 7}, "#: extraneous key [cfg_scale] is not permitted"),
        (CORE, {**LAKE, "taskType": "STABLE_IMAGE"}, "#: extraneous key [taskType] is not permitted"),
        (SD35, {**LAKE, "aspect_ratio": "7:5"}, "#/aspect_ratio: 7:5 is not a valid enum value"),
        (SDXL, {"text_prompts": [{"text": "x"}], "samples": 2}, "#/samples: 2 is not less or equal to 1"),
        (service("stable-fast-upscale"), {"image": text(photo(16, 16))}, "#/image: "),
    ],
)
def test_a_wrong_body_is_refused_in_the_services_words(canned: Running, model: str, body: dict[str, object], words: str) -> None:
    response = refusal(canned, model, body)
    assert response["Error"]["Code"] == "ValidationException"
    assert words in response["Error"]["Message"]


def test_the_model_list_names_them_all_as_the_control_plane_does(canned: Running) -> None:
    listed = {model["modelId"]: model for model in canned.request("GET", "/foundation-models").json["modelSummaries"]}
    for case in cases():
        model = listed[case.model.removeprefix("us.")]
        assert model["providerName"] == "Stability AI"
        assert model["inferenceTypesSupported"] == ["INFERENCE_PROFILE" if case.model.startswith("us.") else "ON_DEMAND"]
    one = canned.request("GET", "/foundation-models/stability.stable-outpaint-v1%3A0").json["modelDetails"]
    assert one["modelArn"].endswith("foundation-model/stability.stable-outpaint-v1:0")


def test_the_quotas_of_all_models_are_listed(start: Callable[..., Running]) -> None:
    running = start("--quota", f"{ERASE}=3")
    quotas = json.loads(running.request("GET", "/_darkroom/quotas").body)
    assert {case.model for case in cases()} <= set(quotas)
    assert quotas[ERASE] == 3
