"""Folders of pictures and captions become a manifest, or everything that is wrong with them is told at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from darkroom.tuning.folder import Dataset, read_folder
from darkroom.tuning.manifest import MAX_BYTES, MAX_RECORDS, Record, count_findings, manifest, picture_reasons, size_reasons

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Makes a picture of a size and a colour, in the format of its ending."""

    def one(name: str, width: int = 512, height: int = 512, shade: int = 0) -> Path:
        path = tmp_path / name
        Image.new("RGB", (width, height), (shade, 40, 80)).save(path)
        return path

    return one


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """Six different pictures with captions of all three kinds, two each."""
    for number in range(6):
        draw(f"{number}.{'png' if number % 2 else 'jpg'}", shade=40 * number)
    (tmp_path / "captions.csv").write_text('file,caption\n0.jpg,"a red, tall boat"\n1.png,a boat at sea\n')
    rows = [{"file": "2.jpg", "caption": "a boat “on land”"}, {"file": "3.png", "caption": " a boat at night\n"}]
    (tmp_path / "captions.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    (tmp_path / "4.txt").write_text("\ufeffa boat in fog\n")
    (tmp_path / "5.txt").write_text("abc")
    return tmp_path


def told(dataset: Dataset) -> list[str]:
    return [f"{finding.file}: {finding.reason}" for finding in dataset.findings]


def test_captions_come_from_a_table_from_json_lines_and_from_text_files(folder: Path) -> None:
    dataset = read_folder(folder)
    assert told(dataset) == []
    assert [(record.file, record.caption) for record in dataset.records] == [
        ("0.jpg", "a red, tall boat"),
        ("1.png", "a boat at sea"),
        ("2.jpg", "a boat “on land”"),
        ("3.png", "a boat at night"),
        ("4.jpg", "a boat in fog"),
        ("5.png", "abc"),
    ]
    assert dataset.ignored == ()


def test_the_manifest_has_a_line_for_each_picture_with_the_name_of_its_content(folder: Path) -> None:
    dataset = read_folder(folder)
    lines = manifest(dataset.records, "s3://bucket/some/prefix").decode().splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["caption", "image-ref"]] * 6
    first = dataset.records[0]
    assert json.loads(lines[0]) == {
        "image-ref": f"s3://bucket/some/prefix/images/{first.sha256}.jpg",
        "caption": "a red, tall boat",
    }
    assert "“on land”" in lines[2]


def test_everything_that_is_wrong_is_told_at_once_with_its_file(folder: Path, draw: Draw) -> None:
    draw("0.jpg", 511, 2100)  # too short a side, and too long for its width
    draw("1.png", 4096, 3073)  # 1,024 pixels too many
    (folder / "2.jpg").write_bytes(b"GIF89a")
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:-20])
    (folder / "4.txt").write_text("ab")
    (folder / "5.txt").write_bytes(b"\xff\xfe\x00")
    draw("6.webp")
    (folder / "captions.csv").write_text("file,caption\n0.jpg,a boat\n1.png,a boat\ngone.png,a boat\n,a boat\n")
    problems = told(read_folder(folder))
    wanted = (
        "captions.csv: captions.csv line 4 names 'gone.png', which is no picture here",
        "captions.csv: line 5 has no file or no caption, which are both texts",
        "5.txt: it is not UTF-8 text",
        "0.jpg: it has 511x2100 pixels; 512 to 4,096 a side are accepted",
        "0.jpg: its sides are 511:2100; 1:4 to 4:1 is accepted",
        "1.png: it has 12,587,008 pixels; at most 12,582,912 are accepted",
        "2.jpg: The bytes are neither a PNG nor a JPEG nor a WebP file",
        "4.jpg: its caption has 2 characters; 3 to 1,024 are accepted",
        "6.webp: it is a WEBP file; PNG and JPEG are accepted",
    )
    assert [line for line in wanted if line not in problems] == []
    assert [line for line in problems if line.startswith("3.png: ")] != []
    without = [line.partition(":")[0] for line in problems if "has no caption" in line]
    assert without == ["5.png", "6.webp"]
    assert len(problems) == len(wanted) + 3


