"""The table of commands: each is in the module that the table names, and one command imports no more than it needs."""

from __future__ import annotations

import subprocess
import sys

import typer
from typer.core import TyperGroup

from darkroom.cli.main import build

_HEAVY = ("jsonschema", "PIL", "celery", "redis", "boto3", "httpx", "darkroom.cli.submit", "darkroom.cli.tuning")
_IMPORTED_BY_HELP = f"""
import sys
from darkroom.cli.main import main
main(["prices", "--help"])
print([name for name in {_HEAVY} if name in sys.modules], file=sys.stderr)
"""


def commands(word: str = "") -> list[str]:
    """The names of the commands that are built for the first word of a command line."""
    group = typer.main.get_command(build(word))
    assert isinstance(group, TyperGroup)
    return group.list_commands(typer.Context(group))


def test_every_command_is_built_alone_and_all_of_them_for_any_other_word() -> None:
    every = commands()
    assert every[:3] == ["demo", "up", "submit"]
    assert [name for name in every if name not in commands(name)] == []
    assert [len(commands(word)) for word in ("", "--help", "bogus")] == [len(every)] * 3


def test_the_help_of_a_command_imports_nothing_heavy_and_no_other_command() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORTED_BY_HELP], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "[]\n"
