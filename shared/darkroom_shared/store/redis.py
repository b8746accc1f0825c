"""Runs ledger operations on Redis or Valkey: one executor for each colour, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Protocol, Self, TypeVar, cast

import redis
import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.commands.core import AsyncScript
from redis.commands.core import Script as RedisScript
from redis.exceptions import RedisError

from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.store.keys import Keys
from darkroom_shared.store.loading import arguments, source
from darkroom_shared.store.operation import Command, Operation

T = TypeVar("T")

PATIENCE_S = 15.0
"""How long a worker waits for one answer: it holds paid work, and a ledger that is slow for a while must not cost it a call."""
CONNECT_TIMEOUT_S = 5.0
RESENDS = 3
LONGEST_BLOCK_S = 10.0
"""No blocking read asks for more; one that takes longer, and the patience on top, has lost its connection."""


def _unavailable(error: RedisError | str, doing: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"The ledger could not {doing}: {error}. Check that Redis runs, is writable and has memory left (`darkroom doctor` looks)."
    )


def _doing(operation: Operation[T]) -> str:
    return "be read" if isinstance(operation, Command) else operation.name


class _Commands(Protocol):
    """The one untyped method of redis-py that is used here."""

    def execute_command(self, *words: str | int) -> object: ...


class _AsyncCommands(Protocol):
    def execute_command(self, *words: str | int) -> Awaitable[object]: ...


class _Closable(Protocol):
    async def aclose(self) -> None: ...


class Ledger:
    """The ledger for synchronous callers. Threads may share it.

    Args:
        url: `redis://`, `rediss://` or `unix://` address of a Redis 6.2+ or Valkey server (one server, no cluster).
        prefix: in front of every key.
        patience_s: how long to wait for one answer before the ledger counts as away. Nothing is asked twice by itself.
    """

    def __init__(self, url: str, prefix: str = "dr:", patience_s: float = PATIENCE_S) -> None:
        self.keys = Keys(prefix)
        connect_s = min(CONNECT_TIMEOUT_S, patience_s)
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=patience_s,
            socket_connect_timeout=connect_s,
            health_check_interval=10,
            client_name="darkroom",
        )
        # A blocking read outlives the patience on purpose, but not for ever: a connection can die without a word.
        self._blocking = redis.Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=LONGEST_BLOCK_S + patience_s,
            socket_connect_timeout=connect_s,
        )
        self._scripts: dict[str, RedisScript] = {}

    def run(self, operation: Operation[T]) -> T:
        """Does it.

        Raises:
            LedgerUnavailable: Redis is away, full or read-only. A full or read-only server refuses a script's first write, so
                nothing has changed; where only the answer was lost the script may have run.
        """
        try:
            if isinstance(operation, Command):
                words = operation.words(self.keys)
                client = self._blocking if "BLOCK" in words else self._redis
                return operation.parse(cast(_Commands, client).execute_command(*words))
            script = self._scripts.get(operation.name)
            if script is None:
                script = self._scripts[operation.name] = self._redis.register_script(source(operation.name))
            return operation.parse(script(keys=[self.keys.prefix], args=[arguments(operation.args)]))
        except RedisError as error:
            raise _unavailable(error, _doing(operation)) from error

    def ping(self) -> None:
        """Asks for a script run, not only for a PONG: a server without Lua is of no use.

        Raises:
            LedgerUnavailable: no answer, or no Lua.
        """
        try:
            self._redis.eval("return 1", 0)
        except RedisError as error:
            raise _unavailable(error, "be reached") from error

    def close(self) -> None:
        """Gives the connections back."""
        self._redis.close()
        self._blocking.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class WakeChannel:
    """The channel on which the ledger says that an admission loop should look again."""

    def __init__(self, channel: PubSub) -> None:
        self._channel = channel

    async def wait(self, timeout_s: float) -> bool:
        """Waits for a word; False if the time ran out first. Words that came together count once."""
        heard = await self._channel.get_message(timeout=timeout_s) is not None
        while heard and await self._channel.get_message(timeout=0) is not None:
            pass
        return heard


class AsyncLedger:
    """The ledger for asyncio callers. Belongs to the loop that first uses it; see `Ledger` for the arguments."""

    def __init__(self, url: str, prefix: str = "dr:", patience_s: float = PATIENCE_S, *, max_connections: int = 64) -> None:
        self.keys = Keys(prefix)
        self._patience_s = patience_s
        connect_s = min(CONNECT_TIMEOUT_S, patience_s)
        # A script takes well under a millisecond: a few connections serve a thousand calls, which wait for one rather than fail.
        # Each new connection costs redis-py 8 several milliseconds of CPU (it looks its own version up).
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            decode_responses=True,
            protocol=2,
            # Not redis-py's own time-out: it sends under asyncio.wait_for, which in Python 3.11 can swallow a cancellation, and
            # then a worker does not stop. `run` has one around the whole operation instead.
            socket_timeout=None,
            socket_connect_timeout=connect_s,
            health_check_interval=10,
            client_name="darkroom",
            max_connections=max_connections,
            timeout=patience_s,
            # A connection that was cut is found out by the next command: sent again, it is only late. All may be repeated.
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), RESENDS),
        )
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._blocking = redis.asyncio.Redis.from_url(
            url, decode_responses=True, protocol=2, socket_timeout=None, socket_connect_timeout=connect_s
        )
        self._scripts: dict[str, AsyncScript] = {}

    async def run(self, operation: Operation[T]) -> T:
        """Does it; see `Ledger.run`."""
        limit_s = self._patience_s
        try:
            if isinstance(operation, Command):
                words = operation.words(self.keys)
                client = self._blocking if "BLOCK" in words else self._redis
                limit_s += LONGEST_BLOCK_S if "BLOCK" in words else 0
                async with asyncio.timeout(limit_s):
                    return operation.parse(await cast(_AsyncCommands, client).execute_command(*words))
            script = self._scripts.get(operation.name)
            if script is None:
                script = self._scripts[operation.name] = self._redis.register_script(source(operation.name))
            async with asyncio.timeout(limit_s):
                answer = await script(keys=[self.keys.prefix], args=[arguments(operation.args)])
            return operation.parse(answer)
        except RedisError as error:
            raise _unavailable(error, _doing(operation)) from error
        except TimeoutError as error:
            raise _unavailable(f"no answer within {limit_s:g} s", _doing(operation)) from error

    @asynccontextmanager
    async def wakes(self) -> AsyncGenerator[WakeChannel]:
        """Listens on the wake channel for the length of an `async with` block.

        Raises:
            LedgerUnavailable: Redis is away, now or while waiting.
        """
        channel = self._blocking.pubsub(ignore_subscribe_messages=True)
        try:
            try:
                async with asyncio.timeout(self._patience_s):
                    await channel.subscribe(self.keys.wake)
            except TimeoutError as error:
                raise _unavailable(f"no answer within {self._patience_s:g} s", "be listened to") from error
            yield WakeChannel(channel)
        except RedisError as error:
            raise _unavailable(error, "be listened to") from error
        finally:
            await cast(_Closable, channel).aclose()

    async def close(self) -> None:
        """Gives the connections back."""
        await self._redis.aclose()
        await self._blocking.aclose()
