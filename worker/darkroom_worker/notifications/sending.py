"""Sends one message to one endpoint: the host is resolved once, the address checked, and that very address asked."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import httpx

from darkroom_shared.core.addresses import Address, Network, Target, UrlRefused, parse_target, refusal

TIMEOUT_S: Final = 15.0
"""For the whole of a try."""
_MOST_READ: Final = 1_000
_MOST_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a try.

    Attributes:
        status: of the answer; None if there was none.
        took_s: seconds.
        error: why there was no answer.
        said: the beginning of what the answer said, where it was no success.
        retry_after: the header.
    """

    status: int | None
    took_s: float
    error: str = ""
    said: str = ""
    retry_after: str | None = None


class Sender:
    """Sends messages; connections are not kept, as every message may go elsewhere.

    Args:
        allowed: private networks that may be asked, and by plain HTTP.
    """

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = tuple(allowed)
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=TIMEOUT_S, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def close(self) -> None:
        """Gives everything back."""
        await self._client.aclose()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        """One try. Never raises for what a receiver may do."""
        began = time.monotonic()

        def took() -> float:
            return time.monotonic() - began

        try:
            async with asyncio.timeout(TIMEOUT_S):
                target = parse_target(url, plain=bool(self._allowed))
                address = await self._address(target)
                return await self._post(target, address, body, headers, began)
        except UrlRefused as error:
            return Sent(None, took(), f"refused: {error}")
        except TimeoutError:
            return Sent(None, took(), f"no answer within {TIMEOUT_S:.0f} s")
        except (OSError, UnicodeError, httpx.HTTPError, httpx.InvalidURL) as error:
            return Sent(None, took(), f"{type(error).__name__}: {error}"[:_MOST_KEPT])

    async def _post(self, target: Target, address: Address, body: bytes, headers: Mapping[str, str], began: float) -> Sent:
        told = {
            **headers,
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "darkroom-webhooks/1",
            "Accept-Encoding": "identity",
        }
        # The certificate must be for the host that was named, though its address is asked.
        named = {"sni_hostname": target.host}
        async with self._client.stream("POST", target.at(address), content=body, headers=told, extensions=named) as answer:
            read = b""
            if not answer.is_success:
                async for part in answer.aiter_raw():  # as it came: unpacked, a small answer could be a large one
                    read += part
                    if len(read) >= _MOST_READ:
                        break
            said = read[:_MOST_READ].decode("utf-8", "replace")[:_MOST_KEPT]
            return Sent(answer.status_code, time.monotonic() - began, "", said, answer.headers.get("retry-after"))

    async def _address(self, target: Target) -> Address:
        """The first of the host's addresses, if all of them may be asked. Raises UrlRefused, OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        texts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in texts:
            why = refusal(text, self._allowed)
            if why:
                raise UrlRefused(f"{target.host} is at an address that may not be asked: {why}")
            if target.scheme == "http" and not any(ip_address(text) in network for network in self._allowed):
                raise UrlRefused("plain HTTP is for networks that DARKROOM_PRIVATE_NETWORKS names")
        return ip_address(texts[0])
