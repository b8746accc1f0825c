"""Which addresses of the network a URL from outside may lead to. Pure.

Whoever names a URL to a server has that server ask in its own place: from inside its network, with what it may reach there. So only
addresses of the public internet are allowed, however they are written, and networks that an operator names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

LONGEST_URL: Final = 2048
_NAT64: Final = IPv6Network("64:ff9b::/96")
_UNICAST: Final = IPv6Network("2000::/3")
"""All that is given out of the new protocol's addresses so far."""
_RESERVED: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20")))
"""Of those that look global, what is kept for protocols and for documents (IANA's registries of special-purpose addresses)."""
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""Third quarter of an address that holds one of the old protocol in its last."""
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_PORTS: Final = {"http": 80, "https": 443}


class UrlRefused(ValueError):
    """A URL that leads where it may not; the text says why, and holds no password."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads.

    Attributes:
        scheme: `http` or `https`.
        host: as it was named, in lower case: what a certificate must be for.
        port: the port.
        path: path and query, from the first slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: Address) -> str:
        """The URL with the host's address in its place, so that nothing asks for it a second time."""
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse_target(url: str, *, plain: bool = False) -> Target:
    """The parts of a URL.

    Args:
        plain: whether `http://` is allowed, too.

    Raises:
        UrlRefused: no URL of that kind, or with a user name, a fragment or odd characters in it.
    """
    if len(url) > LONGEST_URL:
        raise UrlRefused(f"it has {len(url):,} characters; {LONGEST_URL:,} are the most")
    if any(character <= " " or character in "\x7f\\" for character in url):
        raise UrlRefused("it has blanks, control characters or backslashes in it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("it cannot be read") from None
    schemes = ("https", "http") if plain else ("https",)
    if parts.scheme not in schemes:
        raise UrlRefused(f"its scheme is {parts.scheme[:20]!r}; allowed: {', '.join(schemes)}")
    host = (parts.hostname or "").rstrip(".")
    if ":" not in host and (len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split("."))):
        raise UrlRefused("it names no host in plain letters")
    if "@" in parts.netloc or "%" in parts.netloc:
        raise UrlRefused("it has a user name, a password or a zone in it")
    if parts.fragment:
        raise UrlRefused("it has a fragment")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


def networks(text: str) -> tuple[Network, ...]:
    """Networks with commas between, such as `10.0.0.0/8, 127.0.0.1`. Raises ValueError for what is none."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def refusal(text: str, allowed: Sequence[Network] = ()) -> str | None:
    """Why an address may not be asked; None if it may.

    Args:
        text: an address as the resolver gives it.
        allowed: networks that may be asked whatever they are.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return "it is no address"
    for inner in (address, *_inside(address)):
        if any(inner.version == network.version and inner in network for network in allowed):
            continue
        why = _why(inner)
        if why:
            return why
    return None


def _inside(address: Address) -> list[Address]:
    """The addresses of the old protocol that one of the new one stands for."""
    if isinstance(address, IPv4Address):
        return []
    found: list[Address] = [] if address.sixtofour is None else [address.sixtofour]
    if address.teredo is not None:
        found += address.teredo
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def _why(address: Address) -> str | None:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return _why(address.ipv4_mapped)
    if address.is_loopback:
        return "it is this machine's own"
    if address.is_link_local:
        return "it is link-local, as are the metadata services of clouds"
    if address.is_multicast:
        return "it is a group's"
    return "it is private or reserved" if _is_special(address) else None


def _is_special(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST and address not in _NAT64:
        return True
    return not address.is_global or any(address.version == network.version and address in network for network in _RESERVED)
