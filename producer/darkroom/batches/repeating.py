"""Beginning what failed of a batch once more, as a new batch that is linked to the old one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

from darkroom.batches.following import page, status
from darkroom.batches.submitting import CHUNK_TYPE, budget_field
from darkroom.effects import Flow, PutAsset, ask, get_asset
from darkroom.launching import Scene
from darkroom_shared.core.errors import InvalidRequest, NothingToDecide, StorageUnavailable
from darkroom_shared.core.ids import make_id
from darkroom_shared.core.problems import Problem
from darkroom_shared.storage.names import sha256_of
from darkroom_shared.store import batches


def retry_failed(scene: Scene, batch_id: str, budget_usd: float | None, parallel: int | None) -> Flow[str]:
    """Begins a new batch of the rows that gave no results, as they were planned; the old one stays as it is. Gives its id.

    Raises:
        NothingToDecide: it has not ended, or no row failed.
        UnknownJob: it is gone.
    """
    view = yield from status(batch_id)
    if not view.is_terminal:
        raise NothingToDecide(f"{batch_id} has not ended: it is {view.state}.")
    if view.succeeded == view.total:
        raise NothingToDecide(f"Every row of {batch_id} gave results.")
    if parallel is not None and not 1 <= parallel <= 1000:
        raise InvalidRequest([Problem("/options/parallel", f"{parallel} is no parallel", {"minimum": 1, "maximum": 1000})])
    new = make_id("bt", scene.sources.now_ms(), scene.sources.randomness(10))
    old = yield from ask(batches.batch(batch_id))
    chunks: list[tuple[str, int, tuple[str, ...]]] = []
    price: Decimal | None = Decimal(0)
    first = total = 1
    while some := (yield from page(batch_id, first)):
        bad = [row.row for row in some if not row.is_good]
        lines = yield from _whole_lines(batch_id, bad)
        made = [_again(scene, line, batch_id, new, total + number) for number, line in enumerate(lines)]
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
    fields |= {"parallel": str(parallel)} if parallel else {}
    fields |= {} if price is None else {"price_microusd": str(round(price * 1_000_000))}
    fields |= budget_field(budget_usd, price) if budget_usd is not None else {}
    yield from ask(batches.open_batch(new, fields))
    for chunk, count, assets in chunks:
        if (yield from ask(batches.add_rows(new, chunk, count, assets))):
            raise StorageUnavailable("Pictures of these rows are being removed with older jobs; submit them again.")
    yield from ask(batches.start(new))
    return new


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


def _again(scene: Scene, line: bytes, old: str, new: str, row: int) -> bytes:
    """A row with new ids for its jobs, its workflow and its batch."""
    told = json.loads(line)
    text = line.decode().replace(old, new)
    jobs = cast("list[dict[str, str]]", told["jobs"])
    for job, fresh in zip(jobs, scene.new_job_ids(len(jobs)), strict=True):
        text = text.replace(job["id"], fresh)
    if "workflow" in told:
        text = text.replace(told["workflow"]["id"], scene.new_id("wf"))
    made = json.loads(text)
    made["jobs"][-1]["fields"]["row"] = str(row)
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
