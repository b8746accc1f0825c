"""Submitting a batch, written once for both colours: every row is checked and priced before anything is recorded.

A row that is right becomes a line of JSON, the ready arguments of the ledger's `accept`; some hundred lines are an asset. Once the
batch has been started, workers feed it from there, and whoever submitted it is not needed any more.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import Final, Literal, TypeAlias, cast

from darkroom.batches.rows import MOST_ROWS, Row, Source, read
from darkroom.effects import Flow, PutAsset, ask, work
from darkroom.flows import checked
from darkroom.inputs import resolve
from darkroom.launching import Scene, store, with_marks
from darkroom.options import SubmitOptions, delivery
from darkroom.plans import Plan, PlannedStep
from darkroom.recording import Submission, single, workflow
from darkroom.terms import Terms
from darkroom_shared.core.errors import (
    AssetMissing,
    IdempotencyConflict,
    InvalidRequest,
    NoRoute,
    StorageUnavailable,
    UnknownModel,
)
from darkroom_shared.core.idempotency import fingerprint
from darkroom_shared.core.ids import make_id
from darkroom_shared.core.problems import Problem
from darkroom_shared.store import batches, ops, steering
from darkroom_shared.task_types import image_values, replace_at

ROWS_OF_A_CHUNK: Final = 200
BYTES_OF_A_CHUNK: Final = 4_000_000
MOST_FAULTS: Final = 1000
"""Rows that are told of one by one; of more, how many."""
CHUNK_TYPE: Final = "application/jsonl"
_AT_ONCE: Final = 100
Chunk: TypeAlias = tuple[str, int, tuple[str, ...]]
"""SHA-256 of the asset, how many rows it holds, and the assets that these refer to."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What is said of a batch besides the options of its jobs.

    Attributes:
        template: a request with `{column}` in its texts, for sources that have columns.
        name: for people.
        parallel: rows that are open at once, 1 to 1000.
        stop_after_failures: after so many rows without results no more are begun; None for never.
        budget_usd: what all calls may cost together; None for no limit.
        on_invalid: what becomes of the batch if a row is wrong: nothing is begun, or the others are.
    """

    template: Mapping[str, object] | None = field(default=None, repr=False)
    name: str = ""
    parallel: int = 100
    stop_after_failures: int | None = None
    budget_usd: float | None = None
    on_invalid: Literal["abort", "skip"] = "abort"


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What a batch would do.

    Attributes:
        rows: that are right.
        problems: what is wrong with the others, at most 1000 of them; each names line and column.
        invalid: how many rows are wrong.
        price_usd: of all rows together; None if a part of it is not known.
        calls: paid calls by model.
        time_s: seconds until the last call would have begun, at the rates of this moment; None where nobody knows them.
    """

    rows: int
    problems: tuple[Problem, ...]
    invalid: int
    price_usd: Decimal | None
    calls: Mapping[str, int]
    time_s: float | None


@dataclass(slots=True)
class _Pass:
    """The first pass over the rows, as far as it came."""

    batch_id: str
    terms: Terms
    problems: list[Problem] = field(default_factory=list[Problem])
    invalid: int = 0
    rows: int = 0
    price_usd: Decimal | None = Decimal(0)
    calls: Counter[str] = field(default_factory=Counter[str])
    names: set[str] = field(default_factory=set[str])
    lines: list[bytes] = field(default_factory=list[bytes])
    assets: set[str] = field(default_factory=set[str])
    chunks: list[Chunk] = field(default_factory=list[Chunk])
    is_cut: bool = False
    """Whether rows behind the last one could not be read."""
    print_: str = ""
    """Of all rows so far."""


def submit(scene: Scene, source: Source, told: BatchOptions, options: SubmitOptions) -> Flow[tuple[str, bool]]:
    """Checks all rows, then records the batch. Gives its id, and whether it was there already under the same key.

    Raises:
        InvalidRequest: rows that are wrong (with `on_invalid="abort"`, or if all are, or if the rows behind one cannot be read),
            wrong options, a budget that is too small.
        IdempotencyConflict: the key was used before, with other rows.
        StorageUnavailable, LedgerUnavailable: try again.
    """
    terms = yield from _terms(scene, told, options)
    done = yield from _first_pass(scene, terms, source, told, stores=True)
    plan = yield from _plan_of(done)
    if plan.invalid and (told.on_invalid == "abort" or not plan.rows or done.is_cut):
        raise InvalidRequest(_with_rest(plan))
    if not plan.rows:
        raise InvalidRequest([Problem("/rows", "there are no rows", "at least one")])
    key = terms.delivery.idempotency_key
    life_ms = round(scene.settings.idempotency_life.total_seconds() * 1000)
    idempotency = None if key is None else (f"{terms.delivery.tenant}:batch:{key}", done.print_, life_ms)
    return (yield from begin(done.batch_id, _fields(scene, terms, told, plan), done.chunks, idempotency))


