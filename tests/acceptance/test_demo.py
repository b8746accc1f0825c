"""The demo as `make demo` runs it, once, and everything that its summary and its page promise."""

from __future__ import annotations

import json
import re
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.acceptance.running import CommandLine, Done, clean_environment


class Page(HTMLParser):
    """Collects what a page refers to, its pictures and its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One tag."""
        values = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := values.get(name)) is not None]
        self.ids += [value for value in [values.get("id")] if value is not None]
        if tag == "img":
            self.images.append(values)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """The command's result and its folder."""
    out = tmp_path_factory.mktemp("demo") / "out"
    # A home with a ledger that is not there: the demo must look at neither.
    environment = clean_environment(DARKROOM_HOME=str(out.parent / "home"), DARKROOM_REDIS_URL="redis://127.0.0.1:1/0")
    return CommandLine(environment, out.parent)("demo", "--json", "--out", out, timeout_s=200), out


@pytest.fixture(scope="module")
def jobs(demo: tuple[Done, Path]) -> dict[str, Any]:
    """The summary's jobs by name."""
    return {job["name"]: job for job in demo[0].json["jobs"]}


@pytest.fixture(scope="module")
def page(demo: tuple[Done, Path]) -> Page:
    """The page, parsed."""
    return Page((demo[1] / "index.html").read_text(encoding="utf-8"))


def test_the_demo_ends_well_and_says_so_in_one_document(demo: tuple[Done, Path]) -> None:
    done, out = demo
    assert (done.code, done.err) == (0, ""), done.err
    assert done.json["ok"] is True
    assert done.json["page"] == str(out / "index.html")
    assert not (out.parent / "home").exists()


def test_every_task_type_was_run_on_both_models(jobs: dict[str, Any]) -> None:
    assert {job["state"] for job in jobs.values()} == {"succeeded"}
    paid = Counter(job["task_type"] for job in jobs.values() if job["model"])
    assert paid == {
        "TEXT_IMAGE": 3,
        "INPAINTING": 3,
        "OUTPAINTING": 4,
        "IMAGE_VARIATION": 2,
        "COLOR_GUIDED_GENERATION": 1,
        "BACKGROUND_REMOVAL": 2,
        "VIRTUAL_TRY_ON": 1,
    }
    models = {job["model"] for job in jobs.values()} - {""}
    assert models == {"amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"}
    assert all(job["cost_usd"] > 0 for job in jobs.values() if job["model"])


def test_the_chain_puts_local_steps_in_between_and_varies_three_times(jobs: dict[str, Any]) -> None:
    steps = [
        (name.partition("/")[2], job["inserted"], len(job["outputs"])) for name, job in jobs.items() if name.startswith("chain/")
    ]
    assert steps == [
        ("background_removal", False, 1),
        ("flatten", True, 1),
        ("mask_from_alpha", True, 1),
        ("outpainting", False, 1),
        ("variation", False, 3),
    ]


def test_every_output_is_the_stored_picture(demo: tuple[Done, Path], jobs: dict[str, Any]) -> None:
    outputs = [output for job in jobs.values() for output in job["outputs"]]
    assert len(outputs) >= 20
    for output in outputs:
        path = demo[1] / output["path"]
        assert sha256(path.read_bytes()).hexdigest() == output["sha256"]
        with Image.open(path) as picture:
            picture.load()
            assert (picture.format, *picture.size) == ("PNG", output["width"], output["height"])


def test_each_job_tells_its_story_beside_its_pictures(demo: tuple[Done, Path], jobs: dict[str, Any]) -> None:
    for job in jobs.values():
        story = json.loads((demo[1] / job["outputs"][0]["path"]).with_name("job.json").read_text())
        assert (story["id"], story["task_type"]) == (job["id"], job["task_type"])


def test_kept_pixels_of_an_edit_are_the_photographs_own(demo: tuple[Done, Path], jobs: dict[str, Any]) -> None:
    def pixels(path: str) -> Image.Image:
        with Image.open(demo[1] / path) as picture:
            return picture.convert("RGB")

    edited, photo, mask = (
        pixels(path)
        for path in (jobs["inpainting-mask-image"]["outputs"][0]["path"], "inputs/still-life.png", "inputs/mask-thing.png")
    )
    black, kept = Image.new("RGB", photo.size), mask.convert("L")
    before, after = (Image.composite(picture, black, kept).tobytes() for picture in (photo, edited))
    assert before == after
    assert photo.tobytes() != edited.tobytes()


def test_a_cut_out_is_transparent(demo: tuple[Done, Path], jobs: dict[str, Any]) -> None:
    with Image.open(demo[1] / jobs["background-removal"]["outputs"][0]["path"]) as picture:
        assert picture.mode == "RGBA"
        assert picture.getchannel("A").getextrema() == (0, 255)


def test_every_link_of_the_page_leads_to_a_file_beside_it(demo: tuple[Done, Path], page: Page) -> None:
    anchors = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert anchors <= set(page.ids)
    files = [link for link in page.links if not link.startswith("#") and link != "data:,"]
    assert [link for link in files if not (demo[1] / link).is_file()] == []
    assert not re.search(r"https?:|@import|url\(", (demo[1] / "index.html").read_text())


def test_the_page_shows_every_output_and_every_input(demo: tuple[Done, Path], jobs: dict[str, Any], page: Page) -> None:
    shown = {image["src"] for image in page.images}
    outputs = {Path(output["path"]).relative_to(demo[1].resolve()).as_posix() for job in jobs.values() for output in job["outputs"]}
    inputs = {f"inputs/{path.name}" for path in (demo[1] / "inputs").iterdir()}
    assert shown == outputs | inputs


def test_the_page_can_be_read_without_seeing_the_pictures(page: Page) -> None:
    assert [image["src"] for image in page.images if not (image.get("alt") or "").strip()] == []
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))


def test_the_page_says_that_no_model_made_its_pictures(demo: tuple[Done, Path]) -> None:
    text = " ".join((demo[1] / "index.html").read_text(encoding="utf-8").split())
    assert "These pictures are local previews." in text
    assert "not by a model" in text


def test_a_photograph_that_is_none_is_refused_before_anything_starts(alone: CommandLine) -> None:
    (alone.folder / "words.png").write_text("not a picture")
    done = alone("demo", "--json", "--photo", "words.png")
    assert (done.code, done.json["error"]["code"]) == (2, "image_refused")
