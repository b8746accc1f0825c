"""Small rules: pacing, names, canonical JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom_shared.core.idempotency import canonical_json, fingerprint
from darkroom_shared.core.ids import CALL_ID, JOB_ID, WORKFLOW_ID, asset_reference, call_id, job_of, make_id
from darkroom_shared.core.quota import pool_name, split_pool


@given(region=st.from_regex(r"[a-z]{2}-[a-z]+-[1-9]", fullmatch=True), model=st.text("abc.:-/0123456789", min_size=1))
def test_a_pool_names_region_and_model_and_gives_them_back(region: str, model: str) -> None:
    assert split_pool(pool_name(region, model)) == (region, model)


@given(now=st.integers(0, 2**48 - 1), randomness=st.binary(min_size=10, max_size=16))
def test_an_id_has_its_form(now: int, randomness: bytes) -> None:
    job = make_id("job", now, randomness)
    assert JOB_ID.match(job)
    assert WORKFLOW_ID.match(make_id("wf", now, randomness))
    assert CALL_ID.match(call_id(job, 12))
    assert job_of(call_id(job, 12)) == job


@given(
    first=st.integers(0, 2**48 - 1),
    second=st.integers(0, 2**48 - 1),
    a=st.binary(min_size=10, max_size=10),
    b=st.binary(min_size=10, max_size=10),
)
def test_ids_sort_by_age(first: int, second: int, a: bytes, b: bytes) -> None:
    if first < second:
        assert make_id("job", first, a) < make_id("job", second, b)


@given(a=st.binary(min_size=10, max_size=10), b=st.binary(min_size=10, max_size=10))
def test_ids_of_one_moment_differ_by_their_randomness(a: bytes, b: bytes) -> None:
    assert (make_id("job", 5, a) == make_id("job", 5, b)) == (a == b)


@pytest.mark.parametrize("text", ["", "job_x.0", "job_" + "0" * 26, "job_" + "0" * 26 + ".12345", "job_" + "i" * 26 + ".0"])
def test_a_text_that_is_no_call_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a call id"):
        job_of(text)


def test_an_asset_is_referred_to_by_its_hash() -> None:
    assert asset_reference("ab" * 32) == "asset:" + "ab" * 32


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(body=st.dictionaries(st.text(max_size=6), values, max_size=4))
def test_the_order_of_fields_does_not_change_the_fingerprint(body: dict[str, object]) -> None:
    backwards = dict(reversed(list(body.items())))
    assert canonical_json(body) == canonical_json(backwards)
    assert fingerprint(body, model="m") == fingerprint(backwards, model="m")


def test_a_fingerprint_covers_body_and_conditions() -> None:
    prints = {
        fingerprint({"a": 1}, model="m"),
        fingerprint({"a": 2}, model="m"),
        fingerprint({"a": 1}, model="n"),
        fingerprint({"a": 1}, model="m", tenant="t"),
        fingerprint({"a": 1}),
    }
    assert len(prints) == 5
    assert all(len(text) == 64 for text in prints)


def test_a_number_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"x": float("nan")})
