"""Who asks, as a parameter of routes: the scope that a route wants stands in its signature."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from darkroom.api.problems import Refused, gone_or_never
from darkroom.api.service import Desk, Service
from darkroom.effects import Flow
from darkroom.keeping import within
from darkroom_shared.contract.access import Caller, Scope

T = TypeVar("T")
_BEARER = HTTPBearer(auto_error=False, description="An API key, `dk_…`. Not needed while the ledger holds none.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


async def caller_with(scope: Scope, desk: Service, credentials: HTTPAuthorizationCredentials | None) -> Caller:
    """Who shows these credentials. Raises Refused if he has not the scope."""
    found = await desk.keyring.caller(credentials.credentials if credentials else None)
    if scope not in found.scopes:
        raise Refused(403, "forbidden", f"This key has not the scope {scope!r}.")
    return found


def _with(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    async def caller(desk: Desk, credentials: Credentials) -> Caller:
        return await caller_with(scope, desk, credentials)

    return caller


Reader = Annotated[Caller, Depends(_with("read"))]
Submitter = Annotated[Caller, Depends(_with("submit"))]
Operator = Annotated[Caller, Depends(_with("operate"))]
Admin = Annotated[Caller, Depends(_with("admin"))]


def may_see(caller: Caller, tenant: str, what: str) -> None:
    """Raises Refused, as if it was not there, for what is another tenant's."""
    if caller.tenant is not None and caller.tenant != tenant:
        raise gone_or_never(what)


def tenant_for(caller: Caller, named: str | None) -> str | None:
    """Whose job it is: the caller's tenant, or for one of every tenant the named one. Raises Refused for another tenant's name."""
    if caller.tenant is None:
        return named
    if named not in (None, caller.tenant):
        raise Refused(403, "forbidden", "This key is for another tenant.")
    return caller.tenant


async def run_for(desk: Service, caller: Caller, flow: Flow[T]) -> T:
    """Runs a flow that reads pictures which the caller names: another tenant's are not there for it."""
    return await desk.run(flow if caller.tenant is None else within(caller.tenant, flow))
