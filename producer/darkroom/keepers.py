"""Pictures stored before a job names them, and read by their names, as methods of the client in both colours."""

from __future__ import annotations

from darkroom import keeping
from darkroom.connection import AsyncConnection, Connection
from darkroom.keeping import AssetView
from darkroom_shared.core.ids import ASSET_SCHEME
from darkroom_shared.settings import Settings


class Keepers:
    """The part of `Darkroom` that stores and reads pictures."""

    settings: Settings
    _connection: Connection

    def store_picture(self, data: bytes, *, tenant: str | None = None) -> AssetView:
        """Stores a picture once, by the SHA-256 of its bytes; `id` of what comes back names it in requests, for a day at least.

        Raises:
            ImageRefused: it is no PNG, JPEG or WebP picture, or too large.
        """
        return self._connection.run(keeping.keep(data, tenant or self.settings.tenant))

    def picture(self, asset: str) -> bytes:
        """The bytes of a stored picture, by `asset:<sha256>` or the SHA-256 alone. Raises AssetMissing, ImageRefused."""
        return self._connection.run(keeping.look(asset.removeprefix(ASSET_SCHEME)))[0]


class AsyncKeepers:
    """`Keepers` for asyncio."""

    settings: Settings
    _connection: AsyncConnection

    async def store_picture(self, data: bytes, *, tenant: str | None = None) -> AssetView:
        """See `Keepers.store_picture`."""
        return await self._connection.run(keeping.keep(data, tenant or self.settings.tenant))

    async def picture(self, asset: str) -> bytes:
        """See `Keepers.picture`."""
        return (await self._connection.run(keeping.look(asset.removeprefix(ASSET_SCHEME))))[0]
