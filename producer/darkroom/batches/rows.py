"""Reads the rows of a batch, one after the other and never all at once: JSONL, CSV, a folder, a grid, or any iterable.

A template is a request with `{column}` inside its texts. A text that is nothing but `{column}` takes the column's value: of CSV,
where everything is text, it becomes a number (or true, false) where it looks like one and stands in the place of anything but words
(`text`, `prompt`, ...); an empty cell there leaves the field out.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, TypeGuard, cast

from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem, pointer

LONGEST_LINE: Final = 40_000_000
"""Characters: a request with two pictures as base64."""
MOST_ROWS: Final = 100_000
LONGEST_NAME: Final = 255
"""Characters of a custom_id."""
PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")
_PLACE: Final = re.compile(r"\{([A-Za-z_][\w.-]*)\}")
_NUMBER: Final = re.compile(r"\s*[+-]?(?:[0-9]{1,300}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*")
"""What people write as a number; Python itself would also read `1_000`, `nan` and `inf`."""
_KEPT_BYTES: Final = "surrogateescape"
"""A byte that is no UTF-8 is read as half a pair, so that its line can be told instead of ending the reading."""
_NO_UTF8: Final = "this is no UTF-8"
_WORDS: Final = frozenset(
    {"text", "prompt", "negativeText", "negative_prompt", "maskPrompt", "search_prompt", "select_prompt"}
    | {"inputText", "texts", "system", "value"}
)
"""Fields whose values are texts, whatever they look like."""
Values: TypeAlias = Mapping[str, object]
Source: TypeAlias = str | Path | Iterable[Mapping[str, object]] | Mapping[str, object]
"""A file (`.jsonl`, `.csv`), a folder of pictures, a grid `{"groups": [...], "repeats": n}`, or rows as they are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: where it begins, counted from 1.
        custom_id: what it is called; unique in its batch.
        request: Bedrock's body; pictures may be paths if they came from a folder or from Python.
        problems: what keeps it from being read; then there is no request.
        columns: which column of CSV a value came from, by the JSON pointer of its place.
        is_last: nothing behind it could be read; what was left out nobody knows.
    """

    line: int
    custom_id: str
    request: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    problems: tuple[Problem, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    is_last: bool = False


def read(source: Source, template: Mapping[str, object] | None) -> Iterator[Row]:
    """The rows of a source, in order.

    Raises:
        InvalidRequest: it is no source, or a template is missing or not wanted.
        OSError: a file cannot be read.
    """
    if isinstance(source, Mapping):
        return _filled(_grid(cast("Mapping[str, object]", source)), _needed(template, "a grid"))
    if not isinstance(source, str | Path):
        return _given(source, template)
    path = Path(source)
    if path.is_dir():
        return _filled(_folder(path), _needed(template, "a folder"))
    if path.suffix.lower() == ".csv":
        return _csv(path, _needed(template, "CSV"))
    return _jsonl(path, template)


def _needed(template: Mapping[str, object] | None, what: str) -> Mapping[str, object]:
    if template is not None:
        return template
    allowed = 'a request with {column} in its texts, e.g. {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "{prompt}"}}'
    raise InvalidRequest([Problem("/template", f"{what} needs a template", allowed)])


def _given(rows: Iterable[Mapping[str, object]], template: Mapping[str, object] | None) -> Iterator[Row]:
    for number, told in enumerate(rows, start=1):
        yield _of_object(number, told, template)


def _jsonl(path: Path, template: Mapping[str, object] | None) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors=_KEPT_BYTES) as file:
        for number in itertools.count(1):
            line = file.readline(LONGEST_LINE + 1)
            if not line:
                return
            if len(line) > LONGEST_LINE:
                yield Row(number, f"row-{number}", problems=(Problem("", f"the line has more than {LONGEST_LINE:,} characters"),))
                while line and not line.endswith("\n"):
                    line = file.readline(LONGEST_LINE)
            elif line.strip():
                yield _of_line(number, line, template)


def _of_line(number: int, line: str, template: Mapping[str, object] | None) -> Row:
    if (column := _not_unicode(line)) is not None:
        return Row(number, f"row-{number}", problems=(Problem("", f"{_NO_UTF8} (column {column})"),))
    try:
        told = cast("object", json.loads(line.rstrip("\r\n")))
    except json.JSONDecodeError as error:
        return Row(number, f"row-{number}", problems=(Problem("", f"this is no JSON: {error.msg} (column {error.colno})"),))
    except ValueError:  # Python reads no whole number of more than 4300 digits
        return Row(number, f"row-{number}", problems=(Problem("", "a number in this JSON has too many digits"),))
    except RecursionError:
        return Row(number, f"row-{number}", problems=(Problem("", "this JSON is nested too deeply"),))
    return _of_object(number, told, template)


def _of_object(number: int, told: object, template: Mapping[str, object] | None) -> Row:
    """A row that is an object: a request, `{"custom_id", "request"}`, or with a template the values of its columns."""
    if not isinstance(told, Mapping):
        problem = Problem("", "this is no row", "a JSON object: a request, or columns of the template")
        return Row(number, f"row-{number}", problems=(problem,))
    values = dict(cast("Mapping[str, object]", told))
    name = values.pop("custom_id", f"row-{number}")
    if not _is_name(name):
        return Row(number, f"row-{number}", problems=(_no_name(name),))
    if template is not None:
        return _from_template(number, name, values, template, typed=True)
    request = values.get("request") if set(values) == {"request"} else values
    if not isinstance(request, Mapping):
        return Row(number, name, problems=(Problem("/request", "the request is no JSON object"),))
    return Row(number, name, cast("Mapping[str, object]", request))


def _is_name(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and 1 <= len(name) <= LONGEST_NAME and _not_unicode(name) is None


def _no_name(name: object) -> Problem:
    return Problem("/custom_id", f"{str(name)[:40]!r} is no custom_id", f"a text of 1-{LONGEST_NAME} characters")


def _not_unicode(text: str) -> int | None:
    """Where the first character stands, from 1, that is none: a byte that is no UTF-8, or half a pair; None if all are."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start + 1
    return None


