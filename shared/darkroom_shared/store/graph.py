"""Operations on the ledger about workflows: a person's word at a gate, and saved templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from darkroom_shared.store.answers import items, pair, record, text, texts, whole
from darkroom_shared.store.operation import Command, Script


class DecisionVerdict(StrEnum):
    """What became of a person's word."""

    DECIDED = "decided"
    ALREADY = "already"
    """The gate had ended before."""
    NOT_ASKED = "not_asked"
    """What comes before the gate has not ended."""
    BAD_CHOICE = "bad_choice"
    """A picture that is not shown, one twice, or another number of them than the gate asks for."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, and how many pictures the gate shows."""

    verdict: DecisionVerdict
    shown: int


def decide(
    job_id: str, *, approve: bool, chosen: Sequence[int] | None = None, by: str | None = None, note: str | None = None
) -> Script[Decided]:
    """Ends a gate. `chosen`: numbers of the pictures that are handed on, from 0; None for all that it shows."""

    def parse(raw: object) -> Decided:
        verdict, shown = pair(raw)
        return Decided(DecisionVerdict(verdict), int(shown))

    args = {"job": job_id, "approve": approve, "chosen": None if chosen is None else list(chosen), "by": by, "note": note}
    return Script("decide", args, parse)


def secret(drawn: str) -> Script[str]:
    """The ledger's secret by which links are signed; `drawn` becomes it if there is none yet."""
    return Script("secret", {"secret": drawn}, text)


MOST_VERSIONS: Final = 1000


def save_template(tenant: str, name: str, document: str) -> Script[tuple[int, bool]]:
    """Saves a document under a name. Answers its version, 0 if the name has too many, and whether it is new."""

    def parse(raw: object) -> tuple[int, bool]:
        version, new = items(raw)
        return whole(version), whole(new) == 1

    return Script("template", {"tenant": tenant, "name": name, "document": document, "most": MOST_VERSIONS}, parse)


def template(tenant: str, name: str) -> Command[Mapping[str, str]]:
    """The documents of a name by version; empty if there are none."""
    return Command(lambda keys: ("HGETALL", keys.template(tenant, name)), record)


def template_names(tenant: str) -> Command[list[str]]:
    """The names under which a tenant has saved documents, in order."""
    return Command(lambda keys: ("SMEMBERS", keys.templates(tenant)), lambda raw: sorted(texts(raw)))
