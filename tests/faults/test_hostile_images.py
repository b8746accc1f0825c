"""Cases 20 and 21: pictures cannot hurt. What is built to hurt is refused undecoded; what is damaged gives a typed error.

The same files come in by every door: to the client, to the endpoint's check, and back from Bedrock as an answer.
"""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from darkroom import Darkroom, InvalidRequest
from darkroom_shared.checking import check_request
from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.images import inspect, measure, upright
from tests.faults.crew import crewed
from tests.faults.hostile import BOMBS, BURDENS, claiming_png, flat_png, mutants, png_with, tiny_chunks
from tests.faults.meter import body
from tests.faults.spoiler import Spoil, running_spoiler
from tests.faults.spoiler import body as answering
from tests.integration.local_bedrock.endpoints import NOVA, text_image
from tests.support.bodies import b64, picture
from tests.support.stack import PRICE, Stack
from tests.support.valkey import probe

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
PLACE = "/backgroundRemovalParams/image"
TOO_LONG = "base64 text has"
MOST_S = 2.0
MOST_BYTES = 200_000_000
MUTANT_SEED = 20261121
MUTANTS = 1_000


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """All bombs, made once."""
    return {name: make() for name, (make, _) in BOMBS.items()}


@pytest.fixture
def room(stack: Stack) -> Iterator[Darkroom]:
    """A client of the stack."""
    with Darkroom(settings=stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url})) as room:
        yield room


def opened_in_children(folder: Path, files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """What opening each file cost, by its name."""
    (folder / "files").mkdir()
    (folder / "warm-up").write_bytes(picture())
    for number, data in enumerate(files.values()):
        (folder / "files" / f"{number:03}").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.meter", str(folder)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return {list(files)[int(row["name"])]: row for row in map(json.loads, done.stdout.splitlines())}


def heaviest(rows: dict[str, dict[str, Any]]) -> str:
    """The most that any of them took."""
    slow = max(rows, key=lambda name: rows[name]["cpu_s"])
    big = max(rows, key=lambda name: rows[name]["extra_bytes"])
    return f"at most {rows[slow]['cpu_s']:.2f} s of CPU ({slow}), {rows[big]['extra_bytes'] / 1e6:.0f} MB more ({big})"


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, bombs: dict[str, bytes], measured: Measured) -> None:
    rows = opened_in_children(tmp_path, bombs)
    assert len(rows) == len(BOMBS)
    for name, row in rows.items():
        for door in ("client", "endpoint"):
            [problem] = [problem for problem in row[door] if problem["pointer"] == PLACE]  # a large body is told of as well
            assert BOMBS[name][1] in problem["message"] or TOO_LONG in problem["message"], (name, problem)
            assert "PNG" in problem["allowed"], name
        assert row["cpu_s"] < MOST_S, (name, row)
        assert row["extra_bytes"] < MOST_BYTES, (name, row)
    measured("case 20", f"{len(rows)} bombs refused: {heaviest(rows)}")


def test_the_heaviest_pictures_that_are_accepted_cost_no_more_than_a_large_photograph(tmp_path: Path, measured: Measured) -> None:
    rows = opened_in_children(tmp_path, {name: make() for name, make in BURDENS.items()})
    for name, row in rows.items():
        assert row["cpu_s"] < MOST_S, (name, row)
        assert row["extra_bytes"] < MOST_BYTES, (name, row)
        assert [problem["message"] for problem in row["client"] if "pixels" not in problem["message"]] == [], name
    measured("case 20", f"{len(rows)} heavy pictures opened: {heaviest(rows)}")


def test_a_submitted_bomb_leaves_no_asset_no_job_and_no_call(stack: Stack, room: Darkroom, bombs: dict[str, bytes]) -> None:
    calls = stack.endpoint.stats()["received"]
    for name, data in bombs.items():
        for given in (data, b64(data)):
            with pytest.raises(InvalidRequest) as refused:
                room.submit(body(given), model=NOVA)
            [problem] = refused.value.problems
            assert problem.pointer == PLACE
            assert BOMBS[name][1] in problem.message or TOO_LONG in problem.message, (name, problem)
    with probe(stack.redis_url) as connection:
        assert list(cast("Any", connection).keys(f"{stack.prefix}*")) == []
    assert [path for path in (stack.folder / "store").rglob("*") if path.is_file()] == []
    assert stack.endpoint.stats()["received"] == calls


def test_a_request_of_thousands_of_pictures_is_refused_without_opening_one(room: Darkroom) -> None:
    heavy = b64(flat_png(5_792, 5_792))
    many = {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"images": [heavy] * 4_000}}
    for found in (room.validate(many, NOVA), check_request(many, NOVA).problems):
        assert "The request holds 4,000 pictures" in [problem.message for problem in found]


def typed(data: bytes, number: int) -> str:
    """What became of a file at the three doors of the opening path; any error but ImageRefused is a bug."""
    outcomes: list[str] = []
    for look in (measure, upright, lambda given: inspect(given, mask=bool(number % 2))):
        try:
            look(data)
            outcomes.append("opened")
        except ImageRefused:
            outcomes.append("refused")
    return outcomes[-1]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # a decoder's remarks on what it found
