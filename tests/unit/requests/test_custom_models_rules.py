"""Fine-tuned models follow the rules of their base, and ARNs that cannot be called are told apart."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from darkroom.tuning.hyperparameters import BASES
from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.models.catalogue import FAMILIES, check_body, schema_of
from darkroom_shared.models.custom import TUNABLE, custom_model, find_any_model
from darkroom_shared.models.model import Model
from darkroom_shared.settings import Settings

ARN = "arn:aws:bedrock:us-west-2:123456789012:provisioned-model/abcdefghijkl"
BODY = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat"}}


@pytest.mark.parametrize("base", TUNABLE, ids=lambda base: base.id)
def test_a_fine_tuned_model_has_the_schemas_of_its_base(base: Model) -> None:
    model = custom_model(ARN, base.id)
    assert (model.id, model.base, model.regions, model.default_rpm) == (ARN, base.id, ("us-west-2",), None)
    assert check_body(model, BODY) == []
    for task in model.task_types:
        assert schema_of(model, task) == schema_of(base, task)
    lacking = set(base.task_types) - set(model.task_types)
    forbidden = {"INPAINTING", "OUTPAINTING", "COLOR_GUIDED_GENERATION"} & set(base.task_types)
    assert lacking == (forbidden if base.family == "titan-image" else set())
    for task in lacking:
        assert [problem.pointer for problem in check_body(model, {"taskType": task})] == ["/taskType"]


def test_the_models_that_were_open_to_fine_tuning_are_the_same_everywhere() -> None:
    assert tuple(base.model for base in BASES) == TUNABLE
    assert all(base.family in FAMILIES for base in TUNABLE)


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-canvas-v1:0/abcdefghijkl", "no on-demand deployment"),
        ("arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl", "no on-demand deployment"),
        (ARN, "DARKROOM_CUSTOM_MODELS"),
    ],
)
def test_an_arn_that_is_no_model_here_is_refused_with_the_reason(arn: str, said: str) -> None:
    with pytest.raises(UnknownModel, match=said):
        find_any_model(arn, {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"boat": "amazon.nova-canvas-v1:0"}', "is no ARN of Provisioned Throughput"),
        (f'{{"{ARN}": "stability.stable-image-core-v1:1"}}', "never open to fine-tuning"),
        (f'{{"{ARN}": "amazon.nova-canvas-v9:0"}}', "no model"),
        (f'{{"{ARN.replace("provisioned", "custom")}": "amazon.nova-canvas-v1:0"}}', "no on-demand deployment"),
    ],
)
def test_settings_refuse_what_could_never_be_called(monkeypatch: pytest.MonkeyPatch, given: str, said: str) -> None:
    monkeypatch.setenv("DARKROOM_CUSTOM_MODELS", given)
    with pytest.raises(ValidationError, match=said):
        Settings()


def test_settings_find_fine_tuned_models_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_CUSTOM_MODELS", f'{{"{ARN}": "amazon.titan-image-generator-v1"}}')
    settings = Settings()
    assert settings.find_model(ARN).base == "amazon.titan-image-generator-v1"
    assert settings.find_model("amazon.nova-canvas-v1:0").base == ""
