"""How money is told: what is not known is said so, and never shown as nothing."""

from __future__ import annotations

import pytest

from darkroom.cli.tables import cost, paid
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.views import Cost, JobView, job_view, total_usd
from darkroom_shared.contract.workflow_views import workflow_view


@pytest.mark.parametrize(
    ("estimated", "actual", "uncertain", "told", "billed"),
    [
        (0.04, 0.0, 0.0, "~$0.04", "$0"),
        (0.0, 0.0, 0.0, "free", "$0"),
        (None, 0.0, 0.0, "not known", "$0"),
        (0.04, 0.04, 0.0, "$0.04", "$0.04"),
        (0.04, 0.04, 0.08, "$0.04 + $0.08?", "$0.04 + $0.08?"),
        (0.04, 0.0, 0.04, "$0 + $0.04?", "$0 + $0.04?"),
        (None, None, 0.0, "not known", "not known"),
        (None, 0.0, None, "$0 + ?", "$0 + ?"),
        (0.04, None, 0.04, "not known + $0.04?", "not known + $0.04?"),
    ],
)
def test_money_is_told_in_a_word_or_two(
    estimated: float | None, actual: float | None, uncertain: float | None, told: str, billed: str
) -> None:
    value = Cost(estimated_usd=estimated, actual_usd=actual, uncertain_usd=uncertain)
    assert (cost(value), paid(value)) == (told, billed)
    assert cost(value, over=True) == ("free" if told == "free" else billed)


def view(price_microusd: int | None, book: str, **more: str) -> JobView:
    record = JobRecord(
        kind="bedrock",
        task_type="TEXT_IMAGE",
        task_name="x",
        request={"a": 1},
        lane="l",
        tenant="t",
        retention_ms=1,
        price_microusd=price_microusd,
        price_book=book,
    )
    added = {"id": "job_x", "state": "succeeded", "sequence": "1", "calls": "1", "created_ms": "1700000000000"}
    return job_view(record.as_fields() | added | more)


def test_a_sum_is_not_known_if_a_part_of_it_is_not() -> None:
    priced = view(40_000, "one", actual_microusd="40000")
    unpriced = view(None, "two", actual_unpriced="1", uncertain_unpriced="0")
    assert (unpriced.cost.actual_usd, unpriced.cost.uncertain_usd) == (None, 0)
    whole = workflow_view({"id": "wf_1", "created_ms": "1700000000000"}, [priced, unpriced, priced]).cost
    assert (whole.estimated_usd, whole.actual_usd, whole.uncertain_usd, whole.price_book) == (None, None, 0, "one,two")
    assert (total_usd([]), total_usd([1, 2.5]), total_usd([1, None])) == (0, 3.5, None)


def test_the_book_of_prices_is_in_the_json_of_a_job() -> None:
    assert view(40_000, "2026-11-21+studio").model_dump(mode="json")["cost"]["price_book"] == "2026-11-21+studio"
