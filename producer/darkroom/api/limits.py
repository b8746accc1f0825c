"""What one request may cost before it is understood: bytes, time, and from whom it may come. Plain ASGI, in front of everything.

Without keys whoever reaches the port may submit, and a browser on this machine reaches it for every page that it shows. So a
request must name a host that the server was told is its own (a foreign name that was made to point here does not get in), and one
that changes something must not come from another site.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from darkroom.api.problems import Refused, answer

MOST_BODY: Final = 48 * 1024 * 1024
"""Bytes of a body: three of the largest pictures as base64. More goes through the assets, one picture at a time."""
BODY_PAUSE_S: Final = 10.0
"""How long a body may pause."""
BODY_WHOLE_S: Final = 120.0
"""How long a body may take as a whole."""
_READING: Final = ("GET", "HEAD", "OPTIONS")
_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may take.

    Attributes:
        hosts: names under which the server may be asked, without port; empty for any.
        most_body: bytes.
        pause_s, whole_s: seconds that a body may pause, and take.
    """

    hosts: Sequence[str] = ()
    most_body: int = MOST_BODY
    pause_s: float = BODY_PAUSE_S
    whole_s: float = BODY_WHOLE_S


class Limits:
    """The middleware."""

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._app = app
        self._bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request within the bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope["darkroom.request_id"] = request_id = secrets.token_hex(8)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    out.setdefault(name, value)
            await send(message)

        refused = self._refusal(scope, headers)
        if refused is None:
            await self._app(scope, _Body(receive, self._bounds).receive, tell)
        else:
            await answer(Request(scope), refused)(scope, receive, tell)

    def _refusal(self, scope: Scope, headers: Headers) -> Refused | None:
        host = headers.get("host", "").lower()
        if self._bounds.hosts and _name(host) not in self._bounds.hosts:
            return Refused(
                421, "unknown_host", "This server was not told that it is known by that name; see `darkroom serve --host-name`."
            )
        origin = headers.get("origin")
        elsewhere = headers.get("sec-fetch-site", "none") == "cross-site" or (
            origin is not None and urlsplit(origin).netloc.lower() != host
        )
        if scope["method"] not in _READING and elsewhere:
            return Refused(403, "cross_site", "Pages of another site may not change anything here.")
        told = headers.get("content-length", "0")
        if not told.isdecimal() or int(told) > self._bounds.most_body:
            return too_large(self._bounds.most_body)
        return None


def too_large(most: int) -> Refused:
    """The refusal of a body of more bytes than that."""
    return Refused(413, "body_too_large", f"A body may have {most:,} bytes; send pictures by POST /v1/assets and refer to them.")


def _name(host: str) -> str:
    """A host without its port."""
    return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host


class _Body:
    """Reads a body with an eye on its size and on the clock."""

    def __init__(self, receive: Receive, bounds: Bounds) -> None:
        self._receive = receive
        self._bounds = bounds
        self._read = 0
        self._until = asyncio.get_running_loop().time() + bounds.whole_s
        self._whole = False

    async def receive(self) -> Message:
        """The next message. Raises Refused for a body that is too long or too slow."""
        if self._whole:  # only a disconnect is waited for now
            return await self._receive()
        left = self._until - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._bounds.pause_s, left)):
                message = await self._receive()
        except TimeoutError:
            raise Refused(408, "body_too_slow", "The body did not come in time.") from None
        self._read += len(message.get("body", b""))
        if self._read > self._bounds.most_body:
            raise too_large(self._bounds.most_body)
        self._whole = not message.get("more_body", False)
        return message
