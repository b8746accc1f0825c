"""Advice on the wording of one prompt: negations, commands, text without quotes, repetitions.

Every rule would rather miss something than trouble somebody for nothing: names, quotations and idioms are left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from darkroom_shared.plan.prompts import ARTICLES, Advice, Prompt, Word, shown

_NEGATIONS: Final = frozenset(("no", "not", "without", "never", "nobody", "nothing", "nowhere", "none", "neither", "nor", "no-one"))
_VERBS: Final = "do does is are was were ca wo should must did has have could would need"
_CONTRACTED: Final = frozenset(f"{verb}n't" for verb in _VERBS.split()) | {"cannot", "dont", "doesnt"}
_FORBIDDING: Final = frozenset(("avoid", "exclude", "excluding", "omit"))
_DENYING: Final = _NEGATIONS | _CONTRACTED | _FORBIDDING
_NUMBERED: Final = re.compile(r"\.?\s*[#°º]?\s*\d")
# (word, the word before it) and (word, the word behind it) that deny nothing.
_AFTER: Final = frozenset(
    (("no", "dr"), ("no", "or"), ("not", "or"), ("not", "if"), ("not", "me"), ("not", "why"), ("none", "to"), ("nothing", "for"))
)
_BEFORE: Final = frozenset(
    (
        *(("no", "doubt"), ("no", "matter"), ("no", "less"), ("no", "fewer"), ("not", "only"), ("not", "just"), ("not", "least")),
        *(("without", "doubt"), ("nothing", "but"), ("none", "other")),
    )
)


def negations(prompt: Prompt) -> list[Word]:
    """The words that deny something."""
    words = prompt.words
    return [word for at, word in enumerate(words) if word.lower in _DENYING and _denies(prompt, words, at)]


def _denies(prompt: Prompt, words: Sequence[Word], at: int) -> bool:
    word = words[at]
    if word.lower in _FORBIDDING:
        return word.opens
    before = words[at - 1] if at else None
    behind = words[at + 1] if at + 1 < len(words) else None
    if word.is_name or (word.lower == "no" and _NUMBERED.match(prompt.plain, word.end)):
        return False
    if behind is not None and not behind.opens:
        # Words of a sign in the middle of a phrase, and of a title.
        if word.lower == "no" and word.is_loud and behind.is_loud and not word.opens:
            return False
        if before is not None and before.is_name and behind.is_name:
            return False
    return (word.lower, before.lower if before else "") not in _AFTER and (
        behind is None or behind.opens or (word.lower, behind.lower) not in _BEFORE
    )


def affirmed(prompt: Prompt) -> list[tuple[str, ...]]:
    """The phrases of a prompt as far as they deny nothing."""
    found: list[list[Word]] = []
    denied, first = {word.start for word in negations(prompt)}, True
    for word in prompt.words:
        if word.opens:
            found.append([])
            first = True
        first = first and word.start not in denied
        if first:
            found[-1].append(word)
    return [phrase for words in found for phrase in Prompt("", "text", " ".join(word.text for word in words)).phrases]


def negation(prompt: Prompt, put_into: str) -> Iterator[Advice]:
    """A word that denies something, which image models take as a word for it."""
    found = negations(prompt)
    if not found:
        return
    word = shown(found[0].lower)
    if prompt.role == "negative":
        yield Advice(
            prompt.pointer,
            "negation",
            f'"{word}" denies what is to be left out already',
            "name the unwanted thing alone, without a negation",
        )
    else:
        place = f", and put what is unwanted into {put_into} without a negation" if put_into else ""
        yield Advice(prompt.pointer, "negation", f'image models do not understand "{word}"', f"describe what is to be seen{place}")


_ASKING: Final = re.compile(
    r"(?:please|kindly|(?:can|could|would|will) you|i (?:want|need|would like)|i'd like|let's|you should|your task is)\b",
    re.IGNORECASE,
)
_ALWAYS: Final = frozenset(("generate", "create"))
_MAKE: Final = _ALWAYS | {"make", "draw", "produce", "render", "design", "paint", "imagine", "show", "give", "illustrate", "depict"}
_CHANGE: Final = frozenset(
    ("add", "remove", "replace", "change", "turn", "delete", "insert", "erase", "edit", "put", "recolor", "swap", "convert")
)
_SELECT: Final = frozenset(("mask", "select", "find", "segment", "choose", "pick", "detect"))
_OBJECTS: Final = ARTICLES | {
    *(
        "me",
        "us",
        "some",
        "this",
        "that",
        "these",
        "my",
        "his",
        "her",
        "its",
        "their",
        "it",
        "him",
        "them",
        "another",
        "one",
        "two",
    ),
    *("three", "all", "every", "everything", "image", "picture", "photo"),
}


def is_command(prompt: Prompt, verbs: frozenset[str] = _MAKE | _CHANGE) -> bool:
    """Whether a prompt tells somebody to do something."""
    if _ASKING.match(prompt.plain):
        return True
    words = prompt.words
    if len(words) < 2 or words[0].lower not in verbs or words[1].opens:
        return False
    return words[0].lower in _ALWAYS or words[1].lower in _OBJECTS


def command(prompt: Prompt, *, removes: bool) -> Iterator[Advice]:
    """A prompt that begins with an order: its first words count most, and these say nothing of the picture."""
    if prompt.role == "mask":
        if is_command(prompt, _MAKE | _CHANGE | _SELECT):
            yield Advice(
                prompt.pointer,
                "command",
                f'it begins with an order ("{shown(prompt.words[0].lower)}"), but only names a part of the picture',
                "name the thing that is there, with its colour or place",
            )
    elif prompt.role == "text" and is_command(prompt):
        first = prompt.words[0].lower
        instead = "leave the text out to remove what the mask covers" if removes and first in ("remove", "delete", "erase") else ""
        yield Advice(
            prompt.pointer,
            "command",
            f'it begins with an order ("{shown(first)}")',
            instead or "write the caption of the finished picture, its subject first",
        )


_CARRIER: Final = (
    r"(?:signs?|signboard|banner|poster|billboard|label|t-?shirt|shirt|mug|card|neon|letters|lettering|text|board|chalkboard|whiteboard|"
    r"logo|sticker|plaque|cake|headline|screen|bubble|placard|graffiti|flag|storefront|caption|cover|title|note|ticket|plate|tattoo|"
    r"inscription|badge)"
)
_SAYING: Final = (
    r"(?:that says|which says|that reads|which reads|that say|that read|saying|says|reads|spelling|labell?ed|titled"
    r"|reading(?=\s+(?-i:[A-Z])))"
)
_NEXT: Final = r"\s*:?\s*(?P<word>[^\W_][^\s,;.!?\0]*)"
_ON_A_THING: Final = re.compile(rf"\b{_CARRIER}\b(?:\s+[^\W_]+){{0,2}}?\s+{_SAYING}\b{_NEXT}", re.IGNORECASE)
_BY_ITSELF: Final = re.compile(
    r"\b(?i:that says|which says|that reads|saying|titled|(?:with|showing) (?:the )?(?:text|words?|inscription|slogan|caption))\b"
    r"(?:\s*:\s*(?P<said>[^\W_][^\s,;.!?\0]*)|\s+(?P<word>[A-Z][^\s,;.!?\0]*))"
)
_NEAR: Final = 60
_NOT_SAID: Final = frozenset(
    ("in", "on", "at", "with", "by", "and", "of", "to", "from", "something", "nothing", "hello", "goodbye", "his", "her")
)


def unquoted_text(prompt: Prompt) -> Iterator[Advice]:
    """Words that are to stand in the picture, but not in double quotes."""
    if prompt.role != "text":
        return
    for pattern in (_ON_A_THING, _BY_ITSELF):
        for found in pattern.finditer(prompt.plain):
            word = next(text for text in (found.groupdict().get("said"), found.groupdict().get("word")) if text)
            quoted_near = "\0" in prompt.plain[found.start() : found.end() + _NEAR]
            if quoted_near or word in _NOT_SAID:
                continue
            yield Advice(
                prompt.pointer,
                "unquoted_text",
                f'"{shown(word)}" seems to be text that is to stand in the picture',
                "put such text in double quotes",
            )
            return


_SMALL: Final = ARTICLES | {"of", "and", "in", "on", "with", "to", "at", "is", "by", "for", "from"}
_QUALITY: Final = (
    *("masterpiece", "best quality", "high quality", "4k", "8k", "16k", "uhd", "hdr", "ultra detailed", "highly detailed"),
    *("ultra realistic", "hyperrealistic", "hyper realistic", "photorealistic", "award winning", "trending on artstation"),
    *("artstation", "octane render", "unreal engine", "sharp focus", "intricate details", "intricate", "ultra hd", "best"),
)
_KEYWORDS: Final = frozenset(_QUALITY)
_MOST_KEYWORDS: Final = 4
_TIMES_IN_A_ROW, _TIMES, _PART = 3, 5, 0.2


def repetition(prompt: Prompt) -> Iterator[Advice]:
    """Words that come again and again, and lists of words that praise the picture instead of describing it."""
    again = _repeated(prompt)
    if again:
        yield Advice(prompt.pointer, "repetition", f'"{shown(*again)}" is repeated', "say each thing once")
    phrases = {" ".join(word.lower.replace("-", " ") for word in phrase) for phrase in _as_written(prompt)}
    if prompt.role == "text" and len(_KEYWORDS & phrases) > _MOST_KEYWORDS:
        yield Advice(
            prompt.pointer,
            "keywords",
            f"{len(_KEYWORDS & phrases)} of its phrases praise the picture instead of describing it",
            "keep one or two of them, and describe light, material and surroundings",
        )


def _as_written(prompt: Prompt) -> list[list[Word]]:
    found: list[list[Word]] = []
    for word in prompt.words:
        if word.opens:
            found.append([])
        found[-1].append(word)
    return found


def _repeated(prompt: Prompt) -> tuple[str, ...]:
    words = prompt.words
    for one, two in pairwise(words):
        if one.lower == two.lower and one.lower in _SMALL and not two.opens:
            return one.lower, two.lower
    for at in range(len(words) - _TIMES_IN_A_ROW + 1):
        row = {word.lower for word in words[at : at + _TIMES_IN_A_ROW]}
        if len(row) == 1 and len(words[at].lower) > 2 and not words[at].lower.isdecimal():
            return (words[at].lower,)
    for phrase, times in Counter(phrase for phrase in prompt.phrases if len(phrase) > 1).items():
        if times > 1:
            return phrase
    content = Counter(word.lower for word in words if word.lower not in _SMALL and not word.lower.isdecimal())
    return next(((word,) for word, times in content.items() if times >= max(_TIMES, _PART * len(words))), ())
