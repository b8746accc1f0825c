"""Asks Bedrock's control plane in which state models are.

Credentials and endpoint come from where the SDK looks (`AWS_PROFILE`, roles, `AWS_ENDPOINT_URL_BEDROCK`). Needs the right
bedrock:GetFoundationModel. Asking is free.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

import boto3
from botocore.exceptions import ClientError

from darkroom.aws import CONFIG, Asking, error_of
from darkroom.lifecycles.reading import State, read_state
from darkroom_shared.models.catalogue import without_profile
from darkroom_shared.models.model import Model

_ASKING: Final = Asking("Bedrock's control plane", "the states of models", "bedrock", "darkroom models sync")
_GONE: Final = frozenset({"ResourceNotFoundException", "ValidationException"})
"""The second is how an id that was taken away is answered as well."""


class _Client(Protocol):
    """The part of boto3's `bedrock` client that is used: its types are not installed."""

    def get_foundation_model(self, *, modelIdentifier: str) -> Mapping[str, Mapping[str, object]]: ...  # noqa: N803
    def close(self) -> None: ...


def states(region: str, models: Sequence[Model]) -> list[State]:
    """The state of each of these models in a Region, one request for each.

    A model that is called through an inference profile is asked for by its own id.

    Raises:
        Misconfigured: no credentials, no right to ask, or no such Region; the text says how to mend it.
        Unavailable: Bedrock cannot be reached, or refuses for now.
    """
    with _ASKING.told(region):
        client = cast("_Client", boto3.session.Session().client("bedrock", region_name=region, config=CONFIG))
        with contextlib.closing(client):
            return [_state(client, region, model) for model in models]


def _state(client: _Client, region: str, model: Model) -> State:
    try:
        details = client.get_foundation_model(modelIdentifier=without_profile(model.id)).get("modelDetails", {})
    except ClientError as error:
        code, said = error_of(error)
        if code not in _GONE:
            raise
        return State(model.id, region, "gone", text=f"{code}: {said}".rstrip(": "))
    return read_state(model.id, region, cast("Mapping[str, object]", details.get("modelLifecycle") or {}))
