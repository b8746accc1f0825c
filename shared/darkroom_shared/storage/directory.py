"""Files below one open directory: whole or not at all, never through a symbolic link.

Every path is walked with directory descriptors and `O_NOFOLLOW`, so a link planted anywhere below the root leads to an error and
not out of it. A write goes to a temporary name in the same directory, is flushed to the disk, renamed, and the directory
flushed: after a crash the name holds the old bytes or the new ones, never half of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Generator, Sequence
from typing import Final

from darkroom_shared.core.errors import StorageUnavailable

TEMPORARY: Final = ".tmp-"
"""Start of the names of unfinished files; no name that a caller can choose begins with a dot."""
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CANNOT_LINK: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOSYS})


@contextlib.contextmanager
def opened(root: str, *names: str, create: bool = False) -> Generator[int]:
    """A descriptor of `root/names...`, closed afterwards.

    Args:
        root: may itself be a link: whoever set it up decided that.
        names: single path parts; each must be a true directory.
        create: make the missing ones, mode 0700.

    Raises:
        FileNotFoundError: a directory is missing and `create` is False.
        OSError: a part is a link (ELOOP or ENOTDIR) or cannot be opened.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            deeper = _enter(descriptor, name, create=create)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(parent: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    os.fsync(parent)
    return os.open(name, _DIRECTORY, dir_fd=parent)


def write(directory: int, name: str, data: bytes) -> None:
    """Puts a file (mode 0600) in place of whatever had the name; durable on return. On an error nothing is left behind."""
    temporary = TEMPORARY + secrets.token_hex(8)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        remove(directory, temporary)
        raise
    os.fsync(directory)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def link(source: int, name: str, target: int, target_name: str) -> bool:
    """Gives a file a second name in another directory, in place of whatever had it. False if the file system cannot."""
    temporary = TEMPORARY + secrets.token_hex(8)
    try:
        os.link(name, temporary, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise
    try:
        os.rename(temporary, target_name, src_dir_fd=target, dst_dir_fd=target)
    finally:
        # Renaming one name of a file onto another name of the same file does nothing (POSIX): the temporary one would stay.
        remove(target, temporary)
    os.fsync(target)
    return True


def read(directory: int, name: str) -> bytes | None:
    """A regular file's bytes, or None if there is none. Raises OSError (ELOOP) for a link."""
    try:
        # O_NONBLOCK: opening a pipe that somebody planted must not hang.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        return file.read()


def is_file(directory: int, name: str) -> bool:
    """True if the name is a regular file."""
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def remove(directory: int, name: str) -> None:
    """Takes a name away; nothing happens if there is none. A link is removed, not what it leads to."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def names(directory: int, *, directories: bool = False) -> list[str]:
    """What a directory holds: everything but directories, or the directories alone. A link is no directory."""
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) == directories]


def sweep(directory: int, before_s: float) -> list[str]:
    """Removes unfinished files last written before a time (seconds since the epoch); names of the other files from before it."""
    old: list[str] = []
    for name in names(directory):
        with contextlib.suppress(FileNotFoundError):
            if os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime >= before_s:
                continue
            if name.startswith(TEMPORARY):
                os.unlink(name, dir_fd=directory)
            else:
                old.append(name)
    return old


@contextlib.contextmanager
def storage_errors(root: str, doing: Sequence[str]) -> Generator[None]:
    """Turns OSError into StorageUnavailable with the reason; FileNotFoundError of the root included."""
    try:
        yield
    except OSError as error:
        what = " ".join(doing)
        if error.errno in _FULL:
            raise StorageUnavailable(f"the disk of the asset store {root} is full; {what} was not stored") from error
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise StorageUnavailable(
                f"{what}: a symbolic link or a file stands where {root} keeps a directory or an asset"
            ) from error
        raise StorageUnavailable(f"{what} failed in the asset store {root}: {error.strerror or error}") from error
