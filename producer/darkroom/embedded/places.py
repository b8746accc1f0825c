"""Chooses and checks the folders that only the owner may enter."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from darkroom_shared.core.errors import Misconfigured

SOCKET_PATH_MAX_BYTES = 100
"""sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included."""


def private_folder(folder: Path) -> Path:
    """Make a folder with mode 0700, or check that the one that is there belongs to this user alone.

    Raises:
        Misconfigured: it is a link or a file, belongs to somebody else, or cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise Misconfigured(f"{folder} is not a folder of this user. Remove it or choose another place.")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as problem:
        raise Misconfigured(f"The folder {folder} cannot be used: {problem.strerror}.") from problem
    return folder


def socket_folder(data_dir: Path, asked: Path | None) -> Path:
    """The folder for a server's socket: the one asked for, else the data folder, else a short private one.

    Raises:
        Misconfigured: the folder asked for gives a path that is too long for a unix socket.
    """
    if asked is not None:
        if not _fits(asked.resolve()):
            raise Misconfigured(f"{asked} is too long for a unix socket ({SOCKET_PATH_MAX_BYTES} bytes with the file name).")
        return private_folder(asked.resolve())
    if _fits(data_dir):
        return data_dir
    # The name is guessable, so the folder's owner and mode are checked: nobody else can have put a socket in it.
    name = f"{_short_prefix()}{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        if _fits(parent / name):
            return private_folder(parent / name)
    raise Misconfigured(f"No folder is short enough for a unix socket; set TMPDIR to one below {SOCKET_PATH_MAX_BYTES} bytes.")


def is_made_for_socket(folder: Path) -> bool:
    """True for the short private folders that `socket_folder` makes, which hold nothing but a socket."""
    return folder.name.startswith(_short_prefix())


def _short_prefix() -> str:
    return f"darkroom-{os.getuid()}-"


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / "valkey.sock")) <= SOCKET_PATH_MAX_BYTES