def _csv(path: Path, template: Mapping[str, object]) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors=_KEPT_BYTES, newline="") as file:
        start = file.read(8192)
        file.seek(0)
        csv.field_size_limit(LONGEST_LINE)  # a cell may be a picture
        reader = csv.reader(file, delimiter=_parting(start), strict=True)
        header = [name.strip() for name in next(reader, list[str]())]
        _check_header(header, template)
        while True:
            line = reader.line_num + 1  # where the row begins: a cell in quotes may go over several lines
            try:
                cells = next(reader, None)
            except csv.Error as error:
                # Which lines below are rows of their own is not known any more.
                message = f"this is no CSV: {error}; nothing below it was read"
                yield Row(line, f"row-{line}", problems=(Problem("", message),), is_last=True)
                return
            if cells is None:
                return
            if cells:
                yield _of_cells(line, header, cells, template)


def _parting(start: str) -> str:
    """What parts the cells. Nothing else is guessed: whether quotes are doubled in a cell must not hang on the first lines."""
    try:
        return csv.Sniffer().sniff(start, delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _check_header(header: Sequence[str], template: Mapping[str, object]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    problems = [Problem("/header", f"line 1: two columns are called {name!r}") for name in twice]
    odd = [number for number, name in enumerate(header, start=1) if _not_unicode(name) is not None]
    problems += [Problem("/header", f"line 1, column {number}: {_NO_UTF8}") for number in odd]
    named = sorted(set(header)) if not odd else []
    problems += [
        Problem("/template", f"the template names {{{name}}}, and line 1 has no such column", named)
        for name in sorted(set(_names(template)) - {*header, "custom_id", "row"})
    ]
    if problems:
        raise InvalidRequest(problems)


def _of_cells(line: int, header: Sequence[str], cells: Sequence[str], template: Mapping[str, object]) -> Row:
    if len(cells) != len(header):
        text = f"it has {len(cells)} columns, and line 1 has {len(header)}"
        return Row(line, f"row-{line}", problems=(Problem("", text),))
    wrong = [
        Problem("", f"column {name!r}: {_NO_UTF8} (character {place} of the cell)")
        for name, cell in zip(header, cells, strict=True)
        if (place := _not_unicode(cell)) is not None
    ]
    if wrong:
        return Row(line, f"row-{line}", problems=tuple(wrong))
    values: dict[str, object] = dict(zip(header, cells, strict=True))
    name = values.pop("custom_id", "") or f"row-{line}"
    if not _is_name(name):
        return Row(line, f"row-{line}", problems=(_no_name(name),), columns={"/custom_id": "custom_id"})
    return _from_template(line, name, values, template, typed=False)


def _folder(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in PICTURES and file.is_file():
            yield file.name, {"file": file, "stem": file.stem, "name": file.name}


def _grid(told: Mapping[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    """Every combination of the groups; inside a group, columns go side by side."""
    groups, repeats = told.get("groups"), told.get("repeats", 1)
    if set(told) - {"groups", "repeats"} or not isinstance(groups, list) or not groups:
        raise InvalidRequest(
            [Problem("/groups", "a grid has groups of columns", '{"groups": [{"prompt": ["a", "b"]}], "repeats": 1}')]
        )
    if not isinstance(repeats, int) or isinstance(repeats, bool) or not 1 <= repeats <= 1000:
        raise InvalidRequest([Problem("/repeats", f"{repeats!r} is no number of repeats", {"minimum": 1, "maximum": 1000})])
    parts = [_group(index, group) for index, group in enumerate(cast("list[object]", groups))]
    names = [name for part in parts for name in part[0]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequest([Problem("/groups", f"the column {twice[0]!r} stands in two groups")])
    count = math.prod(map(len, parts)) * repeats
    if count > MOST_ROWS:
        raise InvalidRequest([Problem("/groups", f"this grid has {count:,} rows", f"at most {MOST_ROWS:,}; several batches")])
    again: list[dict[str, object]] = [{"repeat": repeat} for repeat in range(1, repeats + 1)]
    every = itertools.product(*parts, again)
    return ((f"row-{number}", dict(ChainMap(*cells))) for number, cells in enumerate(every, start=1))


def _group(index: int, group: object) -> list[dict[str, object]]:
    where = pointer(["groups", index])
    if not isinstance(group, Mapping) or not group:
        raise InvalidRequest([Problem(where, "a group is an object of columns", '{"prompt": ["a", "b"]}')])
    columns = cast("Mapping[str, object]", group)
    lists = {name: cast("list[object]", values) for name, values in columns.items() if isinstance(values, list) and values}
    if len(lists) != len(columns) or len({len(values) for values in lists.values()}) != 1:
        raise InvalidRequest([Problem(where, "the columns of a group are lists of one length, side by side")])
    return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def _filled(rows: Iterator[tuple[str, dict[str, object]]], template: Mapping[str, object]) -> Iterator[Row]:
    for number, (name, values) in enumerate(rows, start=1):
        if _is_name(name):
            yield _from_template(number, name, values, template, typed=True)
        else:  # a file's name need not be text
            yield Row(number, f"row-{number}", problems=(_no_name(name),))


def _from_template(line: int, name: str, values: Values, template: Mapping[str, object], *, typed: bool) -> Row:
    problems: list[Problem] = []
    columns: dict[str, str] = {}
    known = {**values, "custom_id": name, "row": line}

    def put(text: str, at: tuple[str | int, ...]) -> object:
        whole = _PLACE.fullmatch(text)
        if whole and whole[1] in known:
            columns[pointer(at)] = whole[1]
            value = known[whole[1]]
            return _number(value) if not typed and isinstance(value, str) and _WORDS.isdisjoint(at[-2:]) else value
        for found in _PLACE.finditer(text):
            columns[pointer(at)] = found[1]
            if found[1] not in known:
                problems.append(Problem(pointer(at), f"there is no column {found[1]!r}", sorted(known)))
        return _PLACE.sub(lambda found: str(known.get(found[1], "")), text)

    request = cast("Mapping[str, object]", _walk(template, put, ()))
    return Row(line, name, {} if problems else _without_empty(request), tuple(problems), columns)


def _number(text: str) -> object:
    """A cell of CSV in the place of something that is no words: nothing for an empty one, a number where it is one."""
    if text == "":
        return None
    if _NUMBER.fullmatch(text):
        return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _walk(value: object, put: Callable[[str, tuple[str | int, ...]], object], at: tuple[str | int, ...]) -> object:
    if isinstance(value, str):
        return put(value, at)
    if isinstance(value, Mapping):
        return {name: _walk(item, put, (*at, name)) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return [_walk(item, put, (*at, index)) for index, item in enumerate(cast("list[object]", value))]
    return value


def _without_empty(value: Mapping[str, object]) -> dict[str, object]:
    """The request without what an empty cell left behind."""
    return {name: _kept(item) for name, item in value.items() if item is not None}


def _kept(value: object) -> object:
    if isinstance(value, Mapping):
        return _without_empty(cast("Mapping[str, object]", value))
    if isinstance(value, list):
        return [_kept(item) for item in cast("list[object]", value) if item is not None]
    return value


def _names(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from _PLACE.findall(value)
    elif isinstance(value, Mapping):
        yield from (name for item in cast("Mapping[str, object]", value).values() for name in _names(item))
    elif isinstance(value, list):
        yield from (name for item in cast("list[object]", value) for name in _names(item))
