"""One worker looks through the asset store now and then; what it removes must be its own ledger's."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from darkroom_shared.broker import Publisher, create_app
from darkroom_shared.settings import Settings
from darkroom_shared.storage import open_async_store, open_store
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.admission import Admission
from darkroom_worker.maintenance import Maintenance
from tests.support.bodies import picture
from tests.support.valkey import Server

OLD_S = 2 * 24 * 3600


def looked_through(server: Server, folder: Path, prefix: str) -> None:
    """What the first look of a worker does."""

    async def look() -> None:
        settings = Settings(redis_url=server.url, key_prefix=prefix, home=folder)
        ledger, store = AsyncLedger(settings.redis_url, prefix), open_async_store(settings.store_url)
        maintenance = Maintenance(settings, ledger, store, Admission(ledger, Publisher(create_app(settings)), settings))
        await maintenance.sweep()
        await maintenance.purge()
        await store.close()
        await ledger.close()

    asyncio.run(look())


def stored(folder: Path, seed: int) -> Path:
    """A picture that was stored two days ago and never recorded."""
    store = open_store(Settings(home=folder).store_url)
    asset = store.put(picture(8, 8, seed=seed), "image/png")
    store.close()
    [path] = (folder / "store").rglob(f"{asset.sha256}.*")
    os.utime(path, (time.time() - OLD_S,) * 2)
    return path


def test_a_picture_that_was_never_recorded_goes_after_a_day(valkey_server: Server, tmp_path: Path, seed: Callable[[], int]) -> None:
    prefix = f"sweep{seed()}:"
    looked_through(valkey_server, tmp_path, prefix)
    old = stored(tmp_path, 1)
    half = old.with_name(".tmp-half")
    half.write_bytes(b"half")
    os.utime(half, (time.time() - OLD_S,) * 2)
    again(valkey_server, prefix)
    looked_through(valkey_server, tmp_path, prefix)
    assert not old.exists()
    assert not half.exists()


def test_pictures_of_another_ledger_are_left_alone_by_both(valkey_server: Server, tmp_path: Path, seed: Callable[[], int]) -> None:
    mine, other = f"sweep{seed()}:", f"sweep{seed()}:"
    looked_through(valkey_server, tmp_path, mine)
    looked_through(valkey_server, tmp_path, other)
    old = stored(tmp_path, 2)
    for prefix in (mine, other):
        again(valkey_server, prefix)
        looked_through(valkey_server, tmp_path, prefix)
    assert old.exists()


def test_a_ledger_that_begins_beside_older_pictures_leaves_them(
    valkey_server: Server, tmp_path: Path, seed: Callable[[], int]
) -> None:
    """A ledger that was lost and begun anew does not know whose they are."""
    old, prefix = stored(tmp_path, 3), f"sweep{seed()}:"
    for _ in range(2):
        looked_through(valkey_server, tmp_path, prefix)
        again(valkey_server, prefix)
    assert old.exists()


def again(server: Server, prefix: str) -> None:
    """Six hours later."""
    import redis

    with redis.Redis.from_url(server.url) as raw:
        raw.delete(f"{prefix}swept_ms")
