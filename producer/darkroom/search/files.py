"""The files of an index on disk, and the one rule by which they change: what is not in `head.json` is not there.

    head.json          whose vectors, made by what, how many, and which generation of the two files below counts
    vectors-<n>.f32    float32, little endian, one row after the other, each of length 1
    entries-<n>.txt    lines of one length: job, output, SHA-256; line i belongs to row i
    lock               held by whoever writes

An addition appends to both files and then replaces the head; a process that dies before that leaves bytes behind the end, which the
next addition overwrites. A removal writes both files anew under the next number. Readers need no lock: a head names what was whole
when it was written, and if its files are gone the head has changed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from darkroom.search.index import Entry, Space
from darkroom_shared.core.errors import StorageUnavailable

FORMAT: Final = 1
_JOB_CHARS, _OUTPUT_CHARS, _SHA_CHARS = 30, 6, 64
LINE_BYTES: Final = _JOB_CHARS + 1 + _OUTPUT_CHARS + 1 + _SHA_CHARS + 1


@dataclass(frozen=True, slots=True)
class Head:
    """What `head.json` says."""

    space: Space
    rows: int = 0
    generation: int = 0

    @property
    def row_bytes(self) -> int:
        """Bytes of one vector."""
        return 4 * self.space.dimension


class Files:
    """The files of one index.

    Args:
        folder: its folder; made when something is written.
        space: what it holds.
    """

    def __init__(self, folder: Path, space: Space) -> None:
        self.folder = folder
        self._space = space

    def head(self) -> Head:
        """What is there. Raises StorageUnavailable if it cannot be read, or is another index."""
        return read_head(self.folder, self._space) or Head(self._space)

    def vectors(self, head: Head) -> Path:
        """The file of vectors."""
        return self.folder / f"vectors-{head.generation}.f32"

    def names(self, head: Head) -> Path:
        """The file of entries."""
        return self.folder / f"entries-{head.generation}.txt"

    @contextmanager
    def locked(self) -> Generator[Head]:
        """Waits for the right to write, and gives the head as it is then."""
        with self._lock():
            yield self.head()

    @contextmanager
    def _lock(self) -> Generator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def append(self, head: Head, vectors: bytes, names: bytes, rows: int) -> Head:
        """Adds rows behind those of the head, and makes them count."""
        _write_at(self.vectors(head), head.rows * head.row_bytes, vectors)
        _write_at(self.names(head), head.rows * LINE_BYTES, names)
        return self._decide(replace(head, rows=head.rows + rows))

    def rewrite(self, head: Head, vectors: Iterable[bytes], names: bytes, rows: int) -> Head:
        """Puts other rows in the place of all, and makes them count."""
        after = replace(head, rows=rows, generation=head.generation + 1)
        _write_at(self.vectors(after), 0, *vectors)
        _write_at(self.names(after), 0, names)
        self._decide(after)
        keep = {self.vectors(after).name, self.names(after).name, "head.json", "lock"}
        for path in self.folder.iterdir():
            if path.name not in keep:
                path.unlink(missing_ok=True)
        return after

    def drop(self) -> int:
        """Puts an empty index in the place of what is there, even if that cannot be read; how many rows it had, 0 if unknown."""
        with self._lock():
            try:
                head = self.head()
            except StorageUnavailable:
                # Under a number that no file has: somebody may be reading those that are there.
                numbers = [int(number) for path in self.folder.iterdir() if (number := path.stem.rpartition("-")[2]).isdigit()]
                head = Head(self._space, generation=max(numbers, default=0))
            self.rewrite(head, (), b"", 0)
            return head.rows

    def _decide(self, head: Head) -> Head:
        told = {
            "format": FORMAT,
            "tenant": head.space.tenant,
            "model": head.space.model,
            "dimension": head.space.dimension,
            "rows": head.rows,
            "generation": head.generation,
        }
        new = self.folder / "head.json.new"
        _write_at(new, 0, json.dumps(told).encode())
        new.replace(self.folder / "head.json")
        _sync_folder(self.folder)
        return head


def read_head(folder: Path, space: Space | None = None) -> Head | None:
    """What a folder's head says; None if there is none.

    Args:
        space: what it must hold; None for whatever it does.

    Raises:
        StorageUnavailable: it cannot be read, or holds something else.
    """
    try:
        told = json.loads((folder / "head.json").read_bytes())
        found = Space(str(told["tenant"]), str(told["model"]), int(told["dimension"]))
        head = Head(found, int(told["rows"]), int(told["generation"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, "its head.json cannot be read") from error
    if told.get("format") != FORMAT:
        raise damaged(folder, "another version of darkroom made it")
    if space is not None and found != space:
        raise damaged(folder, f"it holds vectors of {found} for tenant {found.tenant}, not of {space} for tenant {space.tenant}")
    return head


def damaged(folder: Path, why: str) -> StorageUnavailable:
    """The error for an index that cannot be used."""
    return StorageUnavailable(f"The index in {folder} cannot be used: {why}. Index again with `darkroom index --rebuild`.")


def line(entry: Entry) -> bytes:
    """An entry as it is written.

    Raises:
        ValueError: it does not fit.
    """
    text = f"{entry.job:<{_JOB_CHARS}} {entry.output:>{_OUTPUT_CHARS}} {entry.sha256}\n".encode("ascii")
    if len(text) != LINE_BYTES:
        raise ValueError(f"{entry.job[:80]!r} is no job id, or {entry.output} no number of an output")
    return text


def parsed(data: bytes) -> list[Entry]:
    """Entries from lines."""
    fields = [row.split() for row in data.decode("ascii").splitlines()]
    return [Entry(job, int(output), sha256) for job, output, sha256 in cast("list[tuple[str, str, str]]", fields)]


def _write_at(path: Path, start: int, *parts: bytes) -> None:
    """Writes from a place on, cuts off what was behind, and makes sure that it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.truncate(start)
        file.seek(start)
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
