"""Names a guardrail of Amazon Bedrock, and says in words why one stepped in.

The forms of identifier and version are those of the service model: an id of lower-case letters and digits or an ARN, at most 2,048
characters; a version from 1 to 99,999,999, or DRAFT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

Gate = Literal["prompt", "input", "output"]
"""What a guardrail is asked about besides the call itself: the texts of a request, its pictures, the pictures that were made."""
GATES: Final[tuple[Gate, ...]] = ("prompt", "input", "output")
INTERVENED: Final = "guardrail_intervened"
"""Code of what a guardrail kept back."""
RULE: Final = "ID:VERSION, with an id of a-z and 0-9 or an ARN, and a version from 1 to 99999999 or DRAFT"

_LONGEST: Final = 2048
_ID: Final = re.compile(r"[a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+", re.ASCII)
_VERSION: Final = re.compile(r"[1-9][0-9]{0,7}|DRAFT", re.ASCII)
_LISTS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("contentPolicy", "filters", "type", "content filter"),
    ("topicPolicy", "topics", "name", "topic"),
    ("wordPolicy", "managedWordLists", "type", "word list"),
    ("wordPolicy", "customWords", "", "a word of the guardrail's own list"),
    ("sensitiveInformationPolicy", "piiEntities", "type", "personal data"),
    ("sensitiveInformationPolicy", "regexes", "name", "pattern"),
)
"""Where assessments name what was found; the `match` beside some names is a part of the text, and is never told."""
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One version of a guardrail."""

    id: str
    """An id or an ARN."""
    version: str

    def __str__(self) -> str:
        """`ID:VERSION`, the form that `parse_guardrail` reads."""
        return f"{self.id}:{self.version}"


def parse_guardrail(text: str) -> Guardrail:
    """Reads `ID:VERSION`.

    >>> parse_guardrail("abc123:DRAFT")
    Guardrail(id='abc123', version='DRAFT')

    Raises:
        ValueError: it is not of this form.
    """
    name, _, version = text.rpartition(":")
    if len(name) > _LONGEST or not _ID.fullmatch(name) or not _VERSION.fullmatch(version):
        raise ValueError(f"{text[:80]!r} is no guardrail")
    return Guardrail(name, version)


def is_guardrail(text: str) -> bool:
    """Whether it is `ID:VERSION`."""
    try:
        parse_guardrail(text)
    except ValueError:
        return False
    return True


def findings_of(assessments: object) -> list[str]:
    """What a guardrail's assessments name, each once: `content filter VIOLENCE (HIGH)`. Never a part of the text.

    Args:
        assessments: those of an ApplyGuardrail answer, or the trace of a call, which holds them some levels deeper.
    """
    return list(dict.fromkeys(_walk(assessments)))


def reason_of(what: str, assessments: object) -> str:
    """One sentence on an intervention; `what` was kept back."""
    found = findings_of(assessments)
    return f"The guardrail kept back {what}{': ' if found else ''}{', '.join(found[:5])}."


def _walk(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _walk(item)
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for policy, rows, name, label in _LISTS:
            told = members.get(policy)
            listed = cast("dict[str, object]", told).get(rows) if isinstance(told, dict) else None
            for row in cast("list[object]", listed) if isinstance(listed, list) else ():
                if isinstance(row, dict) and _acted(cast("dict[str, object]", row)):
                    yield _finding(cast("dict[str, object]", row), name, label)
        for member in members.values():
            yield from _walk(member)


def _acted(row: Mapping[str, object]) -> bool:
    """Whether the guardrail did something about a finding; what it only saw is listed, too."""
    return row.get("action") != "NONE"


def _finding(row: Mapping[str, object], name: str, label: str) -> str:
    said = row.get(name) if name else None
    confidence = row.get("confidence")
    word = f" {said[:_SHOWN]}" if isinstance(said, str) else ""
    return f"{label}{word}" + (f" ({confidence[:_SHOWN]})" if isinstance(confidence, str) else "")
