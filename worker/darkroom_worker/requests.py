"""Turns a stored request into what is sent: references become bytes, bytes become base64, the body becomes JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson
import pybase64

from darkroom_shared.core.errors import AssetMissing
from darkroom_shared.core.ids import ASSET_SCHEME
from darkroom_shared.storage.base import AsyncAssetStore
from darkroom_shared.task_types import as_array, image_values, replace_at

Outputs = Mapping[str, Sequence[Mapping[str, object]]]
"""Outputs of the steps before, by step name."""

_STEP_OUTPUT = re.compile(r"^\$steps\.([a-z0-9_-]+)\.outputs\[(\d+)\]$")


def referred_asset(text: str, inputs: Outputs) -> str:
    """The SHA-256 that `asset:…` or `$steps.<name>.outputs[<i>]` stands for.

    Raises:
        AssetMissing: it is neither, or that step has no such output.
    """
    if text.startswith(ASSET_SCHEME):
        return text.removeprefix(ASSET_SCHEME)
    match = _STEP_OUTPUT.match(text)
    if match is None:
        raise AssetMissing("A place for a picture holds something that is no reference.")
    outputs = inputs.get(match[1], ())
    index = int(match[2])
    if index >= len(outputs):
        raise AssetMissing(f"Step {match[1]!r} has {len(outputs)} outputs; number {index} (counted from 0) was asked for.")
    return str(outputs[index]["sha256"])


async def build_body(request: Mapping[str, object], inputs: Outputs, store: AsyncAssetStore) -> bytes:
    """Bedrock's body with every picture in place, as JSON bytes.

    Raises:
        AssetMissing, StorageUnavailable.
    """
    values: dict[str, object] = {}
    for place, value in image_values(request).items():
        data = await store.get(referred_asset(str(value), inputs))
        values[place.pointer] = pybase64.b64encode_as_string(data)
    return orjson.dumps(replace_at(request, values))


async def step_images(request: Mapping[str, object], inputs: Outputs, store: AsyncAssetStore) -> list[bytes]:
    """The input pictures of a local step, in order."""
    return [await store.get(referred_asset(str(name), inputs)) for name in as_array(request.get("images"))]
