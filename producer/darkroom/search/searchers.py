"""The image search as methods of the client, in both colours."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from darkroom.connection import AsyncConnection, Connection
from darkroom.launching import Scene
from darkroom.search import finding, indexing
from darkroom.search.finding import Question
from darkroom.search.indexing import Order, Tell
from darkroom.search.views import Found, Indexed
from darkroom.watching import Timeout
from darkroom_shared.task_types import ImageSource

SEARCH_PATIENCE_S = 60.0


class Searchers:
    """The part of `Darkroom` that finds pictures."""

    _connection: Connection
    _scene: Scene

    def index_images(
        self,
        *,
        tenant: str | None = None,
        model: str | None = None,
        dimension: int | None = None,
        timeout: Timeout = None,
        tell: Tell | None = None,
        rebuild: bool = False,
    ) -> Indexed:
        """Brings a tenant's index up to date: one embedding job (class bulk) for each picture that has no vector yet.

        Pictures of jobs that are gone leave it. Safe to repeat, and from several processes at once; what is done stays done.

        Args:
            tenant: whose pictures; the settings' if left out.
            model: an embedding model; Titan Multimodal Embeddings if left out. Each model and dimension has an index of its own.
            dimension: numbers of a vector, 1024 if left out.
            timeout: for all of it; None for as long as it takes.
            tell: called with what was done so far, every 50 pictures.
            rebuild: drop the index first, whatever is wrong with it; vectors older than an hour are paid again.

        Raises:
            StillRunning: the time is over; what came is in the index.
            InvalidRequest: the model makes no vectors, or not of that dimension.
            Misconfigured: the vectors go into files and numpy is not installed (the extra `search`), or DARKROOM_SEARCH_URL names a
                server that can keep none.
            Others as `submit`.
        """
        return self._connection.run(indexing.index_images(self._scene, Order(tenant, model, dimension, timeout, tell, rebuild)))

    def search_images(
        self,
        text: str | None = None,
        *,
        image: ImageSource | None = None,
        top: int = 10,
        tenant: str | None = None,
        model: str | None = None,
        dimension: int | None = None,
        timeout: Timeout = SEARCH_PATIENCE_S,
    ) -> Found:
        """The pictures of a tenant that come nearest to words or to another picture; the question is one embedding job.

        Only what `index_images` has put in is found; pictures whose jobs are gone are not.

        Args:
            image: bytes, a path, or `asset:<sha256>`, in place of a text.
            top: how many, 1 to 1000.
            tenant: whose pictures; the settings' if left out.
            model: needed, like the dimension, where the tenant has several indexes.

        Raises:
            InvalidRequest: not exactly one of text and image; nothing is indexed; several indexes would do.
            StillRunning, JobFailed: the question's vector could not be had.
            Others as `index_images`.
        """
        question = Question(text, image, top, tenant, model, dimension)
        return self._connection.run(finding.search_images(self._scene, question, timeout))

    def save_found(self, found: Found, folder: str | PathLike[str]) -> list[Path]:
        """Writes the pictures of an answer, `01-<job>-<output>.png` and so on, and `search.json`, which comes last.

        Args:
            folder: made if it is not there; files of these names in it are replaced.
        """
        return self._connection.run(finding.save_found(found, Path(folder)))


class AsyncSearchers:
    """`Searchers` for asyncio: the same names, awaited."""

    _connection: AsyncConnection
    _scene: Scene

    async def index_images(
        self,
        *,
        tenant: str | None = None,
        model: str | None = None,
        dimension: int | None = None,
        timeout: Timeout = None,
        tell: Tell | None = None,
        rebuild: bool = False,
    ) -> Indexed:
        """See `Searchers.index_images`."""
        return await self._connection.run(
            indexing.index_images(self._scene, Order(tenant, model, dimension, timeout, tell, rebuild))
        )

    async def search_images(
        self,
        text: str | None = None,
        *,
        image: ImageSource | None = None,
        top: int = 10,
        tenant: str | None = None,
        model: str | None = None,
        dimension: int | None = None,
        timeout: Timeout = SEARCH_PATIENCE_S,
    ) -> Found:
        """See `Searchers.search_images`."""
        question = Question(text, image, top, tenant, model, dimension)
        return await self._connection.run(finding.search_images(self._scene, question, timeout))

    async def save_found(self, found: Found, folder: str | PathLike[str]) -> list[Path]:
        """See `Searchers.save_found`."""
        return await self._connection.run(finding.save_found(found, Path(folder)))
