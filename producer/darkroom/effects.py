"""What a flow may ask of the outside world, as data, and the type of a flow: a generator that yields wishes and gets answers.

The logic of the client is written once, as flows. `darkroom.connection` has the two that grant wishes, one for each colour.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar, cast

from darkroom_shared.store.operation import Operation
from darkroom_shared.store.ops import Hint

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ask(Generic[T_co]):
    """Run an operation on the ledger."""

    operation: Operation[T_co]


@dataclass(frozen=True, slots=True)
class PutAsset:
    """Store bytes in the asset store."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class PutReceipt:
    """Store the raw answer of a paid call under its name."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class GetAsset:
    """Read bytes of the asset store; the answer is `bytes`."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Hand hints to the broker; not getting through is no error."""

    hints: Sequence[Hint]


@dataclass(frozen=True, slots=True)
class Work(Generic[T_co]):
    """Call a function that takes time (decodes a picture, reads or writes a file), off the event loop if there is one."""

    function: Callable[[], T_co]


Wish: TypeAlias = Ask[object] | PutAsset | PutReceipt | GetAsset | Publish | Work[object]
Flow: TypeAlias = Generator[Wish, object, T]
"""Yields wishes, is sent their answers (or has their errors thrown in), returns a T."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Time and randomness, handed in so that flows stay functions of their arguments.

    Attributes:
        now_ms: milliseconds since the epoch.
        monotonic_s: seconds of a clock that never goes back.
        randomness: so many random bytes.
    """

    now_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
    randomness: Callable[[int], bytes]


# Generators cannot say that an answer's type follows from the wish, so the casts are here, once.


def ask(operation: Operation[T]) -> Flow[T]:
    """Runs an operation on the ledger."""
    return cast("T", (yield Ask(operation)))


def get_asset(sha256: str) -> Flow[bytes]:
    """Reads bytes of the asset store."""
    return cast("bytes", (yield GetAsset(sha256)))


def work(function: Callable[[], T]) -> Flow[T]:
    """Calls a function that takes time."""
    return cast("T", (yield Work(function)))


def write_file(path: Path, data: bytes) -> Flow[Path]:
    """Writes a file, making its folder if need be; an existing file is replaced."""

    def write() -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return (yield from work(write))
