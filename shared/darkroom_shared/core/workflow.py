"""The graph of a workflow: what a reference to a step's picture looks like, what needs what, and in which order steps can run.

A picture of another step is named `$steps.<name>.outputs[<i>]`, counted from 0, wherever a request may hold a picture. Who refers
to a step needs it. Everything here is about names; what a step does is told elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from darkroom_shared.core.problems import pointer

REFERENCE_PREFIX: Final = "$steps."
STEP_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
"""A small letter, then small letters, digits, `_` and `-`; at most 64 characters."""
_REFERENCE: Final = re.compile(rf"\$steps\.({STEP_NAME.pattern})\.outputs\[(\d{{1,3}})\]")


@dataclass(frozen=True, slots=True)
class Reference:
    """One picture of another step.

    Attributes:
        step: the step's name.
        index: which of its outputs, counted from 0.
    """

    step: str
    index: int

    def __str__(self) -> str:
        return f"{REFERENCE_PREFIX}{self.step}.outputs[{self.index}]"


class CycleError(ValueError):
    """Steps wait for each other. `steps` names them in the order of the circle."""

    def __init__(self, steps: Sequence[str]) -> None:
        self.steps = tuple(steps)
        super().__init__(f"these steps wait for each other: {' -> '.join([*steps, steps[0]])}")


def is_reference(value: object) -> bool:
    """True for a text that means to be a reference, well formed or not."""
    return isinstance(value, str) and value.startswith(REFERENCE_PREFIX)


def parse_reference(text: str) -> Reference | None:
    """The reference that a text is, or None if it is none.

    >>> parse_reference("$steps.cut.outputs[0]")
    Reference(step='cut', index=0)
    """
    match = _REFERENCE.fullmatch(text)
    return Reference(match[1], int(match[2])) if match else None


def references(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Reference]]:
    """Every reference inside a JSON value, with the JSON pointer of its place."""
    if isinstance(value, str):
        found = parse_reference(value)
        if found is not None:
            yield pointer(at), found
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[str, object]", value).items():
            yield from references(item, (*at, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[object]", value)):
            yield from references(item, (*at, index))


def needs_of(value: object) -> tuple[str, ...]:
    """Names of the steps that a request refers to, each once, in the order of their first mention."""
    return tuple(dict.fromkeys(found.step for _, found in references(value)))


def dependants(needs: Mapping[str, Collection[str]], also: Collection[str] = ()) -> dict[str, list[str]]:
    """The graph the other way round: for each step those that need it, in their order; `also`: more names that may be needed."""
    found: dict[str, list[str]] = {name: [] for name in [*needs, *also]}
    for name, wanted in needs.items():
        for other in wanted:
            found[other].append(name)
    return found


def order(needs: Mapping[str, Collection[str]]) -> list[str]:
    """The steps so that each comes after all it needs; as near to the given order as that allows.

    Args:
        needs: for each step the names of those it needs; names that are no steps are ignored.

    Raises:
        CycleError: steps wait for each other.
    """
    done: dict[str, None] = {}
    left = list(needs)
    while left:
        ready = next((name for name in left if all(need in done or need not in needs for need in needs[name])), None)
        if ready is None:
            raise CycleError(_circle({name: [need for need in needs[name] if need in left] for name in left}))
        done[ready] = None
        left.remove(ready)
    return list(done)


def _circle(stuck: Mapping[str, Sequence[str]]) -> list[str]:
    path = [next(iter(stuck))]
    while True:  # every stuck step needs a stuck one, so a name must come again
        following = stuck[path[-1]][0]
        if following in path:
            return path[path.index(following) :]
        path.append(following)


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The wanted name, numbered from 2 if it is taken.

    >>> free_name("resize", {"resize", "resize_2"})
    'resize_3'
    """
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"
