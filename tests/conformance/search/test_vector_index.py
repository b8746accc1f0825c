"""What every index must do, whatever keeps it: hold what was put in, find the nearest, and be whole whoever dies in the middle."""

from __future__ import annotations

import subprocess
import sys

import pytest

from darkroom.search.index import Entry, IndexHome, Space, VectorIndex
from tests.conformance.search.writer import SPACE, entry, filled, is_whole, vector


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


def test_no_tenant_finds_what_another_one_has(home: IndexHome, index: VectorIndex) -> None:
    other = filled(home.open(Space("studio-2", SPACE.model, SPACE.dimension)), range(100, 110))
    filled(index, range(30))
    filled(home.open(Space("STUDIO", SPACE.model, SPACE.dimension)), range(200, 202))

    assert {one.entry.job for one in other.nearest(vector(3), 100)} == {entry(number).job for number in range(100, 110)}
    assert len(index.nearest(vector(100), 100)) == 30
    assert other.copy([Entry("job_thief", 0, entry(3).sha256)]) == 0
    assert other.remove([entry(3).job]) == 0
    assert is_whole(index)


def test_what_is_dropped_is_gone_for_its_own_space_only_and_can_be_made_anew(home: IndexHome, index: VectorIndex) -> None:
    other = filled(home.open(Space("another", SPACE.model, SPACE.dimension)), range(3))
    assert filled(index, range(20)).drop() == 20
    assert (index.entries(), index.nearest(vector(3), 5), home.spaces("studio"), index.drop()) == ([], [], [], 0)
    assert is_whole(other)

    assert is_whole(filled(index, range(5, 10)))
    assert index.entries() == [entry(number) for number in range(5, 10)]


def writing(address: str, first: int, last: int, batch: int) -> subprocess.Popen[str]:
    words = [address, str(first), str(last), str(batch)]
    return subprocess.Popen([sys.executable, "-m", "tests.conformance.search.writer", *words], stdout=subprocess.PIPE, text=True)


def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_index(address: str, index: VectorIndex) -> None:
    for attempt in range(3):
        writer = writing(address, 0, 100_000, 7)
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


def test_two_processes_that_put_in_the_same_pictures_put_each_in_once(address: str, index: VectorIndex) -> None:
    writers = [writing(address, 0, 300, 10), writing(address, 150, 450, 10)]
    removed = index.remove([entry(number).job for number in range(10_000, 10_010)])  # and one that looks on
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0

    assert removed == 0
    assert sorted(index.entries(), key=lambda one: one.job) == [entry(number) for number in range(450)]
    assert is_whole(index)
