"""A process that puts vectors into an index: `python -m tests.conformance.search.writer FOLDER FIRST LAST BATCH`."""

from __future__ import annotations

import sys
from pathlib import Path

from darkroom.search.disk import DiskHome
from darkroom.search.index import Entry, Space

SPACE = Space("studio", "a-model", 64)


def entry(number: int) -> Entry:
    """The picture of that number."""
    return Entry(f"job_{number:026d}", number % 5, f"{number:064x}")


def vector(number: int) -> list[float]:
    """Its vector: no two of the first million are equal, and each says which it is."""
    return [1.0 + ((number >> (place % 20)) & 1) * (1 + place / 64) for place in range(SPACE.dimension)]


def main(folder: str, first: str, last: str, batch: str) -> None:
    """Adds the pictures, so many at a time, and tells of each batch."""
    index = DiskHome(Path(folder)).open(SPACE)
    for start in range(int(first), int(last), int(batch)):
        numbers = range(start, min(int(last), start + int(batch)))
        index.add([entry(number) for number in numbers], [vector(number) for number in numbers])
        sys.stdout.write(f"{start}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
