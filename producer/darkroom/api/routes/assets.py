"""Pictures: stored once under the SHA-256 of their bytes, read whole, in part, smaller, or by a link that needs no key."""

from __future__ import annotations

from typing import Annotated, Final

import anyio
from anyio import to_thread
from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import Field

from darkroom import conversion, keeping
from darkroom.api import links, ranges
from darkroom.api.bodies import Body
from darkroom.api.callers import Credentials, Reader, Submitter, caller_with, tenant_for
from darkroom.api.problems import MEDIA_TYPE, Refused
from darkroom.api.replies import document, problems
from darkroom.api.service import Desk, Service
from darkroom.effects import ask, get_asset
from darkroom.keeping import AssetView
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import AssetMissing, ImageRefused
from darkroom_shared.core.ids import SHA256
from darkroom_shared.store import graph, owning

router = APIRouter(prefix="/v1/assets", tags=["assets"])

Name = Annotated[str, Path(pattern=SHA256.pattern, description="SHA-256 of the picture's bytes, 64 hex digits.")]
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_UPLOAD: Final = {"requestBody": {"required": True, "content": {f"image/{kind}": _BINARY for kind in ("png", "jpeg", "webp")}}}
_AT_ONCE: Final = 2
"""Pictures that are converted at once; each takes a processor."""
_LOCKED: Final = "default-src 'none'; sandbox"


class Link(View):
    """A link that needs no key."""

    path: str
    """To be put behind the scheme and host by which the API is reached."""
    until: int
    """Seconds since the epoch."""


class LinkWish(Body):
    """How long a link is to be of use."""

    seconds: int = Field(default=links.USUAL_S, ge=1, le=links.LONGEST_S)


@router.post("", status_code=201, response_model=AssetView, responses=problems(), openapi_extra=_UPLOAD)
async def store(
    request: Request,
    desk: Desk,
    caller: Submitter,
    tenant: Annotated[str | None, Query(max_length=64, description="Whose it is; with a key, the key's tenant.")] = None,
) -> Response:
    """Store a picture (PNG, JPEG or WebP, the bytes as the body). One that is there already is stored once."""
    whose = tenant_for(caller, tenant) or desk.settings.tenant
    view = await desk.run(keeping.keep(await request.body(), whose))
    return document(view, 201, {"Location": f"/v1/assets/{view.sha256}"})


@router.head("/by-hash/{sha256}", responses={204: {}, **problems()}, status_code=204)
async def has(desk: Desk, caller: Reader, sha256: Name) -> Response:
    """Whether the caller may name this picture in a request; if so it need not be sent. 204 or 404, without a body."""
    there = await _may_read(desk, caller, sha256)
    return Response(status_code=204) if there else Response(status_code=404, media_type=MEDIA_TYPE)


@router.get("/{sha256}", response_model=AssetView, responses=problems(409))
async def look(desk: Desk, caller: Reader, sha256: Name) -> Response:
    """What is known of a picture."""
    await _insist(desk, caller, sha256)
    _, view = await desk.run(keeping.look(sha256))
    return document(view)


@router.post("/{sha256}/links", status_code=201, response_model=Link, responses=problems())
async def link(desk: Desk, caller: Reader, sha256: Name, body: LinkWish | None = None) -> Link:
    """A link to the picture that needs no key: 15 minutes if nothing else is asked for, a day at most."""
    await _insist(desk, caller, sha256)
    until_s = desk.sources.now_ms() // 1000 + (body or LinkWish()).seconds
    return Link(path=links.path(await secret_of(desk), sha256, until_s), until=until_s)


@router.get(
    "/{sha256}/content",
    response_class=Response,
    responses={
        200: {"content": {"image/*": _BINARY}},
        206: {"content": {"image/*": _BINARY}},
        304: {},
        **problems(416),
    },
)
async def content(
    request: Request,
    desk: Desk,
    credentials: Credentials,
    sha256: Name,
    wanted: Annotated[conversion.Format | None, Query(alias="format", description="Another format.")] = None,
    width: Annotated[
        int | None,
        Query(alias="w", ge=conversion.NARROWEST, le=conversion.WIDEST, description="At most so many pixels wide."),
    ] = None,
    until: Annotated[int | None, Query(ge=0, le=2**40, description="Of a link.")] = None,
    signature: Annotated[str | None, Query(max_length=64, description="Of a link.")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
    wanted_range: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """The bytes; with `format` or `w`, converted. Answers `Range` and `If-None-Match`."""
    if until is None or signature is None:
        await _insist(desk, await caller_with("read", desk, credentials), sha256)
    elif not links.is_good(await secret_of(desk), sha256, until, signature, desk.sources.now_ms() / 1000):
        raise Refused(403, "link_over", "This link is over, or is not one of this server.")
    form = f"-{wanted or ''}-{width or ''}" if wanted or width else ""
    tag = f'"{sha256}{form}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": _LOCKED,
    }
    if if_none_match and (tag in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers=headers)
    data = await desk.run(get_asset(sha256))
    data, media_type = await to_thread.run_sync(_told, data, wanted, width, limiter=_limiter(request))
    if not media_type.startswith("image/"):
        headers["Content-Disposition"] = "attachment"
    try:
        found = ranges.part(wanted_range if if_range in (None, tag) else None, len(data))
    except ranges.Unsatisfiable:
        raise Refused(
            416, "range_unsatisfiable", f"There are {len(data):,} bytes.", headers={"Content-Range": f"bytes */{len(data)}"}
        ) from None
    if found is None:
        return Response(data, 200, headers, media_type)
    headers["Content-Range"] = f"bytes {found[0]}-{found[1] - 1}/{len(data)}"
    return Response(data[found[0] : found[1]], 206, headers, media_type)


def _told(data: bytes, wanted: conversion.Format | None, width: int | None) -> tuple[bytes, str]:
    """The bytes to send and their media type. Raises ImageRefused if a document is to be converted like a picture."""
    try:
        return conversion.converted(data, wanted, width)
    except OSError:  # Pillow's word for what is none of its formats
        if wanted or width:
            raise ImageRefused("This is no picture: it cannot be converted.") from None
        return data, "application/octet-stream"


def _limiter(request: Request) -> anyio.CapacityLimiter:
    state = request.app.state
    if not hasattr(state, "conversions"):
        state.conversions = anyio.CapacityLimiter(_AT_ONCE)
    limiter: anyio.CapacityLimiter = state.conversions
    return limiter


async def secret_of(desk: Service) -> str:
    """The ledger's secret."""
    return await desk.run(ask(graph.secret(desk.sources.randomness(32).hex())))


async def _may_read(desk: Service, caller: Caller, sha256: str) -> bool:
    if caller.tenant is not None:
        return sha256 in await desk.run(ask(owning.owned(caller.tenant, [sha256])))
    return await desk.connection.store.exists(sha256)


async def _insist(desk: Service, caller: Caller, sha256: str) -> None:
    if not await _may_read(desk, caller, sha256):
        raise AssetMissing(f"There is no asset {sha256}.")
