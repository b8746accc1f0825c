"""Lets one test body drive the sync and the async client: the async one behind a front that awaits every answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from inspect import isawaitable
from typing import cast

from darkroom import AsyncDarkroom, AsyncJobHandle, AsyncWorkflowHandle, Darkroom, Settings


class _Front:
    """Looks like the sync object; runs what the async one gives back on one event loop."""

    def __init__(self, behind: object, runner: asyncio.Runner) -> None:
        self._behind = behind
        self._runner = runner

    def __getattr__(self, name: str) -> object:
        return _plain(getattr(self._behind, name), self._runner)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Front) and self._behind == other._behind

    def __hash__(self) -> int:
        return hash(self._behind)


def _plain(value: object, runner: asyncio.Runner) -> object:
    if isinstance(value, AsyncJobHandle | AsyncWorkflowHandle):
        return _Front(value, runner)
    if isawaitable(value):
        return _plain(runner.run(_awaited(cast("Awaitable[object]", value))), runner)
    if isinstance(value, AsyncIterator):
        return _iterated(cast("AsyncIterator[object]", value), runner)
    if isinstance(value, Mapping):
        return {name: _plain(item, runner) for name, item in cast("Mapping[str, object]", value).items()}
    return _Called(value, runner) if callable(value) else value


class _Called:
    """A method of the async object whose answer is awaited."""

    def __init__(self, behind: Callable[..., object], runner: asyncio.Runner) -> None:
        self._behind = behind
        self._runner = runner

    def __call__(self, *args: object, **kwargs: object) -> object:
        return _plain(self._behind(*args, **kwargs), self._runner)


async def _awaited(value: Awaitable[object]) -> object:
    return await value


def _iterated(values: AsyncIterator[object], runner: asyncio.Runner) -> Iterator[object]:
    end = object()

    async def following() -> object:
        return await anext(values, end)

    while (value := runner.run(following())) is not end:
        yield value


def async_front(settings: Settings, runner: asyncio.Runner) -> Darkroom:
    """An AsyncDarkroom that can be used like a Darkroom."""
    return cast("Darkroom", _Front(AsyncDarkroom(settings=settings), runner))
