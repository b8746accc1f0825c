"""What stands where: packages, boundaries, sizes, and what a wheel and a light install contain."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
TOP = {"shared": "darkroom_shared", "producer": "darkroom", "worker": "darkroom_worker"}
MODULES = sorted(path for folder in TOP for path in (ROOT / folder).rglob("*.py"))
MOST_LINES = 400


@pytest.mark.parametrize(("folder", "package"), sorted(TOP.items()))
def test_each_top_folder_holds_exactly_one_package(folder: str, package: str) -> None:
    packages = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert packages == {package}
    assert not list((ROOT / folder).glob("*.py"))
    assert (ROOT / folder / package / "py.typed").is_file()


def test_no_module_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_module_says_what_it_decides_or_does() -> None:
    silent = [str(path.relative_to(ROOT)) for path in MODULES if not path.read_text("utf-8").lstrip().startswith('"""')]
    assert silent == []


def test_no_two_test_modules_have_the_same_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_packages_import_only_what_they_may() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


LIGHT = """
import sys
BLOCKED = {"redis", "celery", "kombu", "PIL", "boto3", "aioboto3", "numpy", "cv2", "structlog", "orjson", "typer", "rich"}
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"no {name} in the light install", name=name)
sys.meta_path.insert(0, Wall())
import darkroom
body = darkroom.TextImage("a red sailboat", seed=7)
print(sorted(BLOCKED & {name.partition(".")[0] for name in sys.modules}))
"""


def test_the_light_install_can_import_the_client() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_scripts_and_type_markers_travel_in_the_wheel(tmp_path: Path) -> None:
    # Without hatchling at hand pip fetches it, as it did for the installation itself.
    alone = ["--no-build-isolation"] if find_spec("hatchling") else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *alone, "-w", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as packed:
        names = set(packed.namelist())
    wanted = [ROOT / folder / package / "py.typed" for folder, package in TOP.items()]
    wanted += (ROOT / "shared" / "darkroom_shared" / "store" / "scripts").glob("*.lua")
    assert {"/".join(path.relative_to(ROOT).parts[1:]) for path in wanted} <= names
    assert not [name for name in names if name.startswith(("tests", "shared/", "worker/", "producer/"))]
