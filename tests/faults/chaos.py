"""A random but repeatable run of faults on a fleet under load: the seed says what happens when, and to whom.

    with Chaos(stack, 3) as chaos:
        faults = schedule(seed, seconds=45, workers=3)
        thread = chaos.play(faults)
        ... submit ...
        thread.join()
        chaos.calm()

Each worker reaches ledger and broker through proxies of its own, so that one can lose them while the others go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Final, Literal, Self

from darkroom_shared.core.quota import LOCAL_LANE
from darkroom_shared.store import ops
from tests.faults.fleet import Fleet
from tests.faults.proxy import Direction, Proxy, running_proxy
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import Stack, new_job_id, unpaced

__all__ = ["KINDS", "Chaos", "Fault", "Kind", "Load", "schedule"]

Kind = Literal["kill", "freeze", "restart", "cut", "half-open", "hold"]
Line = Literal["ledger", "broker", "both"]
KINDS: Final[Mapping[Kind, int]] = {"kill": 3, "freeze": 2, "restart": 2, "cut": 4, "half-open": 2, "hold": 1}
"""How often each kind comes, relative to the others."""
PAUSE_S: Final = (1.5, 3.5)
"""From one fault to the next."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at_s: seconds after the start.
        kind: `kill` (SIGKILL to the group), `freeze` (SIGSTOP, then SIGCONT), `restart` (SIGTERM), `cut` (connections reset),
            `half-open` (bytes vanish, nobody is told), `hold` (bytes come late).
        worker: whom it hits.
        lasts_s: of a freeze, a half-open spell and a hold.
        line: which connections.
        direction: which way bytes vanish or wait.
    """

    at_s: float
    kind: Kind
    worker: int
    lasts_s: float
    line: Line
    direction: Direction

    def __str__(self) -> str:
        where = f" {self.line}" if self.kind in ("cut", "half-open", "hold") else ""
        way = f" {self.direction}" if self.kind in ("half-open", "hold") else ""
        spell = f" for {self.lasts_s:.1f} s" if self.kind in ("freeze", "half-open", "hold") else ""
        return f"{self.at_s:.1f} s: {self.kind}{where}{way} worker {self.worker}{spell}"


def schedule(
    seed: int,
    seconds: float,
    workers: int,
    *,
    lease_s: float = 3.0,
    pause_s: tuple[float, float] = PAUSE_S,
    kinds: Mapping[Kind, int] = KINDS,
    survivor: int | None = None,
) -> list[Fault]:
    """The faults of a run.

    Args:
        lease_s: freezes are longer, so that the frozen worker comes back to calls that others have by then.
        pause_s: least and longest time from one fault to the next.
        survivor: the number of a worker that is neither killed nor restarted.
    """
    draw = Random(seed)
    faults: list[Fault] = []
    at_s = draw.uniform(*pause_s)
    while at_s < seconds:
        [kind] = draw.choices(list(kinds), list(kinds.values()))
        lasts_s = draw.uniform(lease_s + 0.5, lease_s + 2.5) if kind == "freeze" else draw.uniform(1.0, 3.0)
        line: Line = draw.choice(("ledger", "broker", "both"))
        direction: Direction = draw.choice(("up", "down", "both"))
        worker = draw.randrange(workers)
        if worker == survivor and kind in ("kill", "restart"):
            worker = (worker + 1) % workers
        faults.append(Fault(at_s, kind, worker, lasts_s, line, direction))
        at_s += draw.uniform(*pause_s)
    return faults


class Chaos:
    """A fleet behind proxies, and the hands that do it harm. The test's own ledger stays direct."""

    def __init__(self, stack: Stack, workers: int, **environment: str) -> None:
        self._stack = stack
        self._workers = workers
        self._environment = environment
        self._open = ExitStack()
        self._over = threading.Event()
        self.done: list[Fault] = []
        """What has happened so far."""
        self.cuts = 0
        """Connections that were reset."""

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            target = self._stack.redis_url.removeprefix("unix://").partition("?")[0]
            self._lines: list[dict[str, Proxy]] = [
                {name: opening.enter_context(running_proxy(target)) for name in ("ledger", "broker")} for _ in range(self._workers)
            ]
            each = {
                number: {
                    **self._environment,
                    "DARKROOM_REDIS_URL": lines["ledger"].redis_url(),
                    "DARKROOM_BROKER_URL": lines["broker"].redis_url(),
                }
                for number, lines in enumerate(self._lines)
            }
            self.fleet = opening.enter_context(Fleet(self._stack, self._workers, each=each))
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self.calm()
        self._open.close()

    def play(self, faults: Iterable[Fault]) -> threading.Thread:
        """Does it all, in a thread of its own."""
        thread = threading.Thread(target=self._play, args=(list(faults),), name="chaos", daemon=True)
        thread.start()
        return thread

    def calm(self) -> None:
        """Ends every fault: networks pass again, nobody is frozen. What half-open connections have lost stays lost."""
        for number, lines in enumerate(self._lines):
            self.fleet.thaw(number)
            for proxy in lines.values():
                proxy.forward()

    def _play(self, faults: Sequence[Fault]) -> None:
        moments: list[tuple[float, Callable[[], None]]] = []
        for fault in faults:
            moments.append((fault.at_s, lambda fault=fault: self._strike(fault)))  # type: ignore[misc]
            moments.append((fault.at_s + fault.lasts_s, lambda fault=fault: self._end(fault)))  # type: ignore[misc]
        began = time.monotonic()
        for at_s, act in sorted(moments, key=lambda moment: moment[0]):
            if self._over.wait(max(0.0, began + at_s - time.monotonic())):
                return
            act()

    def _strike(self, fault: Fault) -> None:
        self.done.append(fault)
        match fault.kind:
            case "kill":
                self.fleet.kill(fault.worker)
            case "freeze":
                self.fleet.freeze(fault.worker)
            case "restart":
                self.fleet.terminate(fault.worker)
            case "cut":
                self.cuts += sum(proxy.cut() for proxy in self._of(fault))
            case "half-open":
                for proxy in self._of(fault):
                    proxy.drop(fault.direction)
            case "hold":
                for proxy in self._of(fault):
                    proxy.hold(fault.direction)

    def _end(self, fault: Fault) -> None:
        if fault.kind == "freeze":
            self.fleet.thaw(fault.worker)
        elif fault.kind in ("half-open", "hold"):
            for proxy in self._of(fault):
                proxy.forward()

    def _of(self, fault: Fault) -> list[Proxy]:
        lines = self._lines[fault.worker]
        return list(lines.values()) if fault.line == "both" else [lines[fault.line]]


