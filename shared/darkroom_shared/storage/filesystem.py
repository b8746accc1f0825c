"""Keeps assets in a directory.

<root>/assets/ab/<sha256>.<ext>   the bytes, mode 0600
<root>/receipts/<name>            raw answers of calls that have not committed
<root>/jobs/<job_id>/job.json     a job's story, its outputs beside it (second names of the assets, no second copy)
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.storage import directory
from darkroom_shared.storage.base import Asset, StoryOutput
from darkroom_shared.storage.directory import opened, storage_errors
from darkroom_shared.storage.names import (
    ALL_EXTENSIONS,
    STORY,
    checked_job,
    checked_outputs,
    checked_receipt,
    checked_sha256,
    extension,
    is_sha256,
    missing,
    proven,
    sha256_of,
)

_ASSETS: Final = "assets"
_RECEIPTS: Final = "receipts"
_JOBS: Final = "jobs"


class FileStore:
    """An `AssetStore` in a directory of this machine. Safe across threads and processes."""

    def __init__(self, root: str) -> None:
        """Makes the directory (mode 0700) if it is missing.

        Raises:
            Misconfigured: it cannot be made or opened, or this system has no directory descriptors.
        """
        if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
            raise Misconfigured("asset directories need a POSIX system; use redis:// or s3:// here")
        self.root = str(Path(root).absolute())
        try:
            Path(self.root).mkdir(mode=0o700, parents=True, exist_ok=True)
            with opened(self.root):
                pass
        except OSError as error:
            raise Misconfigured(f"the asset directory {self.root} cannot be used: {error.strerror}") from error

    def put(self, data: bytes, media_type: str) -> Asset:
        """See `AssetStore.put`."""
        sha256 = sha256_of(data)
        name = f"{sha256}.{extension(media_type)}"
        with storage_errors(self.root, ["asset", sha256]), opened(self.root, _ASSETS, sha256[:2], create=True) as shard:
            if directory.is_file(shard, name) and directory.read(shard, name) == data:
                # The first writer may not have flushed the directory yet; our caller counts on the bytes from now on.
                os.fsync(shard)
            else:
                directory.write(shard, name, data)
        return Asset(sha256, len(data), media_type)

    def get(self, sha256: str) -> bytes:
        """See `AssetStore.get`."""
        checked_sha256(sha256)
        with storage_errors(self.root, ["reading asset", sha256]):
            data = self._read(sha256)
        if data is None:
            raise missing(sha256)
        return proven(sha256, data)

    def _read(self, sha256: str) -> bytes | None:
        try:
            with opened(self.root, _ASSETS, sha256[:2]) as shard:
                name = _found(shard, sha256)
                return None if name is None else directory.read(shard, name)
        except FileNotFoundError:
            return None

    def exists(self, sha256: str) -> bool:
        """See `AssetStore.exists`."""
        if not is_sha256(sha256):
            return False
        with storage_errors(self.root, ["looking for asset", sha256]):
            try:
                with opened(self.root, _ASSETS, sha256[:2]) as shard:
                    return _found(shard, sha256) is not None
            except FileNotFoundError:
                return False

    def delete(self, sha256: str) -> None:
        """See `AssetStore.delete`. A story's second name of the bytes stays."""
        checked_sha256(sha256)
        with storage_errors(self.root, ["deleting asset", sha256]):
            try:
                with opened(self.root, _ASSETS, sha256[:2]) as shard:
                    for ending in ALL_EXTENSIONS:
                        directory.remove(shard, f"{sha256}.{ending}")
            except FileNotFoundError:
                return

    def put_receipt(self, name: str, data: bytes) -> None:
        """See `AssetStore.put_receipt`."""
        checked_receipt(name)
        with storage_errors(self.root, ["receipt", name]), opened(self.root, _RECEIPTS, create=True) as receipts:
            directory.write(receipts, name, data)

    def get_receipt(self, name: str) -> bytes | None:
        """See `AssetStore.get_receipt`."""
        checked_receipt(name)
        with storage_errors(self.root, ["reading receipt", name]):
            try:
                with opened(self.root, _RECEIPTS) as receipts:
                    return directory.read(receipts, name)
            except FileNotFoundError:
                return None

    def delete_receipt(self, name: str) -> None:
        """See `AssetStore.delete_receipt`."""
        checked_receipt(name)
        with storage_errors(self.root, ["deleting receipt", name]):
            try:
                with opened(self.root, _RECEIPTS) as receipts:
                    directory.remove(receipts, name)
            except FileNotFoundError:
                return

    def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """See `AssetStore.write_story`. Returns the job's directory."""
        checked_job(job_id)
        wanted = checked_outputs(outputs)
        with storage_errors(self.root, ["the story of", job_id]), opened(self.root, _JOBS, job_id, create=True) as place:
            for output in wanted:
                self._place(output, place)
            directory.write(place, STORY, story)
        return str(Path(self.root, _JOBS, job_id))

    def _place(self, output: StoryOutput, place: int) -> None:
        try:
            with opened(self.root, _ASSETS, output.sha256[:2]) as shard:
                name = _found(shard, output.sha256)
                if name is None:
                    raise missing(output.sha256)
                if not directory.link(shard, name, place, output.name):
                    directory.write(place, output.name, directory.read(shard, name) or b"")
        except FileNotFoundError as error:
            raise missing(output.sha256) from error

    def delete_story(self, job_id: str) -> None:
        """See `AssetStore.delete_story`."""
        checked_job(job_id)
        with storage_errors(self.root, ["deleting the story of", job_id]):
            try:
                with opened(self.root, _JOBS) as jobs:
                    with opened(self.root, _JOBS, job_id) as place:
                        for name in directory.names(place):
                            directory.remove(place, name)
                    os.rmdir(job_id, dir_fd=jobs)
            except FileNotFoundError:
                return

    def close(self) -> None:
        """Nothing to give back."""

    def sweep(self, older_than_s: float) -> list[str]:
        """See `AssetStore.sweep`. Ages are the files' own time stamps; an hour is far above the longest write."""
        before_s = time.time() - older_than_s
        for kind in (_RECEIPTS, _JOBS):
            self._sweep(before_s, kind)
        return sorted({name.partition(".")[0] for name in self._sweep(before_s, _ASSETS)})

    def _sweep(self, before_s: float, *names: str) -> list[str]:
        """Removes unfinished files below a directory and gives the names of the others, all of them from before that time."""
        with storage_errors(self.root, ["sweeping", *names]):
            try:
                with opened(self.root, *names) as here:
                    old = directory.sweep(here, before_s)
                    children = directory.names(here, directories=True)
            except FileNotFoundError:
                return []
        return old + [name for child in children for name in self._sweep(before_s, *names, child)]


def _found(shard: int, sha256: str) -> str | None:
    """The asset's file name, whatever media type it was stored with: at most one look per known ending."""
    for ending in ALL_EXTENSIONS:
        name = f"{sha256}.{ending}"
        if directory.is_file(shard, name):
            return name
    return None
