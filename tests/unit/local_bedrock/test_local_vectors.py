"""The local preview vectors: stable, of length 1, the same nearness in every dimension, and true about colours, light and words."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from darkroom_worker.local_bedrock.embedding import Item
from darkroom_worker.local_bedrock.embedding.space import Vector
from darkroom_worker.local_bedrock.embedding.vectors import embed

TITAN = "titan-embedding"
DIMENSIONS = (256, 384, 512, 1024, 1536, 3072)


def words(text: str, dimension: int = 256, family: str = TITAN) -> Vector:
    [vector] = embed([Item((text,))], dimension, family)
    return vector


def sight(data: bytes, dimension: int = 256, family: str = TITAN) -> Vector:
    [vector] = embed([Item((), (data,))], dimension, family)
    return vector


def flat(color: str, size: tuple[int, int] = (80, 60), file_format: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, file_format)
    return out.getvalue()


def disc(ground: str, color: str) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (120, 120), ground)
    ImageDraw.Draw(image).ellipse((40, 40, 80, 80), fill=color)
    image.save(out, "PNG")
    return out.getvalue()


PICTURES = {
    "red": flat("red"),
    "crimson": flat("#a8172f"),
    "blue": flat("#2050d0"),
    "green": flat("#30a040"),
    "black": flat("#080808"),
    "white": flat("#fafafa"),
    "yellow": flat("#f0d020"),
    "red on white": disc("white", "red"),
    "blue on white": disc("white", "#2050d0"),
    "wide grey": flat("#808080", (200, 40)),
}


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("red", "red", "blue"),
        ("red", "crimson", "green"),
        ("red", "red on white", "white"),
        ("a red sailboat", "red on white", "blue on white"),
        ("something blue", "blue", "red"),
        ("ein Bild, navy", "blue", "green"),
        ("a forest in summer", "green", "red"),
        ("the sea", "blue", "yellow"),
        ("a sunflower", "yellow", "blue"),
        ("night", "black", "white"),
        ("a bright day", "white", "black"),
        ("a wide panorama", "wide grey", "black"),
    ],
)
def test_words_are_nearer_to_a_picture_that_looks_so(text: str, near: str, far: str) -> None:
    asked = words(text)
    assert asked @ sight(PICTURES[near]) > asked @ sight(PICTURES[far])


def test_a_picture_is_nearest_to_one_of_its_colours_whatever_the_file() -> None:
    red = sight(flat("red", (300, 200), "JPEG"))
    order = sorted(PICTURES, key=lambda name: -float(red @ sight(PICTURES[name])))
    assert order[:2] == ["red", "crimson"]


def test_texts_are_near_by_their_words() -> None:
    boat = words("a wooden boat")
    assert boat @ words("the boat, wooden") > boat @ words("a wooden chair") > boat @ words("quantum physics")
    assert boat @ words("A WOODEN BOAT!") == pytest.approx(1)


def test_every_dimension_says_the_same_in_the_same_order() -> None:
    for one, other in combinations(PICTURES, 2):
        nearness = [float(sight(PICTURES[one], size) @ sight(PICTURES[other], size)) for size in DIMENSIONS]
        assert nearness == pytest.approx([nearness[0]] * len(DIMENSIONS), abs=1e-5)
    for text in ("red", "a sailboat at sea", "42", "雨"):
        assert [len(words(text, size)) for size in DIMENSIONS] == list(DIMENSIONS)
        assert [float(np.linalg.norm(words(text, size))) for size in DIMENSIONS] == pytest.approx([1.0] * len(DIMENSIONS))


def test_the_vector_of_a_text_and_a_picture_lies_in_the_middle() -> None:
    [both] = embed([Item(("blue",), (PICTURES["red"],))], 256, TITAN)
    text, picture = words("blue"), sight(PICTURES["red"])
    average = (text + picture) / np.linalg.norm(text + picture)
    assert both == pytest.approx(average, abs=1e-5)


def test_families_do_not_understand_each_other() -> None:
    own, other = words("a red boat"), words("a red boat", family="nova-embedding")
    assert abs(float(own @ other)) < 0.35
    assert float(other @ sight(PICTURES["red"], family="nova-embedding")) == pytest.approx(
        float(own @ sight(PICTURES["red"])), abs=1e-5
    )


def test_a_vector_is_the_same_on_every_machine_and_in_every_release() -> None:
    # Indexes outlive releases: whoever changes the space must say so.
    told = [round(float(number), 5) for number in words("a red sailboat", 256)[:6]]
    assert told == FIRST


FIRST = [0.07872, -0.0559, -0.07872, 0.10155, 0.10155, -0.03308]


def test_words_that_say_nothing_still_make_a_vector() -> None:
    assert float(np.linalg.norm(words("...", 256))) == pytest.approx(1)
