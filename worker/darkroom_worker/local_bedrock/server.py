"""Runs the endpoint: listens (HTTP/1.1 and prior-knowledge HTTP/2 on one port), says that it is ready, stops cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, cast

import hypercorn.config
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.worker_context import WorkerContext

from darkroom_worker.local_bedrock.admin import Admin
from darkroom_worker.local_bedrock.canned import CannedEngine
from darkroom_worker.local_bedrock.config import Config
from darkroom_worker.local_bedrock.customization import Customization
from darkroom_worker.local_bedrock.delivery import CONNECTION, Delivery
from darkroom_worker.local_bedrock.endpoint import Endpoint
from darkroom_worker.local_bedrock.faults import FaultPlan
from darkroom_worker.local_bedrock.patience import PatientServer, serve_patiently
from darkroom_worker.local_bedrock.pictures import PictureEngine
from darkroom_worker.local_bedrock.quotas import Quotas
from darkroom_worker.local_bedrock.request_log import RequestLog
from darkroom_worker.local_bedrock.service import Service

GRACE_S = 5.0
"""How long requests in flight may take to end when the endpoint stops, in seconds."""

_BACKLOG = 1024
_PARENT_CHECK_S = 0.5


def serve(config: Config, announce: Callable[[str], None], *, with_parent: bool = False) -> None:
    """Runs the endpoint until SIGTERM or SIGINT.

    Args:
        config: how it behaves.
        announce: told the address (`http://127.0.0.1:4566`) once connections are accepted.
        with_parent: stop, too, when the process that started this one is gone.

    Raises:
        OSError: the address cannot be listened on.
    """

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        watcher = asyncio.ensure_future(_watch_parent(os.getppid(), stopping)) if with_parent else None
        await run(config, announce, stopping)
        if watcher is not None:
            watcher.cancel()

    asyncio.run(main())


async def run(config: Config, announce: Callable[[str], None], stopping: asyncio.Event) -> None:
    """Runs the endpoint on this loop until `stopping` is set. Raises as `serve`."""
    listener = listen(config.host, config.port)
    engine = _engine(config)
    log = RequestLog(config.log)
    connections = _Connections(_endpoint(config, engine, log, stopping), config.patience_s)
    server = await asyncio.start_server(connections.serve, sock=listener, backlog=_BACKLOG)
    warming = asyncio.ensure_future(engine.start())
    try:
        announce(address_of(listener))
        await stopping.wait()
    finally:
        server.close()
        await connections.close(GRACE_S)
        warming.cancel()
        await engine.stop()
        log.close()


def _engine(config: Config) -> PictureEngine:
    if config.engine == "canned":
        return CannedEngine()
    from darkroom_worker.local_bedrock.engine_pool import PooledEngine

    return PooledEngine(config.processes)


def _endpoint(config: Config, engine: PictureEngine, log: RequestLog, stopping: asyncio.Event) -> Endpoint:
    clock = time.monotonic
    faults = FaultPlan(config.faults, Random(f"faults {config.seed}"), clock)
    quotas = Quotas(config.quotas, config.quota_kind, config.time_scale)
    health = {"status": "ok", "engine": engine.name, "pid": os.getpid()}
    known = {"retired": config.end_of_life, "legacy": config.legacy_idle}
    tuning = Customization(clock, config.time_scale, config.end_of_life)
    admin = Admin(log, faults, quotas, tuning, health=lambda: dict(health), clock=clock, **known)
    service = Service(config, engine, faults, quotas, clock)
    return Endpoint(service, admin, log, Delivery(stopping, clock), clock, patience_s=config.patience_s)


class _Connections:
    """The open connections. hypercorn speaks HTTP on each; its own accept loop would not let a fault cut one."""

    def __init__(self, endpoint: Endpoint, patience_s: float) -> None:
        self._patience_s = patience_s
        self._app = ASGIWrapper(endpoint)
        self._config = _http_config()
        self._context = WorkerContext(None)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection to its end."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        CONNECTION.set(writer)
        _send_at_once(writer)
        await serve_patiently(PatientServer(self._app, self._config, self._context, reader, writer, patience_s=self._patience_s))

    async def close(self, grace_s: float) -> None:
        """Lets requests in flight end, then closes what is still open."""
        await self._context.terminated.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _send_at_once(writer: asyncio.StreamWriter) -> None:
    # asyncio does this only for sockets made with IPPROTO_TCP; otherwise each answer would wait 40 ms for the client's ACK.
    raw = cast("socket.socket", writer.get_extra_info("socket"))
    with suppress(OSError):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _http_config() -> hypercorn.config.Config:
    config = hypercorn.config.Config()
    config.accesslog = None
    config.errorlog = "-"
    config.include_server_header = False
    config.keep_alive_timeout = 75  # SDKs keep idle connections; one that the server closes first may be taken for a fault
    config.keep_alive_max_requests = 2**62
    config.h2_max_concurrent_streams = 1000
    config.h11_max_incomplete_size = 65_536
    config.max_app_queue_size = 64
    return config


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


def address_of(listener: socket.socket) -> str:
    """The URL that reaches the socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _watch_parent(parent: int, stopping: asyncio.Event) -> None:
    """Sets `stopping` when the parent process is no longer there: its child then belongs to another."""
    while os.getppid() == parent:
        await asyncio.sleep(_PARENT_CHECK_S)
    stopping.set()