class Load:
    """Submits a mixture of work: single calls, jobs of two calls, and chains of a call, a free step and another call."""

    def __init__(self, stack: Stack, seed: Callable[[], int], draw: Random, **fields: int) -> None:
        self._stack = stack
        self._seed = seed
        self._draw = draw
        self._fields = fields
        self.paid_calls = 0
        """Calls that cost something, of everything submitted so far."""

    def submit(self) -> list[str]:
        """One of the three; the ids of its jobs."""
        make = self._draw.choices((self._single, self._double, self._chain), (8, 1, 1))[0]
        jobs = make()
        self._stack.ledger.run(ops.accept(jobs, unpaced(*jobs)))
        self._stack.admit()
        return [job.job_id for job in jobs]

    def _single(self, calls: int = 1) -> list[ops.NewJob]:
        self.paid_calls += calls
        record = self._stack.record(text_image(seed=self._seed()), **self._fields)
        return [ops.NewJob(new_job_id(), record.as_fields(), calls=calls)]

    def _double(self) -> list[ops.NewJob]:
        return self._single(calls=2)

    def _chain(self) -> list[ops.NewJob]:
        self.paid_calls += 2
        first, second, third = new_job_id(), new_job_id(), new_job_id()
        number = self._seed()
        variation = {
            "taskType": "IMAGE_VARIATION",
            "imageVariationParams": {"images": ["$steps.negative.outputs[0]"]},
            "imageGenerationConfig": {"seed": number, "numberOfImages": 1, "width": 512, "height": 512},
        }
        paid = self._stack.record(text_image(seed=self._seed()), step="boat", **self._fields)
        spec, boat = {"kind": "invert"}, {"boat": first}
        free = self._stack.local_record(spec, ["$steps.boat.outputs[0]"], step="negative", needs=boat, **self._fields)
        last = self._stack.record(variation, step="variant", needs={"negative": second}, **self._fields)
        assert free.lane == LOCAL_LANE
        return [
            ops.NewJob(first, paid.as_fields(), dependants=[second]),
            ops.NewJob(second, free.as_fields(), needs=[first], dependants=[third]),
            ops.NewJob(third, last.as_fields(), needs=[second]),
        ]
