"""Webhook endpoints as methods of the client, in both colours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from darkroom import endpoints
from darkroom.connection import REAL_SOURCES, AsyncConnection, Connection
from darkroom.endpoints import DeliveryView, EndpointView, EndpointWish, NewEndpointView
from darkroom_shared.settings import Settings

DAY = timedelta(days=1)


class Notifiers:
    """The part of `Darkroom` that has other services told of what happens."""

    settings: Settings
    _connection: Connection

    def create_webhook(
        self, url: str, *, types: Sequence[str] = ("*",), name: str = "", asymmetric: bool = False, tenant: str | None = None
    ) -> NewEndpointView:
        """Has a tenant's events sent to a URL, signed as Standard Webhooks are. The secret is shown this once.

        Args:
            url: `https://…` on the public internet, or in a network of `DARKROOM_PRIVATE_NETWORKS`.
            types: what it wants to know of: `job.succeeded`, `job.*`, `*`; `darkroom.endpoints.TYPES` has all.
            asymmetric: sign with the ledger's key pair (Ed25519), too.

        Raises:
            InvalidRequest, QueueFull.
        """
        wish = EndpointWish(url, types, name, asymmetric)
        whose = tenant or self.settings.tenant
        return self._connection.run(endpoints.create(REAL_SOURCES, whose, wish, self.settings.private_networks))

    def webhooks(self, tenant: str | None = None) -> list[EndpointView]:
        """A tenant's endpoints."""
        return self._connection.run(endpoints.every(tenant or self.settings.tenant))

    def change_webhook(self, endpoint: str, wish: EndpointWish, *, tenant: str | None = None) -> EndpointView:
        """Changes an endpoint; what the wish leaves out stays. Raises InvalidRequest."""
        flow = endpoints.change(REAL_SOURCES, tenant or self.settings.tenant, endpoint, wish, self.settings.private_networks)
        return self._connection.run(flow)

    def rotate_webhook(self, endpoint: str, *, overlap: timedelta = DAY, tenant: str | None = None) -> NewEndpointView:
        """Gives an endpoint another secret; for `overlap`, messages are signed with both. Raises InvalidRequest."""
        return self._connection.run(endpoints.rotate(REAL_SOURCES, tenant or self.settings.tenant, endpoint, overlap))

    def delete_webhook(self, endpoint: str, *, tenant: str | None = None) -> None:
        """Forgets an endpoint, and what waits for it. Raises InvalidRequest."""
        self._connection.run(endpoints.delete(tenant or self.settings.tenant, endpoint))

    def send_test_webhook(self, endpoint: str, *, tenant: str | None = None) -> str:
        """Sends a message of the type `endpoint.test`; gives its delivery. Raises InvalidRequest."""
        return self._connection.run(endpoints.send_test(tenant or self.settings.tenant, endpoint))

    def deliveries(self, endpoint: str, limit: int = 50, *, tenant: str | None = None) -> list[DeliveryView]:
        """What was sent to an endpoint, with every try, the newest first. Raises InvalidRequest."""
        return self._connection.run(endpoints.deliveries(tenant or self.settings.tenant, endpoint, limit))

    def redeliver(self, delivery: str, *, tenant: str | None = None) -> None:
        """Sends a message once more, under the same id. Raises InvalidRequest."""
        self._connection.run(endpoints.redeliver(tenant or self.settings.tenant, delivery))


class AsyncNotifiers:
    """`Notifiers` for asyncio."""

    settings: Settings
    _connection: AsyncConnection

    async def create_webhook(
        self, url: str, *, types: Sequence[str] = ("*",), name: str = "", asymmetric: bool = False, tenant: str | None = None
    ) -> NewEndpointView:
        """See `Notifiers.create_webhook`."""
        wish = EndpointWish(url, types, name, asymmetric)
        whose = tenant or self.settings.tenant
        return await self._connection.run(endpoints.create(REAL_SOURCES, whose, wish, self.settings.private_networks))

    async def webhooks(self, tenant: str | None = None) -> list[EndpointView]:
        """See `Notifiers.webhooks`."""
        return await self._connection.run(endpoints.every(tenant or self.settings.tenant))

    async def change_webhook(self, endpoint: str, wish: EndpointWish, *, tenant: str | None = None) -> EndpointView:
        """See `Notifiers.change_webhook`."""
        flow = endpoints.change(REAL_SOURCES, tenant or self.settings.tenant, endpoint, wish, self.settings.private_networks)
        return await self._connection.run(flow)

    async def rotate_webhook(self, endpoint: str, *, overlap: timedelta = DAY, tenant: str | None = None) -> NewEndpointView:
        """See `Notifiers.rotate_webhook`."""
        return await self._connection.run(endpoints.rotate(REAL_SOURCES, tenant or self.settings.tenant, endpoint, overlap))

    async def delete_webhook(self, endpoint: str, *, tenant: str | None = None) -> None:
        """See `Notifiers.delete_webhook`."""
        await self._connection.run(endpoints.delete(tenant or self.settings.tenant, endpoint))

    async def send_test_webhook(self, endpoint: str, *, tenant: str | None = None) -> str:
        """See `Notifiers.send_test_webhook`."""
        return await self._connection.run(endpoints.send_test(tenant or self.settings.tenant, endpoint))

    async def deliveries(self, endpoint: str, limit: int = 50, *, tenant: str | None = None) -> list[DeliveryView]:
        """See `Notifiers.deliveries`."""
        return await self._connection.run(endpoints.deliveries(tenant or self.settings.tenant, endpoint, limit))

    async def redeliver(self, delivery: str, *, tenant: str | None = None) -> None:
        """See `Notifiers.redeliver`."""
        await self._connection.run(endpoints.redeliver(tenant or self.settings.tenant, delivery))
