"""Checks what was made, and asks again for what does not pass: fewer pictures, other seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from darkroom_shared.contract.checks import CheckSpec, NearDuplicate, parse_checks, references_of
from darkroom_shared.core.errors import AssetMissing, ImageRefused, InvalidRequest
from darkroom_shared.core.lifecycle import CHECK_FAILED
from darkroom_shared.models.catalogue import seed_of
from darkroom_shared.task_types import as_object, task_type_of
from darkroom_worker.adaptation import with_seed_of_call
from darkroom_worker.checks import check_apart
from darkroom_worker.requests import referred_asset
from darkroom_worker.work import Held, Made, Worker

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.rerolls")

_AMAZON_SEEDS: Final = 858_993_460
"""Nova Canvas takes seeds below this, Titan more; the reference, section 3."""
_STABILITY_SEEDS: Final = 4_294_967_294
"""Stability's models take seeds from 1 to here; 0 has them draw one."""


def pictures_of(job: Mapping[str, str]) -> tuple[str, ...]:
    """SHA-256 of the pictures that a job has so far."""
    return tuple(str(row["sha256"]) for row in json.loads(job.get("outputs", "[]")) if row.get("role", "image") == "image")


def asked_for(held: Held) -> Mapping[str, object]:
    """The request of this attempt: the job's, with the seed of this call; for what is made again, fewer pictures and another seed.

    The seed is counted on by the number of the job's pictures for each reroll, so that no call of the job has had it before. Where
    the service draws the seed, it draws another one.
    """
    request = with_seed_of_call(held.record.request, held.number)
    if not held.todo:
        return request
    seed, shift = seed_of(held.model, request), held.rerolls * held.record.images_wanted
    task = task_type_of(request)
    if task is not None and task.takes_config:
        config = {**as_object(request.get("imageGenerationConfig")), "numberOfImages": len(held.todo)}
        return {**request, "imageGenerationConfig": config | ({} if seed is None else {"seed": (seed + shift) % _AMAZON_SEEDS})}
    return request if seed is None else {**request, "seed": (seed - 1 + shift) % _STABILITY_SEEDS + 1}


async def passing(worker: Worker, held: Held, made: Sequence[Made]) -> tuple[list[Made], list[dict[str, object]], list[str]]:
    """What passes the job's checks; a row for each picture that does not; and what could not be looked at, in sentences.

    A picture is not held responsible for what it is compared with: where that is gone or no picture, it passes, with a warning.

    Raises:
        StorageUnavailable.
    """
    if not held.record.checks:
        return list(made), [], []
    specs = parse_checks(held.record.checks)
    try:
        references = {name: await _reference(worker, held, name) for name in references_of(specs)}
        siblings = [await worker.store.get(name) for name in held.siblings] if _compares(specs) else []
    except AssetMissing as error:
        return list(made), [], [f"The pictures were not checked: {error}"]
    failed: dict[int, dict[str, object]] = {}
    notes: list[str] = []
    for one in made:
        if one.role != "image":
            continue
        try:
            found = await check_apart(worker.steps, specs, one.data, references=references, siblings=siblings)
        except (ImageRefused, InvalidRequest) as error:
            notes.append(f"Picture {held.index_of(one.index)} was not checked: {error}")
            continue
        if found:
            row: dict[str, object] = {
                "index": held.index_of(one.index),
                "code": CHECK_FAILED,
                "message": " ".join(found),
                "billed": True,
            }
            failed[one.index] = row | ({} if one.seed is None else {"seed": one.seed})
            _log.info("check_failed", index=row["index"], rerolls=held.rerolls)
        else:
            siblings.append(one.data)
    # What a picture was made of goes with it; a mask belongs to all of them.
    kept = [one for one in made if one.role == "mask" or one.index not in failed]
    return kept, list(failed.values()), notes


def _compares(specs: Sequence[CheckSpec]) -> bool:
    return any(isinstance(spec, NearDuplicate) for spec in specs)


async def _reference(worker: Worker, held: Held, name: str) -> bytes:
    return await worker.store.get(referred_asset(held.record.check_pictures.get(name, ""), held.inputs))
