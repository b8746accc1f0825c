"""What waits for a person: dead letters, and calls whose outcome nobody knows. Written once for both colours."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal, cast

from darkroom.effects import Flow, PutAsset, PutReceipt, ask, get_asset, work
from darkroom.flows import checked
from darkroom.inputs import Picture
from darkroom.launching import Recorded, Scene, record, with_marks
from darkroom.options import SubmitOptions, delivery
from darkroom.plans import PlannedStep
from darkroom.recording import assets_of, single
from darkroom.watching import brief, checked_job, status
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.steps import parse_step
from darkroom_shared.contract.views import CallView, JobView
from darkroom_shared.core.errors import AssetMissing, ImageRefused, InvalidRequest, NothingToDecide, UnknownJob
from darkroom_shared.core.ids import asset_reference
from darkroom_shared.core.lifecycle import CallState, JobState
from darkroom_shared.core.problems import Problem
from darkroom_shared.core.quota import split_pool
from darkroom_shared.core.workflow import parse_reference
from darkroom_shared.images import measure
from darkroom_shared.models.catalogue import gives_documents, read_answer
from darkroom_shared.models.custom import called_model
from darkroom_shared.models.model import Model
from darkroom_shared.store import reads, upkeep
from darkroom_shared.task_types import as_object

Decision = Literal["retry", "give_up"]
DECISIONS: Final[tuple[Decision, ...]] = ("retry", "give_up")
PAGE: Final = 100
MOST_HELD: Final = 1000
"""Held calls that are looked through for those of one tenant."""


def dead_letters(limit: int, tenant: str | None) -> Flow[list[JobView]]:
    """Jobs that gave up and wait for a person, newest first, with calls and attempts."""
    found: list[JobView] = []
    offset = 0
    while page := (yield from ask(reads.dead_letters(PAGE, offset))):
        for job_id in page:
            record = yield from ask(reads.job(job_id))
            if tenant not in (None, record.get("tenant")):
                continue
            view = yield from _still_there(job_id)
            if view is not None:
                found.append(view)
            if len(found) == limit:
                return found
        offset += len(page)
    return found


def held(limit: int, tenant: str | None = None) -> Flow[list[JobView]]:
    """Jobs with a call that waits for `resolve`, the longest waiting first; of one tenant, if one is named."""
    calls = yield from ask(reads.held(limit if tenant is None else MOST_HELD))
    found: list[JobView] = []
    for job_id in dict.fromkeys(call.rpartition(".")[0] for call in calls):
        view = yield from _still_there(job_id)
        if view is not None and tenant in (None, view.tenant):
            found.append(view)
        if len(found) == limit:
            break
    return found


def _still_there(job_id: str) -> Flow[JobView | None]:
    try:
        return (yield from status(job_id))
    except UnknownJob:
        return None  # its retention ended since the list was read


def discard(job_id: str) -> Flow[None]:
    """Takes a job off the dead letters. Raises UnknownJob, NothingToDecide."""
    if not (yield from ask(upkeep.discard(checked_job(job_id)))):
        yield from _no_dead_letter(job_id)


def replay(scene: Scene, job_id: str, changes: Mapping[str, object], options: SubmitOptions) -> Flow[Recorded]:
    """Submits a dead letter again as a new job that is linked to it; it is then no dead letter any more.

    Raises:
        NothingToDecide: the job did not fail, or was replayed or discarded before.
        Others as `submit`.
    """
    fields = yield from ask(reads.job(checked_job(job_id)))
    # The ledger has the last word (under its key a replay may be repeated); this spares a confusing finding about the request.
    if fields.get("state") != JobState.FAILED or "discarded_ms" in fields:
        yield from _no_dead_letter(job_id)
    old = JobRecord.from_fields(fields)
    request = merge_patch(_without_references(old, fields), changes)
    wanted = {name: value for name, value in cast("Mapping[str, object]", options).items() if value is not None}
    # Where another model may do it, it is looked for wherever the old job might have gone.
    may_move = bool(old.asked_model) or wanted.get("substitute", old.substitute) != "never"
    went = [split_pool(pool)[0] for pool in old.routes.split(",")] if old.routes and not may_move else None
    defaults: Mapping[str, object] = {
        "model": old.asked_model or old.model or None,
        "substitute": old.substitute,
        "regions": old.named_regions or went,
        "tenant": old.tenant,
        "job_class": old.job_class,
        "metadata": old.metadata,
        "on_unknown": old.on_unknown,
        "guardrail": old.guardrail or None,
        "guardrail_gates": old.guardrail_gates or None,
        "checks": old.checks or None,
        "rerolls": old.rerolls or None,
    }
    if "region" in wanted:
        wanted.setdefault("regions", None)  # the one that is named, not where the old job might go
    told = delivery(cast("SubmitOptions", {**defaults, **wanted}), scene.settings, scene.sources.now_ms())
    terms = yield from with_marks(scene.terms(told))
    pictures: Sequence[Picture] = ()
    if old.kind == "local":
        step = yield from _local_step(old, request)
    else:
        asked, pictures = yield from checked(request, terms)
        *before, step = terms.placed(asked)
        if before:
            raise NothingToDecide(f"{job_id} needs several paid steps by now; submit it again as a new job, then discard this one.")
    for picture in pictures:
        if not picture.stored:  # one that came with the changes
            yield PutAsset(picture.data, picture.media_type)
    submission = single(terms, scene.new_id("job"), step, replays=job_id)
    return (yield from record(scene, submission, pictures))


def _local_step(old: JobRecord, request: Mapping[str, object]) -> Flow[PlannedStep]:
    spec = parse_step(request.get("step"))
    for sha256 in assets_of(request):
        yield from get_asset(sha256)
    return PlannedStep(
        name=spec.kind,
        kind="local",
        task_type=f"local.{spec.kind}",
        request={"step": spec.model_dump(exclude_none=True), "images": request.get("images")},
        needs=(),
        inputs=(),
        outputs=(),
        images=old.images_wanted,
    )


def _without_references(old: JobRecord, fields: Mapping[str, str]) -> dict[str, object]:
    """The request with the pictures of the steps before in place of references to them, for the replay stands alone."""
    outputs = cast("dict[str, list[str]]", json.loads(fields.get("needed", "{}")))
    return cast("dict[str, object]", _replaced(old.asked or old.request, outputs))


def _replaced(value: object, outputs: Mapping[str, Sequence[str]]) -> object:
    if isinstance(value, Mapping):
        return {name: _replaced(item, outputs) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, outputs) for item in cast("Sequence[object]", value)]
    reference = parse_reference(value) if isinstance(value, str) else None
    if reference is None:
        return value
    found = outputs.get(reference.step, ())
    if reference.index >= len(found):
        raise AssetMissing(f"Step {reference.step!r} has {len(found)} pictures; number {reference.index} was asked for.")
    return asset_reference(found[reference.index])


def merge_patch(target: object, patch: Mapping[str, object]) -> dict[str, object]:
    """RFC 7396: objects are merged, null takes a field away, all else replaces.

    >>> merge_patch({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": None, "e": 4}})
    {'a': 1, 'b': {'d': 3, 'e': 4}}
    """
    merged = dict(cast("Mapping[str, object]", target)) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            merged[name] = merge_patch(merged.get(name), cast("Mapping[str, object]", value))
        else:
            merged[name] = value
    return merged


def resolve(job_id: str, decision: Decision | bytes, billed: bool | None) -> Flow[list[str]]:
    """Decides about the held calls of a job; see `Darkroom.resolve`. Answers their ids."""
    view = yield from status(job_id)
    calls = [call for call in view.calls if call.state is CallState.UNKNOWN]
    if not calls:
        raise NothingToDecide(f"No call of {job_id} is held; the job is {view.state.value}.")
    if isinstance(decision, bytes):
        if len(calls) > 1:
            raise NothingToDecide(f"{len(calls)} calls of {job_id} are held: an answer belongs to one.")
        old = JobRecord.from_fields((yield from ask(reads.job(checked_job(job_id)))))
        model, wanted = called_model(view.model, old.base_model), view.images_wanted // len(view.calls)
        problem = yield from work(lambda: _wrong_with_answer(model, decision, wanted, view.request))
        if problem:
            raise InvalidRequest([Problem("/answer", problem, f"the JSON that Bedrock answered for {model.label}")])
        return _some(job_id, (yield from _hand_over(calls[0], decision)))
    if decision not in DECISIONS:
        raise InvalidRequest([Problem("/decision", f"{decision!r} is no decision", list(DECISIONS))])
    done: list[str] = []
    for call in calls:
        if (yield from ask(upkeep.resolve(call.id, "retry" if decision == "retry" else "fail", billed))):
            done.append(call.id)
    return _some(job_id, done)


def told(decision: Decision | bytes) -> str:
    """A decision in words."""
    return "an answer was handed over" if isinstance(decision, bytes) else decision


def _some(job_id: str, decided: list[str]) -> list[str]:
    if not decided:
        raise NothingToDecide(f"No call of {job_id} is held any more: it was decided about just now.")
    return decided


def _wrong_with_answer(model: Model, answer: bytes, wanted: int, request: Mapping[str, object]) -> str:
    """Why these bytes cannot be the call's answer; empty if they can. Delivered as they are, they would fail the job."""
    try:
        body: object = json.loads(answer)
    except (ValueError, RecursionError):
        return "this is not JSON"
    reading = read_answer(model, as_object(body), wanted, request)
    if reading.outcome == "document":
        return ""
    if gives_documents(model):
        return f"this is no answer with a document{f': {reading.reason}' if reading.reason else ''}"
    if reading.outcome != "pictures" or not reading.images:
        return f"this is no answer with pictures{f': {reading.reason}' if reading.reason else ''}"
    for number, text in enumerate(reading.images):
        try:
            measure(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError, ImageRefused):
            return f"picture {number} in it is no picture"
    return ""


def _hand_over(call: CallView, answer: bytes) -> Flow[list[str]]:
    name = f"{call.id}:{call.fence}"
    yield PutReceipt(name, answer)
    return [call.id] if (yield from ask(upkeep.recover(call.id, name, fence=call.fence))) else []


def _no_dead_letter(job_id: str) -> Flow[None]:
    view = yield from brief(job_id)
    after = f", replayed as {view.replaced_by}" if view.replaced_by else ", discarded" if view.discarded else ""
    raise NothingToDecide(f"{job_id} is no dead letter: it is {view.state.value}{after}.")
