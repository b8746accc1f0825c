"""The registry of models, and the questions that the rest of darkroom asks about them.

A new family is one module and one line in `FAMILIES`; a new model of a known family is an entry in the family's module.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from decimal import Decimal

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.problems import Problem
from darkroom_shared.models import nova_canvas, titan
from darkroom_shared.models.lifecycle import lifecycle_warning
from darkroom_shared.models.model import Body, Defaults, Facts, Family, MaskPolarity, Model, Schema
from darkroom_shared.models.options import image_count
from darkroom_shared.task_types import ImagePlace, image_places

__all__ = [
    "FAMILIES",
    "MODELS",
    "Defaults",
    "Family",
    "ImagePlace",
    "MaskPolarity",
    "Model",
    "check_body",
    "check_images",
    "defaults",
    "find_model",
    "image_count",
    "image_places",
    "lifecycle_warning",
    "mask_polarity",
    "price_usd",
    "schema_of",
]

FAMILIES: Mapping[str, Family] = {
    "titan-image": titan.FAMILY,
    "nova-canvas": nova_canvas.FAMILY,
}
"""Every family by its name."""

MODELS: Mapping[str, Model] = {model.id: model for family in FAMILIES.values() for model in family.models}
"""Every model by the id that is sent to Bedrock."""

_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:(foundation-model|inference-profile)/(?P<id>[^/]+)", re.ASCII)
_PROFILE_PREFIX = re.compile(r"(us|us-gov|eu|apac|jp|au|ca|global)\.(?P<id>.+)", re.ASCII)
_VERSION = re.compile(r":\d+$", re.ASCII)


def find_model(model_id: str) -> Model:
    """The model that an id or ARN names: with or without `:0`, or as the ARN of a foundation model or an inference profile.

    Raises:
        UnknownModel: it names none of the catalogue's models.
    """
    arn = _ARN.fullmatch(model_id)
    name = arn["id"] if arn else model_id
    profile = _PROFILE_PREFIX.fullmatch(name) if arn else None
    for candidate in (name, profile["id"] if profile else name):
        found = MODELS.get(candidate) or _BY_BASE_ID.get(_VERSION.sub("", candidate) if _is_first(candidate) else candidate)
        if found is not None:
            return found
    raise UnknownModel(_unknown(model_id))


def _is_first(model_id: str) -> bool:
    """Whether an id's version, if it has one, is `:0`: the form AWS uses for the only version of a model."""
    return model_id.endswith(":0") or _VERSION.search(model_id) is None


_BY_BASE_ID: Mapping[str, Model] = {_VERSION.sub("", model.id): model for model in MODELS.values() if _is_first(model.id)}


def _unknown(model_id: str) -> str:
    shown = model_id if len(model_id) <= 100 else model_id[:97] + "..."
    near = difflib.get_close_matches(shown, list(MODELS), n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else f"Known models: {', '.join(MODELS)}."
    return f'There is no model "{shown}" in the catalogue. {hint}'


def check_body(model: Model, body: Body) -> list[Problem]:
    """All problems of a body that can be seen without its pictures; image places need only hold some text."""
    return FAMILIES[model.family].check_body(model, body)


def check_images(model: Model, body: Body, facts: Facts) -> list[Problem]:
    """All problems of the pictures of a body.

    Args:
        facts: by JSON pointer of the image place; places without facts are passed over.
    """
    return FAMILIES[model.family].check_images(model, body, facts)


def price_usd(model: Model, body: Body, facts: Facts) -> Decimal | None:
    """Price of the whole call in US dollars; None where the output's size is that of a picture without facts."""
    return FAMILIES[model.family].price_usd(model, body, facts)


def schema_of(model: Model, task_type: str) -> Schema:
    """The JSON Schema (draft 2020-12) of a body. Rules between fields are not in it; `check_body` knows them.

    Raises:
        KeyError: the model cannot do the task.
    """
    return FAMILIES[model.family].schemas(model)[task_type]


def mask_polarity(model: Model, task_type: str) -> MaskPolarity:
    """Which colour of a mask marks the part that the model changes.

    Raises:
        KeyError: the task takes no mask on this model.
    """
    return FAMILIES[model.family].mask_polarity[task_type]


def defaults(model: Model) -> Defaults:
    """What the service assumes for options that a body leaves out."""
    return FAMILIES[model.family].defaults
