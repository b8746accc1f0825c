"""Advice on the prompts of a request, from what the documents of the image models say about writing them.

Pure, and never an obstacle: a request with advice is as valid as one without.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from darkroom_shared.models.model import Body, Model
from darkroom_shared.plan.languages import foreign_language
from darkroom_shared.plan.prompts import ARTICLES, FROM_WORDS, Advice, Prompt, prompts_of, shown
from darkroom_shared.plan.wording import affirmed, command, negation, repetition, unquoted_text
from darkroom_shared.task_types import as_array, as_object, task_type_of

__all__ = ["Advice", "advise"]

_ENGLISH_ONLY: Final = ("titan-image", "nova-canvas")
"""Families whose documents say that prompts are read in English."""
_NEAR_THE_LIMIT: Final = 0.9
_FEW_WORDS: Final = 2


def advise(model: Model, body: Body) -> list[Advice]:
    """Everything that the documents advise against in the prompts of a request.

    Args:
        model: who is to do it; the limits on length and the language are its own.
        body: with its task type.
    """
    prompts = prompts_of(model, body)
    task = task_type_of(body)
    name = "" if task is None else task.name
    found: list[Advice] = []
    readable: list[Prompt] = []
    for prompt in prompts:
        language = foreign_language(prompt)
        if language and model.family in _ENGLISH_ONLY:
            found.append(
                Advice(prompt.pointer, "language", f"it seems to be {language}; {model.label} reads English", "write it in English")
            )
        found += _length(prompt, name, has_words=not language)
        if not language:  # the other rules know English words only
            readable.append(prompt)
            found += negation(prompt, _negative_place(model, body)) if prompt.role != "mask" else ()
            found += command(prompt, removes=name == "INPAINTING")
            found += unquoted_text(prompt)
            found += repetition(prompt)
    found += _masks(readable)
    found += _contradictions(readable)
    found += _colors(readable, as_array(as_object(body.get(task.params_key)).get("colors")) if task and task.params_key else ())
    order = {prompt.pointer: place for place, prompt in enumerate(prompts)}
    return sorted(found, key=lambda advice: order[advice.pointer])


def _negative_place(model: Model, body: Body) -> str:
    """Where a request says what is not to be seen; empty for a task that has no such place."""
    task = task_type_of(body)
    if task is None or not task.native:
        return "negativeText"
    if task.name == "SDXL_IMAGE":
        return "a prompt of negative weight"
    return "" if task.name == "STABLE_OUTPAINT" else "negative_prompt"


def _length(prompt: Prompt, task: str, *, has_words: bool) -> Iterator[Advice]:
    length, limit = len(prompt.text), prompt.limit
    if limit is not None and _NEAR_THE_LIMIT * limit <= length <= limit:
        yield Advice(
            prompt.pointer,
            "near_limit",
            f"it has {length} of at most {limit} characters, and the last words count least",
            "begin with what matters most, and leave out the rest",
        )
    if (
        has_words
        and prompt.role == "text"
        and task in FROM_WORDS
        and 0 < len(prompt.words) <= _FEW_WORDS
        and "\0" not in prompt.plain
    ):
        yield Advice(
            prompt.pointer,
            "short",
            "so few words leave most of the picture to chance",
            "add the surroundings, the light, the point of view, and the kind of picture",
        )


_VAGUE: Final = frozenset(
    (
        *(
            "it",
            "this",
            "that",
            "these",
            "those",
            "them",
            "object",
            "thing",
            "item",
            "stuff",
            "something",
            "anything",
            "everything",
        ),
        *(
            "all",
            "area",
            "part",
            "region",
            "spot",
            "place",
            "element",
            "image",
            "picture",
            "photo",
            "main",
            "whole",
            "here",
            "there",
        ),
        *("one", "of", "in", "mask"),
    )
)


def _masks(prompts: Sequence[Prompt]) -> Iterator[Advice]:
    texts = [_plain(prompt) for prompt in prompts if prompt.role == "text"]
    for prompt in prompts:
        words = _plain(prompt)
        if prompt.role != "mask" or not words:
            continue
        if {word.lower for word in prompt.words} - ARTICLES <= _VAGUE:
            yield Advice(
                prompt.pointer,
                "vague_mask",
                f'"{shown(prompt.words[-1].lower)}" does not tell which part of the picture is meant',
                "name the thing that is there, with its colour or place",
            )
        elif words in texts:
            yield Advice(
                prompt.pointer,
                "mask_like_text",
                "it has the same words as the text",
                "name here what is in the picture now, and in the text what is to be there instead",
            )


def _plain(prompt: Prompt) -> frozenset[str]:
    return frozenset(word for phrase in prompt.phrases for word in phrase)


def _contradictions(prompts: Sequence[Prompt]) -> Iterator[Advice]:
    """Phrases of a negative text that the text asks for."""
    if not any(prompt.role == "negative" for prompt in prompts):
        return
    wanted = [f" {' '.join(phrase)} " for prompt in prompts if prompt.role == "text" for phrase in affirmed(prompt)]
    for prompt in prompts:
        unwanted = affirmed(prompt) if prompt.role == "negative" else []
        for phrase in unwanted:
            if any(f" {' '.join(phrase)} " in text for text in wanted):
                yield Advice(
                    prompt.pointer,
                    "contradiction",
                    f'"{shown(*phrase)}" is in the text as well',
                    "leave it out of one of the two",
                )
                break


_HUES: Final[Mapping[str, int]] = {
    **{"red": 0, "crimson": 350, "scarlet": 5, "yellow": 57, "green": 120, "turquoise": 175, "teal": 180, "cyan": 185},
    **{"blue": 220, "navy": 235, "purple": 280, "violet": 275, "magenta": 305, "pink": 335},
}
"""Degrees on the colour wheel. Names that are fruits, metals or flowers first of all are not in it."""
_NEAR_HUE: Final = 50
"""Degrees; wide, as nobody says where blue ends and green begins."""
_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_GREYISH, _DARK, _LIGHT = 0.15, 0.06, 0.97


def _colors(prompts: Sequence[Prompt], colors: Sequence[object]) -> Iterator[Advice]:
    """Colours that the text names and that are far from all of the list."""
    known = [color for color in colors if isinstance(color, str) and _COLOR.fullmatch(color)]
    if not known or len(known) < len(colors):
        return
    hues = [hue for color in known if (hue := _hue(color)) is not None]
    for prompt in prompts:
        named = {word.lower for word in prompt.words if not word.is_name} if prompt.role == "text" else set[str]()
        said = {word for phrase in affirmed(prompt) for word in phrase} & named
        far = [name for name, hue in _HUES.items() if name in said and all(_apart(hue, other) > _NEAR_HUE for other in hues)]
        if far:
            yield Advice(
                prompt.pointer,
                "color",
                f'it names "{shown(far[0])}", and no colour of the list is near to that',
                "name colours of the list, or add this one to it",
            )


def _hue(color: str) -> float | None:
    """Degrees on the colour wheel; None for a grey, black or white, which has none."""
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    return hue * 360 if saturation > _GREYISH and _DARK < light < _LIGHT else None


def _apart(one: float, other: float) -> float:
    return min(abs(one - other), 360 - abs(one - other))
