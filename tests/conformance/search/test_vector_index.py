"""What every index must do, whatever keeps it: hold what was put in, find the nearest, and be whole whoever dies in the middle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from darkroom.search.disk import DiskHome
from darkroom.search.files import Files, read_head
from darkroom.search.index import Entry, IndexHome, Space, VectorIndex
from darkroom_shared.core.errors import StorageUnavailable
from tests.conformance.search.writer import SPACE, entry, vector


@pytest.fixture(params=["disk"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> IndexHome:
    """An empty home of each kind."""
    return DiskHome(tmp_path / "search")


@pytest.fixture
def index(home: IndexHome) -> VectorIndex:
    """An empty index."""
    return home.open(SPACE)


def filled(index: VectorIndex, numbers: Iterable[int]) -> VectorIndex:
    chosen = list(numbers)
    index.add([entry(number) for number in chosen], [vector(number) for number in chosen])
    return index


def is_whole(index: VectorIndex) -> bool:
    """Whether each of its pictures is its own vector's nearest."""
    found = [(number, index.nearest(vector(number), 1)[0].entry) for number in (int(one.job[4:]) for one in index.entries())]
    return all(one == entry(number) for number, one in found)


def test_the_nearest_come_first_with_their_cosines(index: VectorIndex) -> None:
    axes = [[1.0, *[0.0] * 63], [3.0, 3.0, *[0.0] * 62], [0.0, 2.0, *[0.0] * 62], [-1.0, *[0.0] * 63]]
    assert index.add([entry(number) for number in range(4)], axes) == 4

    near = index.nearest([5.0, *[0.0] * 63], 3)
    assert [one.entry for one in near] == [entry(0), entry(1), entry(2)]
    assert [round(one.score, 4) for one in near] == [1.0, 0.7071, 0.0]
    assert [one.entry for one in index.nearest([5.0, *[0.0] * 63], 100)][-1] == entry(3)


def test_an_empty_index_finds_nothing_and_is_no_space_of_its_tenant(home: IndexHome, index: VectorIndex) -> None:
    assert (index.entries(), index.nearest(vector(1), 5), home.spaces("studio"), index.remove(["job_x"])) == ([], [], [], 0)


def test_a_picture_is_put_in_once_and_what_is_removed_is_gone(index: VectorIndex) -> None:
    filled(index, range(50))
    assert index.add([entry(49), entry(50)], [vector(49), vector(50)]) == 1
    assert index.remove({entry(number).job for number in range(0, 50, 2)} | {"job_of_nobody"}) == 25

    assert index.entries() == [entry(number) for number in (*range(1, 50, 2), 50)]
    assert is_whole(index)
    assert is_whole(filled(index, range(60, 70)))


def test_pictures_of_the_same_bytes_get_the_same_vector_without_a_call(index: VectorIndex) -> None:
    filled(index, range(10))
    twin, stranger = Entry("job_twin", 0, entry(7).sha256), Entry("job_stranger", 0, "f" * 64)
    assert index.copy([twin, stranger, entry(7)]) == 1

    near = index.nearest(vector(7), 2)
    assert {one.entry for one in near} == {twin, entry(7)}
    assert near[0].score == pytest.approx(near[1].score)


@pytest.mark.parametrize(
    "wrong", [[1.0] * 63, [0.0] * 64, [float("nan")] * 64, [float("inf"), *[1.0] * 63]], ids=["short", "zero", "nan", "inf"]
)
def test_a_vector_that_says_nothing_or_is_of_another_space_is_refused(index: VectorIndex, wrong: list[float]) -> None:
    filled(index, range(3))
    with pytest.raises(ValueError, match="a vector"):
        index.add([entry(5)], [wrong])
    assert len(index.entries()) == 3


def test_tenants_models_and_dimensions_have_indexes_of_their_own(home: IndexHome) -> None:
    spaces = [SPACE, Space("Studio", SPACE.model, 64), Space("studio", "another:0", 64), Space("studio", "another-0", 64)]
    for number, space in enumerate(spaces):
        filled(home.open(space), [number])

    assert [[one.job for one in home.open(space).entries()] for space in spaces] == [[entry(number).job] for number in range(4)]
    assert {str(space) for space in home.spaces("studio")} == {str(spaces[number]) for number in (0, 2, 3)}
    assert home.spaces("stud") == []


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

    with pytest.raises(StorageUnavailable, match="Remove the folder and index again"):
        index.nearest(vector(3), 1)


def writing(folder: Path, first: int, last: int, batch: int) -> subprocess.Popen[str]:
    words = [str(folder), str(first), str(last), str(batch)]
    return subprocess.Popen([sys.executable, "-m", "tests.conformance.search.writer", *words], stdout=subprocess.PIPE, text=True)


def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_index(tmp_path: Path) -> None:
    index = DiskHome(tmp_path).open(SPACE)
    for attempt in range(3):
        writer = writing(tmp_path, 0, 100_000, 7)
        assert writer.stdout is not None
        for _ in range(20 + attempt):
            writer.stdout.readline()
        writer.kill()  # at work on the next batch
        writer.wait()
        writer.stdout.close()

        there = index.entries()
        assert there == [entry(number) for number in range(len(there))]
        assert len(there) >= 7 * (20 + attempt)
    assert is_whole(filled(index, [99_999]))


def test_two_processes_that_put_in_the_same_pictures_put_each_in_once(tmp_path: Path) -> None:
    writers = [writing(tmp_path, 0, 300, 10), writing(tmp_path, 150, 450, 10)]
    index = DiskHome(tmp_path).open(SPACE)
    removed = index.remove([entry(number).job for number in range(10_000, 10_010)])  # and one that looks on
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0

    assert removed == 0
    assert sorted(index.entries(), key=lambda one: one.job) == [entry(number) for number in range(450)]
    assert is_whole(index)


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
    home_of(Settings(home=sys.argv[1]))
except Misconfigured as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'darkroom[search]'" in done.stdout
