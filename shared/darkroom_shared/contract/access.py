"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Scope = Literal["submit", "read", "operate", "admin"]
"""`submit` jobs; `read` them; `operate` lanes, dead letters and held calls; `admin` keys, tenants, budgets."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
EVERY_TENANT: Final = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        tenant: whose jobs it sees and submits; None for those of every tenant.
        scopes: what it may do.
        key_id: the key that it showed; empty where no key exists.
    """

    tenant: str | None
    scopes: frozenset[Scope]
    key_id: str = ""


ANYBODY: Final = Caller(None, frozenset(SCOPES))
"""Whoever reaches a server on this machine, while the ledger holds no key."""