def begin(
    batch_id: str, fields: Mapping[str, str], chunks: Sequence[Chunk], idempotency: tuple[str, str, int] | None
) -> Flow[tuple[str, bool]]:
    """Records a batch whose rows are stored, and starts it. Gives its id, and whether it was there already under the same key.

    Raises:
        IdempotencyConflict: the key was used before, with other rows.
        StorageUnavailable: try again.
    """
    verdict: ops.Verdict | None
    verdict, identity = yield from ask(batches.open_batch(batch_id, fields, idempotency))
    if verdict is ops.Verdict.ACCEPTED:
        for chunk, count, assets in chunks:
            if (yield from ask(batches.add_rows(batch_id, chunk, count, assets))):
                raise StorageUnavailable("Pictures of these rows are being removed with older jobs; submit it again in a minute.")
        verdict, identity = yield from ask(batches.start(batch_id))
    if verdict is ops.Verdict.CONFLICT:
        raise IdempotencyConflict(f"The idempotency key was used before for {identity}, with other rows.")
    return identity, verdict is ops.Verdict.REPLAYED


def preview(scene: Scene, source: Source, told: BatchOptions, options: SubmitOptions) -> Flow[BatchPlan]:
    """What a batch would do; writes nothing."""
    terms = yield from _terms(scene, told, options)
    done = yield from _first_pass(scene, terms, source, told, stores=False)
    plan = yield from _plan_of(done)
    if plan.rows:
        _fields(scene, terms, told, plan)
    return plan


def _terms(scene: Scene, told: BatchOptions, options: SubmitOptions) -> Flow[Terms]:
    problems = [
        Problem(f"/options/{name}", f"{value!r} is no {name}", {"minimum": 1, "maximum": most})
        for name, value, most in (("parallel", told.parallel, 1000), ("stop_after_failures", told.stop_after_failures, MOST_ROWS))
        if value is not None and not 1 <= value <= most
    ]
    if problems:
        raise InvalidRequest(problems)
    usual = cast("SubmitOptions", {"job_class": "bulk", **{name: value for name, value in options.items() if value is not None}})
    return (yield from with_marks(scene.terms(delivery(usual, scene.settings, scene.sources.now_ms()))))


def _first_pass(scene: Scene, terms: Terms, source: Source, told: BatchOptions, *, stores: bool) -> Flow[_Pass]:
    done = _Pass(make_id("bt", scene.sources.now_ms(), scene.sources.randomness(10)), terms)
    template = told.template if told.template is None else (yield from _without_pictures(told.template, stores=stores))
    rows = read(source, template)
    while some := (yield from work(lambda: list(islice(rows, _AT_ONCE)))):
        for row in some:
            yield from _take(scene, done, row, stores=stores)
            if done.rows + done.invalid > MOST_ROWS:
                raise InvalidRequest([Problem("/rows", f"there are more than {MOST_ROWS:,} rows", "several batches")])
    yield from _close_chunk(done, stores=stores)
    return done


def _without_pictures(template: Mapping[str, object], *, stores: bool) -> Flow[Mapping[str, object]]:
    """The template with references in place of pictures that are the same in every row, which are opened once."""
    fixed = {
        place.pointer: value for place, value in image_values(template).items() if not (isinstance(value, str) and "{" in value)
    }
    resolved = yield from resolve(fixed, paths=False)
    if resolved.problems:
        raise InvalidRequest([replace(found, pointer="/template" + found.pointer) for found in resolved.problems])
    if not stores:
        return template
    yield from store(list(resolved.pictures.values()))
    return replace_at(template, resolved.values)


def _take(scene: Scene, done: _Pass, row: Row, *, stores: bool) -> Flow[None]:
    problems = list(row.problems)
    done.is_cut = done.is_cut or row.is_last
    if row.custom_id in done.names:
        problems.append(Problem("/custom_id", f"another row is called {row.custom_id!r}, too"))
    if not problems:
        try:
            yield from _add(scene, done, row, stores=stores)
        except InvalidRequest as error:
            problems = list(error.problems)
        except (NoRoute, UnknownModel, AssetMissing) as error:
            problems = [Problem("", str(error))]
    if problems:
        done.invalid += 1
        if done.invalid <= MOST_FAULTS:
            done.problems += [_of_row(row, problem) for problem in problems]


def _of_row(row: Row, problem: Problem) -> Problem:
    """The finding with its line, and its column where one is known."""
    column = row.columns.get(problem.pointer)
    place = f"line {row.line}" + (f", column {column!r}" if column else "")
    return Problem(f"/rows/{row.line}{problem.pointer}", f"{place}: {problem.message}", problem.allowed)


def _add(scene: Scene, done: _Pass, row: Row, *, stores: bool) -> Flow[None]:
    terms = done.terms
    asked, pictures = yield from checked(row.request, terms)
    *before, step = terms.placed(asked)
    done.names.add(row.custom_id)
    done.rows += 1
    done.print_ = fingerprint(asked.request, row=row.custom_id, before=done.print_)
    for one in (*before, step):
        done.calls[one.model] += one.calls
        done.price_usd = None if done.price_usd is None or one.price_usd is None else done.price_usd + one.price_usd
    if not stores:
        return
    yield from store(pictures)
    submission = _submission(scene, replace(terms, delivery=replace(terms.delivery, idempotency_key=None)), asked, [*before, step])
    done.assets |= {name for job in submission.jobs for name in json.loads(job.fields.get("inputs", "[]"))}
    done.lines.append(_line(done, row, submission))
    if len(done.lines) >= ROWS_OF_A_CHUNK or sum(map(len, done.lines)) > BYTES_OF_A_CHUNK:
        yield from _close_chunk(done, stores=stores)