def test_a_picture_with_two_different_captions_is_told_with_both_places(folder: Path) -> None:
    (folder / "0.txt").write_text("a blue boat")
    (folder / "1.txt").write_text("a boat at sea")  # the same as in the table
    assert told(read_folder(folder)) == ["0.jpg: it has 2 different captions: in captions.csv line 2, 0.txt"]


def test_a_table_without_the_columns_and_lines_that_are_no_objects_are_told(folder: Path) -> None:
    (folder / "captions.csv").write_text("name,caption\n0.jpg,a boat\n")
    (folder / "captions.jsonl").write_text('{"file": "2.jpg", "caption": 7}\n[]\n{"file"\n')
    problems = told(read_folder(folder))
    assert problems[:4] == [
        "captions.csv: its first line must name the columns file and caption; it has no file",
        "captions.jsonl: line 1 has no file or no caption, which are both texts",
        "captions.jsonl: line 2 is no object with file and caption",
        "captions.jsonl: line 3 is not JSON",
    ]
    assert [line.partition(":")[0] for line in problems[4:]] == ["0.jpg", "1.png", "2.jpg", "3.png"]


@pytest.mark.parametrize(("length", "fine"), [(2, False), (3, True), (1024, True), (1025, False)])
def test_a_caption_has_3_to_1024_characters(folder: Path, length: int, fine: bool) -> None:
    (folder / "5.txt").write_text("ä" * length)
    assert bool(told(read_folder(folder))) is not fine


def test_the_same_picture_twice_is_noted_and_what_is_no_picture_is_named(folder: Path) -> None:
    (folder / "copy.jpg").write_bytes((folder / "0.jpg").read_bytes())
    (folder / "copy.txt").write_text("another boat")
    (folder / "README.md").write_text("about")
    (folder / "more").mkdir()
    dataset = read_folder(folder)
    assert told(dataset) == []
    assert [(note.file, note.reason) for note in dataset.notes] == [("copy.jpg", "it is the same picture as 0.jpg")]
    assert dataset.ignored == ("README.md", "more")
    assert len({record.object_name for record in dataset.records}) == len(dataset.records) - 1


def test_there_are_5_to_10000_records(folder: Path) -> None:
    for name in ("4.jpg", "5.png"):
        (folder / name).unlink()
    assert told(read_folder(folder)) == [": there are 4 pictures; 5 to 10,000 are accepted"]
    assert [bool(count_findings(count)) for count in (4, 5, MAX_RECORDS, MAX_RECORDS + 1)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("width", "height", "fine"),
    [
        (512, 512, True),
        (511, 512, False),
        (512, 2048, True),
        (512, 2049, False),
        (4096, 3072, True),
        (3072, 4096, True),
        (4097, 1100, False),
        (4096, 3073, False),
    ],
)
def test_the_limits_of_a_picture_hold_to_the_pixel(width: int, height: int, fine: bool) -> None:
    assert (picture_reasons("PNG", width, height) == []) is fine


def test_a_file_beyond_50_mb_is_not_read(folder: Path) -> None:
    with (folder / "0.jpg").open("r+b") as file:
        file.truncate(MAX_BYTES + 1)  # a hole, no bytes on the disk
    assert told(read_folder(folder)) == [f"0.jpg: it has {MAX_BYTES + 1:,} bytes; at most {MAX_BYTES:,} are accepted"]
    assert size_reasons(MAX_BYTES) == []


def test_a_picture_in_the_wrong_clothes_is_named_by_its_bytes(folder: Path) -> None:
    (folder / "0.jpg").write_bytes((folder / "1.png").read_bytes())
    record = next(record for record in read_folder(folder).records if record.file == "0.jpg")
    assert record == Record("0.jpg", record.sha256, "PNG", record.size_bytes, "a red, tall boat")
    assert record.object_name.endswith(".png")
