"""What calls cost: a table of prices with a version, from which every family reads, and the rules by which a row is found.

No call to Bedrock tells its price, so they are kept here, and a deployment can put its own before them (`PriceBook.under`). What no
row tells is not known, and never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal, TypeAlias

Unit = Literal["image", "call"]
Size: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Price:
    """One row. What is left empty stands for any.

    Attributes:
        model: id as in the catalogue.
        usd: US dollars; None says that the price is not known.
        task: name of a task type.
        size: the largest output, width x height in pixels, compared by area; a row without one is for all that is larger.
        quality: `standard` or `premium`.
        unit: what is counted: each image that is asked for, or each call.
        source: where the number is from.
        as_of: the day on which it was read.
    """

    model: str
    usd: Decimal | None
    task: str = ""
    size: Size | None = None
    quality: str = ""
    unit: Unit = "image"
    source: str = ""
    as_of: date | None = None

    def covers(self, other: Price) -> bool:
        """Whether it says something about everything that the other row is about."""
        return self.model == other.model and all(
            not mine or mine == theirs
            for mine, theirs in ((self.task, other.task), (self.size, other.size), (self.quality, other.quality))
        )

    def as_json(self) -> dict[str, object]:
        """The row as in a file of prices."""
        return {
            "model": self.model,
            "task": self.task or None,
            "size": None if self.size is None else "{}x{}".format(*self.size),
            "quality": self.quality or None,
            "unit": self.unit,
            "usd": None if self.usd is None else float(self.usd),
            "source": self.source,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call is charged for.

    Attributes:
        model: id as in the catalogue.
        task: name of the task type.
        size: width and height of its output in pixels; None where nobody can know it before.
        quality: `standard` or `premium`; empty for models without qualities.
        images: how many it is asked for.
    """

    model: str
    task: str = ""
    size: Size | None = None
    quality: str = ""
    images: int = 1


@dataclass(frozen=True, slots=True)
class PriceBook:
    """A table of prices.

    Attributes:
        version: recorded with every job that was estimated by it.
        own: the rows of this book; of two that fit equally well the first counts.
        base: the book that is asked where no row of this one fits.
    """

    version: str
    own: tuple[Price, ...]
    base: PriceBook | None = None

    @property
    def prices(self) -> tuple[Price, ...]:
        """Every row that some call can be priced by, this book's first."""
        under = () if self.base is None else self.base.prices
        return (*self.own, *(old for old in under if not any(new.covers(old) for new in self.own)))

    def row(self, bill: Bill) -> Price | None:
        """The row that a call is priced by: the one that names most of it. None if none fits, or the output's size would decide."""
        fitting = [price for price in self.own if _fits(price, bill)]
        if not fitting:
            return None if self.base is None else self.base.row(bill)
        nearest = min(_named(price) for price in fitting)
        fitting = [price for price in fitting if _named(price) == nearest]
        if bill.size is None and any(price.size for price in fitting):
            return None
        return min(fitting, key=lambda price: (price.size is None, _area(price.size or (0, 0))))

    def usd(self, bill: Bill) -> Decimal | None:
        """US dollars for the whole call; None if that is not known."""
        row = self.row(bill)
        if row is None or row.usd is None:
            return None
        return row.usd * bill.images if row.unit == "image" else row.usd

    def under(self, version: str, prices: Sequence[Price]) -> PriceBook:
        """A book whose rows come before those of this one."""
        return PriceBook(f"{self.version}+{version}", tuple(prices), self)


def _fits(price: Price, bill: Bill) -> bool:
    return (
        price.model == bill.model
        and price.task in ("", bill.task)
        and price.quality in ("", bill.quality)
        and (price.size is None or bill.size is None or _area(price.size) >= _area(bill.size))
    )


def _area(size: Size) -> int:
    return size[0] * size[1]


def _named(price: Price) -> tuple[bool, bool]:
    """Orders rows that fit: those that name the task come first, then those that name the quality."""
    return not price.task, not price.quality


_READ: Final = date(2026, 11, 21)
_CRAWL: Final = "a crawl of AWS's price page, from before the model's end of life"
_LISTS: Final = "third-party copies of AWS's price page"
_ONE_LIST: Final = "one third-party copy of AWS's price page"
_TITAN_SMALL: Final = (512, 512)
_NOVA_SMALL: Final = (1024, 1024)


def _titan(model: str) -> tuple[Price, ...]:
    # The size table prices 768x768 like 512x512, while the overview page prices by area. The area decides: one rule for all sizes,
    # and a budget that is reserved before the call must not be too small.
    return (
        Price(model, Decimal("0.008"), size=_TITAN_SMALL, quality="standard", source=_CRAWL, as_of=_READ),
        Price(model, Decimal("0.010"), size=_TITAN_SMALL, quality="premium", source=_CRAWL, as_of=_READ),
        Price(model, Decimal("0.010"), quality="standard", source=_CRAWL, as_of=_READ),
        Price(model, Decimal("0.012"), quality="premium", source=_CRAWL, as_of=_READ),
    )


def _flat(usd: str, *models: str, source: str = _LISTS) -> tuple[Price, ...]:
    return tuple(Price(model, Decimal(usd), source=source, as_of=_READ) for model in models)


def _services(usd: str, *slugs: str, source: str = _LISTS) -> tuple[Price, ...]:
    return _flat(usd, *(f"us.stability.{slug}-v1:0" for slug in slugs), source=source)


BUILT_IN: Final = PriceBook(
    _READ.isoformat(),
    (
        *_titan("amazon.titan-image-generator-v1"),
        *_titan("amazon.titan-image-generator-v2:0"),
        # "Up to 1024x1024" is read as an area. The last months may have carried prices of extended access.
        Price("amazon.nova-canvas-v1:0", Decimal("0.04"), size=_NOVA_SMALL, quality="standard", source=_ONE_LIST, as_of=_READ),
        Price("amazon.nova-canvas-v1:0", Decimal("0.06"), size=_NOVA_SMALL, quality="premium", source=_ONE_LIST, as_of=_READ),
        Price("amazon.nova-canvas-v1:0", Decimal("0.06"), quality="standard", source=_ONE_LIST, as_of=_READ),
        Price("amazon.nova-canvas-v1:0", Decimal("0.08"), quality="premium", source=_ONE_LIST, as_of=_READ),
        *_flat("0.04", "stability.stable-image-core-v1:1", "stability.stable-image-core-v1:0"),
        *_flat(
            "0.14",
            "stability.stable-image-ultra-v1:1",
            "stability.stable-image-ultra-v1:0",
            source=f"{_LISTS}; another has 0.08",
        ),
        *_flat("0.08", "stability.sd3-5-large-v1:0", "stability.sd3-large-v1:0", source=f"{_LISTS}; another has 0.065"),
        # The list has 0.08 for more than 50 steps, which the request page does not allow.
        *_flat("0.04", "stability.stable-diffusion-xl-v1", source=_CRAWL),
        *_services(
            "0.07",
            "stable-image-remove-background",
            "stable-image-inpaint",
            "stable-image-erase-object",
            "stable-image-search-replace",
            "stable-image-search-recolor",
            "stable-image-control-sketch",
            "stable-image-control-structure",
            "stable-image-style-guide",
        ),
        *_services("0.08", "stable-style-transfer", source=_ONE_LIST),
        *_services("0.06", "stable-outpaint", source=_ONE_LIST),
        *_services("0.03", "stable-fast-upscale"),
        *_services("0.40", "stable-conservative-upscale"),
        *_services("0.60", "stable-creative-upscale"),
    ),
)
"""The prices that darkroom knows, US dollars in us-east-1 and us-west-2."""
