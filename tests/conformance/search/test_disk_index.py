"""What the index on disk does besides: it trusts no file, writes behind nobody's back, and tells what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.search.disk import DiskHome
from darkroom.search.files import Files, read_head
from darkroom.search.index import Space
from darkroom_shared.core.errors import StorageUnavailable
from tests.conformance.search.writer import SPACE, entry, filled, is_whole, vector


def folder_of(home_folder: Path) -> Path:
    [head] = home_folder.rglob("head.json")
    return head.parent


def test_an_index_on_disk_never_takes_another_models_vectors_for_its_own(tmp_path: Path) -> None:
    filled(DiskHome(tmp_path).open(SPACE), range(3))
    folder = folder_of(tmp_path)

    with pytest.raises(StorageUnavailable, match="it holds vectors of a-model with 64 numbers"):
        Files(folder, Space("studio", "other", 64)).head()
    (folder / "head.json").write_text("{")
    with pytest.raises(StorageUnavailable, match="cannot be read"):
        DiskHome(tmp_path).open(SPACE).entries()


def test_bytes_that_a_crash_left_behind_the_end_do_not_count_and_are_written_over(tmp_path: Path) -> None:
    index = filled(DiskHome(tmp_path).open(SPACE), range(20))
    folder = folder_of(tmp_path)
    for file in folder.glob("*-0.*"):
        with file.open("ab") as out:
            out.write(b"half of what was to be added")

    assert index.entries() == [entry(number) for number in range(20)]
    assert is_whole(filled(index, range(20, 40)))
    assert len(index.entries()) == 40


def test_files_that_are_cut_off_are_an_error_and_no_wrong_answer(tmp_path: Path) -> None:
    index = filled(DiskHome(tmp_path).open(SPACE), range(20))
    vectors = next(folder_of(tmp_path).glob("vectors-*"))
    vectors.write_bytes(vectors.read_bytes()[:-1])

    with pytest.raises(StorageUnavailable, match="darkroom index --rebuild"):
        index.nearest(vector(3), 1)


@pytest.mark.parametrize("damage", ["head.json", "vectors-1.f32", "entries-1.txt"])
def test_a_damaged_index_can_be_dropped_and_made_anew(tmp_path: Path, damage: str) -> None:
    index = filled(DiskHome(tmp_path).open(SPACE), range(20))
    index.remove([entry(0).job])
    (folder_of(tmp_path) / damage).write_bytes(b"{")
    with pytest.raises(StorageUnavailable):
        index.nearest(vector(3), 1)

    index.drop()
    assert index.entries() == []
    assert is_whole(filled(index, range(5, 10)))
    assert len(index.entries()) == 5


def test_a_reader_is_not_disturbed_by_removals_and_old_files_go(tmp_path: Path) -> None:
    index = filled(DiskHome(tmp_path).open(SPACE), range(200))
    folder = folder_of(tmp_path)
    for number in range(0, 50, 10):
        index.remove([entry(place).job for place in range(number, number + 10)])
        assert index.nearest(vector(199), 1)[0].entry == entry(199)

    head = read_head(folder)
    assert head is not None
    assert (head.rows, head.generation) == (150, 5)
    assert sorted(path.name for path in folder.iterdir()) == ["entries-5.txt", "head.json", "lock", "vectors-5.f32"]


def test_without_numpy_the_search_says_what_to_install_and_all_else_works(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["numpy"] = None
from darkroom import Darkroom, Misconfigured, Settings, TitanEmbedding
from darkroom.search.homes import home_of
try:
    home_of(Settings(search_folder=sys.argv[1]))
except Misconfigured as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'darkroom[search]'" in done.stdout
