"""API keys and the record of what operators did as methods of the client, in both colours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from darkroom import access
from darkroom.access import ActionView, KeyView, KeyWish, NewKeyView, here
from darkroom.connection import REAL_SOURCES, AsyncConnection, Connection
from darkroom_shared.contract.access import Scope

DAY = timedelta(days=1)


class Administrators:
    """The part of `Darkroom` that makes API keys, and tells what operators did."""

    _connection: Connection

    def create_key(
        self, *, tenant: str, scopes: Sequence[Scope] = ("submit", "read"), name: str = "", expires_in: timedelta | None = None
    ) -> NewKeyView:
        """Makes an API key. From the first one on, the HTTP API answers nobody without a key.

        Args:
            tenant: whose jobs it sees and submits; `*` for those of every tenant.
            scopes: `submit`, `read`, `operate`, `admin`.
            name: for people.
            expires_in: after this time it opens nothing.

        Returns:
            What is known of it, with the key itself: it is shown this once, and the ledger holds only its hash.

        Raises:
            InvalidRequest.
        """
        return self._connection.run(access.create(REAL_SOURCES, KeyWish(tenant, scopes, name, expires_in), here()))

    def keys(self) -> list[KeyView]:
        """All API keys, those included that open nothing any more; the oldest first."""
        return self._connection.run(access.every())

    def rotate_key(self, key_id: str, *, overlap: timedelta = DAY) -> NewKeyView:
        """Gives a key another secret; the old one opens for `overlap` longer. Raises InvalidRequest."""
        return self._connection.run(access.rotate(REAL_SOURCES, key_id, overlap, here()))

    def revoke_key(self, key_id: str) -> None:
        """The key opens nothing any more, a few seconds later everywhere. Raises InvalidRequest."""
        self._connection.run(access.revoke(key_id, here()))

    def audit(self, limit: int = 50, before: str | None = None) -> list[ActionView]:
        """What operators did: pauses, limits, replays, decisions, keys; the newest first, 200 at most."""
        return self._connection.run(access.actions(limit, before))


class AsyncAdministrators:
    """`Administrators` for asyncio."""

    _connection: AsyncConnection

    async def create_key(
        self, *, tenant: str, scopes: Sequence[Scope] = ("submit", "read"), name: str = "", expires_in: timedelta | None = None
    ) -> NewKeyView:
        """See `Administrators.create_key`."""
        return await self._connection.run(access.create(REAL_SOURCES, KeyWish(tenant, scopes, name, expires_in), here()))

    async def keys(self) -> list[KeyView]:
        """See `Administrators.keys`."""
        return await self._connection.run(access.every())

    async def rotate_key(self, key_id: str, *, overlap: timedelta = DAY) -> NewKeyView:
        """See `Administrators.rotate_key`."""
        return await self._connection.run(access.rotate(REAL_SOURCES, key_id, overlap, here()))

    async def revoke_key(self, key_id: str) -> None:
        """See `Administrators.revoke_key`."""
        await self._connection.run(access.revoke(key_id, here()))

    async def audit(self, limit: int = 50, before: str | None = None) -> list[ActionView]:
        """See `Administrators.audit`."""
        return await self._connection.run(access.actions(limit, before))
