"""A process that puts vectors into an index: `python -m tests.conformance.search.writer ADDRESS FIRST LAST BATCH`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from darkroom.search.disk import DiskHome
from darkroom.search.index import Entry, IndexHome, Space, VectorIndex
from darkroom.search.module import SearchServer
from darkroom.search.server import ServerHome

SPACE = Space("studio", "a-model", 64)


def home_at(address: str) -> IndexHome:
    """The home at an address: of a server, or a folder."""
    return ServerHome(SearchServer(address), "dr:") if address.startswith("unix://") else DiskHome(Path(address))


def entry(number: int) -> Entry:
    """The picture of that number."""
    return Entry(f"job_{number:026d}", number % 5, f"{number:064x}")


def vector(number: int) -> list[float]:
    """Its vector: no two of the first million are equal, and each says which it is."""
    return [1.0 + ((number >> (place % 20)) & 1) * (1 + place / 64) for place in range(SPACE.dimension)]


def filled(index: VectorIndex, numbers: Iterable[int]) -> VectorIndex:
    """The index, with these pictures put in."""
    chosen = list(numbers)
    index.add([entry(number) for number in chosen], [vector(number) for number in chosen])
    return index


def is_whole(index: VectorIndex) -> bool:
    """Whether each of its pictures is its own vector's nearest."""
    found = [(number, index.nearest(vector(number), 1)[0].entry) for number in (int(one.job[4:]) for one in index.entries())]
    return all(one == entry(number) for number, one in found)


def main(address: str, first: str, last: str, batch: str) -> None:
    """Adds the pictures, so many at a time, and tells of each batch."""
    index = home_at(address).open(SPACE)
    for start in range(int(first), int(last), int(batch)):
        numbers = range(start, min(int(last), start + int(batch)))
        index.add([entry(number) for number in numbers], [vector(number) for number in numbers])
        sys.stdout.write(f"{start}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
