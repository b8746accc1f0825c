"""What becomes of a call whose model is retired: the fleet is told, and a job that allows it is planned anew, on living models.

The new way is the one that a submit of the same request would find now. Where there is none, the call fails with `model_retired`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, cast

import structlog

from darkroom_shared import failpoints
from darkroom_shared.contract.job_record import AUTO, JobRecord
from darkroom_shared.core.errors import NoRoute
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.quota import split_pool
from darkroom_shared.failpoints import Point
from darkroom_shared.images import inspect
from darkroom_shared.models.catalogue import find_model, image_count
from darkroom_shared.models.model import Body, Model
from darkroom_shared.plan.choosing import Wish, choose, facts_of, is_living
from darkroom_shared.plan.recorded import ROUTE_FIELDS, route_fields
from darkroom_shared.plan.route import Route
from darkroom_shared.store import retirement
from darkroom_shared.store.retirement import Mark, NewMark
from darkroom_shared.store.steering import pool_quota
from darkroom_shared.task_types import image_values
from darkroom_worker.outcomes import LEASE_LOST, settle
from darkroom_worker.requests import referred_asset, without_missing
from darkroom_worker.work import Held, Worker, insist

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.rerouting")

RETIRED: Final = "model_retired"
REROUTED: Final = "rerouted"
_WRONG_ID: Final = "model_not_found"
"""So AWS also answers for a model that is gone, not only for an id that never was."""


@dataclass(frozen=True, slots=True)
class _Way:
    """The record's fields on a new route, how many calls it takes, and the route."""

    record: JobRecord
    calls: int
    route: Route


async def failed(worker: Worker, held: Held, failure: Failure, attempt: int) -> str:
    """Records what a failed call leads to; see `outcomes.settle`. A word for the log."""
    marks: Mapping[str, Mark] = {}
    if failure.code == _WRONG_ID:
        marks = await insist(worker, retirement.marks())
        failure = as_retirement(failure, held.model, marks)
    if failure.code != RETIRED:
        return await settle(worker, held, failure, attempt)
    model_id = held.model.id
    if await insist(worker, retirement.retire([NewMark(model_id, "worker", failure.message)])):
        _log.warning("model_marked_as_retired", model=model_id, text=failure.message)
    if held.record.substitute == "never":
        return await settle(worker, held, _told(failure, NEVER), attempt)
    outcome = await put_on_another_way(worker, held, failure)
    return outcome if isinstance(outcome, str) else await settle(worker, held, outcome, attempt)


NEVER: Final = (
    "The job does not allow another model: submit it again with substitute='equivalent', or with a model that `darkroom models` "
    "lists as active. `darkroom plan` shows what each would do."
)


def as_retirement(failure: Failure, model: Model, marks: Mapping[str, Mark]) -> Failure:
    """The same failure; `model_retired` if a wrong id can only mean that: it is past its end, or AWS says that it is gone."""
    mark = marks.get(model.id)
    gone = not is_living(model, datetime.now(UTC).date()) or (mark is not None and mark.source == "aws")
    return replace(failure, code=RETIRED) if gone else failure


async def put_on_another_way(worker: Worker, held: Held, failure: Failure | None) -> str | Failure:
    """Plans the job anew without the models that are retired, and records it.

    Args:
        failure: the refusal; None where the model's mark was seen before the call.

    Returns:
        A word for the log; or the failure, with what can be done about it, if there is no other way.

    Raises:
        AssetMissing, ImageRefused, StorageUnavailable: the request's pictures cannot be looked at.
    """
    if held.todo:  # what another model made in its place would not fit to what the job has
        return failure or Failure(FailureKind.PERMANENT, RETIRED, "The model is retired.")
    marks = await insist(worker, retirement.marks())
    try:
        way = await _other_way(worker, held, frozenset(marks))
    except NoRoute as error:
        return _told(failure or Failure(FailureKind.PERMANENT, RETIRED, "The model is retired."), str(error)[:800])
    fields = way.record.as_fields()
    failpoints.reach(Point.REROUTE_SENDING)
    done = await insist(
        worker,
        retirement.reroute(
            held.id,
            held.fence,
            model=held.record.model,
            failure=failure,
            fields={name: fields[name] for name in ROUTE_FIELDS if name in fields},
            names=ROUTE_FIELDS,
            calls=way.calls,
            pools=[
                pool_quota(worker.settings, way.record.model, region, way.record.model, way.route.model.requests_per_minute)
                for region in way.route.regions
            ],
        ),
    )
    failpoints.reach(Point.REROUTE_DONE)
    _log.info("rerouted", model=held.record.model, to=way.record.model, fidelity=way.record.fidelity)
    return REROUTED if done else LEASE_LOST


