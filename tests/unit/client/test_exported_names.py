"""The package's public names: sorted, complete, and importable where only the base install is."""

from __future__ import annotations

import subprocess
import sys
from inspect import isclass, ismodule

import darkroom

_LIGHT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"redis", "celery", "kombu", "PIL", "boto3", "typer", "rich", "orjson"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import darkroom
print(darkroom.TextImage("x").to_body()["taskType"], darkroom.ZoomOut(width=1024, height=1024).kind)
try:
    darkroom.Darkroom
except darkroom.Misconfigured as error:
    print(error)
"""


def test_the_exported_names_are_sorted() -> None:
    assert darkroom.__all__ == sorted(darkroom.__all__)


def test_every_exported_name_is_there() -> None:
    assert [name for name in darkroom.__all__ if getattr(darkroom, name, None) is None] == []


def test_every_public_class_of_the_package_is_exported() -> None:
    for name in darkroom.__all__:
        getattr(darkroom, name)  # loads the lazy ones
    found = {name for name, value in vars(darkroom).items() if not name.startswith("_") and isclass(value) and not ismodule(value)}
    assert found - set(darkroom.__all__) == set()


def test_every_error_of_the_tree_that_a_caller_can_meet_is_exported() -> None:
    def below(kind: type[Exception]) -> set[str]:
        return {kind.__name__} | {name for child in kind.__subclasses__() for name in below(child)}

    inside = {"LeaseLost"}  # a worker's own affair
    ours = {name for name in below(darkroom.DarkroomError) if name not in inside}
    # Other packages may add their own; only those of the shared tree belong here.
    shared = {name for name in ours if hasattr(sys.modules["darkroom_shared.core.errors"], name)}
    assert shared - set(darkroom.__all__) == set()


def test_the_package_works_without_redis_celery_and_pillow_and_says_what_the_client_needs() -> None:
    done = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, timeout=60, check=True)
    first, second = done.stdout.splitlines()
    assert first == "TEXT_IMAGE zoom_out"
    assert "pip install 'darkroom[direct]'" in second
