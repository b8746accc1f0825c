"""What keeps the vectors of one tenant's pictures: the protocol, and what is put in and comes out.

All methods may block and are called off the event loop. An index holds vectors of one model and one dimension; those of two models
say nothing to each other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

Vector: TypeAlias = Sequence[float]
_UNSAFE: Final = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Space:
    """Whose vectors, made by what.

    Attributes:
        tenant: whose pictures they are of.
        model: id of the embedding model.
        dimension: numbers of a vector.
    """

    tenant: str
    model: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.model} with {self.dimension} numbers"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture that is in the index.

    Attributes:
        job: id of the job that made it.
        output: its index among that job's pictures.
        sha256: the asset's name, 64 hex digits.
    """

    job: str
    output: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A picture, and how near it is: the cosine of the angle between the vectors, -1 to 1."""

    entry: Entry
    score: float


class VectorIndex(Protocol):
    """Vectors of one space. Several processes may use one at once; one that dies in the middle leaves whole pictures only."""

    @property
    def space(self) -> Space:
        """What it holds."""
        ...

    def entries(self) -> list[Entry]:
        """Every picture in it."""
        ...

    def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> int:
        """Puts pictures in; those that are there already are passed over. How many were new.

        Raises:
            ValueError: a vector has another dimension, or no length.
        """
        ...

    def copy(self, entries: Sequence[Entry]) -> int:
        """Puts in pictures whose bytes are in the index already, with the vectors of these; others are passed over."""
        ...

    def remove(self, jobs: Collection[str]) -> int:
        """Takes out every picture of these jobs; how many there were."""
        ...

    def nearest(self, vector: Vector, count: int) -> list[Neighbour]:
        """The nearest pictures, nearest first; as many as there are, or as are found at once, if those are fewer."""
        ...

    def drop(self) -> int:
        """Takes out everything, also where what is there cannot be read any more; how many pictures there were."""
        ...


class IndexHome(Protocol):
    """Where indexes are kept."""

    @property
    def place(self) -> str:
        """Where that is, for a person: "files in /…", "the search module of …"."""
        ...

    def spaces(self, tenant: str) -> list[Space]:
        """What the tenant has an index of, by model and dimension."""
        ...

    def open(self, space: Space) -> VectorIndex:
        """The index of a space, empty if there was none."""
        ...


def check_dimensions(space: Space, vectors: Sequence[Vector]) -> None:
    """Raises ValueError for a vector of another dimension."""
    for vector in vectors:
        if len(vector) != space.dimension:
            raise ValueError(f"a vector has {len(vector)} numbers, and this index holds {space}")


def no_direction() -> ValueError:
    """The error for a vector that has no length, or none that can be told."""
    return ValueError("a vector is 0 in all its numbers, or holds one that is not finite")


def slug(text: str) -> str:
    """A name for a file or a key: readable, and of no two texts the same, not even where capitals do not count."""
    return f"{_UNSAFE.sub('-', text.lower())[:60]}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
