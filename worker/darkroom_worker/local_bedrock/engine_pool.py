"""Runs the picture engine in processes of its own, one call at a time in each, so that the server's loop never waits for pixels.

A process that dies or takes too long costs its pool: a new one is started, and requests that were in it are tried once more.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import cast

import pybase64

from darkroom_worker.local_bedrock.pictures import EngineFailed, EngineSlow, Pictures, Request

TIME_LIMIT_S = 240.0
"""Longest time for the pictures of one request, waiting for a process not counted; below the 300 s that clients wait."""

_LOG = logging.getLogger(__name__)


def _watch_parent() -> None:
    """Ends this process when the endpoint is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _begin() -> None:
    """Runs first in every process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the endpoint ends its processes itself
    threading.Thread(target=_watch_parent, name="watch-parent", daemon=True).start()


def _warm(_: int) -> None:
    """Loads the engine, so that the first request need not."""
    from darkroom_worker.local_bedrock.engine import warm_up

    warm_up()


def _draw(request: Request) -> Pictures:
    """Runs in a process of the pool."""
    from darkroom_worker.local_bedrock.engine import Order, look_closely, render

    if request.asks:
        return Pictures((), (), looks=tuple(map(look_closely, request.images.values())))
    order = Order(request.family, request.model_id, request.task_type, request.body, request.images, request.seed)
    rendered = render(order)
    return Pictures(
        tuple(pybase64.b64encode(image) for image in rendered.images),
        tuple(hashlib.sha256(image).hexdigest() for image in rendered.images),
        None if rendered.mask is None else pybase64.b64encode(rendered.mask),
    )


class PooledEngine:
    """The procedural engine behind a pool of processes.

    Args:
        processes: how many, from 1 on; each needs some 400 MB.
        time_limit_s: seconds for one request.
    """

    name = "procedural"

    def __init__(self, processes: int = 2, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._processes = processes
        self._time_limit_s = time_limit_s
        self._places = asyncio.Semaphore(processes)
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._processes, mp_context=context, initializer=_begin)

    async def start(self) -> None:
        """Starts the processes and loads the engine in each."""
        loop = asyncio.get_running_loop()
        warmed = [loop.run_in_executor(self._pool, _warm, index) for index in range(self._processes)]
        await asyncio.gather(*warmed, return_exceptions=True)

    async def draw(self, request: Request) -> Pictures:
        """See PictureEngine."""
        async with self._places:
            try:
                return await self._draw_once(request)
            except BrokenProcessPool:
                return await self._draw_again(request)

    async def _draw_again(self, request: Request) -> Pictures:
        try:
            return await self._draw_once(request)
        except BrokenProcessPool as error:
            raise EngineFailed("the picture engine's process died twice on this request") from error

    async def _draw_once(self, request: Request) -> Pictures:
        pool = self._pool
        try:
            work = asyncio.get_running_loop().run_in_executor(pool, _draw, request)
            return await asyncio.wait_for(work, self._time_limit_s)
        except TimeoutError as error:
            self._replace(pool)
            raise EngineSlow(f"no pictures within {self._time_limit_s:g} s") from error
        except BrokenProcessPool:
            self._replace(pool)
            raise
        except Exception as error:
            _LOG.exception("the picture engine failed on a %s request", request.task_type)
            raise EngineFailed(str(error) or type(error).__name__) from error

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        if self._pool is broken:
            self._pool = self._new_pool()
            _end(broken, wait=False)

    async def stop(self) -> None:
        """Ends the processes at once; work in them is lost."""
        await asyncio.to_thread(_end, self._pool, wait=True)


def _end(pool: ProcessPoolExecutor, *, wait: bool) -> None:
    """Kills the processes, and waits for the executor's own thread if asked: at exit it writes to a pipe that the other closes."""
    # The executor has no public way to end a process that is busy before Python 3.14.
    running = cast("dict[int, BaseProcess]", getattr(pool, "_processes", None) or {})
    processes = list(running.values())
    for process in processes:
        process.kill()
    pool.shutdown(wait=wait, cancel_futures=True)