async def _other_way(worker: Worker, held: Held, dead: frozenset[str]) -> _Way:
    """The job's record on the best way that is left. Raises NoRoute."""
    record = held.record
    body = without_missing(record.asked or record.request, held.inputs)
    wish = _wish(worker, record, body, await _facts(worker, held, body), dead)
    route = choose(wish)
    told = route.translation
    if told.cutout is not None:
        raise NoRoute(
            f"{route.model.id} can do it after a paid step that finds the subject, which this job does not have: submit the "
            "request again as a new job. `darkroom plan` shows both steps."
        )
    now = record.images_wanted // held.images_wanted
    if told.calls < now or told.calls * image_count(told.body) != record.images_wanted:
        raise NoRoute(f"{route.model.id} makes these pictures in another number of calls: submit the request again as a new job.")
    named = wish.model
    fields = route_fields(
        route,
        told.body,
        asked={} if route.fidelity == "exact" else body,
        asked_model="" if named is not None and named.id == route.model.id else record.asked_model or record.model,
        calls=told.calls,
        images=record.images_wanted,
        price_usd=route.price_usd,
        price_book=wish.prices.version,
        facts=facts_of(told, body, wish.facts),
    )
    return _Way(record.model_copy(update=fields), told.calls, route)


def _wish(worker: Worker, record: JobRecord, body: Body, facts: Mapping[str, ImageFacts], dead: frozenset[str]) -> Wish:
    named = record.asked_model or record.model
    usual = dict.fromkeys(split_pool(pool)[0] for pool in record.routes.split(","))
    return Wish(
        body=body,
        facts=facts,
        model=None if named == AUTO else find_model(named),
        substitute=record.substitute,
        regions=tuple(record.named_regions or usual),
        today=datetime.now(UTC).date(),
        elsewhere=not record.named_regions,
        may_go_to=worker.settings.may_go_to,
        may_run=worker.settings.may_run,
        dead=dead,
        anywhere=worker.settings.is_local_bedrock,
        prices=worker.settings.price_book,
    )


async def _facts(worker: Worker, held: Held, body: Body) -> dict[str, ImageFacts]:
    found: dict[str, ImageFacts] = {}
    for place, value in image_values(body).items():
        data = await worker.store.get(referred_asset(str(value), held.inputs))
        found[place.pointer] = await asyncio.to_thread(inspect, data, mask=place.role == "mask")
    return found


def _told(failure: Failure, way_out: str) -> Failure:
    return replace(failure, message=f"{failure.message.rstrip()} {way_out}")


def as_answered(job: Mapping[str, str], call: Mapping[str, str]) -> Mapping[str, str]:
    """The job as it was when the call's stored answer was asked for: it may have been put on another way since.

    Args:
        job: its record as it is now.
        call: the call's record; `ways` are those before, each with the last fence under which it was gone.
    """
    ways = cast("list[dict[str, object]]", json.loads(call.get("ways", "[]")))
    fence = call.get("receipt", "").rpartition(":")[2]
    for way in ways:
        if fence.isdecimal() and int(fence) <= int(str(way["fence"])):
            now = {name: value for name, value in job.items() if name not in ROUTE_FIELDS}
            return now | cast("dict[str, str]", way["fields"])
    return job
