"""Conditions of workflow steps, such as `$steps.check.passed and $steps.vary.count >= 2`: their grammar and what they mean.

    condition  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation   = [ "not" ] ( "(" condition ")" | operand [ comparison operand ] )
    comparison = "==" | "!=" | "<" | "<=" | ">" | ">="
    operand    = value of a step | number | "text" | true | false
    value of a step = "$steps." NAME "." ( "passed" | "state" | "count" | "width" | "height" | "json" { "." KEY } )

Parsed, a condition is JSON: `["and", A, B, ...]`, `["or", ...]`, `["not", A]`, `["==", LEFT, RIGHT]`, or an operand alone. A step's
value is `{"step": NAME, "value": WORD}`, with `"path": [KEY, ...]` for `json`. The ledger decides by the same rules
(`scripts/lib/graph.lua`) at the moment in which the last of the steps ends; a test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast

from darkroom_shared.core.workflow import REFERENCE_PREFIX, STEP_NAME

Condition: TypeAlias = list["Condition"] | Mapping[str, object] | str | int | float | bool
"""A parsed condition, as JSON has it."""
Look: TypeAlias = Callable[[Mapping[str, object]], object]
"""Gives what a step's value is at this moment; None if there is none."""

VALUES: Final[Mapping[str, str]] = {
    "passed": "true if the step gave results, and if a check of pictures said yes",
    "state": "how it ended: succeeded, partial, rejected, failed, expired or canceled",
    "count": "how many pictures it gave",
    "width": "of its first picture, in pixels",
    "height": "of its first picture, in pixels",
    "json": "its answer, if that is JSON: json.score is the member score",
}
"""What a condition may ask of a step."""
LONGEST: Final = 500
"""Characters."""
LONGEST_ANSWER: Final = 4096
"""Bytes of an answer in JSON that conditions can look into."""
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<ref>\$steps\.[\w.-]+)|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<word>[a-z]+)|(?P<sign>==|!=|<=|>=|<|>|\(|\)))"
)
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")


class ConditionError(ValueError):
    """A text is no condition; the message says what and where."""


def parse(text: str) -> Condition:
    """The condition that a text describes.

    Raises:
        ConditionError: it describes none.

    >>> parse("$steps.check.passed and not $steps.cut.width < 512")
    ['and', {'step': 'check', 'value': 'passed'}, ['not', ['<', {'step': 'cut', 'value': 'width'}, 512]]]
    """
    if len(text) > LONGEST:
        raise ConditionError(f"it has {len(text)} characters; at most {LONGEST} are allowed")
    parser = _Parser(list(_tokens(text)))
    found = parser.condition()
    if parser.tokens:
        raise ConditionError(f"{parser.tokens[0][1]!r} is not expected there")
    return found


def values_in(condition: Condition) -> Iterator[Mapping[str, object]]:
    """Every value of a step that a condition looks at."""
    if isinstance(condition, Mapping):
        yield condition
    elif isinstance(condition, list):
        for part in condition:
            yield from values_in(part)


def with_values(condition: Condition, change: Callable[[Mapping[str, object]], Mapping[str, object]]) -> Condition:
    """The condition with each value of a step put differently: by its job instead of its name, say."""
    if isinstance(condition, Mapping):
        return change(condition)
    if isinstance(condition, list):
        return [with_values(part, change) for part in condition]
    return condition


def written(condition: Condition) -> str:
    """The text of a condition, as `parse` reads it.

    >>> written(parse("not ($steps.a.passed or $steps.b.count >= 2)"))
    'not ($steps.a.passed or $steps.b.count >= 2)'
    """
    if isinstance(condition, Mapping):
        path = cast("Sequence[str]", condition.get("path", ()))
        return ".".join([f"{REFERENCE_PREFIX}{condition['step']}", str(condition["value"]), *path])
    if isinstance(condition, list):
        word, *parts = condition
        if word == "not":
            return f"not {_inside(parts[0])}"
        if word in ("and", "or"):
            return f" {word} ".join(_inside(part) for part in parts)
        return f" {word} ".join(written(part) for part in parts)
    if isinstance(condition, bool):
        return str(condition).lower()
    return f'"{condition}"' if isinstance(condition, str) else str(condition)


