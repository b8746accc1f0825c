"""Fine-tuned models as models of the catalogue: called by the ARN of their Provisioned Throughput, by the rules of their base.

Nothing in an ARN says which model it was made of: whoever calls it must. Its quota is its own, its price is by the hour.
Source: "titan-image-models" and "prov-throughput" of the Bedrock user guide, read in 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.models.catalogue import find_model
from darkroom_shared.models.model import Model
from darkroom_shared.models.nova_canvas import NOVA_CANVAS
from darkroom_shared.models.titan import TITAN_V1, TITAN_V2

TUNABLE: Final = (TITAN_V1, TITAN_V2, NOVA_CANVAS)
"""The image models that were open to fine-tuning."""
SETTING: Final = "DARKROOM_CUSTOM_MODELS"
_NOT_OF_TUNED_TITAN: Final = frozenset({"INPAINTING", "OUTPAINTING", "COLOR_GUIDED_GENERATION"})
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]{1,20}):[0-9]{12}:(?P<kind>[a-z-]*(?:provisioned|custom)-model[a-z-]*)/[a-z0-9:./-]+",
    re.ASCII,
)


def custom_model(arn: str, base_id: str) -> Model:
    """The model behind an ARN of Provisioned Throughput.

    Args:
        base_id: id of the model that it was made of.

    Raises:
        UnknownModel: the ARN cannot be called, or the base model was never open to fine-tuning; the text says why.
    """
    found, base = _ARN.fullmatch(arn), find_model(base_id)
    if found is None or found["kind"] != "provisioned-model":
        raise UnknownModel(_cannot_be_called(arn, custom=found is not None))
    if base not in TUNABLE:
        raise UnknownModel(f"{base.id} was never open to fine-tuning. Base models: {', '.join(one.id for one in TUNABLE)}.")
    return replace(
        base,
        id=arn,
        label=f"a fine-tuned {base.label}",
        regions=(found["region"],),
        task_types=tuple(task for task in base.task_types if base is NOVA_CANVAS or task not in _NOT_OF_TUNED_TITAN),
        # AWS says of no day what becomes of throughput that was bought before.
        legacy_since=None,
        end_of_life=None,
        base=base.id,
    )


def find_any_model(model_id: str, custom_models: Mapping[str, str], regions: Sequence[str] = ()) -> Model:
    """The model that an id or ARN names, fine-tuned ones included.

    Args:
        custom_models: base model by ARN.
        regions: as for `find_model`.

    Raises:
        UnknownModel: it names none, or one that cannot be called.
    """
    if model_id in custom_models:
        return custom_model(model_id, custom_models[model_id])
    found = _ARN.fullmatch(model_id)
    if found is None:
        return find_model(model_id, regions)
    if found["kind"] != "provisioned-model":
        raise UnknownModel(_cannot_be_called(model_id, custom=True))
    raise UnknownModel(
        f'Nobody said which model {model_id} was made of: {SETTING} = {{"{model_id}": "<id of its base model>"}} does.'
    )


def called_model(model_id: str, base_id: str) -> Model:
    """The model that a recorded job calls; `base_id` is that of a fine-tuned model's base, else empty. Raises UnknownModel."""
    return custom_model(model_id, base_id) if base_id else find_model(model_id)


def _cannot_be_called(arn: str, *, custom: bool) -> str:
    if custom:
        return (
            f"{arn} cannot be called: AWS has no on-demand deployment of custom image models. Name the ARN of the Provisioned "
            "Throughput that was bought for it (…:provisioned-model/…)."
        )
    return f"{arn[:100]} is no ARN of Provisioned Throughput (arn:aws:bedrock:<region>:<account>:provisioned-model/<id>)."
