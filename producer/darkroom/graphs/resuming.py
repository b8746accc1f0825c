"""Going on with workflows: the steps that are missing are run, those that ended well are not paid again.

The plan is made anew of what was asked for (`drafting`). A step is done if it ended well, or was skipped, and all that it waited
for is done too; everything else gets a new job.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, cast

from darkroom import workflows
from darkroom.decisions import merge_patch
from darkroom.drafting import FIELD, drafted, read_drafts
from darkroom.effects import Flow, ask
from darkroom.graphs.planning import plan_graph
from darkroom.graphs.running import budget_of
from darkroom.inputs import Picture, resolve, resolve_body
from darkroom.launching import Recorded, Scene, marked, notes_on, record, store, warn, with_marks
from darkroom.options import SubmitOptions, delivery, no_checks
from darkroom.planning import Draft, plan_chain
from darkroom.plans import Plan, PlannedStep
from darkroom.recording import workflow
from darkroom.routing import Source, from_outside
from darkroom.terms import Terms
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.steps import parse_step
from darkroom_shared.contract.views import JobView, job_view
from darkroom_shared.contract.workflow_views import SKIPPED
from darkroom_shared.core.errors import InvalidRequest, NothingToDecide
from darkroom_shared.core.lifecycle import CHECK_NOT_PASSED, JobState
from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.store import ops, reads

Changes = Mapping[str, Mapping[str, object]]
"""By step what to change in its request, as a JSON merge patch (RFC 7396)."""
_WELL: Final = (JobState.SUCCEEDED, JobState.PARTIAL)


@dataclass(frozen=True, slots=True)
class Again:
    """How to go on.

    Attributes:
        changes: what is another request now; such steps and all after them run anew.
        budget_usd: a new budget for the whole, what was spent included; None to keep the old one.
        after: of a fork, the finished step after which all runs anew; None to keep all that is done.
    """

    changes: Changes = field(default_factory=dict[str, Mapping[str, object]])
    budget_usd: float | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    terms: Terms
    plan: Plan
    drafts: list[Draft]
    start: list[Source] | None
    pictures: list[Picture]
    done: dict[str, str]
    jobs: dict[str, str]
    record: Mapping[str, str]

    @property
    def left(self) -> list[PlannedStep]:
        """The steps that are to run."""
        return [step for step in self.plan.steps if step.name not in self.done]


def resume(scene: Scene, workflow_id: str, again: Again, options: SubmitOptions) -> Flow[Recorded]:
    """Runs the missing steps of a workflow that has ended, as new jobs of the same workflow.

    Raises:
        NothingToDecide: it has not ended, or nothing is missing, or somebody else goes on with it already.
        Others as `submit`.
    """
    ready = yield from _ready(scene, workflow_id, again, options, running=False)
    if not ready.left:
        raise NothingToDecide(f"Nothing is missing in {workflow_id}: every step gave its results.")
    budget = _budget_left(ready, again.budget_usd)
    warn(notes_on(ready.plan, ready.terms))
    yield from store(ready.pictures)
    ids = scene.new_job_ids(len(ready.left))
    new = dict(zip((step.name for step in ready.left), ids, strict=True))
    told = {**drafted(ready.drafts, ready.terms, start=ready.start), **budget}
    submission = workflow(ready.terms, workflow_id, ids, ready.plan, told=told, done=ready.done)
    replaced = {ready.jobs[name]: job for name, job in new.items() if name in ready.jobs}
    done = yield from record(scene, replace(submission, goes_on=ops.GoesOn(ready.record["steps"], replaced)), ready.pictures)
    warn(marked(done))
    return replace(done, jobs={step.name: ready.done.get(step.name) or new[step.name] for step in ready.plan.steps})


def fork(scene: Scene, workflow_id: str, again: Again, options: SubmitOptions) -> Flow[Recorded]:
    """Starts a new workflow with what another one has finished; that one is left as it is, running or not.

    Raises:
        InvalidRequest: `after` names no finished step.
        Others as `submit`.
    """
    ready = yield from _ready(scene, workflow_id, again, options, running=True)
    if not ready.left:
        text = f"every step of {workflow_id} is done"
        raise InvalidRequest([Problem("/after", f"{text}: say after which one it is to go on, or what to change")])
    budget = budget_of(again.budget_usd, replace(ready.plan, price_usd=_price(ready.left)))
    warn(notes_on(ready.plan, ready.terms))
    yield from store(ready.pictures)
    ids = scene.new_job_ids(len(ready.left))
    told = {**drafted(ready.drafts, ready.terms, start=ready.start), **budget, "forked_from": workflow_id}
    told |= {"name": ready.record["name"]} if "name" in ready.record else {}
    submission = workflow(ready.terms, scene.new_id("wf"), ids, ready.plan, told=told, done=ready.done)
    done = yield from record(scene, submission, ready.pictures)
    warn(marked(done))
    new = dict(zip((step.name for step in ready.left), ids, strict=True))
    jobs = (yield from workflows.steps_of(done.id)) if done.replayed else {**ready.done, **new}
    return replace(done, jobs={step.name: jobs[step.name] for step in ready.plan.steps})


def _price(steps: Sequence[PlannedStep]) -> Decimal | None:
    prices = [step.price_usd for step in steps]
    return None if None in prices else sum((price for price in prices if price is not None), Decimal(0))


def _budget_left(ready: _Ready, budget_usd: float | None) -> dict[str, str]:
    """The budget as a field of the record, checked against what was spent and what is missing."""
    spent = Decimal(ready.record.get("spent_microusd", "0")) / 1_000_000
    old = ready.record.get("budget_microusd")
    limit = budget_usd if budget_usd is not None else int(old) / 1_000_000 if old else None
    if limit is None:
        return {}
    price = _price(ready.left)
    return budget_of(limit, replace(ready.plan, price_usd=None if price is None else price + spent))


def _ready(scene: Scene, workflow_id: str, again: Again, options: SubmitOptions, *, running: bool) -> Flow[_Ready]:
    record_ = yield from workflows.record_of(workflow_id)
    if FIELD not in record_:
        raise NothingToDecide(f"{workflow_id} was recorded by an older version, without what is needed to go on with it.")
    drafts, told, start = read_drafts(record_[FIELD])
    no_checks(options)
    wanted = {name: value for name, value in options.items() if value is not None}
    terms = scene.terms(delivery(cast("SubmitOptions", {**told, **wanted}), scene.settings, scene.sources.now_ms()))
    terms = yield from with_marks(replace(terms, chained=True))
    jobs: dict[str, str] = dict(json.loads(record_["steps"]))
    views = yield from _views(jobs)
    if not running and (open_ := next((name for name, view in views.items() if not view.is_terminal), None)):
        raise NothingToDecide(f"{workflow_id} has not ended: step {open_!r} is {views[open_].state}. Cancel it first, or wait.")
    changed = [_changed(draft, again.changes.get(draft.name, {})) for draft in drafts]
    _known_steps(again, [draft.name for draft in drafts], views)
    opened, pictures = yield from _reopened(changed)
    planned: Plan
    sources: list[Source] | None = None
    if start is None:
        planned = plan_graph(opened, terms)
    else:
        resolved = yield from resolve({f"/image/{index}": ref for index, ref in enumerate(start)}, paths=False)
        sources = [from_outside(picture.reference, picture.facts) for picture in resolved.pictures.values()]
        pictures += resolved.pictures.values()
        planned = plan_chain(opened, terms, sources)
    done = _done(planned, views, jobs, set(again.changes), again.after)
    return _Ready(terms, planned, opened, sources, pictures, done, jobs, record_)


def _views(jobs: Mapping[str, str]) -> Flow[dict[str, JobView]]:
    """The steps whose records are still there."""
    found: dict[str, JobView] = {}
    for name, job_id in jobs.items():
        fields = yield from ask(reads.job(job_id))
        if fields:
            found[name] = job_view(fields)
    return found


def _known_steps(again: Again, names: Sequence[str], views: Mapping[str, JobView]) -> None:
    problems = [
        Problem(pointer(["changes", name]), f"there is no step {name[:80]!r} that was asked for", list(names))
        for name in again.changes
        if name not in names
    ]
    finished = [name for name, view in views.items() if view.state in _WELL]
    if again.after is not None and again.after not in finished:
        problems.append(Problem("/after", f"{again.after[:80]!r} is no step that gave results", finished))
    if problems:
        raise InvalidRequest(problems)


def _changed(draft: Draft, patch: Mapping[str, object]) -> Draft:
    if not patch:
        return draft
    request = draft.request
    if isinstance(request, Mapping):
        return replace(draft, request=merge_patch(request, patch))
    if isinstance(request, Gate):
        return replace(draft, request=Gate.model_validate(merge_patch(request.model_dump(exclude_none=True), patch)))
    return replace(draft, request=parse_step(merge_patch(request.model_dump(exclude_none=True), patch)))


def _reopened(drafts: Sequence[Draft]) -> Flow[tuple[list[Draft], list[Picture]]]:
    """The drafts with the facts of their pictures, which are in the asset store."""
    found: list[Draft] = []
    pictures: list[Picture] = []
    for draft in drafts:
        if isinstance(draft.request, Mapping):
            body, resolved = yield from resolve_body(draft.request, paths=False)
            found.append(replace(draft, request=body, facts=resolved.facts))
        else:
            resolved = yield from resolve({f"/images/{n}": ref for n, ref in enumerate(draft.images)}, paths=False)
            found.append(replace(draft, images=tuple(resolved.values.values()), facts=resolved.facts))
        if resolved.problems:
            prefix = pointer(["steps", draft.name])
            raise InvalidRequest([replace(problem, pointer=prefix + problem.pointer) for problem in resolved.problems])
        pictures += resolved.pictures.values()
    return found, pictures


def _done(
    planned: Plan, views: Mapping[str, JobView], jobs: Mapping[str, str], changed: Collection[str], after: str | None
) -> dict[str, str]:
    """The steps that are not run again, and their jobs."""
    done: dict[str, str] = {}
    only_watched = {name for name in views if _only_watched(planned, name)}
    for step in planned.steps:
        view = views.get(step.name)
        if view is None or step.name in changed or after in step.waits_for:
            continue
        settled = (
            view.state in _WELL
            or (view.state is JobState.CANCELED and view.reason == SKIPPED)
            or (view.reason == CHECK_NOT_PASSED and step.name in only_watched)
        )
        if settled and all(name in done for name in step.waits_for):
            done[step.name] = jobs[step.name]
    return done


def _only_watched(planned: Plan, name: str) -> bool:
    edges = [step.soft.get(name) for step in planned.steps if name in step.waits_for]
    return bool(edges) and all(edge == "watch" for edge in edges)
