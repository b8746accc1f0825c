"""The rows of a batch: what each source gives, what becomes of placeholders, and where a wrong row stands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from darkroom import InvalidRequest
from darkroom.batches.rows import LONGEST_LINE, Row, Source, read
from darkroom.batches.saving import sheet
from darkroom.cli.batch import left
from tests.support.bodies import picture

TEMPLATE: Mapping[str, object] = {
    "taskType": "TEXT_IMAGE",
    "textToImageParams": {"text": "a {colour} {thing}"},
    "imageGenerationConfig": {"seed": "{seed}", "quality": "{quality}"},
}


def rows(source: Source, template: Mapping[str, object] | None = TEMPLATE) -> list[Row]:
    return list(read(source, template))


def csv(folder: Path, text: str) -> Path:
    file = folder / "rows.csv"
    file.write_text(text, encoding="utf-8")
    return file


def told(row: Row) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.message) for problem in row.problems]


def test_a_table_fills_its_template_and_numbers_become_numbers(tmp_path: Path) -> None:
    file = csv(tmp_path, '\ufeffcustom_id,colour,thing,seed,quality\none,red,"boat, old",7,premium\n,blue,jar,,\n')
    first, second = rows(file)
    assert (first.line, first.custom_id) == (2, "one")
    assert first.request == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a red boat, old"},
        "imageGenerationConfig": {"seed": 7, "quality": "premium"},
    }
    assert (second.line, second.custom_id) == (3, "row-3")
    assert second.request["imageGenerationConfig"] == {}, "an empty cell leaves its field out"
    assert first.columns["/imageGenerationConfig/seed"] == "seed"


def test_a_number_in_the_place_of_words_stays_a_text(tmp_path: Path) -> None:
    [row] = rows(csv(tmp_path, "prompt\n1984\n"), {"textToImageParams": {"text": "{prompt}"}, "seed": "{prompt}"})
    assert row.request == {"textToImageParams": {"text": "1984"}, "seed": 1984}


@pytest.mark.parametrize("parting", [";", "\t", "|"])
def test_a_table_may_be_parted_by_other_signs(tmp_path: Path, parting: str) -> None:
    text = "\n".join(parting.join(cells) for cells in (["colour", "thing", "seed", "quality"], ["red", "jar", "1", "standard"]))
    [row] = rows(csv(tmp_path, text))
    assert row.request["textToImageParams"] == {"text": "a red jar"}


def test_a_wrong_line_of_a_table_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    found = rows(csv(tmp_path, "colour,thing,seed,quality\nred,jar,1\n\nblue,jar,1,standard\n"))
    assert told(found[0]) == [("", "it has 3 columns, and line 1 has 4")]
    assert (found[1].line, found[1].problems) == (4, ())


def test_a_table_must_have_the_columns_of_its_template(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rows(csv(tmp_path, "colour,colour,thing\na,b,c\n"))
    messages = " ".join(problem.message for problem in caught.value.problems)
    assert "two columns are called 'colour'" in messages
    assert "{seed}" in messages
    assert "{quality}" in messages
    with pytest.raises(InvalidRequest, match="needs a template"):
        rows(csv(tmp_path, "a\n1\n"), None)


def test_lines_of_json_are_requests_with_or_without_a_name(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    right = ['{"custom_id": "x", "request": {"a": 1}}', "", '{"taskType": "T"}', '{"custom_id": "y", "taskType": "T"}']
    lines = [*right, "[1]", '{"a": ', '{"custom_id": 7}']
    file.write_text("\n".join(lines), encoding="utf-8")
    found = rows(file, None)
    assert [(row.line, row.custom_id, dict(row.request)) for row in found[:3]] == [
        (1, "x", {"a": 1}),
        (3, "row-3", {"taskType": "T"}),
        (4, "y", {"taskType": "T"}),
    ]
    assert [told(row)[0][1] for row in found[3:]] == [
        "this is no row",
        "this is no JSON: Expecting value (column 7)",
        "'7' is no custom_id",
    ]


def test_a_byte_that_is_no_utf8_spoils_its_row_and_no_other(tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_bytes(b'{"a": "\xff"}\n{"a": "\xc3\xbc"}\n{"custom_id": "\\ud800"}\n{"a": ' + b"9" * 5000 + b"}\n")
    found = rows(lines, None)
    assert [told(row) for row in found] == [
        [("", "this is no UTF-8 (column 8)")],
        [],
        [("/custom_id", "'\\ud800' is no custom_id")],
        [("", "a number in this JSON has too many digits")],
    ]
    table = tmp_path / "rows.csv"
    table.write_bytes(b"prompt,seed\nred,1\nr\xe4d,2\nblue,3\n")
    found = rows(table, {"text": "{prompt}", "seed": "{seed}"})
    assert [told(row) for row in found] == [[], [("", "column 'prompt': this is no UTF-8 (character 2 of the cell)")], []]

    table.write_bytes(b"prompt,s\xe4d\nred,1\n")
    with pytest.raises(InvalidRequest, match=r"line 1, column 2: this is no UTF-8"):
        rows(table, {"text": "{prompt}"})


def test_a_file_whose_name_is_no_text_is_told(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))).write_bytes(b"x")
    assert told(rows(tmp_path, {"image": "{file}"})[0]) == [("/custom_id", r"'\udcff.png' is no custom_id")]


def test_a_row_of_a_table_stands_where_it_begins(tmp_path: Path) -> None:
    found = rows(csv(tmp_path, 'prompt\n"two\nlines"\nred\n"blue"x\ngreen\n'), {"text": "{prompt}"})
    assert [row.line for row in found] == [2, 4, 5]
    assert "nothing below it was read" in told(found[-1])[0][1]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("7", 7),
        (" 7", 7),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("-inf", "-inf"),
    ],
)
def test_a_number_is_what_people_write_as_one(tmp_path: Path, cell: str, value: object) -> None:
    [row] = rows(csv(tmp_path, f"n\n{cell}\n"), {"seed": "{n}"})
    assert row.request == {"seed": value}
    assert type(row.request["seed"]) is type(value)


def test_a_name_of_a_table_is_not_too_long(tmp_path: Path) -> None:
    [row] = rows(csv(tmp_path, f"custom_id,prompt\n{'x' * 256},jar\n"), {"text": "{prompt}"})
    assert told(row) == [("/custom_id", f"{'x' * 40!r} is no custom_id")]
    assert row.columns == {"/custom_id": "custom_id"}


def test_lines_of_json_may_be_columns_of_a_template(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"colour": "red", "thing": "jar", "seed": 5, "quality": "standard"}) + '\n{"colour": "red"}\n')
    first, second = rows(file)
    assert first.request["imageGenerationConfig"] == {"seed": 5, "quality": "standard"}
    places = {"/textToImageParams/text", "/imageGenerationConfig/seed", "/imageGenerationConfig/quality"}
    assert {where for where, _ in told(second)} == places


def test_a_folder_gives_its_pictures_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "c.webp"):
        (tmp_path / name).write_bytes(b"x")
    found = rows(tmp_path, {"image": "{file}", "text": "{stem} of {name}"})
    assert [row.custom_id for row in found] == ["a.JPG", "b.png", "c.webp"]
    assert found[0].request == {"image": tmp_path / "a.JPG", "text": "a of a.JPG"}


def test_a_grid_goes_side_by_side_inside_a_group_and_through_all_groups() -> None:
    groups = [{"colour": ["red", "blue"], "thing": ["jar", "cup"]}, {"seed": [1, 2, 3]}, {"quality": ["standard"]}]
    found = rows({"groups": groups, "repeats": 2})
    assert len(found) == 2 * 3 * 1 * 2
    texts = {json.dumps(row.request) for row in found}
    assert len(texts) == 6, "each twice"
    assert {row.custom_id for row in found} == {f"row-{number}" for number in range(1, 13)}
    assert all("red cup" not in text and "blue jar" not in text for text in texts)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"groups": []}, "groups of columns"),
        ({"groups": [{}]}, "object of columns"),
        ({"groups": [{"a": [1], "b": [1, 2]}]}, "lists of one length"),
        ({"groups": [{"a": "x"}]}, "lists of one length"),
        ({"groups": [{"a": [1]}, {"a": [2]}]}, "stands in two groups"),
        ({"groups": [{"a": [1]}], "repeats": 0}, "no number of repeats"),
        ({"groups": [{"a": [1]}], "more": 1}, "groups of columns"),
    ],
)
def test_a_wrong_grid_is_refused(grid: Mapping[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        rows(grid)


def test_requests_may_come_from_anywhere() -> None:
    found = rows(({"custom_id": f"n{number}", "a": number} for number in range(3)), None)
    assert [(row.line, row.custom_id, dict(row.request)) for row in found] == [(n + 1, f"n{n}", {"a": n}) for n in range(3)]


def test_the_sheet_of_a_batch_has_ten_pictures_in_a_row() -> None:
    from io import BytesIO

    from PIL import Image

    assert Image.open(BytesIO(sheet([picture(64, 64)] * 12))).size == (1600, 320)
    assert Image.open(BytesIO(sheet([picture(64, 64)] * 3))).size == (480, 160)


def test_the_estimate_goes_by_what_ended_lately_and_says_so() -> None:
    assert left(100, [(0.0, 0), (10.0, 20)]) == "about 50 s left, by the last 10 s"
    assert left(100, [(0.0, 5), (10.0, 5)]) == "no estimate yet"
    assert left(100, [(0.0, 5)]) == "no estimate yet"


def test_quotes_doubled_far_below_the_first_lines_are_one_quote(tmp_path: Path) -> None:
    plain = "".join(f"jar {number}\n" for number in range(2_000))
    found = rows(csv(tmp_path, f'prompt\n{plain}"a jar that says ""Bob"", on it"\n'), {"textToImageParams": {"text": "{prompt}"}})
    assert found[-1].request == {"textToImageParams": {"text": 'a jar that says "Bob", on it'}}


def test_a_cell_may_be_a_picture_as_base64(tmp_path: Path) -> None:
    long = "A" * 300_000
    [row, after] = rows(csv(tmp_path, f"picture\n{long}\nB\n"), {"image": "{picture}"})
    assert (row.request, after.request) == ({"image": long}, {"image": "B"})


def test_a_line_that_is_too_long_is_one_wrong_row_and_those_behind_it_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n' + '{"a": "' + "x" * LONGEST_LINE + '"}\n{"a": 3}\n')
    first, wrong, last = rows(file, None)
    assert (first.request, last.request, last.line) == ({"a": 1}, {"a": 3}, 3)
    assert "has more than" in wrong.problems[0].message


def test_after_a_row_that_is_no_table_nobody_knows_what_was_left_out(tmp_path: Path) -> None:
    found = rows(csv(tmp_path, 'prompt\n"a" b\njar\n'), {"textToImageParams": {"text": "{prompt}"}})
    assert [row.is_last for row in found] == [True]


def test_a_grid_that_is_too_large_is_refused_before_its_first_row_is_made() -> None:
    many = list(range(1_000))
    with pytest.raises(InvalidRequest, match="1,000,000,000 rows"):
        rows({"groups": [{"colour": many}, {"thing": many}, {"seed": many}]})


@pytest.mark.parametrize(
    ("template", "place"),
    [({"select_prompt": "{cell}"}, "select_prompt"), ({"texts": ["{cell}", "jar"]}, "texts")],
)
def test_words_of_every_model_stay_texts(tmp_path: Path, template: Mapping[str, object], place: str) -> None:
    [row] = rows(csv(tmp_path, "cell\n7\n"), template)
    assert row.request[place] in ("7", ["7", "jar"])


def test_an_empty_cell_in_a_list_leaves_its_place_out(tmp_path: Path) -> None:
    [row] = rows(csv(tmp_path, "cell,other\n,x\n"), {"images": ["{cell}", "{other}"]})
    assert row.request == {"images": ["x"]}