def _inside(part: Condition) -> str:
    return f"({written(part)})" if isinstance(part, list) and part[0] in ("and", "or") else written(part)


def holds(condition: Condition, look: Look) -> bool:
    """Whether a condition is true. What is not there equals nothing; `<` and its like are for numbers alone."""
    if not isinstance(condition, list):
        return _value(condition, look) is True
    word, *parts = condition
    match word:
        case "and":
            return all(holds(part, look) for part in parts)
        case "or":
            return any(holds(part, look) for part in parts)
        case "not":
            return not holds(parts[0], look)
        case _:
            return _compare(str(word), _value(parts[0], look), _value(parts[1], look))


def _value(operand: Condition, look: Look) -> object:
    return look(operand) if isinstance(operand, Mapping) else operand


def _compare(sign: str, left: object, right: object) -> bool:
    if sign in ("==", "!="):
        same_kind = (_is_number(left) and _is_number(right)) or type(left) is type(right)
        equal = left is not None and same_kind and not isinstance(left, list | Mapping) and left == right
        return equal == (sign == "==")
    if not (_is_number(left) and _is_number(right)):
        return False
    one, other = cast("float", left), cast("float", right)
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[sign]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def at_path(value: object, path: Sequence[str]) -> object:
    """The member of a JSON value at a path; None if there is none. Numbers in a path count the items of a list from 0."""
    for key in path:
        if isinstance(value, Mapping):
            value = cast("Mapping[str, object]", value).get(key)
        elif isinstance(value, list) and key.isdecimal():
            items = cast("list[object]", value)
            value = items[int(key)] if int(key) < len(items) else None
        else:
            return None
    return value


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ConditionError(f"it cannot be read from {text[at : at + 20].strip()!r} on")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


class _Parser:
    """Reads tokens from the left; `tokens` are those that are left."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self._depth = 0

    def condition(self) -> Condition:
        return self._joined("or", lambda: self._joined("and", self._negation))

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._takes(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else [word, *parts]

    def _negation(self) -> Condition:
        self._depth += 1
        if self._depth > 20:
            raise ConditionError("it is nested too deeply")
        try:
            if self._takes("not"):
                return ["not", self._negation()]
            if self._takes("("):
                found = self.condition()
                if not self._takes(")"):
                    raise ConditionError("a ) is missing")
                return found
            left = self._operand()
            if self.tokens and self.tokens[0][1] in _COMPARISONS and self.tokens[0][0] == "sign":
                return [self.tokens.pop(0)[1], left, self._operand()]
            if not isinstance(left, Mapping | bool):
                raise ConditionError(f"{left!r} alone is neither true nor false")
            return left
        finally:
            self._depth -= 1

    def _takes(self, word: str) -> bool:
        if self.tokens and self.tokens[0] in (("word", word), ("sign", word)):
            self.tokens.pop(0)
            return True
        return False

    def _operand(self) -> Condition:
        if not self.tokens:
            raise ConditionError("it ends where a value is expected")
        kind, text = self.tokens.pop(0)
        match kind:
            case "ref":
                return _reference(text)
            case "number":
                return float(text) if "." in text else int(text)
            case "text":
                return text[1:-1]
            case _ if text in ("true", "false"):
                return text == "true"
            case _:
                raise ConditionError(f"{text!r} is no value; values of steps look like $steps.NAME.count, texts stand in quotes")


def _reference(text: str) -> Mapping[str, object]:
    step, _, rest = text.removeprefix(REFERENCE_PREFIX).partition(".")
    value, *path = rest.split(".")
    if not STEP_NAME.fullmatch(step) or value not in VALUES or (path and value != "json") or "" in path:
        raise ConditionError(f"{text} is no value of a step; there are {', '.join(VALUES)}")
    return {"step": step, "value": value, **({"path": path} if value == "json" else {})}
