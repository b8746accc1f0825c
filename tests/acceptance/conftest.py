"""One stack (`darkroom up --json`) for all tests of this folder, and the command line that works against it."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.acceptance.running import DARKROOM, CommandLine, clean_environment


@dataclass(frozen=True, slots=True)
class RunningStack:
    """What `darkroom up --json` printed, and its home."""

    home: Path
    announced: dict[str, Any]


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A running stack. Its folder lies directly below the temporary one: paths of unix sockets are short."""
    with tempfile.TemporaryDirectory(prefix="dr-up-") as folder:
        home = Path(folder) / "home"
        log = (Path(folder) / "up.err").open("w")
        # The canned engine: these tests look at the command line, the demo's test at the pictures.
        process = subprocess.Popen(
            [str(DARKROOM), "up", "--json", "--endpoint-arg=--engine=canned"],
            env=clean_environment(DARKROOM_HOME=str(home), DARKROOM_QUOTAS="off"),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            printed = ""
            while not printed.endswith("}\n") or printed.count("{") != printed.count("}"):
                line = process.stdout.readline()
                assert line, f"the stack did not start: {(Path(folder) / 'up.err').read_text()}"
                printed += line
            yield RunningStack(home, json.loads(printed))
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
            log.close()
            if process.stdout is not None:
                process.stdout.close()
        assert code == 0, (Path(folder) / "up.err").read_text()


@pytest.fixture
def darkroom(stack: RunningStack, tmp_path: Path) -> CommandLine:
    """The command line in an empty folder, with the stack's home and nothing else set."""
    return CommandLine(clean_environment(DARKROOM_HOME=str(stack.home)), tmp_path)


@pytest.fixture
def alone(tmp_path: Path) -> CommandLine:
    """The command line where no stack runs."""
    return CommandLine(clean_environment(DARKROOM_HOME=str(tmp_path / "home")), tmp_path)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photograph in the folder of the command line: a disc on a coloured ground."""
    path = tmp_path / "photo.jpg"
    picture = Image.linear_gradient("L").resize((512, 512)).convert("RGB")
    ImageDraw.Draw(picture).ellipse((150, 150, 360, 360), fill="#c03020")
    picture.save(path, quality=95)
    return path
