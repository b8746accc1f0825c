"""The README is true: its commands run, its table of settings is complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom_shared.settings import Settings
from tests.acceptance.conftest import RunningStack
from tests.acceptance.running import CommandLine

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(sh|python|js)\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
ROWS = dict(re.findall(r"^\| `DARKROOM_(\w+)` \| ?(.*?) ?\|", README.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(("language", "code"), BLOCKS, ids=[f"{kind}-{index}" for index, (kind, _) in enumerate(BLOCKS)])
def test_a_block_of_the_readme_runs(darkroom: CommandLine, stack: RunningStack, photo: Path, language: str, code: str) -> None:
    command = {
        "sh": ["bash", "-euo", "pipefail", "-c", code],
        "python": [sys.executable, "-c", code],
        "js": ["node", "--input-type=module", "-e", code],
    }[language]
    environment = {**darkroom.environment, "API": stack.announced["api_url"]}
    done = subprocess.run(command, env=environment, cwd=photo.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_readme_has_blocks_of_both_kinds() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python", "js"}


def test_the_commands_of_make_are_targets_of_the_makefile() -> None:
    makefile = README.with_name("Makefile").read_text(encoding="utf-8")
    named = re.findall(r"^    make (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert named == ["demo", "test", "faults"]
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)


def test_the_table_of_settings_has_every_setting_and_its_default() -> None:
    assert [name.lower() for name in ROWS] == list(Settings.model_fields)
    told = {name.lower(): default.strip("`") for name, default in ROWS.items()}
    assert Settings.model_validate(told).model_dump() == Settings.model_construct().model_dump()
