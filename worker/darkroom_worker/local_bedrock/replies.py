"""Answers questions about pictures from what was measured in them: words, or JSON that fits a schema.

No model is asked and none is imitated: every answer says that it is a local preview. Equal requests get equal answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final, cast

from darkroom_shared.task_types import as_array, as_object
from darkroom_worker.local_bedrock.looks import ALSO_CALLED, COLOURS, Look, likeness

PREVIEW: Final = "Local preview, no model looked at this."
_BRIGHT, _DARK = 0.6, 0.35
_DEEPEST: Final = 12
"""Schemas that refer to themselves are followed no further."""
_WORD: Final = re.compile(r"[a-z]+")
_NOT: Final = frozenset(("no", "not", "without", "never"))
_NEAR: Final = 3
"""So many words before a colour a `no` or `not` is looked for."""


def described(looks: Sequence[Look]) -> str:
    """All that was measured, in sentences."""
    told = [f"Picture {number}: {_sentence(look)}." for number, look in enumerate(looks, start=1)]
    alike = [
        f"Likeness of pictures {one + 1} and {other + 1}: {likeness(looks[one], looks[other]):.0%}."
        for one, other in combinations(range(min(len(looks), 5)), 2)
    ]
    return " ".join([PREVIEW, *told, *alike])


def _sentence(look: Look) -> str:
    colours = ", ".join(f"{name} {share:.0%}" for name, share in look.colours[:4]) or "no opaque pixels"
    subject = "nothing stands out" if look.subject is None else f"its subject fills {look.subject.share:.0%} {look.subject.place}"
    clear = "with transparency" if look.transparent else "opaque"
    return f"{look.width}x{look.height} pixels, {colours}; {_light(look)} ({look.brightness:.2f}); {subject}; {clear}"


def _light(look: Look) -> str:
    return "bright" if look.brightness > _BRIGHT else "dark" if look.brightness < _DARK else "of middle brightness"


def judged(question: str, looks: Sequence[Look]) -> tuple[bool, str]:
    """Whether a statement holds for every picture, as far as it is about colours, light and transparency; and why."""
    words = _WORD.findall(question.casefold())
    doubts: list[str] = []
    said: list[str] = []
    for place, word in enumerate(words):
        refused = bool(_NOT & set(words[max(0, place - _NEAR) : place]))
        for number, look in enumerate(looks, start=1):
            told = _measured(word, look)
            if told is not None:
                holds, what = told
                said.append(f"picture {number} {what}")
                doubts += [f"picture {number} {what}"] if holds == refused else []
    if not said:
        return True, f"{PREVIEW} Nothing in the statement can be measured, so it counts as true."
    return not doubts, f"{PREVIEW} {'; '.join(dict.fromkeys(doubts or said)).capitalize()}."


def _measured(word: str, look: Look) -> tuple[bool, str] | None:
    """Whether what a word names is in a picture, and how to say so; None for a word about which nothing can be measured."""
    colour = ALSO_CALLED.get(word, word)
    if colour in COLOURS:
        share = dict(look.colours).get(colour, 0.0)
        return share > 0, f"has {share:.0%} {colour}"
    if word in ("bright", "light", "dark"):
        holds = look.brightness < _DARK if word == "dark" else look.brightness > _BRIGHT
        return holds, f"is {_light(look)}"
    if word in ("transparent", "transparency"):
        return look.transparent, "has transparent pixels" if look.transparent else "is opaque"
    return None


def filled(schema: Mapping[str, object], question: str, looks: Sequence[Look]) -> object:
    """A value that fits a JSON Schema: measured facts where the names of its fields ask for them, else plain defaults."""
    passes, reason = judged(question, looks)
    return _Filling(schema, _facts(looks) | {"passes": passes, "reason": reason}).value(schema, "", 0)


def _facts(looks: Sequence[Look]) -> dict[str, object]:
    """What is known, by the words that fields are named with."""
    first = looks[0]
    names = [name for name, _ in first.colours]
    subject = "none stands out" if first.subject is None else f"fills {first.subject.share:.0%} {first.subject.place}"
    facts: dict[str, object] = {
        "colours": names,
        "colour": names[0] if names else "none",
        "width": first.width,
        "height": first.height,
        "brightness": round(first.brightness, 3),
        "light": _light(first),
        "subject": subject,
        "transparent": first.transparent,
        "description": described(looks),
        "pictures": len(looks),
        "likeness": round(likeness(first, looks[1]), 3) if len(looks) > 1 else 1.0,
    }
    return facts | {name: facts[other] for name, other in _ALSO_NAMED.items()}


_ALSO_NAMED: Final = {
    **{"colors": "colours", "palette": "colours"},
    **{"color": "colour", "dominant_colour": "colour", "dominant_color": "colour"},
    **{"summary": "description", "caption": "description", "text": "description"},
    **{"count": "pictures", "similarity": "likeness"},
}


class _Filling:
    """Walks a schema.

    Args:
        root: the whole schema, in which `$ref` is looked up.
        facts: by name of a field.
    """

    def __init__(self, root: Mapping[str, object], facts: Mapping[str, object]) -> None:
        self._root = root
        self._facts = facts

    def value(self, schema: Mapping[str, object], name: str, depth: int) -> object:
        """A value for a field of this name."""
        schema = self._resolved(schema)
        fact = self._facts.get(name.casefold().replace("-", "_"))
        choices = [schema["const"]] if "const" in schema else as_array(schema.get("enum"))
        if choices:
            return self._chosen(choices, fact)
        match _kind(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._list(schema, name, fact, depth)
            case "boolean":
                return fact is True
            case "integer" | "number" as numeric:
                return _number(schema, fact, whole=numeric == "integer")
            case _:
                return _text(schema, fact)

    def _resolved(self, schema: Mapping[str, object]) -> Mapping[str, object]:
        for _ in range(_DEEPEST):
            ref = schema.get("$ref")
            if isinstance(ref, str) and ref.startswith("#/"):
                found: object = self._root
                for part in ref[2:].split("/"):
                    found = as_object(found).get(part.replace("~1", "/").replace("~0", "~"))
                schema = as_object(found)
                continue
            choices = as_array(schema.get("anyOf")) or as_array(schema.get("oneOf")) or as_array(schema.get("allOf"))
            if not choices:
                break
            schema = {**{key: value for key, value in schema.items() if not key.endswith("Of")}, **as_object(choices[0])}
        return schema

    def _chosen(self, choices: Sequence[object], fact: object) -> object:
        words = [*_listed(fact), fact, *_listed(self._facts["colours"])]
        known = [choice for word in words for choice in choices if word is not None and _plain(choice) == _plain(word)]
        return known[0] if known else choices[0]

    def _object(self, schema: Mapping[str, object], depth: int) -> dict[str, object]:
        required = as_array(schema.get("required"))
        members = as_object(schema.get("properties"))
        wanted = members if depth < _DEEPEST else {name: members[name] for name in members if name in required}
        made = {name: self.value(as_object(inner), name, depth + 1) for name, inner in wanted.items() if depth < 2 * _DEEPEST}
        return made | {str(name): PREVIEW for name in required if name not in made}

    def _list(self, schema: Mapping[str, object], name: str, fact: object, depth: int) -> list[object]:
        inner = as_object(schema.get("items"))
        least, most = schema.get("minItems"), schema.get("maxItems")
        many = _listed(fact)
        if "enum" in self._resolved(inner):
            allowed = as_array(self._resolved(inner)["enum"])
            many = [item for item in many if item in allowed]
        many = many[:most] if isinstance(most, int) else many
        missing = (least if isinstance(least, int) else 0) - len(many)
        return [*many, *(self.value(inner, name.removesuffix("s"), depth + 1) for _ in range(min(max(0, missing), 100)))]


def _kind(schema: Mapping[str, object]) -> str:
    told = schema.get("type")
    kinds = [told] if isinstance(told, str) else [str(one) for one in as_array(told) if one != "null"]
    return kinds[0] if kinds else "object" if "properties" in schema else "string"


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _plain(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _number(schema: Mapping[str, object], fact: object, *, whole: bool) -> float | int:
    known = fact if isinstance(fact, int | float) and not isinstance(fact, bool) else 0
    low, high = schema.get("minimum"), schema.get("maximum")
    value = max(known, low) if isinstance(low, int | float) else known
    value = min(value, high) if isinstance(high, int | float) else value
    return round(value) if whole else value


def _text(schema: Mapping[str, object], fact: object) -> str:
    told = fact if isinstance(fact, str) else ", ".join(map(str, _listed(fact))) or PREVIEW
    least, most = schema.get("minLength"), schema.get("maxLength")
    told = told.ljust(least, ".") if isinstance(least, int) else told
    return told[:most] if isinstance(most, int) else told
