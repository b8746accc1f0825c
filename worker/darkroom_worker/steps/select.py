"""Chooses the best of several pictures by the answers about them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from darkroom_shared.contract.steps import Select
from darkroom_shared.core.conditions import at_path
from darkroom_worker.steps.pixels import refuse


def chosen(spec: Select, answers: Sequence[object]) -> list[int]:
    """The numbers of the pictures that are kept, the best first; fewer than `keep`, or none, where too few count.

    Args:
        answers: what was said of each picture, parsed; None for nothing.
    """
    path = [part.replace("~1", "/").replace("~0", "~") for part in spec.by.split("/")[1:]]
    scores = [(_score(at_path(answer, path), spec.at_least), number) for number, answer in enumerate(answers)]
    counted = [(score, number) for score, number in scores if score is not None]
    return [number for _, number in sorted(counted, key=lambda one: (-one[0], one[1]))[: spec.keep]]


def parsed(answer: bytes) -> object:
    """What an answer says; None for words that are no JSON, by which nothing can be chosen."""
    try:
        # A model wrote it: unlike `json`, orjson refuses endless nesting and numbers too large for a float with a ValueError.
        return orjson.loads(answer)
    except ValueError:
        return None


def _score(value: object, at_least: float | None) -> float | None:
    if isinstance(value, bool):
        return 1.0 if value else None
    if not isinstance(value, int | float) or (at_least is not None and value < at_least):
        return None
    return float(value)


def run(spec: Select, images: Sequence[bytes]) -> list[bytes]:
    """Without answers there is nothing to choose by. Raises ImageRefused."""
    raise refuse(f"{spec.kind} needs an answer about each of the {len(images)} pictures")
