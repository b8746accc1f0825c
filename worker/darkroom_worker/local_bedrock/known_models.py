"""The models that the endpoint serves: the catalogue's, as the endpoint needs them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

from darkroom_shared.models.catalogue import FAMILIES, MODELS, find_model
from darkroom_shared.models.model import Model
from darkroom_worker.local_bedrock.dialects import DIALECTS, AnyDialect

_IN_REGION = re.compile(r"(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)/(?P<model>.+)")
_PROFILE = re.compile(r"^(us|us-gov|eu|apac|jp|au|ca|global)\.(?=[a-z0-9]+\.)")
_PROVIDERS = {"amazon": "Amazon", "stability": "Stability AI", "cohere": "Cohere", "anthropic": "Anthropic"}


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the catalogue.

    Attributes:
        model_id: the catalogue's id: bare, or an inference profile's for a model that can be called through one only.
        family: name of the family whose rules apply.
        name: for people.
        requests_per_minute: AWS's default quota; None where it is not known.
        entry: the catalogue's own record.
    """

    model_id: str
    family: str
    name: str
    requests_per_minute: int | None
    entry: Model

    @property
    def dialect(self) -> AnyDialect:
        """How it speaks."""
        return DIALECTS[self.family]

    @property
    def converses(self) -> bool:
        """Whether it is called by Converse."""
        return FAMILIES[self.family].operation == "converse"

    @property
    def native_task(self) -> str | None:
        """Its one task, if its bodies name none."""
        return self.entry.task_types[0] if FAMILIES[self.family].native else None

    @property
    def bare_id(self) -> str:
        """The foundation model's id: without the prefix of an inference profile."""
        return _PROFILE.sub("", self.model_id)

    @property
    def needs_profile(self) -> bool:
        """Whether it can be called through an inference profile only."""
        return self.bare_id != self.model_id

    def takes(self, requested: str) -> bool:
        """Whether it can be called by this id or ARN, which names it."""
        prefix = self.model_id.removesuffix(self.bare_id)
        return requested.rpartition("/")[2].startswith(prefix)

    @property
    def provider(self) -> str:
        """Who makes the model."""
        vendor = self.bare_id.partition(".")[0]
        return _PROVIDERS.get(vendor, vendor)


def _known(model: Model) -> KnownModel:
    return KnownModel(model.id, model.family, model.label, model.requests_per_minute, model)


def resolve(model_id: str, custom: Mapping[str, Model] = MappingProxyType({})) -> KnownModel:
    """The model that an id or an ARN means.

    Args:
        custom: fine-tuned models by their ARNs.

    Raises:
        UnknownModel: the catalogue has none.
    """
    return _known(custom.get(model_id) or find_model(model_id))


def known_models() -> Sequence[KnownModel]:
    """Every model, in the catalogue's order."""
    return [_known(model) for model in MODELS.values()]


def catalogue_quotas() -> Mapping[str, float]:
    """AWS's default quotas, as far as they are known: requests a minute by model id."""
    known = {model.model_id: model.requests_per_minute for model in known_models()}
    return {name: float(number) for name, number in known.items() if number is not None}


def quota_name(text: str) -> str:
    """The name of a quota, with the catalogue's id of its model: of a model in each Region (`MODEL`), or in one (`REGION/MODEL`).

    Raises:
        UnknownModel: the catalogue has no such model.
    """
    one = _IN_REGION.fullmatch(text)
    return resolve(text).model_id if one is None else f"{one['region']}/{resolve(one['model']).model_id}"


def quota_limit(value: object) -> float:
    """Requests a minute; 0 refuses everything.

    Raises:
        ValueError: it is no number, or not one that can be counted to.
    """
    limit = float(value) if isinstance(value, str | int | float) else -1.0
    if not isfinite(limit) or limit < 0:
        raise ValueError(f"requests a minute are a number from 0 up, not {value}")
    return limit
