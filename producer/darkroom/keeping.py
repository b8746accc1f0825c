"""Storing pictures before a job names them, and reading what is stored; a tenant may read what is its own."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, TypeVar, cast

from darkroom.effects import Flow, GetAsset, PutAsset, ask, work
from darkroom.inputs import Picture
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import AssetMissing
from darkroom_shared.core.ids import asset_reference
from darkroom_shared.images import inspect, upright
from darkroom_shared.store import owning

T = TypeVar("T")
UPLOAD_LIFE_MS: Final = round(owning.UNHELD_S * 1000)
"""So long may a tenant name a picture that it stored and no job holds."""


class AssetView(View):
    """A stored picture."""

    id: str
    """`asset:` and its SHA-256: what a request says in the place of the picture."""
    sha256: str
    media_type: str
    size_bytes: int
    width: int
    height: int


def keep(data: bytes, tenant: str) -> Flow[AssetView]:
    """Checks a picture, stores it, and notes whose it is. One that was held sideways is turned, and gets another name by that.

    Raises:
        ImageRefused: it is no picture that a request could name.
        StorageUnavailable, LedgerUnavailable.
    """
    picture = yield from work(lambda: _opened(data))
    name = sha256(picture.data).hexdigest()
    yield PutAsset(picture.data, picture.media_type)
    if not (yield from ask(owning.uploaded(tenant, name, UPLOAD_LIFE_MS))):
        yield PutAsset(picture.data, picture.media_type)
    return _view(name, picture)


def look(name: str) -> Flow[tuple[bytes, AssetView]]:
    """A stored picture. Raises AssetMissing, ImageRefused (it is a document), StorageUnavailable."""
    data = cast("bytes", (yield GetAsset(name)))
    facts = yield from work(lambda: inspect(data))
    return data, _view(name, Picture(data, facts, stored=True))


def _opened(data: bytes) -> Picture:
    straight = upright(data)
    return Picture(straight, inspect(straight))


def _view(name: str, picture: Picture) -> AssetView:
    return AssetView(
        id=asset_reference(name),
        sha256=name,
        media_type=picture.media_type,
        size_bytes=len(picture.data),
        width=picture.facts.width,
        height=picture.facts.height,
    )


def within(tenant: str, flow: Flow[T]) -> Flow[T]:
    """Runs a flow for somebody of whom it must read no picture of another tenant: such a one is not there for it.

    Each picture that a request names is opened before anything is recorded, so that this sees it, however its name came about.
    """
    answer: object = None
    error: Exception | None = None
    while True:
        try:
            wish = flow.send(answer) if error is None else flow.throw(error)
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            if isinstance(wish, GetAsset) and not (yield from ask(owning.owned(tenant, [wish.sha256]))):
                raise AssetMissing(f"asset {wish.sha256} is not in the store; it was never stored or its retention is over")
            answer, error = (yield wish), None
        except Exception as raised:
            error = raised
