"""Listening for everybody: one reader of the ledger's feed, however many listeners there are.

An idle listener costs a queue and a place in a table: no connection to the ledger, no polling. A listener that does not keep up
loses its events, not the others', and is told so; a reset tells the same after the feed was out of reach for too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Generator
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

from darkroom_shared.core.errors import Unavailable
from darkroom_shared.store import feed
from darkroom_shared.store.feed import FeedEvent
from darkroom_shared.store.redis import AsyncLedger

Kind = Literal["job", "workflow", "tenant", "all"]

LONGEST_QUEUE: Final = 256
"""Events that may wait for one listener."""
BLOCK_MS: Final = 5_000
PAUSE_S: Final = 0.5
_LOG = logging.getLogger(__name__)


class Topic(NamedTuple):
    """What is listened to: one job, one workflow, one tenant, or everything, whose name is empty."""

    kind: Kind
    name: str = ""


class Lost(Exception):
    """Events of this listener were dropped: it must look at the whole again."""


class Stopped(Exception):
    """The process is about to end: there will be no more events."""


class Listener:
    """One who listens to a topic."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[FeedEvent | None] = asyncio.Queue(LONGEST_QUEUE)
        self._lost = self._stopped = False

    def offer(self, event: FeedEvent) -> None:
        """Hands it an event; one too many empties the queue and counts as lost."""
        if self._events.full():
            self.lose()
        else:
            self._events.put_nowait(event)

    def lose(self) -> None:
        """Drops what waits."""
        self._lost = True
        while not self._events.empty():
            self._events.get_nowait()
        self.wake()

    def wake(self) -> None:
        """Makes whoever waits look up."""
        if self._events.empty():
            self._events.put_nowait(None)

    def stop(self) -> None:
        """Tells that there will be no more."""
        self._stopped = True
        self.wake()

    async def next(self, timeout_s: float) -> FeedEvent | None:
        """The next event, or None if there was none in that time.

        Raises:
            Lost: once after events were dropped.
            Stopped: the process is about to end.
        """
        found: FeedEvent | None = None
        if not (self._lost or self._stopped):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    found = await self._events.get()
        if self._stopped:
            raise Stopped
        if self._lost:
            self._lost = False
            raise Lost
        return found

    async def changed(self, timeout_s: float) -> None:
        """Waits for any event, or for so long; less if the process is about to end."""
        with contextlib.suppress(Lost):
            await self.next(timeout_s)


class Hub:
    """Reads the feed once and hands events on. Use it as an async context manager; belongs to one event loop.

    Args:
        ledger: whose feed is read; the hub holds one connection of it.
    """

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger
        self._listeners: dict[Topic, set[Listener]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        self._stopped = False

    @staticmethod
    def clock() -> float:
        """Seconds of the loop's clock."""
        return asyncio.get_running_loop().time()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return sum(len(found) for found in self._listeners.values())

    @contextlib.contextmanager
    def listen(self, kind: Kind, name: str = "") -> Generator[Listener]:
        """A listener to a job, a workflow, a tenant or everything, for the length of the block. Listen first, look second."""
        listener, topic = Listener(), Topic(kind, name)
        if self._stopped:
            listener.stop()
        self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            self._listeners[topic].discard(listener)
            if not self._listeners[topic]:
                del self._listeners[topic]

    def stop(self) -> None:
        """Lets all listeners go: the process is about to end."""
        self._stopped = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.stop()

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._read(), name="feed")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        place = ""
        while True:
            try:
                if not place:
                    place = await self._ledger.run(feed.end())
                for event in await self._ledger.run(feed.read(place, BLOCK_MS)):
                    place = event.place
                    self._hand_on(event)
            except Unavailable as error:
                _LOG.warning("The feed cannot be read: %s", error)
                await asyncio.sleep(PAUSE_S)
                # What was trimmed meanwhile cannot be told any more, and a ledger that was restored may count anew.
                place = await self._resumed(place)

    async def _resumed(self, place: str) -> str:
        """Where to go on after an outage; everybody looks again if that is not where it stopped."""
        try:
            first, last = await self._ledger.run(feed.beginning()), await self._ledger.run(feed.end())
        except Unavailable:
            return place
        if place and order(first) <= order(place) <= order(last):
            return place
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.lose()
        return last

    def _hand_on(self, event: FeedEvent) -> None:
        topics: list[Topic] = [Topic("job", event.job), Topic("tenant", event.tenant), Topic("all")]
        if event.workflow:
            topics.append(Topic("workflow", event.workflow))
        for topic in topics:
            for listener in self._listeners.get(topic, ()):
                listener.offer(event)


def order(place: str) -> tuple[int, int]:
    """A place in the feed as numbers that sort. Raises ValueError for what is none."""
    ms, _, number = place.partition("-")
    return int(ms), int(number or 0)
