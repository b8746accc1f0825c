"""What operators ask of a client and steer with it, in both colours: thin methods over the flows."""

from __future__ import annotations

from datetime import timedelta
from types import EllipsisType

from darkroom import explaining, operating
from darkroom.access import audited, here
from darkroom.connection import AsyncConnection, Connection
from darkroom.effects import Flow
from darkroom.explaining import Explanation
from darkroom.operating import ACTIONS, Setting, TenantView
from darkroom_shared.core.forecast import LaneState
from darkroom_shared.settings import Settings
from darkroom_shared.store.steering import Mode


def _steer(lane: str | None, tenant: str | None, mode: Mode) -> Flow[None]:
    return audited(operating.steer(lane, tenant, mode), here(), ACTIONS[mode], lane or f"tenant {tenant}")


class Operators:
    """The part of `Darkroom` that looks at waiting jobs, lanes and tenants, and steers them."""

    settings: Settings
    _connection: Connection

    def explain(self, identity: str) -> Explanation:
        """Why a job waits (of a workflow: the step that the others wait for), what would free it, and when it may start.

        Raises:
            UnknownJob.
        """
        return self._connection.run(explaining.explain(self.settings.class_floors, identity))

    def lanes(self, lane: str | None = None) -> list[LaneState]:
        """The lanes with their pools, their workers' slots and what waits; a lane is named after its model.

        Raises:
            InvalidRequest: there is no such lane; names those that there are.
        """
        return self._connection.run(operating.lanes(lane))

    def pause(self, *, lane: str | None = None, tenant: str | None = None) -> None:
        """Lets nothing new start in a lane (a model id, or `local`) or of a tenant; calls under way go on, jobs are still taken.

        Safe to repeat, like `resume` and `drain`.

        Raises:
            InvalidRequest: there is no such lane, or not exactly one of the two is given.
        """
        self._connection.run(_steer(lane, tenant, "paused"))

    def resume(self, *, lane: str | None = None, tenant: str | None = None) -> None:
        """Ends a pause or a drain; see `pause`."""
        self._connection.run(_steer(lane, tenant, "active"))

    def drain(self, *, lane: str | None = None, tenant: str | None = None) -> None:
        """Takes nothing new (a submit raises Draining), and finishes what waits; see `pause`."""
        self._connection.run(_steer(lane, tenant, "draining"))

    def tenants(self) -> list[TenantView]:
        """Tenants for which something was set or of which something waits, by name."""
        return self._connection.run(operating.tenants())

    def tenant(self, name: str) -> TenantView:
        """What a tenant may do; one for which nothing was set has no limits and weight 1."""
        return self._connection.run(operating.tenant(name))

    def set_tenant(
        self,
        name: str,
        *,
        weight: float | EllipsisType | None = ...,
        running: int | EllipsisType | None = ...,
        queued: int | EllipsisType | None = ...,
        queue_ttl: timedelta | EllipsisType | None = ...,
        guardrail: str | EllipsisType | None = ...,
    ) -> TenantView:
        """Sets what a tenant may do; what is left out stays as it is, None takes it away. Counts at once, for what waits, too.

        Args:
            weight: its part of the turns against the other tenants', above 0 to 1000; 1 for those that have none.
            running: most calls that it may have running at once, in all lanes.
            queued: most jobs that it may have queued.
            queue_ttl: a job that has not started after this time expires; counts for jobs that are queued from now on.
            guardrail: the Bedrock guardrail of its jobs that name none, `ID:VERSION`; counts for calls that start from now on.

        Returns:
            What is set now.

        Raises:
            InvalidRequest: everything that is wrong; nothing was set then.
        """
        given: dict[str, Setting] = {"weight": weight, "running": running, "queued": queued, "queue_ttl": queue_ttl}
        given["guardrail"] = guardrail
        return self._connection.run(audited(operating.set_tenant(name, given), here(), "tenant.set", name, operating.told(given)))


class AsyncOperators:
    """`Operators` for asyncio: the same names, awaited."""

    settings: Settings
    _connection: AsyncConnection

    async def explain(self, identity: str) -> Explanation:
        """See `Operators.explain`."""
        return await self._connection.run(explaining.explain(self.settings.class_floors, identity))

    async def lanes(self, lane: str | None = None) -> list[LaneState]:
        """See `Operators.lanes`."""
        return await self._connection.run(operating.lanes(lane))

    async def pause(self, *, lane: str | None = None, tenant: str | None = None) -> None:
        """See `Operators.pause`."""
        await self._connection.run(_steer(lane, tenant, "paused"))

    async def resume(self, *, lane: str | None = None, tenant: str | None = None) -> None:
        """See `Operators.resume`."""
        await self._connection.run(_steer(lane, tenant, "active"))

    async def drain(self, *, lane: str | None = None, tenant: str | None = None) -> None:
        """See `Operators.drain`."""
        await self._connection.run(_steer(lane, tenant, "draining"))

    async def tenants(self) -> list[TenantView]:
        """See `Operators.tenants`."""
        return await self._connection.run(operating.tenants())

    async def tenant(self, name: str) -> TenantView:
        """See `Operators.tenant`."""
        return await self._connection.run(operating.tenant(name))

    async def set_tenant(
        self,
        name: str,
        *,
        weight: float | EllipsisType | None = ...,
        running: int | EllipsisType | None = ...,
        queued: int | EllipsisType | None = ...,
        queue_ttl: timedelta | EllipsisType | None = ...,
        guardrail: str | EllipsisType | None = ...,
    ) -> TenantView:
        """See `Operators.set_tenant`."""
        given: dict[str, Setting] = {"weight": weight, "running": running, "queued": queued, "queue_ttl": queue_ttl}
        given["guardrail"] = guardrail
        return await self._connection.run(
            audited(operating.set_tenant(name, given), here(), "tenant.set", name, operating.told(given))
        )
