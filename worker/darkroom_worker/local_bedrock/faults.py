"""Decides which request fails on purpose, and how.

    throttle:0.3                                   three requests in ten get a ThrottlingException
    error=ServiceUnavailableException:every=5      every fifth
    error-after=InternalServerException:count=2    the first two, after the work was done (and billed)
    timeout                                        no answer within any read time-out; the work is done and billed
    slow=2:p=0.5                                   the answer comes 2 s later
    reset:model=amazon.nova-canvas-v1:0            the connection is cut after the work, without an answer
    reset-early:after=3                            cut before any work
    half-body | invalid-json | empty-images | bad-base64     a broken answer after the work

Selectors follow the kind, parted by colons: `p=` (a bare number means the same), `every=`, `count=` (at most so many), `after=`
(leave the first ones alone), `model=` and `task=`. All of them must hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from darkroom_worker.local_bedrock.wire import STATUS

FaultKind = Literal[
    "error",
    "error-after",
    "timeout",
    "slow",
    "reset",
    "reset-early",
    "half-body",
    "invalid-json",
    "empty-images",
    "bad-base64",
]
NEVER_S = 3600.0
"""How long `timeout` holds an answer back unless told otherwise, in seconds; longer than any client waits."""

_SELECTORS = ("p", "every", "count", "after", "model", "task")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail, and which requests it falls on.

    Attributes:
        kind: what happens.
        code: the exception of `error` and `error-after`.
        delay_s: of `slow` and `timeout`.
        probability: 0 to 1.
        every: each n-th of the requests that match.
        count: at most so many times; None for no end.
        after: so many matching requests pass first.
        model: model id; None for all.
        task_type: Bedrock's taskType; None for all.
    """

    kind: FaultKind
    code: str = ""
    delay_s: float = 0.0
    probability: float = 1.0
    every: int = 1
    count: int | None = None
    after: int = 0
    model: str | None = None
    task_type: str | None = None

    @property
    def before_work(self) -> bool:
        """Whether it strikes before any picture is made, so that nothing is billed."""
        return self.kind in {"error", "reset-early"}

    def concerns(self, model_id: str, task_type: str | None) -> bool:
        """Whether model and task type are the ones it was written for."""
        return self.model in {None, model_id} and self.task_type in {None, task_type}


def parse_fault(text: str) -> Fault:
    """Reads one fault, in the grammar on top of this module.

    Raises:
        ValueError: with a sentence that says what is wrong and what is possible.
    """
    head, *rest = _pieces(text.strip())
    kind, _, argument = head.partition("=")
    what = _kind_of(kind, argument, text)
    selectors = [_selector(piece, text) for piece in rest]
    return _select(what, dict(selectors), text)


def _pieces(text: str) -> list[str]:
    """Splits at colons; a model id keeps its own (`model=amazon.nova-canvas-v1:0`)."""
    return re.findall(r"model=[^:]+(?::\d+(?![\d.]))?|[^:]+", text) or [""]


def _kind_of(kind: str, argument: str, text: str) -> Fault:
    if kind == "throttle" and not argument:
        return Fault("error", code="ThrottlingException")
    if kind in {"error", "error-after"}:
        if argument not in STATUS:
            raise ValueError(f"fault {text!r}: {argument!r} is no exception of the service; known are {', '.join(STATUS)}")
        return Fault("error" if kind == "error" else "error-after", code=argument)
    if kind == "timeout":
        return Fault("timeout", delay_s=_number(argument, text) if argument else NEVER_S)
    if kind == "slow":
        return Fault("slow", delay_s=_number(argument, text))
    for plain in get_args(FaultKind):
        if plain == kind and not argument:
            return Fault(plain)
    raise ValueError(f"fault {text!r}: {kind!r} is none of throttle, {', '.join(get_args(FaultKind))}")


def _selector(piece: str, text: str) -> tuple[str, str]:
    name, equals, value = piece.partition("=")
    if not equals:
        return "p", name
    if name not in _SELECTORS or not value:
        raise ValueError(f"fault {text!r}: {piece!r} is no selector; known are {', '.join(f'{s}=' for s in _SELECTORS)}")
    return name, value


def _select(fault: Fault, selectors: dict[str, str], text: str) -> Fault:
    probability = _number(selectors.get("p", "1"), text)
    every = int(_number(selectors.get("every", "1"), text))
    if not 0 <= probability <= 1:
        raise ValueError(f"fault {text!r}: a probability lies between 0 and 1, not at {probability:g}")
    if every < 1:
        raise ValueError(f"fault {text!r}: every= counts from 1")
    return Fault(
        fault.kind,
        code=fault.code,
        delay_s=fault.delay_s,
        probability=probability,
        every=every,
        count=int(_number(selectors["count"], text)) if "count" in selectors else None,
        after=int(_number(selectors.get("after", "0"), text)),
        model=selectors.get("model"),
        task_type=selectors.get("task"),
    )


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"fault {whole!r}: {text!r} is no number") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"fault {whole!r}: {text} is out of range")
    return value


@dataclass(slots=True)
class _Counters:
    seen: int = 0
    fired: int = 0


class FaultPlan:
    """The faults in force, with their counts. The first that fires on a request wins."""

    def __init__(self, faults: Iterable[Fault], random: Random) -> None:
        self._random = random
        self._plan: list[tuple[Fault, _Counters]] = []
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Forgets the faults in force and their counts, and takes these."""
        self._plan = [(fault, _Counters()) for fault in faults]

    @property
    def faults(self) -> Sequence[Fault]:
        """The faults in force."""
        return [fault for fault, _ in self._plan]

    def choose(self, model_id: str, task_type: str | None) -> Fault | None:
        """The fault that falls on the next request, if any; counts the request."""
        fired = [pair for pair in self._plan if pair[0].concerns(model_id, task_type) and self._fires(*pair)]
        if not fired:
            return None
        fault, counters = fired[0]
        counters.fired += 1
        return fault

    def _fires(self, fault: Fault, counters: _Counters) -> bool:
        if counters.seen < fault.after:
            counters.seen += 1
            return False
        counters.seen += 1
        if (counters.seen - fault.after) % fault.every or (fault.count is not None and counters.fired >= fault.count):
            return False
        return fault.probability >= 1 or self._random.random() < fault.probability
