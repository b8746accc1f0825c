"""Beginning what failed of a batch once more, as a new batch that is linked to the old one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from darkroom.batches.following import page, status
from darkroom.batches.submitting import CHUNK_TYPE, begin, budget_field
from darkroom.effects import Flow, PutAsset, ask, get_asset
from darkroom.launching import Scene
from darkroom_shared.contract.job_record import CLASSES, JobClass
from darkroom_shared.core.errors import InvalidRequest, NothingToDecide
from darkroom_shared.core.ids import make_id
from darkroom_shared.core.problems import Problem
from darkroom_shared.storage.names import sha256_of
from darkroom_shared.store import batches


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """What is said of a batch that is begun again; None for what the old one had. Its deadlines are not kept: they have passed.

    Attributes:
        budget_usd: what the calls of the new batch may cost together; none if left out.
        parallel: rows that are open at once, 1 to 1000.
        job_class: `interactive`, `standard` or `bulk`.
    """

    budget_usd: float | None = None
    parallel: int | None = None
    job_class: JobClass | None = None


def retry_failed(scene: Scene, batch_id: str, told: RetryOptions) -> Flow[tuple[str, bool]]:
    """Begins a new batch of the rows that gave no results, as they were planned; the old one stays as it is.

    Gives its id, and whether that was begun before: a batch is begun again once, what fails of the new one by way of that one.

    Raises:
        NothingToDecide: it has not ended, or no row failed.
        UnknownJob: it is gone.
    """
    view = yield from status(batch_id)
    if not view.is_terminal:
        raise NothingToDecide(f"{batch_id} has not ended: it is {view.state}.")
    if view.succeeded == view.total:
        raise NothingToDecide(f"Every row of {batch_id} gave results.")
    _check(told)
    new = make_id("bt", scene.sources.now_ms(), scene.sources.randomness(10))
    old = yield from ask(batches.batch(batch_id))
    chunks: list[tuple[str, int, tuple[str, ...]]] = []
    price: Decimal | None = Decimal(0)
    first = total = 1
    while some := (yield from page(batch_id, first)):
        bad = [row.row for row in some if not row.is_good]
        lines = yield from _whole_lines(batch_id, bad)
        made = [_again(scene, line, batch_id, _Fresh(new, total + number, told.job_class)) for number, line in enumerate(lines)]
        if made:
            data = b"\n".join(made)
            yield PutAsset(data, CHUNK_TYPE)
            prices = [_price_of(line) for line in made]
            price = None if price is None or None in prices else price + sum((one for one in prices if one is not None), Decimal(0))
            chunks.append((sha256_of(data), len(made), tuple(sorted({name for line in made for name in _assets_of(line)}))))
            total += len(made)
        first += len(some)
    fields = {name: value for name, value in old.items() if name in _KEPT}
    fields |= {"total": str(total - 1), "retry_of": batch_id, "invalid": "0"}
    fields |= {"parallel": str(told.parallel)} if told.parallel else {}
    fields |= {} if price is None else {"price_microusd": str(round(price * 1_000_000))}
    fields |= budget_field(told.budget_usd, price) if told.budget_usd is not None else {}
    # Two who ask at once, or one who asks again after a lost answer, must not pay twice.
    key = (f"{view.tenant}:batch-retry:{batch_id}", "retry", int(old["retention_ms"]) + _MARGIN_MS)
    return (yield from begin(new, fields, chunks, key))


def _check(told: RetryOptions) -> None:
    problems: list[Problem] = []
    if told.parallel is not None and not 1 <= told.parallel <= 1000:
        problems.append(Problem("/options/parallel", f"{told.parallel} is no parallel", {"minimum": 1, "maximum": 1000}))
    if told.job_class is not None and told.job_class not in CLASSES:
        problems.append(Problem("/options/job_class", f"{told.job_class!r} is no class", list(CLASSES)))
    if problems:
        raise InvalidRequest(problems)


_MARGIN_MS: Final = 86_400_000
"""The key outlives the old batch, whose retention began earlier."""


_KEPT: Final = ("tenant", "name", "parallel", "retention_ms", "metadata", "stop_after")


def _whole_lines(batch_id: str, numbers: Sequence[int]) -> Flow[list[bytes]]:
    """The stored lines of rows, by their numbers (from 1), which rise."""
    found: list[bytes] = []
    before = 0
    for entry in (yield from ask(batches.chunks(batch_id))):
        chunk, _, size = entry.partition(":")
        here = [number - 1 - before for number in numbers if 0 <= number - 1 - before < int(size)]
        if here:
            rows = (yield from get_asset(chunk)).splitlines()
            found += [rows[place] for place in here]
        before += int(size)
    return found


@dataclass(frozen=True, slots=True)
class _Fresh:
    """What is new about a row: its batch, its number there, and its class, if that was named."""

    batch: str
    row: int
    job_class: JobClass | None


def _again(scene: Scene, line: bytes, old: str, fresh_row: _Fresh) -> bytes:
    """A row with new ids for its jobs, its workflow and its batch, and without the deadlines that it had."""
    told = json.loads(line)
    text = line.decode().replace(old, fresh_row.batch)
    jobs = cast("list[dict[str, str]]", told["jobs"])
    for job, fresh in zip(jobs, scene.new_job_ids(len(jobs)), strict=True):
        text = text.replace(job["id"], fresh)
    if "workflow" in told:
        text = text.replace(told["workflow"]["id"], scene.new_id("wf"))
    made = json.loads(text)
    for job in made["jobs"]:
        fields = job["fields"]
        for name in ("start_by_ms", "finish_by_ms", "not_before_ms"):
            fields.pop(name, None)
        if fresh_row.job_class:
            fields["class"] = fresh_row.job_class
    made["jobs"][-1]["fields"]["row"] = str(fresh_row.row)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _jobs_of(line: bytes) -> Iterator[Mapping[str, object]]:
    yield from cast("list[Mapping[str, object]]", json.loads(line)["jobs"])


def _price_of(line: bytes) -> Decimal | None:
    total = Decimal(0)
    for job in _jobs_of(line):
        price = cast("Mapping[str, str]", job["fields"]).get("price_microusd")
        if price is None:
            return None
        total += Decimal(price) * cast("int", job["calls"]) / 1_000_000
    return total


def _assets_of(line: bytes) -> Iterator[str]:
    for job in _jobs_of(line):
        yield from json.loads(cast("Mapping[str, str]", job["fields"]).get("inputs", "[]"))
