"""Brings an answer to the client, or fails to on purpose, and tells how that went. Speaks ASGI; cuts connections below it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import cast

from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, HTTPResponseBodyEvent, HTTPResponseStartEvent

from darkroom_worker.local_bedrock.request_log import Outcome
from darkroom_worker.local_bedrock.service import Answer
from darkroom_worker.local_bedrock.wire import Headers

CONNECTION: ContextVar[asyncio.StreamWriter | None] = ContextVar("connection", default=None)
"""The connection that the running request came in on. ASGI has no way to cut one."""

_ONE_WRITE_BYTES = 65_536
_CLOSING_S = 5.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it went; the names mean what they mean in the request log."""

    outcome: Outcome
    status: int
    response_bytes: int
    client_gone: bool


class Delivery:
    """Waits until an answer is due and sends it.

    Args:
        stopping: set when the endpoint shuts down; answers that are not due then are cut.
        clock: steady seconds.
    """

    def __init__(self, stopping: asyncio.Event, clock: Callable[[], float]) -> None:
        self._stopping = stopping
        self._clock = clock

    async def deliver(
        self, answer: Answer, receive: ASGIReceiveCallable, send: ASGISendCallable, record: Callable[[Delivered], None]
    ) -> None:
        """Sends the answer, or cuts it.

        Args:
            answer: what, when and how.
            receive: must have given the whole request body already, so that what comes next is the client's leaving.
            send: ASGI's.
            record: called once, before the client can have the last byte: whoever got an answer finds it in the log.
        """
        gone = asyncio.ensure_future(receive())
        try:
            in_time = await self._hold(answer, gone)
            if gone.done() or not in_time or answer.cut == "all":
                record(Delivered("cut", 0, 0, gone.done()))
                await _cut(gone)
            elif answer.cut == "half":
                await _send_half(answer, send, record)
                await _cut(gone, gently=True)
            else:
                await _send_whole(answer, send, record)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _hold(self, answer: Answer, gone: asyncio.Future[ASGIReceiveEvent]) -> bool:
        """Waits until the answer is due; False if the endpoint stops first. Ends early if the client leaves."""
        remaining_s = answer.ready_s - self._clock()
        if remaining_s <= 0:
            await asyncio.sleep(0)  # lets `gone` notice a client that left during the work
            return True
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((gone, stopping), timeout=remaining_s, return_when=asyncio.FIRST_COMPLETED)
            return gone.done() or not stopping.done()
        finally:
            stopping.cancel()


async def send_whole(send: ASGISendCallable, status: int, headers: Headers, body: bytes) -> None:
    """Sends a complete answer at once."""
    await _start(send, status, headers, len(body))
    await send(_part(body, more=False))


async def _send_whole(answer: Answer, send: ASGISendCallable, record: Callable[[Delivered], None]) -> None:
    size = len(answer.body)
    delivered = Delivered("answered", answer.status, size, client_gone=False)
    await _start(send, answer.status, answer.headers, size)
    if size <= _ONE_WRITE_BYTES:
        record(delivered)
        await send(_part(answer.body, more=False))
        return
    # A long body may stall half-way and lose its client. The last byte waits until all others are on their way.
    await send(_part(answer.body[:-1], more=True))
    connection = CONNECTION.get()
    lost = connection is not None and connection.is_closing()
    record(Delivered("cut", answer.status, size, client_gone=True) if lost else delivered)
    await send(_part(answer.body[-1:], more=False))


async def _send_half(answer: Answer, send: ASGISendCallable, record: Callable[[Delivered], None]) -> None:
    half = answer.body[: len(answer.body) // 2]
    await _start(send, answer.status, answer.headers, len(answer.body))
    record(Delivered("cut", answer.status, len(half), client_gone=False))
    await send(_part(half, more=True))


async def _start(send: ASGISendCallable, status: int, headers: Headers, size: int) -> None:
    start: HTTPResponseStartEvent = {
        "type": "http.response.start",
        "status": status,
        "headers": [*headers, (b"content-length", str(size).encode())],
        "trailers": False,
    }
    await send(start)


def _part(data: bytes, *, more: bool) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": data, "more_body": more}


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection with RST: what was not sent yet is forgotten, by the kernel too."""
    raw = cast("socket.socket", writer.get_extra_info("socket"))
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _cut(gone: asyncio.Future[ASGIReceiveEvent], *, gently: bool = False) -> None:
    """Closes the connection under the request: with RST, or gently with what was sent so far delivered.

    Over HTTP/2 this ends the other requests on the connection too, as a lost connection does.
    """
    writer = CONNECTION.get()
    if gone.done() or writer is None:
        return
    if gently:
        writer.close()
    else:
        reset(writer)
    # Only when the server has seen the end is there nothing left that it would send in our place.
    await asyncio.wait((gone,), timeout=_CLOSING_S)
