"""The index in a server: hashes with a vector in each, searched by the server's search module, RediSearch or valkey-search.

    <p>vector:<model>-<n>:<tenant>:<job>:<output>   hash   tenant (a tag), vector (float32), entry
    <p>vectors:<model>-<n>:<tenant>                 zset   entry (`job output sha256`) -> the order in which they came
    <p>vectors:<model>-<n>:<tenant>:last            string the last number of that order
    <p>vectors                                      set    spaces, as JSON
    <p>vectors:<model>-<n>                          the module's index of all hashes of that model and dimension

The hashes are the truth and the module's index follows from them: if it is gone it is made anew, from what is there. What is put in
or taken out goes in batches, each whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from redis.exceptions import ResponseError

from darkroom.search.index import Entry, Neighbour, Space, Vector, check_dimensions, no_direction, slug
from darkroom.search.module import SearchServer, Talk, Word, in_a_row, nearest, ready, together
from darkroom_shared.store.answers import items, loads, text, texts, whole

T = TypeVar("T")

BATCH: Final = 200
"""Vectors that go together: 800 KB at 1024 numbers, some milliseconds in which a server serves nobody else."""
PAGE: Final = 10_000
MOST: Final = 10_000
"""Neighbours of one search."""


class ServerIndex:
    """See VectorIndex.

    Args:
        server: has a search module.
        prefix: in front of every key.
        space: what it holds.
    """

    def __init__(self, server: SearchServer, prefix: str, space: Space) -> None:
        self._server = server
        self._space = space
        group = f"{slug(space.model)}-{space.dimension}"
        # A tag of hexadecimal digits needs no escapes, and capitals, which tags pass over, count in what it was made of.
        self._tenant = hashlib.sha256(space.tenant.encode()).hexdigest()[:32]
        self._module_index = f"{prefix}vectors:{group}"
        self._hashes = f"{prefix}vector:{group}:"
        self._own = f"{self._hashes}{self._tenant}:"
        self._list = f"{self._module_index}:{self._tenant}"
        self._spaces = f"{prefix}vectors"

    def __len__(self) -> int:
        """How many pictures are in it."""
        with self._server.talk("be counted") as talk:
            return whole(talk.execute_command("ZCARD", self._list))

    @property
    def space(self) -> Space:
        """See VectorIndex."""
        return self._space

    def entries(self) -> list[Entry]:
        """See VectorIndex."""
        with self._server.talk("be listed") as talk:
            return [_entry(line) for line in self._lines(talk)]

    def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> int:
        """See VectorIndex."""
        packed = self._packed(vectors)
        with self._server.talk("be added to") as talk:
            return self._put(talk, list(zip(entries, packed, strict=True)))

    def copy(self, entries: Sequence[Entry]) -> int:
        """See VectorIndex."""
        with self._server.talk("be added to") as talk:
            there = [_entry(line) for line in self._lines(talk)]
            known = {(entry.job, entry.output) for entry in there}
            source = {entry.sha256: entry for entry in there}
            new = [entry for entry in entries if entry.sha256 in source and (entry.job, entry.output) not in known]
            done = 0
            for batch in _batches(new):
                found = in_a_row(talk, [("HGET", self._key(source[entry.sha256]), "vector") for entry in batch])
                pairs = zip(batch, found, strict=True)
                done += self._put(talk, [(entry, vector) for entry, vector in pairs if isinstance(vector, bytes)])
            return done

    def remove(self, jobs: Collection[str]) -> int:
        """See VectorIndex."""
        gone = frozenset(jobs)
        with self._server.talk("be removed") as talk:
            return self._take(talk, [entry for entry in map(_entry, self._lines(talk)) if entry.job in gone])

    def nearest(self, vector: Vector, count: int) -> list[Neighbour]:
        """See VectorIndex."""
        [wanted] = self._packed([vector])
        with self._server.talk("be searched") as talk:
            there = whole(talk.execute_command("ZCARD", self._list))
            if not there:
                return []
            ready(talk, self._module_index, self._hashes, self._space.dimension)
            found = nearest(talk, self._module_index, self._tenant, wanted, min(count, there, MOST))
        # The tag has chosen them. A key of another tenant would be a fault of the module, and is not handed on all the same.
        near = [Neighbour(_entry(line), score) for key, line, score in found if key.startswith(self._own)]
        near.sort(key=lambda one: one.entry.job, reverse=True)  # of equal ones the newer first
        return sorted(near, key=lambda one: -one.score)

    def drop(self) -> int:
        """See VectorIndex."""
        with self._server.talk("be dropped") as talk:
            done = self._take(talk, [_entry(line) for line in self._lines(talk)])
            together(talk, [("SREM", self._spaces, _told(self._space)), ("UNLINK", self._list, f"{self._list}:last")])
            others = [_space(raw) for raw in items(talk.execute_command("SMEMBERS", self._spaces))]
            if not any((one.model, one.dimension) == (self._space.model, self._space.dimension) for one in others):
                with contextlib.suppress(ResponseError):  # there is none
                    talk.execute_command("FT.DROPINDEX", self._module_index)
            return done

    def _put(self, talk: Talk, pairs: Sequence[tuple[Entry, bytes]]) -> int:
        """Puts in those that are new; how many."""
        done = 0
        for batch in _batches(pairs):
            ready(talk, self._module_index, self._hashes, self._space.dimension)
            numbers = items(talk.execute_command("ZMSCORE", self._list, *(_line(entry) for entry, _ in batch)))
            new = [pair for pair, number in zip(batch, numbers, strict=True) if number is None]
            if not new:
                continue
            last = whole(talk.execute_command("INCRBY", f"{self._list}:last", len(new)))
            commands: list[Sequence[Word]] = [("SADD", self._spaces, _told(self._space))]
            for number, (entry, vector) in enumerate(new, start=last - len(new) + 1):
                fields = ("tenant", self._tenant, "vector", vector, "entry", _line(entry))
                commands.append(("HSET", self._key(entry), *fields))
                commands.append(("ZADD", self._list, "NX", number, _line(entry)))
            done += sum(map(whole, together(talk, commands)[2::2]))
        return done

    def _take(self, talk: Talk, entries: Sequence[Entry]) -> int:
        """Takes these out; how many were there."""
        done = 0
        for batch in _batches(entries):
            keys, lines = [self._key(entry) for entry in batch], [_line(entry) for entry in batch]
            done += whole(together(talk, [("UNLINK", *keys), ("ZREM", self._list, *lines)])[1])
        return done

    def _lines(self, talk: Talk) -> Iterator[str]:
        """What is listed, in the order in which it came. By number, not by rank: removals must not shift what comes next."""
        after = "-inf"
        while True:
            page = texts(talk.execute_command("ZRANGEBYSCORE", self._list, after, "+inf", "WITHSCORES", "LIMIT", 0, PAGE))
            yield from page[::2]
            if len(page) < 2 * PAGE:
                return
            after = f"({page[-1]}"

    def _key(self, entry: Entry) -> str:
        return f"{self._own}{entry.job}:{entry.output}"

    def _packed(self, vectors: Sequence[Vector]) -> list[bytes]:
        """The vectors with length 1, as float32. Raises ValueError."""
        check_dimensions(self._space, vectors)
        return [_unit(vector) for vector in vectors]


class ServerHome:
    """See IndexHome.

    Args:
        server: has a search module.
        prefix: in front of every key.
    """

    def __init__(self, server: SearchServer, prefix: str) -> None:
        self._server = server
        self._prefix = prefix

    @property
    def place(self) -> str:
        """See IndexHome."""
        return f"the search module of {self._server.name}"

    def spaces(self, tenant: str) -> list[Space]:
        """See IndexHome."""
        with self._server.talk("be listed") as talk:
            known = [_space(raw) for raw in items(talk.execute_command("SMEMBERS", f"{self._prefix}vectors"))]
        mine = sorted((space for space in known if space.tenant == tenant), key=lambda space: (space.model, space.dimension))
        return [space for space in mine if len(self.open(space))]

    def open(self, space: Space) -> ServerIndex:
        """See IndexHome."""
        return ServerIndex(self._server, self._prefix, space)


def _unit(vector: Vector) -> bytes:
    length = math.hypot(*vector)
    if not math.isfinite(length) or not length:
        raise no_direction()
    return struct.pack(f"<{len(vector)}f", *(number / length for number in vector))


def _line(entry: Entry) -> str:
    return f"{entry.job} {entry.output} {entry.sha256}"


def _entry(line: str) -> Entry:
    job, output, sha256 = line.split()
    return Entry(job, int(output), sha256)


def _told(space: Space) -> str:
    return json.dumps([space.tenant, space.model, space.dimension])


def _space(raw: object) -> Space:
    tenant, model, dimension = items(loads(raw))
    return Space(text(tenant), text(model), whole(dimension))


def _batches(things: Sequence[T]) -> Iterable[Sequence[T]]:
    return (things[start : start + BATCH] for start in range(0, len(things), BATCH))
