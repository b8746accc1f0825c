"""The form of API keys, and what opens."""

from __future__ import annotations

import pytest

from darkroom_shared.core import api_keys


def test_a_key_is_read_as_it_was_written() -> None:
    key_id, secret = api_keys.new_id(bytes(range(7))), api_keys.new_secret(bytes(range(32)))
    text = api_keys.written(key_id, secret)
    assert (len(text), api_keys.read(text), api_keys.KEY_ID.fullmatch(key_id) is not None) == (68, (key_id, secret), True)


@pytest.mark.parametrize("text", ["", "dk_", "dk_a_b", "sk_" + "a" * 12 + "_" + "b" * 52, "dk_" + "A" * 12 + "_" + "b" * 52])
def test_another_text_is_no_key(text: str) -> None:
    assert api_keys.read(text) is None


def test_a_secret_opens_what_its_hash_is_kept_of() -> None:
    first, second = api_keys.new_secret(bytes(32)), api_keys.new_secret(bytes([1]) * 32)
    assert api_keys.opens(first, (api_keys.digest(second), api_keys.digest(first)))
    assert not api_keys.opens(first, (api_keys.digest(second),))
    assert first not in api_keys.digest(first)
