"""Marks of retired models in the ledger: read, and written."""

from __future__ import annotations

from collections.abc import Mapping

from darkroom.connection import ledger_of
from darkroom.lifecycles.reading import Changes
from darkroom_shared.settings import Settings
from darkroom_shared.store import retirement
from darkroom_shared.store.retirement import Mark


def marks(settings: Settings) -> Mapping[str, Mark]:
    """Every mark by model id. Raises LedgerUnavailable."""
    with ledger_of(settings) as ledger:
        return ledger.run(retirement.marks())


def record(settings: Settings, changes: Changes) -> list[str]:
    """Sets and takes back marks; the models for which that changed something. Doing it again is safe. Raises LedgerUnavailable."""
    with ledger_of(settings) as ledger:
        return ledger.run(retirement.retire(changes.marks, changes.revive))