def _submission(scene: Scene, terms: Terms, asked: PlannedStep, steps: Sequence[PlannedStep]) -> Submission:
    if len(steps) == 1:
        return single(terms, scene.new_id("job"), steps[0])
    whole = Plan(tuple(steps), ",".join(dict.fromkeys(step.model for step in steps)), None)
    return workflow(terms, scene.new_id("wf"), scene.new_job_ids(len(steps)), whole, asked=asked.request)


def _line(done: _Pass, row: Row, submission: Submission) -> bytes:
    """A row as workers record it: the last of its jobs stands for it."""
    jobs: list[dict[str, object]] = [dict(job.as_json()) for job in submission.jobs]
    for number, job in enumerate(jobs, start=1):
        own = {"row": str(done.rows), "custom_id": row.custom_id} if number == len(jobs) else {}
        job["fields"] = {**cast("dict[str, str]", job["fields"]), "batch": done.batch_id, **own}
    pools = [pool.as_json() for pool in submission.pools]
    told: dict[str, object] = {"custom_id": row.custom_id, "line": row.line, "jobs": jobs, "pools": pools}
    if submission.workflow is not None:
        told["workflow"] = {"id": submission.workflow[0], "fields": dict(submission.workflow[1])}
    return json.dumps(_without_nothing(told), ensure_ascii=False, separators=(",", ":")).encode()


def _without_nothing(value: object) -> object:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return {name: _without_nothing(item) for name, item in pairs if item is not None}
    return [_without_nothing(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def _close_chunk(done: _Pass, *, stores: bool) -> Flow[None]:
    if not done.lines or not stores:
        return
    data = b"\n".join(done.lines)
    yield PutAsset(data, CHUNK_TYPE)
    done.chunks.append((hashlib.sha256(data).hexdigest(), len(done.lines), tuple(sorted(done.assets))))
    done.lines, done.assets = [], set()


def _plan_of(done: _Pass) -> Flow[BatchPlan]:
    times: list[float | None] = []
    for model, count in done.calls.items():
        view = yield from ask(steering.lanes(model))
        times += [_time_s(lane.pools, count + lane.waiting) for lane in view.lanes]
    # Lanes work side by side; nobody knows the whole if one of them is not known.
    time_s = None if None in times or not times else max(time for time in times if time is not None)
    return BatchPlan(done.rows, tuple(done.problems), done.invalid, done.price_usd, dict(done.calls), time_s)


def _time_s(pools: Sequence[object], calls: int) -> float | None:
    rates = [cast("float", getattr(pool, "rate", None) or 0) for pool in pools]
    return calls / sum(rates) * 60 if sum(rates) > 0 else None


def _with_rest(plan: BatchPlan) -> list[Problem]:
    more = plan.invalid - MOST_FAULTS
    rest = [Problem("/rows", f"{more:,} more rows are wrong")] if more > 0 else []
    return [*plan.problems, *rest]


def _fields(scene: Scene, terms: Terms, told: BatchOptions, plan: BatchPlan) -> dict[str, str]:
    """The batch's record. Raises InvalidRequest for a budget that does not do."""
    delivered, price = terms.delivery, plan.price_usd
    fields = {
        "tenant": delivered.tenant,
        "total": str(plan.rows),
        "invalid": str(plan.invalid),
        "parallel": str(told.parallel),
        "retention_ms": str(round(scene.settings.retention.total_seconds() * 1000)),
        "metadata": json.dumps(delivered.metadata, ensure_ascii=False),
        "calls": json.dumps(plan.calls),
    }
    fields |= {"name": told.name} if told.name else {}
    fields |= {"price_microusd": str(round(price * 1_000_000))} if price is not None else {}
    fields |= {"finish_by_ms": str(delivered.finish_by_ms)} if delivered.finish_by_ms else {}
    fields |= {"stop_after": str(told.stop_after_failures)} if told.stop_after_failures else {}
    if told.budget_usd is not None:
        fields |= budget_field(told.budget_usd, price)
    return fields


def budget_field(limit_usd: float, price_usd: Decimal | None) -> dict[str, str]:
    """The budget as a field of the record. Raises InvalidRequest if the rows cost more, or nobody knows what they cost."""
    if price_usd is None:
        message = "the price of some rows is not known, so no budget can be kept"
        raise InvalidRequest([Problem("/budget_usd", message, "no budget, or prices in DARKROOM_PRICES")])
    if price_usd > Decimal(str(limit_usd)):
        message = f"all rows together cost ${price_usd:.4f}, and the budget is ${limit_usd}"
        raise InvalidRequest([Problem("/budget_usd", message, {"minimum": float(price_usd)})])
    return {"budget_microusd": str(round(Decimal(str(limit_usd)) * 1_000_000))}
