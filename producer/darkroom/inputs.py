"""Turns what a caller calls a picture (bytes, a path, base64, a reference) into checked bytes under an asset's name.

Nothing is stored here: what is found is handed back with the facts that the rules need, and everything that is wrong is collected.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, cast

from darkroom.effects import Flow, get_asset, work
from darkroom_shared.checking import MOST_PICTURES, most_base64, too_many
from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.core.ids import ASSET_SCHEME, SHA256, asset_reference
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.core.workflow import is_reference, parse_reference
from darkroom_shared.images import DEFAULT_LIMITS, inspect, upright
from darkroom_shared.task_types import image_values, replace_at

_PICTURE: Final = "a PNG, JPEG or WebP picture as bytes, path, base64, data URL or asset:<sha256>"
_LONGEST_PATH: Final = 4096
_UNREADABLE: Final = "asset:unreadable"
"""Stands where a picture could not be had, so that the rest of the body can still be checked."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture from outside, opened and checked.

    Attributes:
        data: encoded bytes, EXIF orientation applied.
        facts: what the rules need to know about it.
        stored: True if it came out of the asset store, so there is nothing to put there.
    """

    data: bytes = field(repr=False)
    facts: ImageFacts
    stored: bool = False

    @property
    def reference(self) -> str:
        """`asset:<sha256>`."""
        return asset_reference(sha256(self.data).hexdigest())

    @property
    def media_type(self) -> str:
        """E.g. `image/png`."""
        return f"image/{self.facts.format.lower()}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A value with references in the places of its pictures.

    Attributes:
        values: what stands at each place now, by JSON pointer: `asset:<sha256>` or `$steps.<name>.outputs[<i>]`.
        pictures: opened pictures by the same pointers; none for references to steps.
        problems: what is wrong with the places.
    """

    values: Mapping[str, str]
    pictures: Mapping[str, Picture]
    problems: tuple[Problem, ...]

    @property
    def facts(self) -> dict[str, ImageFacts]:
        """Facts by JSON pointer."""
        return {where: picture.facts for where, picture in self.pictures.items()}


class _Wrong(Exception):
    """The place holds no usable picture; the text says why."""


def resolve_body(body: Mapping[str, object], *, paths: bool) -> Flow[tuple[dict[str, object], Resolved]]:
    """The body with a reference in every image place, and the pictures behind them.

    Args:
        body: Bedrock's body; image places may hold any ImageSource.
        paths: True if a plain string is the path of a file (typed requests), False if it is base64 (Bedrock's own bodies).

    Raises:
        AssetMissing: an `asset:` reference has no bytes.
        StorageUnavailable: the asset store cannot be reached.
    """
    places = image_values(body)
    masks = {place.pointer for place in places if place.role == "mask"}
    sources = {place.pointer: value for place, value in places.items()}
    resolved = yield from resolve(sources, paths=paths, masks=masks)
    return replace_at(body, resolved.values), resolved


def resolve(sources: Mapping[str, object], *, paths: bool, masks: set[str] | frozenset[str] = frozenset()) -> Flow[Resolved]:
    """Opens the picture at every pointer; see `resolve_body`.

    Args:
        masks: pointers of masks, which are also looked at for pure black and white.
    """
    values: dict[str, str] = {}
    pictures: dict[str, Picture] = {}
    problems: list[Problem] = []
    if len(sources) > MOST_PICTURES:
        return Resolved({}, {}, (too_many(len(sources)),))
    for where, source in sources.items():
        values[where] = _UNREADABLE
        try:
            if isinstance(source, str) and is_reference(source):
                values[where] = _step_reference(source)
                continue
            pictures[where] = yield from _picture(source, paths=paths, mask=where in masks)
            values[where] = pictures[where].reference
        except (_Wrong, ImageRefused) as wrong:
            problems.append(Problem(where, str(wrong).rstrip("."), _PICTURE))
    return Resolved(values, pictures, tuple(problems))


def _step_reference(text: str) -> str:
    if parse_reference(text) is None:
        raise _Wrong(f"{text[:100]!r} is no reference to a step's picture; write $steps.<name>.outputs[<number from 0>]")
    return text


def _picture(source: object, *, paths: bool, mask: bool) -> Flow[Picture]:
    if isinstance(source, str) and source.startswith(ASSET_SCHEME):
        data = yield from _stored(source)
        facts = yield from work(lambda: inspect(data, mask=mask))
        return Picture(data, facts, stored=True)
    if isinstance(source, bytes | bytearray):
        given = bytes(source)
    elif isinstance(source, str):
        given = yield from _text(source, paths=paths)
    elif isinstance(source, os.PathLike):
        given = yield from _file(os.fspath(cast("os.PathLike[str]", source)))
    else:
        raise _Wrong(f"a {type(source).__name__} is no picture")

    def opened() -> Picture:
        straight = upright(given, mask=mask)
        return Picture(straight, inspect(straight, mask=mask))

    return (yield from work(opened))


def _stored(reference: str) -> Flow[bytes]:
    name = reference.removeprefix(ASSET_SCHEME)
    if not SHA256.fullmatch(name):
        raise _Wrong(f"{reference[:80]!r} names no asset; write asset: and the 64 hex digits of the picture's SHA-256")
    return (yield from get_asset(name))


def _text(text: str, *, paths: bool) -> Flow[bytes]:
    scheme = text[:8].partition(":")[0].lower()
    if text.startswith("data:"):
        head, _, encoded = text.partition(",")
        if not head.endswith(";base64"):
            raise _Wrong("this data URL is not base64")
        return _decoded(encoded)
    if scheme in ("http", "https"):
        raise _Wrong("pictures are not fetched from http(s):// addresses; download it and give its bytes or path")
    if scheme == "s3":
        raise _Wrong("pictures are not read from s3:// addresses yet; download it and give its bytes or path")
    if not paths:
        return _decoded(text)
    return (yield from _file(text))


def _decoded(text: str) -> bytes:
    most = most_base64(DEFAULT_LIMITS)
    if len(text) > most:
        raise _Wrong(f"this base64 text has {len(text):,} characters; at most {most:,} are accepted")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _Wrong(
            "this is not valid base64 (standard alphabet, with padding, without line breaks); for a file give pathlib.Path(…)"
        ) from None


def _file(name: str) -> Flow[bytes]:
    if len(name) > _LONGEST_PATH:  # as a rule base64; its content has no business in a message
        raise _Wrong(f"a text of {len(name):,} characters is no path; give the picture's bytes, or base64 in Bedrock's own body")
    path = Path(name).expanduser()

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(DEFAULT_LIMITS.max_bytes + 1)  # one byte too many says "too large" without reading the rest

    try:
        return (yield from work(read))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _Wrong(f"the file {str(path)[:200]!r} cannot be read: {reason}") from None
