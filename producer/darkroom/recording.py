"""Turns a checked request or a plan into what the ledger records: jobs, pools, the workflow, the fingerprint of the whole.

Pure: ids come in, records go out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from darkroom.plans import Plan, PlannedStep
from darkroom.terms import Terms, facts_of_step
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.job_record import AUTO, JobRecord
from darkroom_shared.contract.messages import step_task_name, task_name
from darkroom_shared.core.conditions import with_values
from darkroom_shared.core.ids import ASSET_SCHEME, SHA256
from darkroom_shared.core.quota import LOCAL_LANE, PoolQuota
from darkroom_shared.core.workflow import dependants
from darkroom_shared.plan.choosing import facts_of
from darkroom_shared.plan.content import bypass_of, content_of
from darkroom_shared.plan.recorded import route_fields
from darkroom_shared.plan.route import Route
from darkroom_shared.store import ops
from darkroom_shared.store.operation import Script


@dataclass(frozen=True, slots=True)
class Submission:
    """One run of `accept`, ready to be sent."""

    jobs: tuple[ops.NewJob, ...]
    pools: tuple[PoolQuota, ...]
    idempotency: tuple[str, str, int] | None
    workflow: tuple[str, Mapping[str, str]] | None = None
    goes_on: ops.GoesOn | None = None
    """Set for new steps of a workflow that is there already."""
    replaces: str | None = None
    """The dead letter that the one job replaces."""

    def operation(self, stored_ms: int | None = None) -> Script[ops.Accepted]:
        """The ledger's operation; `stored_ms` as for `ops.accept`."""
        return ops.accept(
            self.jobs,
            self.pools,
            workflow=self.workflow,
            goes_on=self.goes_on,
            idempotency=self.idempotency,
            replaces=self.replaces,
            stored_ms=stored_ms,
        )


def single(terms: Terms, job_id: str, step: PlannedStep, *, replays: str = "") -> Submission:
    """One job on its own; `replays` is the dead letter that it is to replace."""
    record = _record(terms, step, first=True).model_copy(update={"replays": replays})
    asked = step.asked or step.request
    return Submission(
        jobs=(ops.NewJob(job_id, record.as_fields(), calls=step.calls, hold_until_ms=terms.delivery.not_before_ms),),
        pools=terms.pools(step),
        idempotency=terms.idempotency({"replays": replays, "request": asked} if replays else asked),
        replaces=replays or None,
    )


def workflow(
    terms: Terms,
    workflow_id: str,
    job_ids: Sequence[str],
    plan: Plan,
    *,
    asked: Mapping[str, object] | None = None,
    told: Mapping[str, str] | None = None,
    done: Mapping[str, str] | None = None,
) -> Submission:
    """The steps of a plan, one job each, and the workflow that joins them.

    Args:
        job_ids: for the steps that are not done, in order.
        asked: the one request that all of it is for, where a single job was asked for.
        told: more fields of the workflow's record.
        done: the job of each step that was done before, here or in another workflow.
    """
    before = done or {}
    left = [step for step in plan.steps if step.name not in before]
    new = dict(zip((step.name for step in left), job_ids, strict=True))
    ids = {step.name: before.get(step.name) or new[step.name] for step in plan.steps}
    waiting = dependants({step.name: step.waits_for for step in left}, also=before)
    jobs = [
        ops.NewJob(
            ids[step.name],
            _record(terms.under(step.policy), step, first=not step.waits_for, workflow=workflow_id, jobs=ids).as_fields(),
            calls=step.calls,
            needs=[ids[need] for need in step.waits_for],
            dependants=[ids[name] for name in waiting[step.name]],
            hold_until_ms=terms.delivery.not_before_ms,
        )
        for step in left
    ]
    fields = {
        "tenant": terms.delivery.tenant,
        "steps": json.dumps(list(ids.items())),
        "plan": json.dumps([step.as_json() for step in plan.steps], ensure_ascii=False),
        **(told or {}),
    }
    whole = {"steps": [[step.name, step.asked or step.request] for step in plan.steps if step.route is None or not step.inserted]}
    pools = {pool.pool: pool for step in plan.steps for pool in terms.pools(step)}
    return Submission(tuple(jobs), tuple(pools.values()), terms.idempotency(asked or whole), (workflow_id, fields))


