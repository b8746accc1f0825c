"""Turns a stored request into what is sent: references become pictures, in the form that the model's operation takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
import pybase64

from darkroom_shared.core.errors import AssetMissing
from darkroom_shared.core.ids import ASSET_SCHEME
from darkroom_shared.core.workflow import parse_reference
from darkroom_shared.images import measure
from darkroom_shared.models.catalogue import operation_of, wire_body
from darkroom_shared.models.model import Model
from darkroom_shared.storage.base import AsyncAssetStore
from darkroom_shared.task_types import EACH, as_array, as_object, image_values, replace_at, task_type_of, without_items
from darkroom_shared.task_types.places import value_at

_SOURCE: Final = "/source/bytes"
Outputs = Mapping[str, Sequence[Mapping[str, object]]]
"""Outputs of the steps before, by step name."""


def referred_asset(text: str, inputs: Outputs) -> str:
    """The SHA-256 that `asset:…` or `$steps.<name>.outputs[<i>]` stands for.

    Raises:
        AssetMissing: it is neither, or that step has no such output.
    """
    if text.startswith(ASSET_SCHEME):
        return text.removeprefix(ASSET_SCHEME)
    reference = parse_reference(text)
    if reference is None:
        raise AssetMissing("A place for a picture holds something that is no reference.")
    outputs = inputs.get(reference.step, ())
    if reference.index >= len(outputs):
        raise AssetMissing(
            f"Step {reference.step!r} has {len(outputs)} outputs; number {reference.index} (counted from 0) was asked for."
        )
    return str(outputs[reference.index]["sha256"])


def without_missing(request: Mapping[str, object], inputs: Outputs) -> Mapping[str, object]:
    """The request without those pictures of a list that a filter kept back in the step before, as long as one is left."""

    def is_there(value: object) -> bool:
        reference = parse_reference(value) if isinstance(value, str) else None
        return reference is None or reference.index < len(inputs.get(reference.step, ()))

    task = task_type_of(request)
    listed = {slot.role for slot in task.slots if slot.many or EACH in slot.path} if task else set[str]()
    places = {place.pointer: value for place, value in image_values(request).items() if place.role in listed}
    gone = [where for where, value in places.items() if not is_there(value)]
    return without_items(request, gone) if len(gone) < len(places) else request


async def build_body(
    model: Model, request: Mapping[str, object], inputs: Outputs, store: AsyncAssetStore, made: Mapping[str, bytes]
) -> bytes | dict[str, object]:
    """Bedrock's body with every picture in place and in the form that the model takes.

    JSON bytes for InvokeModel, and for Converse what the SDK makes them of.

    Args:
        made: pictures that are not sent as they are stored, by JSON pointer.

    Raises:
        AssetMissing, StorageUnavailable.
    """
    wanted = without_missing(request, inputs)
    values: dict[str, object] = {}
    converses = operation_of(model) == "converse"
    for place, value in image_values(wanted).items():
        data = made.get(place.pointer) or await store.get(referred_asset(str(value), inputs))
        if converses:
            # Whatever the body said: a step may have written it anew since, and nobody else knows what a step before it made.
            values[place.pointer.removesuffix(_SOURCE)] = {"format": _format(data), "source": {"bytes": data}}
            continue
        encoded = pybase64.b64encode_as_string(data)
        values[place.pointer] = f"data:image/{_format(data)};base64,{encoded}" if place.data_url else encoded
        if place.format_at:
            wanted = _with_format(wanted, place.format_at, data)
    body = wire_body(model, replace_at(wanted, values))
    return dict(body) if converses else orjson.dumps(body)


def _with_format(body: Mapping[str, object], at: str, data: bytes) -> Mapping[str, object]:
    """The body with the picture's format beside it, unless that is named already."""
    beside, _, name = at.rpartition("/")
    fields = as_object(value_at(body, tuple(beside.split("/")[1:])))
    return body if name in fields else replace_at(body, {beside: {**fields, name: _format(data)}})


def _format(data: bytes) -> str:
    """As models write it: `png`, `jpeg` or `webp`. Raises ImageRefused."""
    return measure(data).format.lower()


async def sent_pictures(
    request: Mapping[str, object], inputs: Outputs, store: AsyncAssetStore, made: Mapping[str, bytes]
) -> list[bytes]:
    """The pictures of a request as they are sent, without the masks, in the order of the documentation; `made` as for `build_body`.

    Raises:
        AssetMissing, StorageUnavailable.
    """
    places = image_values(without_missing(request, inputs)).items()
    return [
        made.get(place.pointer) or await store.get(referred_asset(str(value), inputs))
        for place, value in places
        if place.role != "mask"
    ]


async def step_images(request: Mapping[str, object], inputs: Outputs, store: AsyncAssetStore) -> list[bytes | None]:
    """The input pictures of a local step, in order; None where a step before it gave fewer than it was asked for."""
    return [await _bytes_of(str(name), inputs, store) for name in as_array(request.get("images"))]


async def step_documents(request: Mapping[str, object], inputs: Outputs, store: AsyncAssetStore) -> list[bytes | None]:
    """The answers that a local step reads, in order; None where a step before it gave none."""
    return [await _bytes_of(str(name), inputs, store) for name in as_array(request.get("documents"))]


async def _bytes_of(text: str, inputs: Outputs, store: AsyncAssetStore) -> bytes | None:
    reference = parse_reference(text)
    if reference is not None and reference.index >= len(inputs.get(reference.step, ())):
        return None
    return await store.get(referred_asset(text, inputs))
