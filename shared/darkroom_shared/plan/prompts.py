"""Finds the prompts of a request and takes them apart: what is quoted, words, phrases.

Nothing here raises on a malformed body: a place that is not there, or holds no text, is no prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from darkroom_shared.core.problems import pointer
from darkroom_shared.models.catalogue import schema_of
from darkroom_shared.models.model import Body, Model, Schema
from darkroom_shared.task_types import TaskType, as_array, as_object, task_type_of
from darkroom_shared.task_types.places import Path

Role = Literal["text", "negative", "mask"]

_AMAZON: Final[tuple[tuple[Path, Role], ...]] = (
    (("text",), "text"),
    (("negativeText",), "negative"),
    (("maskPrompt",), "mask"),
    (("promptBasedMask", "maskPrompt"), "mask"),
)
_NATIVE: Final[tuple[tuple[Path, Role], ...]] = (
    (("prompt",), "text"),
    (("negative_prompt",), "negative"),
    (("search_prompt",), "mask"),
    (("select_prompt",), "mask"),
)
FROM_WORDS: Final = frozenset({"TEXT_IMAGE", "COLOR_GUIDED_GENERATION", "STABLE_IMAGE", "SDXL_IMAGE"})
"""Tasks whose picture comes from the words alone, or nearly so."""
_ADVISED: Final = FROM_WORDS | {
    *("INPAINTING", "OUTPAINTING", "IMAGE_VARIATION", "VIRTUAL_TRY_ON", "STABLE_INPAINT", "STABLE_OUTPAINT", "STYLE_TRANSFER"),
    *("SEARCH_AND_REPLACE", "SEARCH_AND_RECOLOR", "CONTROL_SKETCH", "CONTROL_STRUCTURE", "STYLE_GUIDE"),
    *("CONSERVATIVE_UPSCALE", "CREATIVE_UPSCALE"),
}
"""Tasks whose texts describe a picture; a question about one, or a text to be embedded, is written otherwise."""

# An inch mark behind a number opens no quotation, an apostrophe inside a word does not either.
_QUOTED: Final = re.compile(
    r"""(?<!\d)"[^"\n]{1,200}"|“[^”\n]{1,200}”|„[^“”\n]{1,200}[“”]|«[^»\n]{1,200}»"""
    r"""|(?<!\w)'(?=[^\W\d])(?:[^'\n]|(?<=\w)'(?=\w)){1,80}?(?<=[\w.!?])'(?!\w)"""
)
_WORD: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_APOSTROPHES: Final = str.maketrans("\u2018\u2019", "''")
_PHRASE_END: Final = re.compile(r"[,;:.!?()\[\]\n|]")
ARTICLES: Final = frozenset(("a", "an", "the"))
_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a prompt.

    Attributes:
        text: as it is written.
        lower: in lower case.
        start, end: where it stands in the prompt.
        opens: whether a phrase begins with it: the prompt itself, or what follows a mark of punctuation.
    """

    text: str = field(repr=False)
    lower: str = field(repr=False)
    start: int
    end: int
    opens: bool

    @property
    def is_loud(self) -> bool:
        """Written in capitals."""
        return len(self.text) > 1 and self.text.isupper()

    @property
    def is_name(self) -> bool:
        """Written like a name: with a capital in the middle of a phrase."""
        return self.text[0].isupper() and not self.opens and not self.is_loud


@dataclass(frozen=True)
class Prompt:
    """One text of a request.

    Attributes:
        pointer: JSON pointer of its place.
        role: what it is for: `mask` names a part of the picture.
        text: as it is written.
        limit: most characters that the model takes; None if the model does not take the task.
    """

    pointer: str
    role: Role
    text: str = field(repr=False)
    limit: int | None = None

    @cached_property
    def plain(self) -> str:
        """The text with plain apostrophes, and with NUL in place of every quoted character."""
        return _QUOTED.sub(lambda found: "\0" * len(found[0]), self.text.translate(_APOSTROPHES))

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words that are not quoted."""
        found: list[Word] = []
        for match in _WORD.finditer(self.plain):
            between = self.plain[found[-1].end if found else 0 : match.start()]
            opens = not found or _PHRASE_END.search(between) is not None
            found.append(Word(match[0], match[0].lower(), match.start(), match.end(), opens))
        return tuple(found)

    @cached_property
    def phrases(self) -> tuple[tuple[str, ...], ...]:
        """The words of each phrase in their plain form, without articles and without numbers: those are weights as a rule."""
        found: list[list[str]] = []
        for word in self.words:
            if word.opens:
                found.append([])
            if word.lower not in ARTICLES and not word.lower.isdecimal():
                found[-1].append(_singular(word.lower))
        return tuple(tuple(phrase) for phrase in found if phrase)


@dataclass(frozen=True, slots=True)
class Advice:
    """What the documents of the image models say about a prompt; the request is valid all the same.

    Attributes:
        pointer: JSON pointer of the prompt.
        code: what it is about, for programs.
        message: what was found; it quotes a word or two.
        suggestion: what to write instead.
    """

    pointer: str
    code: str
    message: str
    suggestion: str

    @property
    def is_taste(self) -> bool:
        """Whether it is only for somebody who asks: as a warning at each submit it would be noise."""
        return self.code == "short"

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}; {self.suggestion}."


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def shown(*words: str) -> str:
    """One or two words for a message; never more of a prompt, which is its owner's affair."""
    return " ".join(f"{word[: _SHOWN - 3]}..." if len(word) > _SHOWN else word for word in words[:2])


def prompts_of(model: Model, body: Body) -> list[Prompt]:
    """The prompts of a request, in the order of its documentation; none of a task whose texts do not describe a picture."""
    task = task_type_of(body)
    if task is None or task.name not in _ADVISED:
        return []
    schema = schema_of(model, task.name) if task.name in model.task_types else None
    return [
        Prompt(pointer(path), role, text, None if schema is None else _limit(schema, path))
        for path, role, value in _places(task, body)
        if (text := value.strip() if isinstance(value, str) else "")
    ]


def _places(task: TaskType, body: Body) -> Iterator[tuple[Path, Role, object]]:
    prefix: Path = () if task.native else (task.params_key,)
    for path, role in _NATIVE if task.native else _AMAZON:
        value: object = body
        for key in (*prefix, *path):
            value = as_object(value).get(str(key))
        yield (*prefix, *path), role, value
    for index, item in enumerate(as_array(body.get("text_prompts")) if task.native else ()):
        weight = as_object(item).get("weight")
        against = isinstance(weight, int | float) and weight < 0
        yield ("text_prompts", index, "text"), "negative" if against else "text", as_object(item).get("text")


def _limit(schema: Schema, path: Path) -> int | None:
    place: object = schema
    for key in path:
        inside = as_object(place)
        place = inside.get("items") if isinstance(key, int) else as_object(inside.get("properties")).get(key)
    most = as_object(place).get("maxLength")
    return most if isinstance(most, int) else None
