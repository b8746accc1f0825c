"""Which row of the prices a call is priced by, what a deployment's own prices change, and what is wrong with a file of them."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from darkroom import Settings
from darkroom_shared.models.catalogue import MODELS, find_model, price_usd
from darkroom_shared.models.price_file import PriceFileError, read_prices
from darkroom_shared.models.prices import BUILT_IN, Bill, Price, PriceBook
from tests.support.bodies import NOVA, TITAN_V2, edited, sample

CORE = "stability.stable-image-core-v1:1"
SMALL, LARGE = (512, 512), (1024, 1024)
BOOK = PriceBook(
    "one",
    (
        Price("m", Decimal(1), size=SMALL, quality="standard"),
        Price("m", Decimal(2), quality="standard"),
        Price("m", Decimal(3), quality="premium"),
        Price("m", Decimal(9), task="ODD", unit="call"),
        Price("none", None),
    ),
)


def test_every_price_of_darkrooms_own_has_a_source_a_day_and_a_model_of_the_catalogue() -> None:
    for price in BUILT_IN.prices:
        assert (price.model in MODELS, bool(price.source), price.as_of is not None) == (True, True, True)
        assert price.usd is None or price.usd > 0


@pytest.mark.parametrize(
    ("bill", "usd"),
    [
        (Bill("m", size=SMALL, quality="standard"), 1),
        (Bill("m", size=(256, 1024), quality="standard"), 1),
        (Bill("m", size=LARGE, quality="standard"), 2),
        (Bill("m", size=SMALL, quality="premium", images=3), 9),
        (Bill("m", size=None, quality="premium"), 3),
        (Bill("m", size=None, quality="standard"), None),
        (Bill("m", "ODD", size=None, quality="standard", images=4), 9),
        (Bill("m", size=SMALL), None),
        (Bill("none"), None),
        (Bill("other"), None),
    ],
)
def test_the_row_that_names_most_of_a_call_prices_it(bill: Bill, usd: int | None) -> None:
    assert BOOK.usd(bill) == usd


@pytest.mark.parametrize(
    ("own", "bill", "usd"),
    [
        (Price("m", Decimal(7)), Bill("m", size=SMALL, quality="standard"), 7),
        (Price("m", Decimal(7)), Bill("m", "ODD", size=None, quality="premium"), 7),
        (Price("m", Decimal(7), size=LARGE), Bill("m", size=LARGE, quality="standard"), 7),
        (Price("m", Decimal(7), size=SMALL), Bill("m", size=LARGE, quality="standard"), 2),
        (Price("m", Decimal(7), quality="premium"), Bill("m", size=SMALL, quality="standard"), 1),
        (Price("m", None), Bill("m", size=SMALL, quality="standard"), None),
        (Price("new", Decimal(7)), Bill("new"), 7),
        (Price("new", Decimal(7)), Bill("m", size=SMALL, quality="standard"), 1),
    ],
)
def test_a_row_of_the_deployments_own_comes_first(own: Price, bill: Bill, usd: int | None) -> None:
    book = BOOK.under("mine", [own])
    assert (book.version, book.usd(bill)) == ("one+mine", usd)


def test_the_table_in_force_leaves_out_what_is_covered() -> None:
    general = Price("m", Decimal(7), quality="standard")
    assert BOOK.under("mine", [general]).prices == (general, *BOOK.prices[2:])


def test_a_book_reaches_the_price_of_every_family() -> None:
    book = BUILT_IN.under("mine", [Price(model, Decimal(5)) for model in (TITAN_V2, NOVA, CORE)])
    body = edited(sample("TEXT_IMAGE"), "/imageGenerationConfig", {"numberOfImages": 2})
    assert [price_usd(find_model(model), body, {}, book) for model in (TITAN_V2, NOVA)] == [10, 10]
    assert price_usd(find_model(CORE), {"prompt": "x"}, {}, book) == 5


def document(*rows: object, version: object = "mine") -> str:
    return json.dumps({"version": version, "prices": rows}, indent=1)


def test_a_file_may_name_everything_or_as_little_as_a_model_and_a_price() -> None:
    whole = {
        **{"model": NOVA, "task": "OUTPAINTING", "size": "512x768", "quality": "premium", "unit": "call", "usd": 0.0123},
        **{"source": "contract", "as_of": "2026-11-01"},
    }
    book = read_prices(document(whole, {"model": CORE, "usd": None}))
    assert book.version == f"{BUILT_IN.version}+mine"
    assert book.own == (
        Price(NOVA, Decimal("0.0123"), "OUTPAINTING", (512, 768), "premium", "call", "contract", date(2026, 11, 1)),
        Price(CORE, None),
    )
    assert book.usd(Bill(CORE)) is None
    assert read_prices(json.dumps({"version": "again", "prices": [price.as_json() for price in book.prices]})).own == book.prices


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{\n\n  nonsense", "line 3"),
        ("[]", "object"),
        ("[" * 100_000, "line 1"),
        (document(version=""), "version"),
        (document(version="a b"), "version"),
        (document(version=7), "version"),
        ('{"version": "x"}', "prices"),
        ('{"version": "x", "prices": {}}', "prices"),
        ('{"version": "x", "prices": [], "currency": "EUR"}', "currency"),
        (document("row"), "line 4, prices[0]"),
        (document({"model": CORE, "usd": 1}, {"usd": 1}), "prices[1].model"),
        (document({"model": CORE}), "line 4, prices[0].usd"),
        (document({"model": "", "usd": 1}), "prices[0].model"),
        (document({"model": CORE, "usd": 1}, {"model": CORE, "usd": 0}), "line 8, prices[1].usd"),
        (document({"model": CORE, "usd": -1}), "prices[0].usd"),
        (document({"model": CORE, "usd": "1"}), "prices[0].usd"),
        (document({"model": CORE, "usd": True}), "prices[0].usd"),
        ('{"version": "x", "prices": [{"model": "m", "usd": NaN}]}', "prices[0].usd"),
        ('{"version": "x", "prices": [{"model": "m", "usd": 1e999999}]}', "prices[0].usd"),
        (document({"model": CORE, "usd": 1, "size": "big"}), "prices[0].size"),
        (document({"model": CORE, "usd": 1, "size": [1, 2]}), "prices[0].size"),
        (document({"model": CORE, "usd": 1, "quality": "best"}), "prices[0].quality"),
        (document({"model": CORE, "usd": 1, "unit": "token"}), "prices[0].unit"),
        (document({"model": CORE, "usd": 1, "as_of": "yesterday"}), "prices[0].as_of"),
        (document({"model": CORE, "usd": 1, "source": 7}), "prices[0].source"),
        (document({"model": CORE, "usd": 1, "price": 7}), "prices[0].price"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line_and_field(text: str, said: str) -> None:
    with pytest.raises(PriceFileError) as raised:
        read_prices(text)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 300


def test_the_settings_read_the_file_once_and_keep_it(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(document({"model": CORE, "usd": 0.5}))
    settings = Settings(prices=file)
    file.unlink()
    kept = settings.model_copy(update={"region": "us-west-2"})
    assert [one.price_book.usd(Bill(CORE)) for one in (settings, kept, Settings())] == [Decimal("0.5")] * 2 + [Decimal("0.04")]
    assert Settings.model_validate({"prices": ""}).price_book is BUILT_IN


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"{", b'{"version": "x", "prices": [{"model": "m", "usd": 0}]}'])
def test_a_file_that_cannot_be_used_stops_the_program_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "prices.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValidationError, match=r"prices\.json"):
        Settings(prices=file)
