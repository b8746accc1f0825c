"""A Redis or Valkey server that may have a search module: whether it has one that can keep vectors, and what it may be asked.

Only what RediSearch 2.4 and valkey-search 1.0 both know is used, so that nothing here asks which of the two it is: no SORTBY (the
second had none at first), no escapes in tags (they differ), database 0 (the first indexes no other).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeAlias, cast
from urllib.parse import urlsplit

import redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from darkroom_shared.core.errors import StorageUnavailable
from darkroom_shared.store.answers import items, text, whole

Word: TypeAlias = str | bytes | int
PATIENCE_S: Final = 30.0
"""For one answer, and for a server that reads its vectors anew."""
SEARCH_MS: Final = 20_000
"""What a search may take; some servers would give a part of the answer after half a second, without a word."""
_POLL_S: Final = 0.05
_FIRST_WITH_VECTORS: Final = 20_400
_REDISEARCH_2: Final = 20_000


class Talk(Protocol):
    """The one untyped method of redis-py that is used here."""

    def execute_command(self, *words: Word) -> object: ...


class _Batch(Talk, Protocol):
    def execute(self) -> list[object]: ...


class SearchServer:
    """A server by its address.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        name: what messages call it; the address may hold a password.
    """

    def __init__(self, url: str, name: str = "") -> None:
        self._url = url
        self.name = name or f"the server at {_place(url)}"

    def refusal(self) -> str | None:
        """Why no vectors can be kept there; None if they can.

        Raises:
            StorageUnavailable: it does not answer.
        """
        with self.talk("be asked for") as talk:
            try:
                talk.execute_command("FT._LIST")
            except NoPermissionError:
                return f"{self.name} lets its user not ask for the search module (FT._LIST)"
            except ResponseError as error:
                if "unknown command" not in str(error).lower():
                    raise
                return f"{self.name} has no search module"
            version = _version(talk)
        if _REDISEARCH_2 <= version < _FIRST_WITH_VECTORS:
            return f"the search module of {self.name} knows no vectors: it is RediSearch {_dotted(version)}, and 2.4 is the first"
        database = _database(self._url)
        return f"{self.name} is asked for its database {database}, and search modules index database 0" if database else None

    @contextmanager
    def talk(self, doing: str) -> Generator[Talk]:
        """A connection for some questions, with bytes for answers.

        Args:
            doing: ends "could not …".

        Raises:
            StorageUnavailable: no answer, no permission, or no memory left.
        """
        try:
            with _client(self._url) as client:
                yield cast(Talk, client)
        except RedisError as error:
            why = str(error).rstrip(".")
            raise StorageUnavailable(
                f"The vectors in {self.name} could not {doing}: {why}. DARKROOM_SEARCH_FOLDER keeps them in files instead."
            ) from error


def together(talk: Talk, commands: Sequence[Sequence[Word]]) -> list[object]:
    """Runs commands as one (MULTI and EXEC): all or none. Their answers in order."""
    with cast(redis.Redis, talk).pipeline(transaction=True) as pipeline:
        batch = cast(_Batch, pipeline)
        for words in commands:
            batch.execute_command(*words)
        return batch.execute()


def in_a_row(talk: Talk, commands: Sequence[Sequence[Word]]) -> list[object]:
    """Sends commands in one go; others may come between them. Their answers in order."""
    with cast(redis.Redis, talk).pipeline(transaction=False) as pipeline:
        batch = cast(_Batch, pipeline)
        for words in commands:
            batch.execute_command(*words)
        return batch.execute()


def ready(talk: Talk, name: str, prefix: str, dimension: int) -> None:
    """Sees to it that the module has an index of all hashes whose keys begin so, and has read those that are there already.

    Raises:
        StorageUnavailable: that takes too long.
        RedisError.
    """
    end_s = time.monotonic() + PATIENCE_S
    while _reads(_info(talk, name, prefix, dimension)):
        if time.monotonic() > end_s:
            raise StorageUnavailable(f"The search module still reads the vectors of the index {name}. Try again in a minute.")
        time.sleep(_POLL_S)  # it tells nobody when it is through


def _info(talk: Talk, name: str, prefix: str, dimension: int) -> object:
    """FT.INFO of the index, which is made if there is none. The words for "there is none" differ from module to module."""
    try:
        return talk.execute_command("FT.INFO", name)
    except NoPermissionError:
        raise
    except ResponseError:
        try:
            talk.execute_command("FT.CREATE", name, "ON", "HASH", "PREFIX", 1, prefix, *_schema(dimension))
        except NoPermissionError:
            raise
        except ResponseError as error:
            refused = error
        else:
            return talk.execute_command("FT.INFO", name)
    try:
        return talk.execute_command("FT.INFO", name)  # somebody else made it just now
    except ResponseError:
        raise refused from None


def _schema(dimension: int) -> Sequence[Word]:
    # FLAT compares with every vector: the same answers as from the files, and no parameter that somebody would have to know.
    vector = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", dimension, "DISTANCE_METRIC", "COSINE")
    return ("SCHEMA", "tenant", "TAG", "vector", *vector)


def _reads(info: object) -> bool:
    flat = items(info)
    told = {text(name): value for name, value in zip(flat[::2], flat[1::2], strict=False)}
    busy = told.get("indexing", told.get("backfill_in_progress", 0))
    return text(busy) != "0"


def nearest(talk: Talk, name: str, tenant: str, wanted: bytes, count: int) -> list[tuple[str, str, float]]:
    """Key, entry and cosine of the nearest hashes of a tenant, in no order.

    Args:
        tenant: its tag; letters and digits only.
        wanted: the vector as little-endian float32.
        count: how many.
    """
    query = f"(@tenant:{{{tenant}}})=>[KNN {count} @vector $wanted AS distance]"
    words = ("PARAMS", 2, "wanted", wanted, "LIMIT", 0, count, "RETURN", 2, "entry", "distance", "TIMEOUT", SEARCH_MS)
    answer = items(talk.execute_command("FT.SEARCH", name, query, *words, "DIALECT", 2))
    found: list[tuple[str, str, float]] = []
    for key, fields in zip(answer[1::2], answer[2::2], strict=True):
        flat = [text(one) for one in items(fields)]
        told = dict(zip(flat[::2], flat[1::2], strict=True))
        if "entry" in told:  # else it was removed while it was read
            found.append((text(key), told["entry"], 1.0 - float(told["distance"])))
    return found


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, protocol=2, socket_timeout=PATIENCE_S, socket_connect_timeout=5, client_name="darkroom")


def _version(talk: Talk) -> int:
    """Version of the module called search, `20615` for 2.6.15; 0 if it is not told."""
    try:
        modules = [items(module) for module in items(talk.execute_command("MODULE", "LIST"))]
    except ResponseError:  # hosted servers forbid it
        return 0
    told = [{text(name): value for name, value in zip(module[::2], module[1::2], strict=False)} for module in modules]
    return next((whole(module["ver"]) for module in told if "ver" in module and text(module.get("name")) == "search"), 0)


def _dotted(version: int) -> str:
    return f"{version // 10_000}.{version // 100 % 100}.{version % 100}"


def _database(url: str) -> int:
    with _client(url) as client:
        return int(cast("dict[str, int]", client.connection_pool.connection_kwargs).get("db") or 0)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
