"""Which store a URL means. The scheme is the registry: a new storage is one module and one line here.

file:///var/lib/darkroom/assets         a directory
redis://host:6379/1, rediss://, unix:// Redis or Valkey, keys under `dr:asset:`
s3://bucket/prefix                      S3, or what speaks its protocol (`AWS_ENDPOINT_URL_S3`)
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.storage.base import AssetStore, AsyncAssetStore
from darkroom_shared.storage.filesystem import FileStore
from darkroom_shared.storage.threaded import ThreadedStore


class _Opener(NamedTuple):
    sync: Callable[[str], AssetStore]
    asynchronous: Callable[[str], AsyncAssetStore]


def open_store(url: str) -> AssetStore:
    """The store that a URL names. Nothing is connected or created before its first use, except a directory store's root.

    Raises:
        Misconfigured: unknown scheme, a URL of the wrong form, or a missing optional package.
    """
    return _opener(url).sync(url)


def open_async_store(url: str) -> AsyncAssetStore:
    """The async form of `open_store`. Call `close()` on the loop that used it.

    Raises:
        Misconfigured: as for `open_store`.
    """
    return _opener(url).asynchronous(url)


def _opener(url: str) -> _Opener:
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    opener = SCHEMES.get(scheme)
    if opener is None:
        allowed = ", ".join(f"{name}://" for name in SCHEMES)
        # Never the whole URL: it may hold a password.
        raise Misconfigured(f"the asset store's URL has the scheme {scheme!r}; allowed are {allowed}")
    return opener


def _file(url: str) -> AssetStore:
    return FileStore(_directory(url))


def _file_async(url: str) -> AsyncAssetStore:
    return ThreadedStore(FileStore(_directory(url)))


def _directory(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise Misconfigured(f"{url!r} is not a directory's URL; write file:///absolute/path")
    return unquote(parts.path)


# The modules below are imported where they are used: each needs a package that the light client does not bring.


def _redis(url: str) -> AssetStore:
    _need("redis", "direct")
    from darkroom_shared.storage.redis_store import RedisStore

    return RedisStore.from_url(url)


def _redis_async(url: str) -> AsyncAssetStore:
    _need("redis", "direct")
    from darkroom_shared.storage.redis_store import AsyncRedisStore

    return AsyncRedisStore.from_url(url)


def _s3(url: str) -> AssetStore:
    _need("boto3", "worker")
    from darkroom_shared.storage.s3 import S3Store

    return S3Store.from_url(url)


def _s3_async(url: str) -> AsyncAssetStore:
    _need("aioboto3", "worker")
    from darkroom_shared.storage.s3 import AsyncS3Store

    return AsyncS3Store.from_url(url)


def _need(package: str, extra: str) -> None:
    if find_spec(package) is None:
        raise Misconfigured(f"this asset store needs the package {package}; install it with: pip install 'darkroom[{extra}]'")


SCHEMES: Final[dict[str, _Opener]] = {
    "file": _Opener(_file, _file_async),
    "redis": _Opener(_redis, _redis_async),
    "rediss": _Opener(_redis, _redis_async),
    "unix": _Opener(_redis, _redis_async),
    "s3": _Opener(_s3, _s3_async),
}
