"""What may be changed in a dead letter's request, and how the command line says it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.cli.changes import read_changes
from darkroom.cli.exits import BadInput
from darkroom.decisions import merge_patch

Json = dict[str, object]

# The examples of RFC 7396, appendix A, that have an object as patch.
RFC = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], {"a": "b"}, {"a": "b"}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC)
def test_a_patch_does_what_the_standard_says(target: object, patch: Json, result: Json) -> None:
    assert merge_patch(target, patch) == result


def test_neither_the_request_nor_the_patch_is_changed() -> None:
    target: Json = {"a": {"b": [1]}, "c": 2}
    patch: Json = {"a": {"d": {"e": 1}}, "c": None}
    kept = copy.deepcopy((target, patch))
    merged = merge_patch(target, patch)
    assert merged == {"a": {"b": [1], "d": {"e": 1}}}
    assert (target, patch) == kept


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(objects, objects)
def test_a_patch_that_is_applied_twice_changes_nothing_more(target: Json, patch: Json) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@given(objects)
def test_an_empty_patch_leaves_the_request_as_it_is(target: Json) -> None:
    assert merge_patch(target, {}) == target


@pytest.mark.parametrize(
    ("words", "patch"),
    [
        ((), {}),
        (("textToImageParams.text=a blue boat",), {"textToImageParams": {"text": "a blue boat"}}),
        (('textToImageParams.text="a blue boat"',), {"textToImageParams": {"text": "a blue boat"}}),
        (("/textToImageParams/text=a blue boat",), {"textToImageParams": {"text": "a blue boat"}}),
        (("a.seed=7", "a.width=512", "b=true"), {"a": {"seed": 7, "width": 512}, "b": True}),
        (("a.seed=null",), {"a": {"seed": None}}),
        (('a.colors=["#ff0000"]',), {"a": {"colors": ["#ff0000"]}}),
        (("a.text=1 + 1 = 2",), {"a": {"text": "1 + 1 = 2"}}),
        (('a.text="42"',), {"a": {"text": "42"}}),
        (("a.text=",), {"a": {"text": ""}}),
        (("/a~1b/c.d~0=x",), {"a/b": {"c.d~": "x"}}),
        (("a=1", "a.b=2"), {"a": {"b": 2}}),
        (("a.b=2", "a=1"), {"a": 1}),
    ],
)
def test_words_become_a_patch(words: tuple[str, ...], patch: Json) -> None:
    assert read_changes(words, None) == patch


def test_words_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "patch.json"
    file.write_text('{"a": {"text": "from the file", "seed": null}}')
    assert read_changes(["a.text=from the word"], file) == {"a": {"text": "from the word", "seed": None}}


@pytest.mark.parametrize("word", ["text", "=x", ".a=x", "a..b=x", "/=x", "a.images.0=x", "/a/images/0=x"])
def test_a_word_that_is_no_change_is_refused_with_an_example(word: str) -> None:
    with pytest.raises(BadInput, match=r"Write .*="):
        read_changes([word], None)
