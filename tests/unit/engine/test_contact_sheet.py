"""Every row of the catalogue that gives pictures has one on the contact sheets."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.support.rows import PICTURE_ROWS
from tests.unit.engine.conftest import Studio
from tests.unit.engine.contact_sheet import main, scenes_of
from tests.unit.engine.scenes import scenes


def test_every_row_has_a_scene_that_its_model_takes_and_no_scene_is_taken_by_none(studio: Studio) -> None:
    every = scenes(studio)
    found = {(model.id, task_type): scenes_of(model, task_type, every) for model, task_type in PICTURE_ROWS}

    assert [row for row, some in found.items() if not some] == []
    taken = {id(scene) for some in found.values() for scene in some}
    assert [scene.asked for some in every.values() for scene in some if id(scene) not in taken] == []


def test_a_sheet_is_written_for_each_row_of_a_task_and_one_overview(tmp_path: Path) -> None:
    main(str(tmp_path), "BACKGROUND_REMOVAL")

    titan, nova, overview = "amazon.titan-image-generator-v2-0", "amazon.nova-canvas-v1-0", "overview.png"
    assert {path.name for path in tmp_path.iterdir()} == {f"{one}.background_removal.png" for one in (titan, nova)} | {overview}
    with Image.open(tmp_path / overview) as image:
        assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 1000
