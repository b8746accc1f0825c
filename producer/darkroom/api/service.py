"""What all routes share: the ledger and the asset store, the settings, and the hub that listens for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from darkroom.api.hub import Hub
from darkroom.api.keyring import Keyring
from darkroom.connection import REAL_SOURCES, AsyncConnection
from darkroom.effects import Flow, Sources
from darkroom.launching import Scene
from darkroom_shared.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """One process's way to everything.

    Attributes:
        settings: the settings, addresses complete.
        connection: runs the client's flows.
        hub: the one reader of the feed.
        keyring: says who a caller is.
    """

    settings: Settings
    connection: AsyncConnection
    hub: Hub
    keyring: Keyring

    @property
    def scene(self) -> Scene:
        """What submitting flows know."""
        return Scene(self.settings, REAL_SOURCES)

    @property
    def sources(self) -> Sources:
        """Time and randomness."""
        return REAL_SOURCES

    async def run(self, flow: Flow[T]) -> T:
        """Runs a flow of the client."""
        return await self.connection.run(flow)


def service_of(request: Request) -> Service:
    """The service of the app that was asked."""
    return cast("Service", request.app.state.service)


Desk = Annotated[Service, Depends(service_of)]
"""The service, as a parameter of a route."""
