"""Decides which request fails on purpose, and how.

    throttle:0.3                                   three requests in ten get a ThrottlingException
    error=ServiceUnavailableException:every=5      every fifth
    error-after=InternalServerException:count=2    the first two, after the work was done (and billed)
    timeout                                        no answer within any read time-out; the work is done and billed
    slow=2:p=0.5                                   the answer comes 2 s later
    reset:model=amazon.nova-canvas-v1:0            the connection is cut after the work, without an answer
    reset-early:after=3                            cut before any work
    throttle:region=us-west-2:for=15               a Region refuses everything for 15 s, then it has healed
    half-body | invalid-json | empty-images | bad-base64     a broken answer after the work
    blank                                          pictures of one colour
    inference-error                                a 200 that says that the model failed, in its family's own form

Selectors follow the kind, parted by colons: `p=` (a bare number means the same), `every=`, `count=` (at most so many), `after=`
(leave the first ones alone), `for=` (so many real seconds from the moment the fault was set), `region=`, `model=` and `task=`.
All of them must hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
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
    "blank",
    "inference-error",
]
NEVER_S = 3600.0
"""How long `timeout` holds an answer back unless told otherwise, in seconds; longer than any client waits."""

_SELECTORS = ("p", "every", "count", "after", "for", "region", "model", "task")


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
        for_s: seconds after which it is over, counted from the moment it was set; None for no end.
        region: of the request's signature; None for all.
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
    for_s: float | None = None
    region: str | None = None
    model: str | None = None
    task_type: str | None = None

    @property
    def before_work(self) -> bool:
        """Whether it strikes before any picture is made, so that nothing is billed."""
        return self.kind in {"error", "reset-early"}

    def concerns(self, region: str, model_id: str, task_type: str | None) -> bool:
        """Whether Region, model and task type are the ones it was written for."""
        return self.region in {None, region} and self.model in {None, model_id} and self.task_type in {None, task_type}


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
        for_s=_number(selectors["for"], text) if "for" in selectors else None,
        region=selectors.get("region"),
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
    """The faults in force, with their counts. The first that fires on a request wins.

    Args:
        faults: the first faults in force.
        random: draws for probabilities.
        clock: steady seconds.
    """

    def __init__(self, faults: Iterable[Fault], random: Random, clock: Callable[[], float]) -> None:
        self._random = random
        self._clock = clock
        self._since_s = 0.0
        self._plan: list[tuple[Fault, _Counters]] = []
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Forgets the faults in force and their counts, and takes these."""
        self._since_s = self._clock()
        self._plan = [(fault, _Counters()) for fault in faults]

    @property
    def faults(self) -> Sequence[Fault]:
        """The faults that were set last, those that are over by their `for=` too."""
        return [fault for fault, _ in self._plan]

    def choose(self, region: str, model_id: str, task_type: str | None) -> Fault | None:
        """The fault that falls on the next request, if any; counts the request."""
        concerned = [pair for pair in self._plan if pair[0].concerns(region, model_id, task_type) and not self._is_over(pair[0])]
        fired = [pair for pair in concerned if self._fires(*pair)]
        if not fired:
            return None
        fault, counters = fired[0]
        counters.fired += 1
        return fault

    def _is_over(self, fault: Fault) -> bool:
        return fault.for_s is not None and self._clock() - self._since_s >= fault.for_s

    def _fires(self, fault: Fault, counters: _Counters) -> bool:
        if counters.seen < fault.after:
            counters.seen += 1
            return False
        counters.seen += 1
        if (counters.seen - fault.after) % fault.every or (fault.count is not None and counters.fired >= fault.count):
            return False
        return fault.probability >= 1 or self._random.random() < fault.probability