def test_damaged_pictures_are_opened_or_refused_and_nothing_else(stack: Stack, room: Darkroom, measured: Measured) -> None:
    calls = stack.endpoint.stats()["received"]
    outcomes: Counter[tuple[str, str]] = Counter()
    for number, mutant in enumerate(mutants(MUTANT_SEED, MUTANTS)):
        outcome = typed(mutant.data, number)
        found = room.validate(body(mutant.data), NOVA)
        # A file that is opened may still break a rule of the model: 96 x 64 pixels are too few for it.
        assert all(problem.pointer == PLACE for problem in found), (MUTANT_SEED, number, mutant.damage)
        assert found, (MUTANT_SEED, number, mutant.damage)
        outcomes[mutant.damage, outcome] += 1
    assert stack.endpoint.stats()["received"] == calls
    assert {damage for damage, _ in outcomes} == set(dict.fromkeys(mutant.damage for mutant in mutants(MUTANT_SEED, 8)))
    assert outcomes["cut off", "refused"] == sum(n for (damage, _), n in outcomes.items() if damage == "cut off")
    total = Counter({outcome: sum(n for (_, o), n in outcomes.items() if o == outcome) for outcome in ("refused", "opened")})
    measured("case 21", f"seed {MUTANT_SEED}: {MUTANTS} damaged files, {total['refused']} refused, {total['opened']} opened")


def with_pictures(*pictures: bytes, **more: object) -> Spoil:
    """An answer with these pictures."""
    return answering(json.dumps({"images": [b64(data) for data in pictures], **more}).encode())


def packed(data: bytes) -> Spoil:
    """An answer that says it is packed: 25 kB that unfold to 25 MB."""
    spoil = answering(gzip.compress(data))
    wire = spoil(b"")
    return lambda _: type(wire)(wire.data.replace(b"\r\n", b"\r\ncontent-encoding: gzip\r\n", 1), wire.then)


TINY = base64.b64encode(flat_png(1, 1))
ANSWERS: dict[str, tuple[Callable[[], Spoil], str]] = {
    "a picture of 16,000 x 16,000": (lambda: with_pictures(flat_png(16_000, 16_000)), "image_refused"),
    "a picture that claims 4 G x 4 G": (lambda: with_pictures(claiming_png(2**32 - 1, 2**32 - 1)), "image_refused"),
    "a picture of 1,400,000 chunks": (lambda: with_pictures(png_with(tiny_chunks(1_400_000))), "image_refused"),
    "a mask that is a bomb": (lambda: with_pictures(picture(), maskImage=b64(flat_png(16_000, 16_000))), "image_refused"),
    "250,000 pictures": (lambda: answering(b'{"images":[' + b",".join([b'"' + TINY + b'"'] * 250_000) + b"]}"), "invalid_answer"),
    "8,000,000 pictures of no bytes": (
        lambda: answering(b'{"images":[' + b",".join([b'""'] * 8_000_000) + b"]}"),
        "invalid_answer",
    ),
    "a million lists in each other": (
        lambda: answering(b'{"images":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
        "invalid_answer",
    ),
    "25 MB of blanks": (lambda: answering(b" " * 24_999_999), "invalid_answer"),
    "26 MB": (lambda: answering(b'{"images":["' + b"A" * 26_000_000 + b'"]}'), "answer_too_large"),
    "a packed answer": (lambda: packed(b" " * 24_000_000), "invalid_answer"),
}


def peak_kb(pid: int) -> int:
    """The most memory that a process has had so far."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


@pytest.mark.parametrize("answers", [3, pytest.param(len(ANSWERS), marks=pytest.mark.long)])
def test_a_bomb_in_an_answer_fails_its_own_job_and_the_worker_goes_on(
    answers: int, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    chosen = dict(list(ANSWERS.items())[:answers])
    numbers = {name: seed() for name in chosen}
    with (
        running_spoiler(stack.endpoint) as spoiler,
        crewed(stack, **spoiler.environment(), DARKROOM_READ_TIMEOUT="PT10S") as worker,
    ):
        stack.wait(stack.submit(text_image(seed=seed())))
        before = peak_kb(worker.pid)
        for name, (way, reason) in chosen.items():
            spoiler.spoil(numbers[name], way())
            view = stack.wait(stack.submit(text_image(seed=numbers[name])))
            assert (view.state, view.reason) == ("failed", reason), name
            assert (view.cost.actual_usd, view.cost.uncertain_usd) == (USD, 0), name
            assert [attempt.billed for attempt in view.calls[0].attempts] == [True], name
        after = stack.wait(stack.submit(text_image(seed=seed())))
        assert after.state == "succeeded"
        assert str(after.calls[0].attempts[0].worker).endswith(f":{worker.pid}")
        assert worker.process.poll() is None
        grown = (peak_kb(worker.pid) - before) // 1024
        assert set(spoiler.requests.values()) == {1}
    assert grown < 400, f"{grown} MB"
    measured("case 20", f"{answers} answers that are bombs: {answers} calls, all billed; the worker's peak grew by {grown} MB")


@pytest.mark.long
def test_an_answer_without_measure_is_not_read_to_its_end(stack: Stack, seed: Seeds) -> None:
    number = seed()
    with (
        running_spoiler(stack.endpoint) as spoiler,
        crewed(stack, **spoiler.environment(), DARKROOM_READ_TIMEOUT="PT10S") as worker,
    ):
        stack.wait(stack.submit(text_image(seed=seed())))
        before = peak_kb(worker.pid)
        spoiler.spoil(number, answering(b" " * 200_000_000))
        view = stack.wait(stack.submit(text_image(seed=number)))
        assert (view.state, view.reason, view.cost.actual_usd) == ("failed", "answer_too_large", USD)
        assert (peak_kb(worker.pid) - before) // 1024 < 120
