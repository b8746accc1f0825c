"""Puts a tenant's pictures into an index: one embedding job for the bytes of each that has no vector yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from darkroom.effects import Flow, ask, work
from darkroom.launching import Scene
from darkroom.search.homes import home_of
from darkroom.search.index import Entry, IndexHome, VectorIndex
from darkroom.search.vectors import MARK, Asking, asking, finished, submitted, vector_of
from darkroom.search.views import Indexed
from darkroom.watching import Clock, Timeout, those_left
from darkroom_shared.contract.views import total_usd
from darkroom_shared.core.errors import AssetMissing, JobFailed, StillRunning
from darkroom_shared.core.ids import asset_reference
from darkroom_shared.store import reads

AT_ONCE: Final = 200
"""Jobs that are out together: enough for a quota of 2,000 calls a minute, and no flood in the ledger."""
WRITTEN_TOGETHER: Final = 50
"""Vectors that are put in with one write: what a program that dies now would have to pay again at most."""
PAGE: Final = 1000
MOST_REASONS: Final = 5

Tell = Callable[[Indexed], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be indexed.

    Attributes:
        tenant: whose pictures; None for the settings' tenant.
        model: by which embedding model; None for the default one.
        dimension: numbers of a vector; None for the default.
        timeout: for all of it.
        tell: called when some more pictures are in.
        rebuild: drop what is in the index first.
    """

    tenant: str | None = None
    model: str | None = None
    dimension: int | None = None
    timeout: Timeout = None
    tell: Tell | None = None
    rebuild: bool = False


def index_images(scene: Scene, order: Order) -> Flow[Indexed]:
    """Brings the index of a tenant up to date: new pictures in, those of removed jobs out.

    What is done stays done, however it ends: the next indexing goes on where this one stopped, and a vector that was paid within
    the last hour is not paid again.

    Raises:
        StillRunning: the time is over before all vectors were there.
        InvalidRequest, UnknownModel, Misconfigured, NoRoute, QueueFull, Draining, StorageUnavailable, LedgerUnavailable.
    """
    told = asking(scene, order.tenant, order.model, order.dimension)
    home: IndexHome = yield from work(lambda: home_of(scene.settings))
    index = yield from work(lambda: home.open(told.space))
    dropped = (yield from work(index.drop)) if order.rebuild else 0
    jobs = yield from _jobs_of(told.space.tenant)
    entries = yield from work(index.entries)
    known = {entry.job for entry in entries}
    gone = known.difference(jobs)
    removed = (yield from work(lambda: index.remove(gone))) if gone else 0
    # Of jobs that are known as well: an indexing that was cut off may have put in some of a job's pictures only.
    every = yield from _pictures(jobs, told.space.tenant)
    copied = yield from work(lambda: index.copy(every))
    there = {entry.sha256 for entry in entries if entry.job not in gone}
    begun = Indexed(
        tenant=told.space.tenant,
        model=told.space.model,
        dimension=told.space.dimension,
        copied=copied,
        removed=removed + dropped,
        place=home.place,
        total=len(entries) - removed + copied,
    )
    indexing = _Indexing(told, index, Clock(scene.sources, order.timeout), begun, order.tell)
    yield from indexing.run(_by_bytes(every, there))
    return indexing.done


def _jobs_of(tenant: str) -> Flow[list[str]]:
    """Every job of the tenant that the ledger still has, newest first."""
    found: list[str] = []
    while True:
        page = yield from ask(reads.jobs(tenant, PAGE, len(found)))
        found += page
        if len(page) < PAGE:
            return found


def _pictures(jobs: Sequence[str], tenant: str) -> Flow[list[Entry]]:
    """The pictures of the jobs that have ended, the oldest first."""
    found: list[Entry] = []
    oldest = jobs[::-1]
    for start in range(0, len(oldest), reads.MOST_RECORDS):  # a page at a time: the records are larger than what is kept of them
        for view in (yield from those_left(oldest[start : start + reads.MOST_RECORDS])):
            if view.is_terminal and view.tenant == tenant and MARK not in view.metadata:
                found += [Entry(view.id, picture.index, picture.sha256) for picture in view.pictures]
    return found


def _by_bytes(entries: Sequence[Entry], there: set[str]) -> Iterator[list[Entry]]:
    """The pictures without a vector, those of the same bytes together."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.sha256 not in there:
            groups.setdefault(entry.sha256, []).append(entry)
    yield from groups.values()


@dataclass(slots=True)
class _Indexing:
    """Has the vectors made, many at once, and writes them in the order in which they were asked for.

    Attributes:
        done: what was done so far.
    """

    told: Asking
    index: VectorIndex
    clock: Clock
    done: Indexed
    tell: Tell | None
    made: list[tuple[list[Entry], list[float]]] = field(default_factory=list[tuple[list[Entry], list[float]]])

    def run(self, groups: Iterable[list[Entry]]) -> Flow[None]:
        """Makes and writes all. Raises StillRunning, when what came is written."""
        out: deque[tuple[list[Entry], str]] = deque()
        try:
            for entries in groups:
                job_id = yield from self._submit(entries)
                if job_id is not None:
                    out.append((entries, job_id))
                if len(out) >= AT_ONCE:
                    yield from self._collect(*out.popleft())
            while out:
                yield from self._collect(*out.popleft())
        except StillRunning:
            yield from self._write()
            raise
        yield from self._write()

    def _submit(self, entries: list[Entry]) -> Flow[str | None]:
        space, sha256 = self.told.space, entries[0].sha256
        key = f"search:{space.model}:{space.dimension}:{sha256}"
        try:
            return (yield from submitted(self.told, None, asset_reference(sha256), urgent=False, key=key))
        except AssetMissing:
            self._fail(entries, "The picture was removed just now.")
            return None

    def _collect(self, entries: list[Entry], job_id: str) -> Flow[None]:
        view = yield from finished(job_id, self.clock)
        cost = total_usd([self.done.cost_usd, view.cost.actual_usd])
        self.done = self.done.model_copy(update={"cost_usd": cost})
        try:
            self.made.append((entries, (yield from vector_of(view))))
        except JobFailed as error:
            self._fail(entries, str(error).replace(f"{job_id} was ", "It was "))
        if len(self.made) >= WRITTEN_TOGETHER:
            yield from self._write()

    def _fail(self, entries: list[Entry], why: str) -> None:
        """Notes pictures that got no vector."""
        reasons = self.done.reasons if why in self.done.reasons else (*self.done.reasons, why)[:MOST_REASONS]
        self.done = self.done.model_copy(update={"failed": self.done.failed + len(entries), "reasons": reasons})

    def _write(self) -> Flow[None]:
        """Puts what is there into the index."""
        if not self.made:
            return
        entries = [entry for group, _ in self.made for entry in group]
        vectors = [vector for group, vector in self.made for _ in group]
        added = yield from work(lambda: self.index.add(entries, vectors))
        self.made.clear()
        self.done = self.done.model_copy(update={"added": self.done.added + added, "total": self.done.total + added})
        if self.tell is not None:
            self.tell(self.done)
