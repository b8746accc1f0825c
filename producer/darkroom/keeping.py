"""Storing pictures before a job names them, and reading what is stored; a tenant may read what is its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, cast

from darkroom.effects import Flow, GetAsset, PutAsset, ask, work
from darkroom.inputs import Picture
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import AssetMissing, InvalidRequest
from darkroom_shared.core.ids import ASSET_SCHEME, SHA256, asset_reference
from darkroom_shared.core.problems import Problem
from darkroom_shared.images import inspect, upright
from darkroom_shared.store import owning

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


def insist_own(tenant: str, value: object) -> Flow[None]:
    """Raises AssetMissing if a text anywhere in a value names an asset that is not the tenant's: as if it was not there."""
    names = list(dict.fromkeys(_named(value)))
    if len(names) > owning.MOST:
        raise InvalidRequest([Problem("", f"{len(names):,} assets are named", {"maximum": owning.MOST})])
    own = set((yield from ask(owning.owned(tenant, names)))) if names else set[str]()
    for name in names:
        if name not in own:
            raise AssetMissing(f"There is no asset {name}: store the picture first.")


def _named(value: object) -> list[str]:
    if isinstance(value, str):
        name = value.removeprefix(ASSET_SCHEME)
        return [name] if name != value and SHA256.fullmatch(name) else []
    parts: Sequence[object] = ()
    if isinstance(value, Mapping):
        parts = list(cast("Mapping[object, object]", value).values())
    elif isinstance(value, list | tuple):
        parts = cast("Sequence[object]", value)
    return [name for part in parts for name in _named(part)]
