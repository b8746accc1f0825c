"""API keys, and the record of what operators did. Who asks for them needs the scope `admin`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from darkroom import access
from darkroom.access import ActionView, KeyView, KeyWish, NewKeyView
from darkroom.api.bodies import Body, Duration
from darkroom.api.callers import Admin
from darkroom.api.problems import Refused, gone_or_never
from darkroom.api.replies import Items, document, problems
from darkroom.api.service import Desk, Service
from darkroom_shared.contract.access import EVERY_TENANT, Caller, Scope
from darkroom_shared.core.api_keys import KEY_ID

router = APIRouter(prefix="/v1", tags=["keys"])
KeyId = Annotated[str, Path(pattern=KEY_ID.pattern)]


class NewKey(Body):
    """A key that is to be made."""

    tenant: str = Field(max_length=64, description="Whose jobs it sees and submits; `*` for those of every tenant.")
    scopes: list[Scope] = Field(min_length=1, max_length=4)
    name: str = Field(default="", max_length=access.LONGEST_NAME)
    expires_in: Duration | None = Field(default=None, description="Seconds, or ISO 8601.")


class Turn(Body):
    """How a key is rotated."""

    overlap: Duration = Field(default=timedelta(days=1), description="How long the old secret still opens; 30 days at most.")


def _by(caller: Caller) -> str:
    return caller.key_id or access.here()


async def _seen(desk: Service, caller: Caller, key_id: str) -> KeyView:
    """The key. Raises Refused, as if it was not there, for another tenant's."""
    found = {view.id: view for view in await desk.run(access.every())}.get(key_id)
    if found is None or (caller.tenant is not None and found.tenant != caller.tenant):
        raise gone_or_never(f"key {key_id}")
    return found


@router.post("/keys", status_code=201, response_model=NewKeyView, responses=problems())
async def create(desk: Desk, caller: Admin, body: NewKey) -> Response:
    """Make a key. It is shown this once; a key of one tenant can make keys of that tenant only, with no scope that it has not."""
    if caller.tenant is not None and body.tenant != caller.tenant:
        raise Refused(403, "forbidden", "This key is for another tenant.")
    if not caller.scopes.issuperset(body.scopes):
        raise Refused(403, "forbidden", "A key can give no scope that it has not itself.")
    wish = KeyWish(body.tenant, body.scopes, body.name, body.expires_in)
    made = await desk.run(access.create(desk.sources, wish, _by(caller)))
    return document(made, 201, {"Cache-Control": "no-store"})


@router.get("/keys", response_model=Items[KeyView], responses=problems())
async def every(desk: Desk, caller: Admin) -> Response:
    """The keys, those included that open nothing any more; never the keys themselves."""
    found = [view for view in await desk.run(access.every()) if caller.tenant in (None, view.tenant)]
    return document(Items[KeyView](items=found))


@router.post("/keys/{key_id}/rotate", response_model=NewKeyView, responses=problems())
async def rotate(desk: Desk, caller: Admin, key_id: KeyId, body: Turn | None = None) -> Response:
    """Give a key another secret; the old one opens a while longer. A key with more scopes than the caller is not rotated."""
    found = await _seen(desk, caller, key_id)
    if not caller.scopes.issuperset(found.scopes):
        raise Refused(403, "forbidden", "A key can hand out no scope that it has not itself.")
    made = await desk.run(access.rotate(desk.sources, key_id, (body or Turn()).overlap, _by(caller)))
    return document(made, headers={"Cache-Control": "no-store"})


@router.post("/keys/{key_id}/revoke", status_code=204, responses=problems())
async def revoke(desk: Desk, caller: Admin, key_id: KeyId) -> Response:
    """The key opens nothing any more, three seconds later everywhere."""
    await _seen(desk, caller, key_id)
    await desk.run(access.revoke(key_id, _by(caller)))
    return Response(status_code=204)


@router.get("/audit", response_model=Items[ActionView], responses=problems())
async def audit(
    desk: Desk,
    caller: Admin,
    limit: Annotated[int, Query(ge=1, le=access.MOST_ACTIONS)] = 50,
    before: Annotated[
        str | None, Query(pattern=r"^[1-9][0-9]{0,14}-[0-9]{1,10}$", description="The id of the last action of a page.")
    ] = None,
) -> Response:
    """What operators did, the newest first. Wants a key for every tenant."""
    if caller.tenant is not None:
        raise Refused(403, "forbidden", f"This key is for one tenant; the record of actions wants one for {EVERY_TENANT!r}.")
    return document(Items[ActionView](items=await desk.run(access.actions(limit, before))))
