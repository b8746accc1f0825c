"""One connection, with an end to it for clients that are slow, silent or deaf. hypercorn itself waits for them for ever.

A client has `patience_s` seconds for the head of its first request, as long for each body (the application sees to that, see
`endpoint`), and as long to take what it was sent. In between a connection may be idle for `keep_alive_timeout`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import hypercorn.config
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.typing import ASGISendCallable, ASGISendEvent

from darkroom_worker.local_bedrock.delivery import CONNECTION, reset

_LOG = logging.getLogger(__name__)


class PatientServer(TCPServer):
    """Serves one connection; see the module.

    Args:
        patience_s: seconds, above 0.
    """

    def __init__(
        self,
        app: ASGIWrapper,
        config: hypercorn.config.Config,
        context: WorkerContext,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        patience_s: float,
    ) -> None:
        super().__init__(app, asyncio.get_running_loop(), config, context, {}, reader, writer)
        self._patience_s = patience_s
        self._asked = False
        self._switched = False

    async def protocol_send(self, event: Event) -> None:
        """Sends; a client that does not read loses its connection."""
        if isinstance(event, Updated) and not event.idle:
            self._asked = True
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await super().protocol_send(event)
        except TimeoutError:
            reset(self.writer)
            await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        while not self.reader.at_eof():
            try:
                data = await self.reader.read(MAX_RECV)
            except OSError:
                break
            await self.protocol.handle(RawData(data))
            await self._watch_after_switch()
        await self.protocol.handle(Closed())
        if isinstance(self.protocol.protocol, H2Protocol):
            # Answers that wait for the client's leave to send would wait for ever, and the connection with them.
            for buffer in list(self.protocol.protocol.stream_buffers.values()):
                await buffer.close()
        # Else the descriptor of a connection that its client has closed stays open for as long as it might have been idle.
        await self.idle_task.stop()

    async def _watch_after_switch(self) -> None:
        """HTTP/2's first words look like a request at first, and hypercorn stops watching the connection over them."""
        protocol = self.protocol.protocol
        if isinstance(protocol, H2Protocol) and not self._switched:
            self._switched = True
            if protocol.idle:
                self._asked = False
                await self.idle_task.restart(self._task_group, self._idle_timeout)

    async def _idle_timeout(self) -> None:
        limit_s = self.config.keep_alive_timeout if self._asked else self._patience_s
        with suppress(TimeoutError):
            await asyncio.wait_for(self.context.terminated.wait(), limit_s)
        await asyncio.shield(self._initiate_server_close())


def patiently(send: ASGISendCallable, patience_s: float) -> ASGISendCallable:
    """The application's `send`; a client that does not take an answer (HTTP/2: gives no leave to send) loses its connection."""

    async def patient(event: ASGISendEvent) -> None:
        try:
            async with asyncio.timeout(patience_s):
                await send(event)
        except TimeoutError:
            writer = CONNECTION.get()
            if writer is not None:
                reset(writer)

    return patient


async def serve_patiently(server: PatientServer) -> None:
    """Serves a connection to its end, whatever its client does."""
    try:
        await server
    except ConnectionError:
        return
    except ExceptionGroup as group:
        # hypercorn trips over what comes after the end of a stream (HTTP/2); the connection is closed by then.
        _LOG.warning("a connection was closed over what its client sent: %r", group.exceptions[0])
