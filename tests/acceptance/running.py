"""Calls the installed command line as a person does, against a stack of the tests' own."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DARKROOM = Path(sysconfig.get_path("scripts")) / "darkroom"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def clean_environment(**changes: str) -> dict[str, str]:
    """Ours without anything that could lead to another stack or to AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "AWS_", "COV"))}
    return {**kept, "PATH": f"{DARKROOM.parent}{os.pathsep}{kept.get('PATH', '')}", **changes}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`darkroom` in an environment and a folder."""

    environment: Mapping[str, str]
    folder: Path

    def __call__(self, *arguments: str | Path, given: str = "", timeout_s: float = 120, **changes: str) -> Done:
        """Runs one command to its end."""
        done = subprocess.run(
            [str(DARKROOM), *map(str, arguments)],
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**self.environment, **changes},
            cwd=self.folder,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)
