"""What the ledger may be asked, as data: a script (or a plain command), its arguments and how to read the answer.

An operation does nothing by itself. `store.redis` has the two executors, one for each colour, so that the logic stands here once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from darkroom_shared.store.keys import Keys

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Script(Generic[T_co]):
    """One run of `scripts/<name>.lua`. `args` is sent as JSON; values of None are left out."""

    name: str
    args: Mapping[str, object]
    parse: Callable[[object], T_co]


@dataclass(frozen=True, slots=True)
class Command(Generic[T_co]):
    """One plain Redis command that only reads. Its words are built with the ledger's keys."""

    words: Callable[[Keys], Sequence[str | int]]
    parse: Callable[[object], T_co]


Operation = Script[T_co] | Command[T_co]
