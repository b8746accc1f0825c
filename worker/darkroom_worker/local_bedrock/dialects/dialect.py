"""What a dialect must be able to say, and what it says it about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from darkroom_shared.core.problems import Problem
from darkroom_worker.local_bedrock.filters import Filter
from darkroom_worker.local_bedrock.pictures import Pictures
from darkroom_worker.local_bedrock.wire import ServiceError

NOT_BASE64 = b"*** this is not base64 ***"
"""What the fault `bad-base64` puts in the place of a picture."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The work on a request, done.

    Attributes:
        pictures: all that were made.
        seed: the one that made them; None for a family whose answers do not tell it.
        filtered: the filter that strikes the output, if any.
        body: what was asked, for a family that answers with words.
    """

    pictures: Pictures
    seed: int | None
    filtered: Filter | None
    body: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of status 200.

    Attributes:
        body: its JSON.
        sha256: hashes of the bytes of the good pictures in it.
    """

    body: bytes
    sha256: tuple[str, ...] = ()


class Dialect(Protocol):
    """The words of a family of models."""

    def malformed(self, problems: Sequence[Problem], body: Mapping[str, object], schema: Mapping[str, object] | None) -> str:
        """The message of the ValidationException for a body with these problems, at least one."""
        ...

    def refused(self, kind: Filter) -> ServiceError | Told | None:
        """What a filter says before any work; None if it strikes only what comes out."""
        ...

    def answer(self, drawn: Drawn) -> Told:
        """The answer with the pictures that pass the filter."""
        ...

    def intervened(self, added: Mapping[str, object]) -> bytes:
        """The answer to a call in which a guardrail stepped in; `added`: what the guardrail itself says in it."""
        ...

    def without_images(self, seed: int | None) -> bytes:
        """An answer that should hold pictures and holds none."""
        ...

    def not_base64(self, seed: int | None) -> bytes:
        """An answer with something else in the place of a picture."""
        ...

    def inference_error(self, seed: int | None) -> bytes:
        """A 200 that tells of a failure of the model."""
        ...


def quoted(texts: Iterable[bytes]) -> bytes:
    """A JSON list of strings that need no escapes."""
    return b"[" + b",".join(b'"' + text + b'"' for text in texts) + b"]"
