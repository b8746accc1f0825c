"""What is read out of a text: the colours and the light that the local painter would take from it, and its words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.embedding.colours import SHADE_OF, name_of
from darkroom_worker.local_bedrock.embedding.space import measures
from darkroom_worker.local_bedrock.engine.lexicon import SEASONS, TIMES, Season, Setting, Time
from darkroom_worker.local_bedrock.engine.vision import Vision, read_prompt, words_of

_WORD: Final = re.compile(r"\w+")
_SMALL: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "on",
        "in",
        "at",
        "to",
        "and",
        "or",
        "with",
        "by",
        "for",
        "from",
        "is",
        "are",
        "as",
        "it",
        "its",
        "this",
        "that",
    ]
)

# How much a colour counts: one that is named, a named thing's usual one, a named place's, a time's or season's.
_NAMED, _USUAL, _PLACE, _HOUR = 1.0, 0.4, 0.4, 0.3
_OF_PLACE: Final[dict[Setting, str]] = {
    "sea": "blue teal",
    "beach": "blue yellow",
    "lake": "blue green",
    "mountains": "grey blue",
    "forest": "green brown",
    "desert": "orange brown",
    "city": "grey black",
    "space": "black purple",
    "meadow": "green",
    "table": "brown",
    "studio": "white grey",
    "underwater": "blue teal",
    "sky": "blue white",
}
_OF_TIME: Final[dict[Time, str]] = {
    "sunset": "orange pink",
    "dawn": "pink white",
    "night": "black blue",
    "golden": "yellow orange",
    "storm": "grey",
    "neon": "purple pink",
}
_OF_SEASON: Final[dict[Season, str]] = {"spring": "green pink", "summer": "green", "autumn": "orange brown", "winter": "white blue"}
_LIGHT_OF_TIME: Final[dict[Time, dict[str, float]]] = {
    "sunset": {"warm": 0.8},
    "dawn": {"bright": 0.4, "warm": 0.3},
    "night": {"bright": -1.0, "warm": -0.4},
    "golden": {"warm": 1.0},
    "storm": {"bright": -0.5, "vivid": -0.6},
    "neon": {"bright": -0.4, "vivid": 1.0, "contrast": 0.6},
    "day": {"bright": 0.7},
}
_ENDS: Final = {
    "bright": ("bright light sunny pale", "dark darkness shadow shadows gloomy black"),
    "contrast": ("contrast dramatic stark", "flat soft hazy foggy misty"),
    "warm": ("warm cosy cozy", "cold cool icy frozen"),
    "vivid": ("colourful colorful vivid saturated", "muted grey gray monochrome desaturated pastel"),
    "textured": ("detailed busy crowded rough intricate", "smooth minimal simple blurred blurry plain"),
    "wide": ("panorama panoramic wide landscape", "tall portrait"),
}
"""Words for the two ends of a measure of light."""
_LIGHT_WORDS: Final = {
    word: {name: value}
    for name, ends in _ENDS.items()
    for words, value in zip(ends, (1.0, -1.0), strict=True)
    for word in words.split()
}


def read(text: str) -> NDArray[np.float64]:
    """The measures of a text."""
    words = Counter(word for word in _WORD.findall(text.lower()) if word not in _SMALL)
    return measures(_colours(read_prompt(text), text), _light(text), {word: count**0.5 for word, count in words.items()})


def _colours(vision: Vision, text: str) -> dict[str, float]:
    told = set(words_of(text))
    times: set[Time] = {TIMES[word] for word in told & TIMES.keys()}
    seasons: set[Season] = {SEASONS[word] for word in told & SEASONS.keys()}
    return _added(
        *({SHADE_OF[word]: _NAMED} for word in told & SHADE_OF.keys()),
        *({name_of(thing.colour): _USUAL} for thing in vision.things if not thing.bound),
        dict.fromkeys(_OF_PLACE.get(vision.setting, "").split() if vision.named else (), _PLACE),
        *(dict.fromkeys(_OF_TIME.get(time, "").split(), _HOUR) for time in times),
        *(dict.fromkeys(_OF_SEASON[season].split(), _HOUR) for season in seasons),
    )


def _light(text: str) -> dict[str, float]:
    told = set(words_of(text))
    named = [_LIGHT_WORDS[word] for word in told & _LIGHT_WORDS.keys()]
    times = [_LIGHT_OF_TIME[TIMES[word]] for word in (told & TIMES.keys()) - _LIGHT_WORDS.keys()]
    return {name: max(-1.0, min(1.0, value)) for name, value in _added(*named, *times).items()}


def _added(*weights: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for some in weights:
        for name, value in some.items():
            found[name] = found.get(name, 0.0) + value
    return found