def _record(
    terms: Terms, step: PlannedStep, *, first: bool, workflow: str = "", jobs: Mapping[str, str] | None = None
) -> JobRecord:
    told = terms.delivery
    local = step.kind != "bedrock"
    kind = step.task_type.removeprefix("local.")
    gate = Gate.model_validate(step.request["gate"]) if step.kind == "gate" else Gate()
    ids = jobs or {}
    record = JobRecord(
        kind=step.kind,
        task_type=step.task_type,
        task_name=step_task_name(kind) if local else task_name(step.task_type),
        request=dict(step.request),
        substitute="never" if local else terms.substitute_for(step.asked or step.request),
        named_regions=list(told.regions) if told.regions_named and not local else [],
        lane=LOCAL_LANE,
        tenant=told.tenant,
        job_class=told.job_class,
        images_wanted=step.images,
        images_per_call=step.images // step.calls,
        price_microusd=0,
        retention_ms=round(terms.settings.retention.total_seconds() * 1000),
        dead_retention_ms=round(terms.settings.dead_letter_retention.total_seconds() * 1000),
        on_unknown=told.on_unknown,
        guardrail="" if local else told.guardrail,
        guardrail_gates=[] if local else list(told.guardrail_gates),
        not_before_ms=told.not_before_ms,
        # A later step starts when the one before it is done, whenever that is: only the first can be late.
        start_by_ms=told.start_by_ms if first else 0,
        finish_by_ms=told.finish_by_ms,
        inputs=assets_of([step.request, step.asked]),
        metadata=told.metadata,
        warnings=[*terms.model_warnings(step), *terms.advice(step)],
        workflow=workflow,
        step=step.name if workflow else "",
        needs={need: ids[need] for need in step.needs},
        soft={ids[name]: edge for name, edge in step.soft.items()},
        enough=step.enough,
        wants={ids[name]: least for name, least in step.wants.items()},
        when=None if step.when is None else with_values(step.when, lambda value: _of_job(value, ids)),
        gate_ms=round((gate.within_s or 0) * 1000),
        on_timeout="approve" if gate.on_timeout == "approve" else "",
        call_budget=step.policy.attempts or 0,
        checks=[dict(check) for check in step.checks],
        check_pictures=dict(step.check_pictures),
        rerolls=step.rerolls,
        cache="" if told.cache in ("use", "no-store") or local else told.cache,
    )
    if step.route is not None:
        record = record.model_copy(update=_route_fields(terms, step, step.route))
    if step.kind == "gate":
        return record
    later = first and told.not_before_ms > told.submitted_ms
    if bypass := "no_store" if told.cache == "no-store" else "not_before" if later else bypass_of(record):
        return record.model_copy(update={"bypass": bypass})
    content, refs = content_of(record)
    return record.model_copy(update={"content": content, "content_refs": refs})


def _of_job(value: Mapping[str, object], jobs: Mapping[str, str]) -> Mapping[str, object]:
    """A value of a step as the ledger looks it up."""
    return {"job": jobs[str(value["step"])], **{name: part for name, part in value.items() if name != "step"}}


def _route_fields(terms: Terms, step: PlannedStep, route: Route) -> dict[str, object]:
    asked = step.asked or step.request
    facts = facts_of_step(replace(step, request=asked))
    named = terms.named_for(asked)
    return route_fields(
        route,
        step.request,
        asked=step.asked,
        asked_model=AUTO if named is None else "" if named.id == step.model else named.id,
        calls=step.calls,
        images=step.images,
        price_usd=step.price_usd,
        price_book=terms.settings.price_book.version,
        facts=facts_of(route.translation, asked, facts),
    )


def assets_of(value: object) -> list[str]:
    """SHA-256 of every asset that a request refers to, each once, in the order of their first mention."""
    if isinstance(value, str):
        name = value.removeprefix(ASSET_SCHEME)
        return [name] if name != value and SHA256.fullmatch(name) else []
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, object]", value).values())
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()
    return list(dict.fromkeys(name for item in items for name in assets_of(item)))
