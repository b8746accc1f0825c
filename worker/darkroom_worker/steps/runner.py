"""Runs local steps and checks in child processes with a memory limit, so that no picture can take the worker down.

Each slot is one child process of its own: a child that dies takes only its own step with it, and its slot gets a new one. The child
answers with values, not exceptions, and ends by itself when the worker is gone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Final, TypeVar

from darkroom_shared.contract.steps import StepSpec
from darkroom_shared.core.errors import ImageRefused, InvalidRequest, RequestRejected
from darkroom_shared.core.problems import Problem
from darkroom_worker.steps import run_step

_R = TypeVar("_R")
MEMORY_BYTES: Final = 2 * 1024**3
"""Address space of a child. Measured peak: 1.0 GiB, for paste_back with two pictures of 33.5 million pixels of RGBA noise."""
WORKERS: Final = 2
CHILDREN_PER_STEP: Final = 2
"""A child may have been killed for another's memory, or while it was idle: one more try, as steps cost nothing."""
STEPS_PER_CHILD: Final = 500
"""A child is replaced after this many, so that a leak in a decoder cannot grow for ever."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """What a child says in place of an exception."""

    message: str
    problems: tuple[Problem, ...] = ()

    def error(self) -> RequestRejected:
        return InvalidRequest(self.problems) if self.problems else ImageRefused(self.message)


class StepRunner:
    """Runs steps for one asyncio loop. Children are started at the first step that needs them."""

    def __init__(self, workers: int = WORKERS, memory_bytes: int = MEMORY_BYTES) -> None:
        """Args:
        workers: how many steps run at once, 1 or more; further ones wait.
        memory_bytes: address space of each child.

        Raises:
            ValueError: no worker at all.
        """
        if workers < 1:
            raise ValueError(f"a step runner needs at least 1 worker, not {workers}")
        self._memory_bytes = memory_bytes
        # The last one used comes first: a quiet worker then keeps one child warm, not all.
        self._free: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()
        self._slots = [_Slot(memory_bytes) for _ in range(workers)]
        for slot in self._slots:
            self._free.put_nowait(slot)

    async def run(self, spec: StepSpec, images: Sequence[bytes]) -> list[bytes]:
        """Runs one step and gives its pictures, in order.

        Raises:
            ImageRefused: no picture that is accepted, out of memory, or two children died over it.
            InvalidRequest: the step cannot work on these pictures.
        """
        return await self.apply(f"the step {spec.kind}", partial(run_step, spec, list(images)))

    async def apply(self, name: str, call: Callable[[], _R]) -> _R:
        """Makes a call in a child: a `partial` of a function of a module. It may be made twice, so it has no side effects.

        Args:
            name: what it does, for errors.

        Raises:
            RequestRejected: what the call raises of this; ImageRefused also if it is out of memory or two children died.
        """
        cause: BrokenProcessPool | None = None
        for _ in range(CHILDREN_PER_STEP):
            try:
                answer = await self._in_a_child(name, call)
            except BrokenProcessPool as error:
                cause = error
                continue
            if isinstance(answer, _Refused):
                raise answer.error()
            return answer
        raise ImageRefused(f"the process that ran {name} died {CHILDREN_PER_STEP} times, most likely for want of memory") from cause

    async def _in_a_child(self, name: str, call: Callable[[], _R]) -> _R | _Refused:
        slot = await self._free.get()
        try:
            future = slot.submit(name, call)
        except BaseException:
            self._free.put_nowait(slot)
            raise
        loop = asyncio.get_running_loop()
        # Not in a `finally`: whoever waits may be canceled while the child still works, and the slot is free only after it.
        future.add_done_callback(lambda done: _free_later(loop, self._free, slot, done))
        return await asyncio.wrap_future(future)

    def child_pids(self) -> list[int]:
        """Process ids of the children that run now."""
        return [pid for slot in self._slots for pid in slot.pids()]

    async def close(self) -> None:
        """Ends the children after their current step. May be repeated."""
        await asyncio.gather(*(asyncio.to_thread(slot.close) for slot in self._slots))


class _Slot:
    """One child process and the right to use it: by one step at a time, so a new child is never started beside a busy one."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._pool: ProcessPoolExecutor | None = None
        self._steps = 0

    def submit(self, name: str, call: Callable[[], _R]) -> Future[_R | _Refused]:
        if self._steps >= STEPS_PER_CHILD:
            self._retire()
        self._steps += 1
        try:
            return self._opened().submit(_in_child, name, call)
        except BrokenProcessPool:
            # The child died while it had nothing to do.
            self.forget()
            return self._opened().submit(_in_child, name, call)

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # spawn: a fork of a process with threads and open connections may hang or share them.
            # No max_tasks_per_child: it can leave the executor waiting for a child that it never starts (CPython issue 115634).
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_prepare_child,
                initargs=(self._memory_bytes,),
            )
        return self._pool

    def forget(self) -> None:
        """Leaves an executor whose child died; it has cleaned up after itself (and holds its lock while it says so)."""
        self._pool = None
        self._steps = 0

    def _retire(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        self.forget()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        self.forget()

    def pids(self) -> list[int]:
        processes: dict[int, object] = getattr(self._pool, "_processes", None) or {}
        return list(processes)


def _free_later(loop: asyncio.AbstractEventLoop, free: asyncio.LifoQueue[_Slot], slot: _Slot, done: Future[_R | _Refused]) -> None:
    """Called on one of the executor's threads when the child has answered or died."""
    if not done.cancelled() and isinstance(done.exception(), BrokenProcessPool):
        slot.forget()
    if not loop.is_closed():
        loop.call_soon_threadsafe(free.put_nowait, slot)


def _prepare_child(memory_bytes: int) -> None:
    # Ctrl-C reaches the whole terminal group; the worker decides when its children end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(memory_bytes)
    threading.Thread(target=_end_with_parent, daemon=True, name="end-with-parent").start()


def _limit_memory(memory_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _end_with_parent() -> None:
    """A worker that was killed cannot end its children, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _in_child(name: str, call: Callable[[], _R]) -> _R | _Refused:
    try:
        return call()
    except InvalidRequest as error:
        return _Refused(str(error), error.problems)
    except RequestRejected as error:
        return _Refused(str(error))
    except MemoryError:
        return _Refused(f"{name} needs more memory than it may have; use a smaller picture")
