"""Many requests from one call, only so many of them open at a time; in both colours."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, Unpack

from darkroom.options import SubmitOptions
from darkroom.requests import Request
from darkroom_shared.contract.views import JobView
from darkroom_shared.core.errors import DarkroomError, InvalidRequest
from darkroom_shared.core.problems import Problem

MOST_OPEN: Final = 1000
Progress: TypeAlias = bool | Callable[[int, int | None], object]
"""True for a bar in the terminal; or what is called with how many are done, and of how many, None if nobody knows."""
_Tell: TypeAlias = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Mapped:
    """What came of one of many requests.

    Attributes:
        number: its place, from 0.
        view: its job, ended; None if it was not submitted.
        error: why it was not; None if it was.
    """

    number: int
    view: JobView | None
    error: DarkroomError | None = None

    @property
    def is_good(self) -> bool:
        """Whether there are results."""
        return self.view is not None and bool(self.view.outputs)


class Mappers:
    """The part of `Darkroom` that does many requests."""

    submit: Callable[..., Any]

    def map(
        self, requests: Iterable[Request], *, concurrency: int = 8, progress: Progress = False, **options: Unpack[SubmitOptions]
    ) -> Iterator[Mapped]:
        """Submits requests, at most `concurrency` of them open at a time, and gives what came of them in their order.

        One that is refused, or ends badly, stops no other: look at `error` and `view`. `batch` is for more than this process should
        wait for.

        Args:
            requests: read as they are needed, so that a generator of any length will do.
            concurrency: jobs that are open at once, 1 to 1000.
            progress: True for a bar in the terminal, or a function that is called with how many are done, and of how many.
            options: of every job, see `SubmitOptions`. An idempotency key is one job's, so that none can be given.

        Raises:
            InvalidRequest: the concurrency is out of range, or a key is given.
        """
        _check(concurrency, options)
        return self._mapped(requests, concurrency, progress, options)

    def _mapped(
        self, requests: Iterable[Request], concurrency: int, progress: Progress, options: SubmitOptions
    ) -> Generator[Mapped]:
        source, open_, number, done = iter(requests), deque[tuple[int, Any]](), 0, 0
        with _telling(progress, requests) as tell:
            while True:
                while len(open_) < concurrency and (request := next(source, None)) is not None:
                    try:
                        open_.append((number, self.submit(request, **options)))
                    except DarkroomError as error:
                        open_.append((number, error))
                    number += 1
                if not open_:
                    return
                place, first = open_.popleft()
                found = Mapped(place, None, first) if isinstance(first, DarkroomError) else Mapped(place, first.wait())
                done += 1
                tell(done)
                yield found


class AsyncMappers:
    """`Mappers` for asyncio."""

    submit: Callable[..., Any]

    async def map(
        self, requests: Iterable[Request], *, concurrency: int = 8, progress: Progress = False, **options: Unpack[SubmitOptions]
    ) -> AsyncIterator[Mapped]:
        """See `Darkroom.map`."""
        _check(concurrency, options)
        source, open_, number, done = iter(requests), deque[tuple[int, Any]](), 0, 0
        with _telling(progress, requests) as tell:
            while True:
                while len(open_) < concurrency and (request := next(source, None)) is not None:
                    try:
                        open_.append((number, await self.submit(request, **options)))
                    except DarkroomError as error:
                        open_.append((number, error))
                    number += 1
                if not open_:
                    return
                place, first = open_.popleft()
                found = Mapped(place, None, first) if isinstance(first, DarkroomError) else Mapped(place, await first.wait())
                done += 1
                tell(done)
                yield found


def _check(concurrency: int, options: SubmitOptions) -> None:
    problems: list[Problem] = []
    if not 1 <= concurrency <= MOST_OPEN:
        problems.append(Problem("/concurrency", f"{concurrency} is no concurrency", {"minimum": 1, "maximum": MOST_OPEN}))
    if options.get("idempotency_key") is not None:
        problems.append(Problem("/options/idempotency_key", "one key cannot be for many jobs", "none"))
    if problems:
        raise InvalidRequest(problems)


@contextmanager
def _telling(progress: Progress, requests: Iterable[Request]) -> Generator[_Tell]:
    total = len(requests) if isinstance(requests, Sized) else None
    if progress is False:
        yield lambda _: None
    elif progress is not True:
        yield lambda done: progress(done, total)
    else:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("jobs", total=total)
            yield lambda done: bar.update(task, completed=done)
