"""What is read out of a text: the colours and the light that the local painter would take from it, and its words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.embedding.colours import SHADE_OF, name_of
from darkroom_worker.local_bedrock.embedding.space import measures
from darkroom_worker.local_bedrock.engine.lexicon import SEASONS, TIMES, Season, Setting, Time
from darkroom_worker.local_bedrock.engine.vision import Vision, read_prompt, words_of

_WORD: Final = re.compile(r"\w+")
_SMALL: Final = frozenset("a an the of on in at to and or with by for from is are as it its this that".split())

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
_LIGHT_WORDS: Final[dict[str, tuple[str, float]]] = {
    **{word: ("bright", 1.0) for word in ("bright", "light", "sunny", "pale")},
    **{word: ("bright", -1.0) for word in ("dark", "darkness", "shadow", "shadows", "gloomy", "black")},
    **{word: ("contrast", 1.0) for word in ("contrast", "dramatic", "stark")},
    **{word: ("contrast", -1.0) for word in ("flat", "soft", "hazy", "foggy", "misty")},
    **{word: ("warm", 1.0) for word in ("warm", "cosy", "cozy")},
    **{word: ("warm", -1.0) for word in ("cold", "cool", "icy", "frozen")},
    **{word: ("vivid", 1.0) for word in ("colourful", "colorful", "vivid", "saturated")},
    **{word: ("vivid", -1.0) for word in ("muted", "grey", "gray", "monochrome", "desaturated", "pastel")},
    **{word: ("textured", 1.0) for word in ("detailed", "busy", "crowded", "rough", "intricate")},
    **{word: ("textured", -1.0) for word in ("smooth", "minimal", "simple", "blurred", "blurry", "plain")},
    **{word: ("wide", 1.0) for word in ("panorama", "panoramic", "wide", "landscape")},
    **{word: ("wide", -1.0) for word in ("tall", "portrait")},
}


def read(text: str) -> NDArray[np.float64]:
    """The measures of a text."""
    words = Counter(word for word in _WORD.findall(text.lower()) if word not in _SMALL)
    return measures(_colours(read_prompt(text), text), _light(text), {word: count**0.5 for word, count in words.items()})


def _colours(vision: Vision, text: str) -> dict[str, float]:
    found = Counter[str]()
    told = words_of(text)
    for word in set(told) & SHADE_OF.keys():
        found[SHADE_OF[word]] += _NAMED
    for thing in vision.things:
        if not thing.bound:
            found[name_of(thing.colour)] += _USUAL
    if vision.named:
        found.update(dict.fromkeys(_OF_PLACE.get(vision.setting, "").split(), _PLACE))
    for time in {TIMES[word] for word in told if word in TIMES}:
        found.update(dict.fromkeys(_OF_TIME.get(time, "").split(), _HOUR))
    for season in {SEASONS[word] for word in told if word in SEASONS}:
        found.update(dict.fromkeys(_OF_SEASON[season].split(), _HOUR))
    return dict(found)


def _light(text: str) -> dict[str, float]:
    found = Counter[str]()
    for word in set(words_of(text)):
        if word in _LIGHT_WORDS:
            name, value = _LIGHT_WORDS[word]
            found[name] += value
        elif word in TIMES:
            found.update(_LIGHT_OF_TIME[TIMES[word]])
    return {name: max(-1.0, min(1.0, value)) for name, value in found.items()}
