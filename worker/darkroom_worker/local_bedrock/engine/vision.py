"""What a prompt asks to see: the words are read into places, times, weather, things and colours.

A colour in front of a noun belongs to that noun and never tints the sky; only loose colours do. Words of the negative text are
taken out before reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from darkroom_worker.local_bedrock.engine.lexicon import (
    COLOURS,
    MATERIALS,
    PLACES,
    SEASONS,
    THINGS,
    TIMES,
    WEATHERS,
    Season,
    Setting,
    Stand,
    Time,
)
from darkroom_worker.local_bedrock.engine.raster import Rgb

T = TypeVar("T")
_WORD = re.compile(r"[a-z]+")
_LONGEST_PHRASE = 4
_MAX_THINGS = 3
_BY_STAND: dict[Stand, Setting] = {
    "water": "sea",
    "sky": "sky",
    "table": "studio",
    "ground": "meadow",
    "space": "space",
    "under": "underwater",
}
_STRONGER: dict[frozenset[Setting], Setting] = {
    frozenset({"sea", "beach"}): "beach",
    frozenset({"mountains", "lake"}): "lake",
    frozenset({"sea", "underwater"}): "underwater",
    frozenset({"table", "studio"}): "table",
}
_PLANTED = frozenset(["flower", "blossom", "daisy", "tulip", "tree"])
_FOREST_TREES = frozenset(["pine", "fir", "spruce", "birch", "oak", "tree", "maple"])


@dataclass(frozen=True, slots=True)
class Thing:
    """One noun of the prompt that can be drawn.

    Attributes:
        word: as the lexicon spells it.
        glyph: character(s) of the Noto Emoji font.
        colour: body colour; the prompt's if it names one, else the usual one.
        stand: what it stands on or in.
        bound: True if the prompt named the colour.
    """

    word: str
    glyph: str
    colour: Rgb
    stand: Stand
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Vision:
    """A prompt, read.

    Attributes:
        words: all words left after the negative text was taken out.
        setting: which painter paints the surroundings.
        named: True if the prompt named the setting (else it was guessed from the things).
        time: light and sky.
        season: None if the prompt names none.
        weathers: names from the lexicon (rain, snow, fog, stars, clouds, aurora).
        things: up to three nouns, in the order of the prompt.
        colours: loose colours, which tint the surroundings.
        setting_colour: colour bound to the setting's own noun ("red desert"), or None.
    """

    words: tuple[str, ...]
    setting: Setting
    named: bool
    time: Time
    season: Season | None
    weathers: frozenset[str]
    things: tuple[Thing, ...]
    colours: tuple[Rgb, ...]
    setting_colour: Rgb | None


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in lower case."""
    return tuple(_WORD.findall(text.lower()))


def read_prompt(text: str, negative: str = "") -> Vision:
    """Reads a prompt; unknown words only change the random seed of the picture."""
    unwanted = {_singular(word) for word in words_of(negative)}
    words = tuple(word for word in words_of(text) if _singular(word) not in unwanted)
    things, taken = _find_things(words)
    places = _ordered(PLACES, words, taken)
    setting, colour_of_setting, loose = _surroundings(words, taken, places, things)
    times = _ordered(TIMES, words, set())
    weathers = frozenset(WEATHERS[word] for word in words if word in WEATHERS)
    return Vision(
        words=words,
        setting=setting,
        named=bool(places),
        time=_time(times, setting),
        season=next((SEASONS[word] for word in words if word in SEASONS), None),
        weathers=weathers,
        things=things,
        colours=loose,
        setting_colour=colour_of_setting,
    )


def _singular(word: str) -> str:
    for ending, stem in (("ies", "y"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("oes", "o"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word[: -len(ending)] + stem
    return word


def _find_things(words: tuple[str, ...]) -> tuple[tuple[Thing, ...], set[int]]:
    """The things, and the places of all words that belong to one (its own and its colour)."""
    found: list[Thing] = []
    taken: set[int] = set()
    at = 0
    while at < len(words):
        length = _match_length(words, at)
        if not length:
            at += 1
            continue
        phrase = " ".join(words[at : at + length])
        glyph, usual, stand = THINGS.get(phrase) or THINGS[_singular(phrase)]
        colour_at = _colour_before(words, at)
        taken.update(range(at, at + length))
        if colour_at is not None:
            taken.add(colour_at)
        colour = usual if colour_at is None else COLOURS[words[colour_at]]
        found.append(Thing(phrase, glyph, colour, stand, colour_at is not None))
        at += length
    return _distinct(found), taken


def _match_length(words: tuple[str, ...], at: int) -> int:
    for length in range(min(_LONGEST_PHRASE, len(words) - at), 0, -1):
        phrase = " ".join(words[at : at + length])
        # "orange" and "rose" are colours in front of another word and things only elsewhere.
        if length == 1 and phrase in COLOURS and at + 1 < len(words):
            continue
        if phrase in THINGS or _singular(phrase) in THINGS:
            return length
    return 0


def _distinct(things: Iterable[Thing]) -> tuple[Thing, ...]:
    by_glyph: dict[str, Thing] = {}
    for thing in things:
        by_glyph.setdefault(thing.glyph, thing)
    chosen = tuple(by_glyph.values())
    # Meadows grow their own flowers and trees: beside another thing they are surroundings.
    others = tuple(thing for thing in chosen if _singular(thing.word.split()[-1]) not in _PLANTED)
    return (others or chosen)[:_MAX_THINGS]


def _colour_before(words: tuple[str, ...], at: int) -> int | None:
    before = at - 1
    while before >= 0 and words[before] in MATERIALS and at - before <= 2:
        before -= 1
    return before if before >= 0 and words[before] in COLOURS else None


def _ordered(table: Mapping[str, T], words: tuple[str, ...], taken: set[int]) -> list[T]:
    known = [word if word in table else _singular(word) for index, word in enumerate(words) if index not in taken]
    return [table[word] for word in known if word in table]


def _surroundings(
    words: tuple[str, ...], taken: set[int], places: list[Setting], things: tuple[Thing, ...]
) -> tuple[Setting, Rgb | None, tuple[Rgb, ...]]:
    setting = _setting(places, things)
    bound: Rgb | None = None
    loose: list[Rgb] = []
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if index in taken or word not in COLOURS or (word, following) == ("coral", "reef"):
            continue
        if following in PLACES and bound is None:
            bound = COLOURS[word]
        elif not (word == "golden" and following in {*TIMES, "hour"}):
            loose.append(COLOURS[word])
    return setting, bound, tuple(loose)


def _setting(places: list[Setting], things: tuple[Thing, ...]) -> Setting:
    if places:
        weak: set[Setting] = {"sky", "abstract", "meadow"}
        strong: list[Setting] = [place for place in places if place not in weak]
        for pair, winner in _STRONGER.items():
            if pair <= set(strong):
                return winner
        return strong[0] if strong else places[0]
    if not things:
        return "dream"
    if things[0].word in _FOREST_TREES:
        return "meadow"
    return _BY_STAND[things[0].stand]


def _time(times: list[Time], setting: Setting) -> Time:
    if "neon" in times:
        return "neon"
    for strong in ("night", "sunset", "dawn"):
        if strong in times:
            return times[times.index(strong)]
    if times:
        return times[0]
    return "neon" if setting == "space" else "day"
