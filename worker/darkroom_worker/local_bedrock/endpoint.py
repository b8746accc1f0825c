"""The ASGI application: takes requests apart, lets `service` answer, lets `delivery` bring the answer, writes the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from darkroom_worker.local_bedrock.admin import Admin
from darkroom_worker.local_bedrock.delivery import Delivered, Delivery, send_whole
from darkroom_worker.local_bedrock.patience import patiently
from darkroom_worker.local_bedrock.request_log import Ending, RequestLog, Visit
from darkroom_worker.local_bedrock.service import Answer, Service, refusal
from darkroom_worker.local_bedrock.wire import (
    MAX_BODY_BYTES,
    Headers,
    Route,
    ServiceError,
    error_headers,
    parse_route,
    region_of,
    validation_error,
)

TOO_LONG = "Failed to buffer the request body: length limit exceeded"
TOO_SLOW = "Failed to buffer the request body: it did not arrive in time"
_DISCARD_BYTES = 4 * MAX_BODY_BYTES


class ClientGone(Exception):
    """The client left before its request was complete."""


class BodyTooLong(Exception):
    """The body is longer than the service takes; all of it was read and forgotten, so that the client reads the answer."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"{size} bytes")


class BodyTooSlow(Exception):
    """The body did not arrive within the patience of the endpoint."""


class Endpoint:
    """The application that the server runs.

    Args:
        service: answers requests to the runtime.
        admin: answers requests to `/_darkroom/` and to the control plane.
        log: remembers requests to the runtime.
        delivery: sends answers.
        clock: steady seconds.
        patience_s: seconds for a body to arrive.
    """

    def __init__(
        self,
        service: Service,
        admin: Admin,
        log: RequestLog,
        delivery: Delivery,
        clock: Callable[[], float],
        *,
        patience_s: float,
    ) -> None:
        self._service = service
        self._admin = admin
        self._log = log
        self._delivery = delivery
        self._clock = clock
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is spoken here")
        raw_path, send = scope["raw_path"], patiently(send, self._patience_s)
        route = parse_route(scope["method"], raw_path)
        if route is not None:
            await self._runtime(scope, route, receive, send)
        elif Admin.owns(raw_path):
            await self._beside(scope, receive, send)
        else:
            await self._unknown(receive, send)

    async def _beside(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            body = await read_body(receive, self._patience_s)
        except ClientGone:
            return
        except (BodyTooLong, BodyTooSlow) as error:
            late = isinstance(error, BodyTooSlow)
            await send_whole(send, 408 if late else 413, (), (TOO_SLOW if late else TOO_LONG).encode())
            return
        reply = self._admin.reply(scope["method"], scope["raw_path"], scope["query_string"], body, tuple(scope["headers"]))
        await send_whole(send, reply.status, reply.headers, reply.body)

    async def _unknown(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            await read_body(receive, self._patience_s)
        except ClientGone:
            return
        except (BodyTooLong, BodyTooSlow):
            pass
        error = ServiceError("UnknownOperationException")
        await send_whole(send, error.status, error_headers(error, str(uuid4())), error.body())

    async def _runtime(self, scope: HTTPScope, route: Route, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        visit = self._visit(route, tuple(scope["headers"]))
        answer: Answer | None = None
        recorded = False

        def record(delivered: Delivered) -> None:
            nonlocal recorded
            recorded = True
            self._log.ended(visit, self._ending(delivered, answer))

        try:
            answer = await self._answer(visit, route, tuple(scope["headers"]), receive)
            await self._delivery.deliver(answer, receive, send, record)
        except ClientGone:
            record(Delivered("cut", 0, 0, client_gone=True))
        finally:
            if not recorded:  # the endpoint was stopped in the middle of it
                record(Delivered("cut", 0, 0, client_gone=False))

    async def _answer(self, visit: Visit, route: Route, headers: Headers, receive: ASGIReceiveCallable) -> Answer:
        try:
            raw = await read_body(receive, self._patience_s)
        except BodyTooLong as error:
            visit.request_bytes = error.size
            return refusal(validation_error(TOO_LONG), visit)
        except BodyTooSlow:
            # Not the client's mistake alone: it may try again.
            return refusal(ServiceError("ServiceUnavailableException", TOO_SLOW), visit)
        return await self._service.answer(visit, route, headers, raw)

    def _visit(self, route: Route, headers: Headers) -> Visit:
        return Visit(
            arrival=self._log.arrived(),
            request_id=str(uuid4()),
            operation=route.operation,
            region=region_of(headers),
            model=route.model_id[:2048],
            received_at=datetime.now(UTC),
            received_s=self._clock(),
        )

    def _ending(self, delivered: Delivered, answer: Answer | None) -> Ending:
        return Ending(
            ended_at=datetime.now(UTC),
            ended_s=self._clock(),
            status=delivered.status,
            outcome=delivered.outcome,
            billed=answer is not None and answer.billed,
            client_gone=delivered.client_gone,
            error_code=None if answer is None else answer.error_code,
            response_bytes=delivered.response_bytes,
            image_sha256=() if answer is None else answer.image_sha256,
        )


async def read_body(receive: ASGIReceiveCallable, patience_s: float) -> bytes:
    """The whole request body; never holds more than 25,000,000 bytes.

    Raises:
        ClientGone: it broke off, or sent four times what is allowed.
        BodyTooLong: it is longer than that.
        BodyTooSlow: it took longer than `patience_s`.
    """
    try:
        async with asyncio.timeout(patience_s):
            return await _read_body(receive)
    except TimeoutError:
        raise BodyTooSlow from None


async def _read_body(receive: ASGIReceiveCallable) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise ClientGone
        size += len(event["body"])
        if size <= MAX_BODY_BYTES:
            parts.append(event["body"])
        elif size > _DISCARD_BYTES:
            raise ClientGone
        else:
            parts.clear()
        if not event["more_body"]:
            break
        await asyncio.sleep(0)
    if size > MAX_BODY_BYTES:
        raise BodyTooLong(size)
    return b"".join(parts)
