"""What every asset store can do: the two protocols (sync and async) and the values they share.

Bytes are named by their SHA-256, so a second writer of the same bytes is harmless and a reader can prove what it got. Three
kinds of things are kept: **assets** (pictures in and out), **receipts** (the raw bytes of a paid answer, from the moment it
arrived until the call committed) and **stories** (one document a job with its outputs beside it, for people).

Errors, the same in every store:
    AssetMissing        nobody stored these bytes, or what is stored no longer matches its name (storing them again heals that)
    StorageUnavailable  the store cannot be reached or written (disk full, Redis out of memory, S3 throttling): try again later
    Misconfigured       it never will work like this (missing package, no bucket, no permission)
    ValueError          a receipt, job or output name of the wrong form: a mistake in the calling code
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Asset:
    """Stored bytes.

    Attributes:
        sha256: 64 lower-case hex digits, the name.
        size_bytes: length of the bytes.
        media_type: as given when they were stored, e.g. `image/png`.
    """

    sha256: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class StoryOutput:
    """One picture of a job's story.

    Attributes:
        name: what it is called beside the document, e.g. `0.png`: lower-case letters, digits, `.`, `_`, `-`; never `job.json`.
        sha256: the asset; it must be stored already.
    """

    name: str
    sha256: str


class AssetStore(Protocol):
    """Stores assets, receipts and stories. Safe to use from several threads; every method may be repeated."""

    def put(self, data: bytes, media_type: str) -> Asset:
        """Stores bytes for good; when it returns they survive a crash of this process. Repeating it is harmless."""
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes, proven against their name. Raises AssetMissing."""
        ...

    def exists(self, sha256: str) -> bool:
        """True if something is stored under that name; a text that is no SHA-256 gives False."""
        ...

    def delete(self, sha256: str) -> None:
        """Forgets an asset; nothing happens if there is none."""
        ...

    def put_receipt(self, name: str, data: bytes) -> None:
        """Stores the raw bytes of an answer, before anybody decodes them. The last writer of a name wins.

        Args:
            name: 1-200 letters, digits, `.`, `_`, `:`, `-`, starting with a letter or digit; usually `<call_id>:<fence>`.
        """
        ...

    def get_receipt(self, name: str) -> bytes | None:
        """The receipt's bytes, or None if there is none."""
        ...

    def delete_receipt(self, name: str) -> None:
        """Forgets a receipt; nothing happens if there is none."""
        ...

    def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """Writes a job's document and places its outputs beside it where the store has places.

        Args:
            job_id: of a job or a workflow.
            story: the document, UTF-8 JSON. It is written last: where it is, its outputs are.

        Returns:
            Where a person finds it (a directory, an `s3://` address, a Redis key); holds no secret.

        Raises:
            AssetMissing: an output was not stored.
        """
        ...

    def delete_story(self, job_id: str) -> None:
        """Forgets a job's story (not its assets); nothing happens if there is none."""
        ...

    def sweep(self, older_than_s: float) -> list[str]:
        """Removes what killed writers left unfinished for longer than that, and lists the SHA-256 of all assets of that age.

        Whoever asks knows which of them are in use; the others belong to a submit or a worker that died before it recorded them.
        """
        ...

    def close(self) -> None:
        """Gives connections back; the store is not used again. May be repeated."""
        ...


class AsyncAssetStore(Protocol):
    """The same as `AssetStore`, method for method, for one asyncio loop."""

    async def put(self, data: bytes, media_type: str) -> Asset:
        """See `AssetStore.put`."""
        ...

    async def get(self, sha256: str) -> bytes:
        """See `AssetStore.get`."""
        ...

    async def exists(self, sha256: str) -> bool:
        """See `AssetStore.exists`."""
        ...

    async def delete(self, sha256: str) -> None:
        """See `AssetStore.delete`."""
        ...

    async def put_receipt(self, name: str, data: bytes) -> None:
        """See `AssetStore.put_receipt`."""
        ...

    async def get_receipt(self, name: str) -> bytes | None:
        """See `AssetStore.get_receipt`."""
        ...

    async def delete_receipt(self, name: str) -> None:
        """See `AssetStore.delete_receipt`."""
        ...

    async def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """See `AssetStore.write_story`."""
        ...

    async def delete_story(self, job_id: str) -> None:
        """See `AssetStore.delete_story`."""
        ...

    async def sweep(self, older_than_s: float) -> list[str]:
        """See `AssetStore.sweep`."""
        ...

    async def close(self) -> None:
        """See `AssetStore.close`."""
        ...
