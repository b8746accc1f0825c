"""Webhook endpoints, what was sent to them, and the public key that signs for receivers which may not know a secret."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from darkroom import endpoints
from darkroom.api.bodies import Body, Duration
from darkroom.api.callers import Reader, Submitter, tenant_for
from darkroom.api.problems import Refused
from darkroom.api.replies import Items, document, problems
from darkroom.api.service import Desk, Service
from darkroom.effects import Flow
from darkroom.endpoints import HOOK_ID, DeliveryView, EndpointView, EndpointWish, NewEndpointView
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem

router = APIRouter(tags=["webhooks"])

EndpointId = Annotated[str, Path(pattern=HOOK_ID.pattern)]
Whose = Annotated[str | None, Query(alias="tenant", max_length=64)]
_SECRET = {"Cache-Control": "no-store"}


class EndpointBody(Body):
    """An endpoint, or what is to be changed of one; what is left out stays."""

    url: str | None = Field(default=None, max_length=2048, examples=["https://example.com/hooks/darkroom"])
    types: list[Annotated[str, Field(max_length=64)]] | None = Field(
        default=None, max_length=20, examples=[["job.*", "batch.finished"]]
    )
    name: str | None = Field(default=None, max_length=200)
    asymmetric: bool | None = Field(default=None, description="Sign with the key pair of `/.well-known/jwks.json`, too.")
    enabled: bool | None = Field(default=None, description="true takes a disabling back.")

    @property
    def wish(self) -> EndpointWish:
        """The client's form of it."""
        return EndpointWish(self.url, self.types, self.name, self.asymmetric, self.enabled)


class Turn(Body):
    """How a secret is rotated."""

    overlap: Duration = Field(default=timedelta(days=1), description="How long messages are signed with the old one, too.")


class Begun(View):
    """What was put into the outbox."""

    delivery: str


class Keys(View):
    """A JSON Web Key Set (RFC 7517)."""

    keys: Sequence[Mapping[str, str]]


def _whose(desk: Service, caller: Caller, tenant: str | None) -> str:
    return tenant_for(caller, tenant) or desk.settings.tenant


async def _look(desk: Service, tenant: str, endpoint: str) -> EndpointView:
    """The endpoint. Raises Refused, as if it was not there, for another tenant's."""
    return await _there(desk, endpoints.look(tenant, endpoint))


async def _there(desk: Service, flow: Flow[EndpointView]) -> EndpointView:
    try:
        return await desk.run(flow)
    except InvalidRequest as error:
        if [problem.pointer for problem in error.problems] == ["/endpoint"]:
            raise Refused(404, "not_found", error.problems[0].message) from None
        raise


@router.post("/v1/webhook-endpoints", status_code=201, response_model=NewEndpointView, responses=problems())
async def create(desk: Desk, caller: Submitter, body: EndpointBody, tenant: Whose = None) -> Response:
    """Have a tenant's events sent to a URL, signed as Standard Webhooks are. The secret is shown this once."""
    if body.url is None:
        raise InvalidRequest([Problem("/url", "a URL is needed", "https://...")])
    flow = endpoints.create(desk.sources, _whose(desk, caller, tenant), body.wish, desk.settings.private_networks)
    made = await desk.run(flow)
    return document(made, 201, {"Location": f"/v1/webhook-endpoints/{made.id}", **_SECRET})


@router.get("/v1/webhook-endpoints", response_model=Items[EndpointView], responses=problems())
async def every(desk: Desk, caller: Reader, tenant: Whose = None) -> Response:
    """A tenant's endpoints."""
    return document(Items[EndpointView](items=await desk.run(endpoints.every(_whose(desk, caller, tenant)))))


@router.get("/v1/webhook-endpoints/{endpoint}", response_model=EndpointView, responses=problems())
async def look(desk: Desk, caller: Reader, endpoint: EndpointId, tenant: Whose = None) -> Response:
    """One endpoint."""
    return document(await _look(desk, _whose(desk, caller, tenant), endpoint))


@router.patch("/v1/webhook-endpoints/{endpoint}", response_model=EndpointView, responses=problems())
async def change(desk: Desk, caller: Submitter, endpoint: EndpointId, body: EndpointBody, tenant: Whose = None) -> Response:
    """Change an endpoint. What waits for it is sent soon."""
    whose = _whose(desk, caller, tenant)
    flow = endpoints.change(desk.sources, whose, endpoint, body.wish, desk.settings.private_networks)
    return document(await _there(desk, flow))


@router.delete("/v1/webhook-endpoints/{endpoint}", status_code=204, responses=problems())
async def delete(desk: Desk, caller: Submitter, endpoint: EndpointId, tenant: Whose = None) -> Response:
    """Forget an endpoint, and what waits for it."""
    whose = _whose(desk, caller, tenant)
    await _look(desk, whose, endpoint)
    await desk.run(endpoints.delete(whose, endpoint))
    return Response(status_code=204)


@router.post("/v1/webhook-endpoints/{endpoint}/rotate", response_model=NewEndpointView, responses=problems())
async def rotate(desk: Desk, caller: Submitter, endpoint: EndpointId, body: Turn | None = None, tenant: Whose = None) -> Response:
    """Give an endpoint another secret; for a while messages are signed with both."""
    whose = _whose(desk, caller, tenant)
    await _look(desk, whose, endpoint)
    made = await desk.run(endpoints.rotate(desk.sources, whose, endpoint, (body or Turn()).overlap))
    return document(made, headers=_SECRET)


@router.post("/v1/webhook-endpoints/{endpoint}/test", status_code=202, response_model=Begun, responses=problems())
async def send_test(desk: Desk, caller: Submitter, endpoint: EndpointId, tenant: Whose = None) -> Begun:
    """Send a message of the type `endpoint.test`."""
    whose = _whose(desk, caller, tenant)
    await _look(desk, whose, endpoint)
    return Begun(delivery=await desk.run(endpoints.send_test(whose, endpoint)))


@router.get("/v1/webhook-deliveries", response_model=Items[DeliveryView], responses=problems())
async def deliveries(
    desk: Desk,
    caller: Reader,
    endpoint: Annotated[str, Query(pattern=HOOK_ID.pattern)],
    limit: Annotated[int, Query(ge=1, le=endpoints.MOST_DELIVERIES)] = 50,
    offset: Annotated[int, Query(ge=0, le=1000)] = 0,
    tenant: Whose = None,
) -> Response:
    """What was sent to an endpoint, with every try, the newest first."""
    whose = _whose(desk, caller, tenant)
    await _look(desk, whose, endpoint)
    return document(Items[DeliveryView](items=await desk.run(endpoints.deliveries(whose, endpoint, limit, offset))))


@router.post("/v1/webhook-deliveries/{delivery}/redeliver", status_code=202, response_model=Begun, responses=problems())
async def redeliver(desk: Desk, caller: Submitter, delivery: Annotated[str, Path(max_length=100)], tenant: Whose = None) -> Begun:
    """Send a message once more, under the same id."""
    try:
        await desk.run(endpoints.redeliver(_whose(desk, caller, tenant), delivery))
    except InvalidRequest as error:
        raise Refused(404, "not_found", str(error)) from None
    return Begun(delivery=delivery)


@router.get("/.well-known/jwks.json", response_model=Keys, responses=problems())
async def jwks(desk: Desk) -> Keys:
    """The public half of the ledger's key pair."""
    public = await desk.run(endpoints.public_key(desk.sources))
    text = base64.urlsafe_b64encode(public).decode("ascii").rstrip("=")
    return Keys(keys=[{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": text[:16], "x": text}])
