"""One thing that is wrong with a request: where, what, and what would be allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding about a request body.

    Attributes:
        pointer: RFC 6901 JSON pointer to the value; `""` is the whole body.
        message: one plain English sentence that names the value found.
        allowed: what would have been accepted, as JSON (a sentence, a list of values, a `{"minimum", "maximum"}` pair), or None
            where the message says all there is to say.
    """

    pointer: str
    message: str
    allowed: str | Sequence[object] | Mapping[str, object] | None = None

    def as_json(self) -> dict[str, object]:
        """The wire form: `{"pointer", "message", "allowed"}`."""
        return {"pointer": self.pointer, "message": self.message, "allowed": self.allowed}


def pointer(parts: Iterable[str | int]) -> str:
    """Joins path parts to an RFC 6901 pointer (`~` and `/` escaped); no parts give `""`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
