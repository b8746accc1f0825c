"""The index on disk: a plain matrix, searched exactly; 100,000 vectors of 1024 numbers are 400 MB and take a tenth of a second.

Needs numpy: the extra `search`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from darkroom.search.files import LINE_BYTES, Files, Head, damaged, line, parsed, read_head
from darkroom.search.index import Entry, Neighbour, Space, Vector, check_dimensions, no_direction, slug
from darkroom_shared.core.errors import Misconfigured

try:
    import numpy as np
except ModuleNotFoundError as error:
    raise Misconfigured("Image search keeps its vectors with numpy; install it with: pip install 'darkroom[search]'") from error

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_ROWS: Final = 8192
"""Rows that are multiplied at a time: 32 MB at 1024 numbers."""
_TRIES: Final = 10


class DiskIndex:
    """See VectorIndex."""

    def __init__(self, folder: Path, space: Space) -> None:
        self._files = Files(folder, space)
        self._space = space

    @property
    def space(self) -> Space:
        """See VectorIndex."""
        return self._space

    def entries(self) -> list[Entry]:
        """See VectorIndex."""
        return parsed(self._read()[1].tobytes())

    def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> int:
        """See VectorIndex."""
        rows = self._rows(vectors)
        with self._files.locked() as head:
            known = {(entry.job, entry.output) for entry in self._names(head)}
            new = [place for place, entry in enumerate(entries) if (entry.job, entry.output) not in known]
            if new:
                self._append(head, [entries[place] for place in new], rows[new])
            return len(new)

    def copy(self, entries: Sequence[Entry]) -> int:
        """See VectorIndex."""
        with self._files.locked() as head:
            names = self._names(head)
            known = {(entry.job, entry.output) for entry in names}
            rows = {entry.sha256: row for row, entry in enumerate(names)}
            new = [entry for entry in entries if entry.sha256 in rows and (entry.job, entry.output) not in known]
            if new:
                self._append(head, new, np.asarray(self._matrix(head)[[rows[entry.sha256] for entry in new]]))
            return len(new)

    def remove(self, jobs: Collection[str]) -> int:
        """See VectorIndex."""
        gone = frozenset(jobs)
        with self._files.locked() as head:
            names = self._names(head)
            kept = [row for row, entry in enumerate(names) if entry.job not in gone]
            if len(kept) < len(names):
                data = b"".join(line(names[row]) for row in kept)
                self._files.rewrite(head, self._blocks(head, kept), data, len(kept))
            return len(names) - len(kept)

    def nearest(self, vector: Vector, count: int) -> list[Neighbour]:
        """See VectorIndex."""
        [wanted] = self._rows([vector])
        matrix, lines = self._read()
        scores = np.empty(len(matrix), np.float32)
        for start in range(0, len(matrix), BLOCK_ROWS):
            scores[start : start + BLOCK_ROWS] = matrix[start : start + BLOCK_ROWS] @ wanted
        best = np.argpartition(-scores, count - 1)[:count] if count < len(scores) else np.arange(len(scores))
        order = sorted(best.tolist(), key=lambda row: (-scores[row], -row))  # of equal ones the newer first
        found = parsed(lines[order].tobytes())
        return [Neighbour(entry, float(scores[row])) for entry, row in zip(found, order, strict=True)]

    def drop(self) -> int:
        """See VectorIndex."""
        return self._files.drop()

    def _read(self) -> tuple[NDArray[np.float32], NDArray[np.bytes_]]:
        """The matrix and the lines of its entries; asks again where a removal has just changed the files."""
        for _ in range(_TRIES):
            head = self._files.head()
            try:
                return self._matrix(head), self._lines(head)
            except FileNotFoundError:
                if head.generation == self._files.head().generation:
                    break
        raise damaged(self._files.folder, "its files are gone")

    def _matrix(self, head: Head) -> NDArray[np.float32]:
        """The vectors, mapped and not read."""
        shape = (head.rows, self._space.dimension)
        if not head.rows:
            return np.empty(shape, np.float32)
        path = self._files.vectors(head)
        if path.stat().st_size < head.rows * head.row_bytes:
            raise damaged(self._files.folder, "its vectors are cut off")
        return np.memmap(path, "<f4", "r", shape=shape)

    def _lines(self, head: Head) -> NDArray[np.bytes_]:
        """The entries as lines, mapped and not read."""
        if not head.rows:
            return np.empty(0, f"S{LINE_BYTES}")
        path = self._files.names(head)
        if path.stat().st_size < head.rows * LINE_BYTES:
            raise damaged(self._files.folder, "its entries are cut off")
        return np.memmap(path, f"S{LINE_BYTES}", "r", shape=(head.rows,))

    def _names(self, head: Head) -> list[Entry]:
        return parsed(self._lines(head).tobytes())

    def _append(self, head: Head, entries: Sequence[Entry], rows: NDArray[np.float32]) -> None:
        self._files.append(head, rows.astype("<f4").tobytes(), b"".join(map(line, entries)), len(entries))

    def _blocks(self, head: Head, kept: Sequence[int]) -> Iterator[bytes]:
        matrix = self._matrix(head)
        for start in range(0, len(kept), BLOCK_ROWS):
            yield matrix[list(kept[start : start + BLOCK_ROWS])].tobytes()

    def _rows(self, vectors: Sequence[Vector]) -> NDArray[np.float32]:
        """The vectors as rows of length 1. Raises ValueError."""
        check_dimensions(self._space, vectors)
        rows = np.array(vectors, np.float32).reshape(len(vectors), self._space.dimension)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise no_direction()
        return np.asarray(rows / lengths, np.float32)


class DiskHome:
    """See IndexHome.

    Args:
        folder: of the indexes of one ledger; made when the first is.
        why: they are kept in files.
    """

    def __init__(self, folder: Path, why: str = "") -> None:
        self._folder = folder
        self._why = why

    @property
    def place(self) -> str:
        """See IndexHome."""
        return f"files in {self._folder}" + (f" ({self._why})" if self._why else "")

    def spaces(self, tenant: str) -> list[Space]:
        """See IndexHome."""
        heads = [read_head(folder) for folder in sorted((self._folder / slug(tenant)).glob("*/"))]
        return [head.space for head in heads if head is not None and head.space.tenant == tenant and head.rows]

    def open(self, space: Space) -> DiskIndex:
        """See IndexHome."""
        return DiskIndex(self._folder / slug(space.tenant) / f"{slug(space.model)}-{space.dimension}", space)
