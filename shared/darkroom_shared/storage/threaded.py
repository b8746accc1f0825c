"""The async form of a store that blocks: each operation runs on one of a few threads, never on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from darkroom_shared.storage.base import Asset, AssetStore, StoryOutput

THREADS: Final = 8
"""Writes wait for the disk, not for the processor: a few more threads than cores keep it busy without a thread a call."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadedStore:
    """An `AsyncAssetStore` over an `AssetStore`; it owns the store and closes it."""

    def __init__(self, store: AssetStore, threads: int = THREADS) -> None:
        self.store = store
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="asset-store")

    async def _run(self, operation: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: operation(*args, **kwargs))

    async def put(self, data: bytes, media_type: str) -> Asset:
        """See `AssetStore.put`."""
        return await self._run(self.store.put, data, media_type)

    async def get(self, sha256: str) -> bytes:
        """See `AssetStore.get`."""
        return await self._run(self.store.get, sha256)

    async def exists(self, sha256: str) -> bool:
        """See `AssetStore.exists`."""
        return await self._run(self.store.exists, sha256)

    async def delete(self, sha256: str) -> None:
        """See `AssetStore.delete`."""
        await self._run(self.store.delete, sha256)

    async def put_receipt(self, name: str, data: bytes) -> None:
        """See `AssetStore.put_receipt`."""
        await self._run(self.store.put_receipt, name, data)

    async def get_receipt(self, name: str) -> bytes | None:
        """See `AssetStore.get_receipt`."""
        return await self._run(self.store.get_receipt, name)

    async def delete_receipt(self, name: str) -> None:
        """See `AssetStore.delete_receipt`."""
        await self._run(self.store.delete_receipt, name)

    async def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """See `AssetStore.write_story`."""
        return await self._run(self.store.write_story, job_id, story, outputs)

    async def delete_story(self, job_id: str) -> None:
        """See `AssetStore.delete_story`."""
        await self._run(self.store.delete_story, job_id)

    async def sweep(self, older_than_s: float) -> list[str]:
        """See `AssetStore.sweep`."""
        return await self._run(self.store.sweep, older_than_s)

    async def close(self) -> None:
        """See `AssetStore.close`. Waits for operations under way."""
        await asyncio.to_thread(self._threads.shutdown, wait=True)
        self.store.close()
