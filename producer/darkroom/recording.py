"""Turns a checked request or a plan into what the ledger records: jobs, pools, the workflow, the fingerprint of the whole.

Pure: ids come in, records go out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

from darkroom.options import Delivery
from darkroom.planning import Plan, PlannedStep
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.messages import step_task_name, task_name
from darkroom_shared.core.idempotency import fingerprint
from darkroom_shared.core.ids import ASSET_SCHEME, SHA256
from darkroom_shared.core.quota import LOCAL_LANE, PoolQuota, pool_name
from darkroom_shared.core.workflow import dependants
from darkroom_shared.models.catalogue import defaults, lifecycle_warning
from darkroom_shared.models.model import Model
from darkroom_shared.settings import Settings
from darkroom_shared.store import ops
from darkroom_shared.store.steering import pool_quota
from darkroom_shared.task_types import as_object, task_type_of


@dataclass(frozen=True, slots=True)
class Submission:
    """One run of `accept`, ready to be sent."""

    jobs: tuple[ops.NewJob, ...]
    pools: tuple[PoolQuota, ...]
    idempotency: tuple[str, str, int] | None
    workflow: tuple[str, Mapping[str, str]] | None = None
    replaces: str | None = None
    """The dead letter that the one job replaces."""

    def operation(self, stored_ms: int | None = None) -> ops.Script[ops.Accepted]:
        """The ledger's operation; `stored_ms` as for `ops.accept`."""
        return ops.accept(
            self.jobs, self.pools, workflow=self.workflow, idempotency=self.idempotency, replaces=self.replaces, stored_ms=stored_ms
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What all jobs of a submission share."""

    settings: Settings
    delivery: Delivery
    model: Model
    today: date

    def model_warnings(self) -> tuple[str, ...]:
        """What a person should know before calling AWS with this model; nothing where the local endpoint answers."""
        if self.settings.is_local_bedrock:
            return ()
        found = [lifecycle_warning(self.model, self.today)]
        if self.delivery.region not in self.model.regions:
            offered = ", ".join(self.model.regions)
            found.append(f"{self.model.id} was not offered in {self.delivery.region}, but in: {offered}.")
        return tuple(text for text in found if text)

    def regions(self) -> tuple[str, ...]:
        """Where the calls may go: on AWS only the first Region may be one that never offered the model, with a warning."""
        first, *others = self.delivery.regions
        offered = others if self.settings.is_local_bedrock else [region for region in others if region in self.model.regions]
        return (first, *offered)

    def pools(self) -> tuple[PoolQuota, ...]:
        """The pools that the calls may use, best first."""
        model = self.model
        return tuple(pool_quota(self.settings, model.id, region, model.id, model.requests_per_minute) for region in self.regions())

    def idempotency(self, request: Mapping[str, object]) -> tuple[str, str, int] | None:
        """Key, fingerprint and life for the ledger; None without a key. Class, deadlines and metadata may differ."""
        told = self.delivery
        if told.idempotency_key is None:
            return None
        life_ms = round(self.settings.idempotency_life.total_seconds() * 1000)
        print_ = fingerprint(request, model=self.model.id, region=told.region, tenant=told.tenant)
        return f"{told.tenant}:{told.idempotency_key}", print_, life_ms


def single(terms: Terms, job_id: str, step: PlannedStep, *, replays: str = "") -> Submission:
    """One job on its own; `replays` is the dead letter that it is to replace."""
    record = _record(terms, step, first=True).model_copy(update={"replays": replays})
    return Submission(
        jobs=(ops.NewJob(job_id, record.as_fields(), hold_until_ms=terms.delivery.not_before_ms),),
        pools=terms.pools() if step.kind == "bedrock" else (),
        idempotency=terms.idempotency({"replays": replays, "request": step.request} if replays else step.request),
        replaces=replays or None,
    )


def workflow(terms: Terms, workflow_id: str, job_ids: Sequence[str], plan: Plan) -> Submission:
    """All steps of a plan, one job each, and the workflow that joins them."""
    ids = dict(zip((step.name for step in plan.steps), job_ids, strict=True))
    waiting = dependants({step.name: step.needs for step in plan.steps})
    jobs = [
        ops.NewJob(
            ids[step.name],
            _record(terms, step, first=not step.needs, workflow=workflow_id, jobs=ids).as_fields(),
            needs=[ids[need] for need in step.needs],
            dependants=[ids[name] for name in waiting[step.name]],
            hold_until_ms=terms.delivery.not_before_ms,
        )
        for step in plan.steps
    ]
    fields = {
        "tenant": terms.delivery.tenant,
        "steps": json.dumps(list(ids.items())),
        "plan": json.dumps([step.as_json() for step in plan.steps], ensure_ascii=False),
        "left": str(len(jobs)),
    }
    whole = {"steps": [[step.name, step.request] for step in plan.steps]}
    pools = terms.pools() if any(step.kind == "bedrock" for step in plan.steps) else ()
    return Submission(tuple(jobs), pools, terms.idempotency(whole), (workflow_id, fields))


def _record(
    terms: Terms, step: PlannedStep, *, first: bool, workflow: str = "", jobs: Mapping[str, str] | None = None
) -> JobRecord:
    told = terms.delivery
    local = step.kind == "local"
    kind = step.task_type.removeprefix("local.")
    return JobRecord(
        kind=step.kind,
        task_type=step.task_type,
        task_name=step_task_name(kind) if local else task_name(step.task_type),
        request=dict(step.request),
        model="" if local else terms.model.id,
        region="" if local else told.region,
        routes="" if local else ",".join(pool_name(region, terms.model.id) for region in terms.regions()),
        lane=LOCAL_LANE if local else terms.model.id,
        tenant=told.tenant,
        job_class=told.job_class,
        images_wanted=step.images,
        price_microusd=_microusd(step.price_usd),
        retention_ms=round(terms.settings.retention.total_seconds() * 1000),
        dead_retention_ms=round(terms.settings.dead_letter_retention.total_seconds() * 1000),
        on_unknown=told.on_unknown,
        not_before_ms=told.not_before_ms,
        # A later step starts when the one before it is done, whenever that is: only the first can be late.
        start_by_ms=told.start_by_ms if first else 0,
        finish_by_ms=told.finish_by_ms,
        inputs=assets_of(step.request),
        metadata=told.metadata,
        warnings=[] if local else list(terms.model_warnings()),
        seed=None if local else effective_seed(terms.model, step.request),
        workflow=workflow,
        step=step.name if workflow else "",
        needs={need: (jobs or {})[need] for need in step.needs},
    )


def _microusd(price: Decimal | None) -> int | None:
    return None if price is None else int(price * 1_000_000)


def assets_of(value: object) -> list[str]:
    """SHA-256 of every asset that a request refers to, each once, in the order of their first mention."""
    if isinstance(value, str):
        name = value.removeprefix(ASSET_SCHEME)
        return [name] if name != value and SHA256.fullmatch(name) else []
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, object]", value).values())
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()
    return list(dict.fromkeys(name for item in items for name in assets_of(item)))


def effective_seed(model: Model, body: Mapping[str, object]) -> int | None:
    """The seed that a call uses: the body's, else the service's fixed default; None for tasks that know no seed."""
    task = task_type_of(body)
    if task is None or not task.takes_config:
        return None
    given = as_object(body.get("imageGenerationConfig")).get("seed")
    return given if isinstance(given, int) else defaults(model).seed
