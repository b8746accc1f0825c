"""What one session may spend: the estimates of what it submits, summed up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


class OverBudget(Exception):
    """The session may not spend as much; the text says what is left."""


@dataclass(slots=True)
class Purse:
    """US dollars of one session.

    Attributes:
        limit_usd: what all submits together may be estimated to cost; None for no limit.
        spent_usd: what they are estimated to cost so far.
    """

    limit_usd: Decimal | None = None
    spent_usd: Decimal = Decimal(0)

    def check(self, price_usd: Decimal | None) -> None:
        """Raises OverBudget if a submit of that price may not be made. None is a price that nobody knows."""
        if self.limit_usd is None:
            return
        if price_usd is None:
            raise OverBudget("The price of this is not known, and the session has a budget: it cannot be submitted.")
        if self.spent_usd + price_usd > self.limit_usd:
            left = self.limit_usd - self.spent_usd
            raise OverBudget(f"This costs about ${price_usd}, and ${left} of the session's budget of ${self.limit_usd} are left.")

    def pay(self, price_usd: Decimal | None) -> None:
        """Takes note of a submit."""
        self.spent_usd += price_usd or Decimal(0)
