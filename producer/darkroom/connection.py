"""Finds the ledger and the asset store, and grants the wishes of flows: one driver for each colour, and nothing else."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from darkroom.effects import Ask, Flow, GetAsset, Publish, PutAsset, PutReceipt, Sources, Wish, Work
from darkroom.embedded.stack_file import read_stack, with_stack
from darkroom.options import WORD_RULE, is_word
from darkroom_shared import failpoints
from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.settings import Settings
from darkroom_shared.storage import open_async_store, open_store
from darkroom_shared.store.ops import Hint
from darkroom_shared.store.redis import AsyncLedger, Ledger

if TYPE_CHECKING:
    from darkroom_shared.broker import Publisher

T = TypeVar("T")

LEDGER_PATIENCE_S = 4.0
"""A submit must say within 5 s that it could not record the job: whoever calls has somebody waiting."""
BROKER_PATIENCE_S = 1.0
"""The job is recorded by then, and every worker tells the broker of it again: not worth a wait."""
BROKER_TRIES = 2
"""The second one is for a connection that was lost since the last submit."""
BROKER_REST_S = 5.0
"""A broker that has just failed is left alone, so that an outage makes one submit slow and not every one."""

REAL_SOURCES = Sources(lambda: time.time_ns() // 1_000_000, time.monotonic, os.urandom)


def complete_settings(url: str | None, settings: Settings | None) -> Settings:
    """The settings with an address of the ledger in them: the given one, else the settings' own, else the running stack's.

    Raises:
        Misconfigured: there is no ledger, its address cannot be read or has a scheme that is not supported, or a default that
            jobs would take from the settings is not allowed.
    """
    known = settings or Settings()
    failpoints.arm(known.failpoints)
    for name, word in (("DARKROOM_TENANT", known.tenant), ("DARKROOM_REGION", known.region)):
        if not is_word(word):
            raise Misconfigured(f"{name} is {word[:80]!r}; allowed are {WORD_RULE}.")
    address = url or known.redis_url
    if address:
        _check_address(address)
        return known.model_copy(update={"redis_url": address})
    stack = read_stack(known.home_folder)
    if stack is None:
        raise Misconfigured(
            f"No ledger: nothing runs in {known.home_folder} and no address is set. Start `darkroom up` in another terminal, "
            "or set DARKROOM_REDIS_URL."
        )
    return with_stack(known, stack)


def ledger_of(settings: Settings) -> Ledger:
    """The ledger for a question or two, to be closed (it is its own `with` block). Raises Misconfigured."""
    known = complete_settings(None, settings)
    return Ledger(known.redis_url, known.key_prefix, LEDGER_PATIENCE_S)


def _check_address(address: str) -> None:
    # Messages never show the whole address: it may hold a password.
    scheme = address.partition("://")[0].lower()
    if scheme in ("http", "https"):
        raise Misconfigured(
            "This client does not speak HTTP yet: give the ledger's own address (redis://, rediss:// or unix://), or call the API."
        )
    if scheme not in ("redis", "rediss", "unix"):
        raise Misconfigured(f"The ledger's address has the scheme {scheme[:20]!r}; allowed are redis://, rediss://, unix://")
    try:
        _ = urlsplit(address).port
    except ValueError:
        raise Misconfigured(
            "The ledger's address (DARKROOM_REDIS_URL) cannot be read: its host or port is wrong. "
            "Write for example redis://127.0.0.1:6379/0."
        ) from None


class _Broker:
    """Celery's side of a client, made at the first hint: its import and its connections cost time that a reader does not need."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._publisher: Publisher | None = None
        self._lock = threading.Lock()
        self._rests_until_s = 0.0

    def publish(self, hints: Sequence[Hint]) -> int:
        """How many hints the broker took. The others are sent by a worker."""
        if time.monotonic() < self._rests_until_s:
            return 0
        with self._lock:
            if self._publisher is None:
                from darkroom_shared.broker import Publisher, create_app

                self._publisher = Publisher(create_app(self._settings, patience_s=BROKER_PATIENCE_S, tries=BROKER_TRIES))
        sent = self._publisher.publish([(hint.call_id, hint.fence, hint.task_name, hint.queue) for hint in hints])
        if sent < len(hints):
            self._rests_until_s = time.monotonic() + BROKER_REST_S
        return sent

    def close(self) -> None:
        """Gives the connections back."""
        if self._publisher is not None:
            self._publisher.close()


class Connection:
    """Runs flows in the calling thread. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger(settings.redis_url, settings.key_prefix, LEDGER_PATIENCE_S)
        self.store = open_store(settings.store_url)
        self._broker = _Broker(settings)

    def run(self, flow: Flow[T]) -> T:
        """Runs a flow to its end and gives its result, or raises what the flow raises."""
        answer: object = None
        error: Exception | None = None
        while True:
            try:
                wish = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                answer, error = self._grant(wish), None
            except Exception as raised:
                error = raised

    def _grant(self, wish: Wish) -> object:
        match wish:
            case Ask(operation):
                return self.ledger.run(operation)
            case PutAsset(data, media_type):
                return self.store.put(data, media_type)
            case PutReceipt(name, data):
                self.store.put_receipt(name, data)
                return None
            case GetAsset(sha256):
                return self.store.get(sha256)
            case Publish(hints):
                return self._broker.publish(hints)
            case Work(function):
                return function()

    def close(self) -> None:
        """Gives all connections back."""
        self.ledger.close()
        self.store.close()
        self._broker.close()


class AsyncConnection:
    """Runs flows on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = AsyncLedger(settings.redis_url, settings.key_prefix, LEDGER_PATIENCE_S)
        self.store = open_async_store(settings.store_url)
        self._broker = _Broker(settings)

    async def run(self, flow: Flow[T]) -> T:
        """Runs a flow to its end and gives its result, or raises what the flow raises."""
        answer: object = None
        error: Exception | None = None
        while True:
            try:
                wish = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                answer, error = await self._grant(wish), None
            except Exception as raised:
                error = raised

    async def _grant(self, wish: Wish) -> object:
        match wish:
            case Ask(operation):
                return await self.ledger.run(operation)
            case PutAsset(data, media_type):
                return await self.store.put(data, media_type)
            case PutReceipt(name, data):
                await self.store.put_receipt(name, data)
                return None
            case GetAsset(sha256):
                return await self.store.get(sha256)
            case Publish(hints):
                return await asyncio.to_thread(self._broker.publish, hints)
            case Work(function):
                return await asyncio.to_thread(function)

    async def close(self) -> None:
        """Gives all connections back."""
        await self.ledger.close()
        await self.store.close()
        await asyncio.to_thread(self._broker.close)
