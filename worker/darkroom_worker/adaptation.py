"""The free steps around a paid call whose request was translated for another model: on what is sent, and on what was made.

They are computed again whenever they are needed: steps are deterministic, and only the paid answer is worth keeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import TypeAdapter

from darkroom_shared.contract.steps import Cover, StepSpec
from darkroom_shared.core.workflow import parse_reference
from darkroom_shared.images import inspect, measure
from darkroom_shared.models.catalogue import FAMILIES
from darkroom_shared.plan.fitting import fitting
from darkroom_shared.plan.route import MADE
from darkroom_shared.task_types import image_values
from darkroom_worker.requests import referred_asset, without_missing
from darkroom_worker.work import Held, Worker

_SPEC: TypeAdapter[StepSpec] = TypeAdapter(StepSpec)
SENT = "$/"
"""Begins the name of a picture that was sent, among those of a finishing step: `$/image` is the one at `/image`."""
_SEED_SPAN = 4_294_967_294
"""Seeds of the models that make one picture a call lie from 1 to here."""


async def prepared(worker: Worker, held: Held) -> dict[str, bytes]:
    """The pictures that are not sent as they are stored, by JSON pointer, each after its free steps.

    Raises:
        AssetMissing, StorageUnavailable, ImageRefused, InvalidRequest.
    """
    record = held.record
    if not record.prepare:
        return {}
    places = {place.pointer: str(value) for place, value in image_values(record.request).items()}
    found: dict[str, bytes] = {}
    for pointer, specs in record.prepare.items():
        pictures: list[bytes] = []
        for spec in map(_SPEC.validate_python, specs):
            if spec.inputs and not pictures:
                pictures = [await worker.store.get(referred_asset(places[pointer], held.inputs))]
            pictures = (await worker.steps.run(spec, pictures[: spec.inputs]))[:1]
        found[pointer] = pictures[0]
    return found


async def small_enough(
    worker: Worker, held: Held, request: Mapping[str, object], made: Mapping[str, bytes]
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The same for pictures that only now can be looked at, those of the steps before: what a model takes at most is kept.

    Args:
        made: pictures that were changed already, by JSON pointer.

    Returns:
        `made` with those that had to be made smaller, and a note for each of them.

    Raises:
        AssetMissing, StorageUnavailable, ImageRefused, InvalidRequest.
    """
    if FAMILIES[held.model.family].sent_limits is None:
        return dict(made), ()
    found, notes = dict(made), list[str]()
    for place, value in image_values(without_missing(request, held.inputs)).items():
        if place.pointer in found or parse_reference(str(value)) is None:
            continue  # it was looked at when the job was submitted
        data = await worker.store.get(referred_asset(str(value), held.inputs))
        fit = fitting(held.model, await asyncio.to_thread(inspect, data))
        if fit is not None:
            for spec in fit.specs:
                data = (await worker.steps.run(spec, [data]))[0]
            found[place.pointer] = data
            notes.append(fit.note)
    return found, tuple(notes)


async def finished(worker: Worker, held: Held, images: Sequence[bytes]) -> list[bytes]:
    """The pictures as they were asked for; one that needs nothing is given back as it came.

    Raises:
        AssetMissing, StorageUnavailable, ImageRefused, InvalidRequest.
    """
    steps = [(_SPEC.validate_python(row["step"]), cast("list[str]", row["images"])) for row in held.record.finish]
    sent: dict[str, bytes] = {}
    for _, names in steps:
        for name in names:
            if name.startswith(SENT) and name not in sent:
                sent[name] = await _sent(worker, held, name.removeprefix("$"))
    done: list[bytes] = []
    for image in images:
        made = image
        for spec, names in steps:
            if isinstance(spec, Cover) and _has_size(made, spec):
                continue
            made = (await worker.steps.run(spec, [made if name == MADE else sent[name] for name in names]))[0]
        done.append(made)
    return done


async def _sent(worker: Worker, held: Held, pointer: str) -> bytes:
    made = (await prepared(worker, held)).get(pointer)
    if made is not None:
        return made
    places = {place.pointer: str(value) for place, value in image_values(held.record.request).items()}
    return await worker.store.get(referred_asset(places[pointer], held.inputs))


def _has_size(image: bytes, spec: Cover) -> bool:
    size = measure(image)
    return (size.width, size.height) == (spec.width, spec.height)


def with_seed_of_call(request: Mapping[str, object], number: int) -> Mapping[str, object]:
    """The request of the job's call `number` (from 0): each has a seed of its own, counted on from the job's.

    A request without a seed, or with 0, has the service draw one for each call.
    """
    seed = request.get("seed")
    if number == 0 or not isinstance(seed, int) or seed == 0:
        return request
    return {**request, "seed": (seed - 1 + number) % _SEED_SPAN + 1}
