"""One call of the command line: its settings, its environment and the two streams it writes to, handed to every command."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from darkroom.embedded.stack_file import StackInfo, read_stack, with_stack
from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.settings import Settings

if TYPE_CHECKING:
    from darkroom import Darkroom

NO_LEDGER = (
    "There is no ledger to talk to: no darkroom stack runs in {home} and DARKROOM_REDIS_URL is not set. "
    "Start one with `darkroom up` in another terminal, or set DARKROOM_REDIS_URL to your Redis."
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What `main` hands down.

    Attributes:
        load_settings: reads the settings; raises Misconfigured with a sentence for a value out of its range.
        environment: the environment of the process, for child processes.
        out: standard output, for data.
        err: standard error, for talk.
    """

    load_settings: Callable[[], Settings]
    environment: Mapping[str, str]
    out: Console
    err: Console

    @classmethod
    def of(cls, context: typer.Context) -> Invocation:
        """The invocation that a command runs in."""
        found: object = context.find_root().obj
        assert isinstance(found, Invocation)
        return found

    def settings(self) -> Settings:
        """The settings, with the addresses of the stack that runs in `home` where no Redis was named."""
        settings = self.load_settings()
        stack = self.stack(settings)
        return settings if stack is None else with_stack(settings, stack)

    @staticmethod
    def stack(settings: Settings) -> StackInfo | None:
        """The stack that runs in `home`, unless a Redis was named."""
        return None if settings.redis_url else read_stack(settings.home_folder)

    @contextmanager
    def room(self) -> Generator[Darkroom]:
        """The client, closed at the end.

        Raises:
            Misconfigured: no Redis was named and no stack runs.
        """
        from darkroom import Darkroom, DarkroomWarning, DeadlineWarning, ModelRetiredWarning

        settings = self.settings()
        if not settings.redis_url:
            raise Misconfigured(NO_LEDGER.format(home=settings.home_folder))
        with warnings.catch_warnings(), Darkroom(settings=settings) as room:
            # The commands tell the warnings of a view or a plan themselves, once and without a line of source.
            warnings.filterwarnings("ignore", category=DarkroomWarning)
            # Only the submit itself knows of these.
            warnings.filterwarnings("always", category=DeadlineWarning)
            warnings.filterwarnings("always", r"\S+ is marked as retired", ModelRetiredWarning)
            warnings.showwarning = self._tell_warning
            yield room

    def _tell_warning(self, message: Warning | str, *_: object, **__: object) -> None:
        self.say(f"Warning: {message}")

    def document(self, value: object) -> None:
        """Writes one JSON document with nothing around it."""
        self.line(json.dumps(value, indent=2, ensure_ascii=False))

    def line(self, text: str) -> None:
        """Writes a line of data as it is: no colour, no wrapping."""
        self.out.file.write(text + "\n")
        self.out.file.flush()

    def say(self, text: str) -> None:
        """Tells a person something; rich's markup is not read."""
        self.err.print(text, markup=False, highlight=False, soft_wrap=True)
