"""What a directory store does when the disk is full, a rename fails, somebody plants links, or many write at once."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from darkroom_shared.core.errors import AssetMissing, Misconfigured, StorageUnavailable
from darkroom_shared.storage import StoryOutput
from darkroom_shared.storage.filesystem import FileStore

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(PICTURE).hexdigest()
JOB = "job_01k9zzzzzzzzzzzzzzzzzzzzzz"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> FileStore:
    return FileStore(str(root))


def files(root: Path) -> list[str]:
    """All files below a directory, temporary ones included."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_files_are_private_and_lie_where_the_layout_says(store: FileStore, root: Path) -> None:
    store.put(PICTURE, "image/png")
    store.put_receipt("call:1", b"raw")
    store.write_story(JOB, b"{}", [StoryOutput("0.png", SHA256)])
    assert files(root) == [f"assets/{SHA256[:2]}/{SHA256}.png", f"jobs/{JOB}/0.png", f"jobs/{JOB}/job.json", "receipts/call:1"]
    modes = {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in [root, *root.rglob("*")] if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_a_story_takes_no_second_copy_of_its_pictures(store: FileStore, root: Path) -> None:
    store.put(PICTURE, "image/png")
    location = Path(store.write_story(JOB, b"{}", [StoryOutput("0.png", SHA256)]))
    assert (location / "0.png").samefile(root / "assets" / SHA256[:2] / f"{SHA256}.png")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mount of a small tmpfs is not possible here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_plainly_and_leaves_no_half_file(small_disk: Path) -> None:
    store = FileStore(str(small_disk / "root"))
    kept = store.put(PICTURE, "image/png")
    before = files(small_disk)
    with pytest.raises(StorageUnavailable, match="is full"):
        store.put(os.urandom(400_000), "image/png")
    assert files(small_disk) == before
    assert store.get(kept.sha256) == PICTURE


def test_a_write_cut_off_in_the_middle_leaves_no_half_file(root: Path) -> None:
    """The kernel refuses to let the file grow past the limit: the same path as a full disk, without needing root."""
    script = (
        "import resource, signal, sys\n"
        "from darkroom_shared.core.errors import StorageUnavailable\n"
        "from darkroom_shared.storage.filesystem import FileStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = FileStore(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    store.put(bytes(400_000), 'image/png')\n"
        "except StorageUnavailable as error:\n"
        "    print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    assert "File too large" in ran.stdout
    assert files(root) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


def test_a_failing_rename_leaves_no_half_file(store: FileStore, root: Path) -> None:
    shard = root / "assets" / SHA256[:2]
    # A directory of that name cannot be replaced by a file: rename(2) fails with EISDIR, after the bytes were written.
    (shard / f"{SHA256}.png").mkdir(parents=True)
    with pytest.raises(StorageUnavailable):
        store.put(PICTURE, "image/png")
    assert files(root) == []
    (shard / f"{SHA256}.png").rmdir()
    store.put(PICTURE, "image/png")
    assert store.get(SHA256) == PICTURE


def test_a_link_in_place_of_an_asset_is_not_followed(store: FileStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(PICTURE)
    asset = root / "assets" / SHA256[:2] / f"{SHA256}.png"
    asset.parent.mkdir(parents=True)
    asset.symlink_to(outside)
    assert not store.exists(SHA256)
    with pytest.raises(AssetMissing):
        store.get(SHA256)
    store.put(PICTURE, "image/png")
    assert not asset.is_symlink()
    assert asset.read_bytes() == outside.read_bytes() == PICTURE


def test_a_link_in_place_of_a_receipt_is_not_followed(store: FileStore, root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (root / "receipts").mkdir()
    (root / "receipts" / "call:1").symlink_to(secret)
    with pytest.raises(StorageUnavailable, match="symbolic link"):
        store.get_receipt("call:1")
    store.put_receipt("call:1", b"raw")
    assert (store.get_receipt("call:1"), secret.read_text()) == (b"raw", "secret")


Use = Callable[[FileStore], object]
PLANTED: list[tuple[str, Use, Use]] = [
    ("assets", lambda store: store.put(PICTURE, "image/png"), lambda store: store.get(SHA256)),
    (f"assets/{SHA256[:2]}", lambda store: store.put(PICTURE, "image/png"), lambda store: store.delete(SHA256)),
    ("receipts", lambda store: store.put_receipt("call:1", b"raw"), lambda store: store.get_receipt("call:1")),
    ("jobs", lambda store: store.write_story(JOB, b"{}", []), lambda store: store.delete_story(JOB)),
    (f"jobs/{JOB}", lambda store: store.write_story(JOB, b"{}", []), lambda store: store.delete_story(JOB)),
]


@pytest.mark.parametrize(("planted", "write", "use"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_link_in_place_of_a_directory_leads_nowhere(
    store: FileStore,
    root: Path,
    tmp_path: Path,
    planted: str,
    write: Callable[[FileStore], object],
    use: Callable[[FileStore], object],
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("keep")
    (root / planted).parent.mkdir(exist_ok=True)
    (root / planted).symlink_to(outside)
    with pytest.raises(StorageUnavailable, match="symbolic link"):
        write(store)
    with pytest.raises(StorageUnavailable, match="symbolic link"):
        use(store)
    assert files(outside) == ["keep"]


def test_a_pipe_in_place_of_an_asset_does_not_hang_the_reader(store: FileStore, root: Path) -> None:
    asset = root / "assets" / SHA256[:2] / f"{SHA256}.png"
    asset.parent.mkdir(parents=True)
    os.mkfifo(asset)
    with pytest.raises(AssetMissing):
        store.get(SHA256)


def test_many_threads_may_store_the_same_bytes_at_once(store: FileStore, root: Path) -> None:
    start = threading.Barrier(8)

    def write_and_read(number: int) -> bool:
        start.wait()
        store.put(PICTURE, "image/png")
        own = store.put(PICTURE + bytes([number]), "image/jpeg")
        store.write_story(JOB, b"{}", [StoryOutput("0.png", SHA256)])
        return store.get(SHA256) == PICTURE and store.get(own.sha256) == PICTURE + bytes([number])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(write_and_read, range(8)))
    assert not [name for name in files(root) if ".tmp-" in name]
    assert len(files(root)) == 1 + 8 + 2


def test_a_reader_sees_whole_receipts_while_they_are_replaced(store: FileStore) -> None:
    whole = [bytes([byte]) * 200_000 for byte in (1, 2)]
    store.put_receipt("call:1", whole[0])
    done = threading.Event()

    def replace() -> None:
        for turn in range(40):
            store.put_receipt("call:1", whole[turn % 2])
        done.set()

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(replace)
        seen = {store.get_receipt("call:1")}
        while not done.is_set() and not writing.done():
            seen.add(store.get_receipt("call:1"))
        writing.result()
    assert seen <= set(whole)


def test_the_sweep_removes_old_unfinished_files_and_nothing_else(store: FileStore, root: Path) -> None:
    store.put(PICTURE, "image/png")
    store.put_receipt("call:1", b"raw")
    old, young = root / "receipts" / ".tmp-old", root / "assets" / SHA256[:2] / ".tmp-young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert store.sweep(older_than_s=3600) == []
    assert files(root) == sorted([f"assets/{SHA256[:2]}/{SHA256}.png", f"assets/{SHA256[:2]}/.tmp-young", "receipts/call:1"])
    assert store.sweep(older_than_s=-1) == [SHA256]
    assert files(root) == sorted([f"assets/{SHA256[:2]}/{SHA256}.png", "receipts/call:1"])
    assert store.get(SHA256) == PICTURE


def test_a_story_is_copied_where_the_disk_cannot_link(root: Path, tmp_path: Path) -> None:
    """Another file system below `jobs` stands for every disk without hard links."""
    store = FileStore(str(root))
    store.put(PICTURE, "image/png")
    (root / "jobs").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root / "jobs")], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mount of a tmpfs is not possible here: {mounted.stderr.strip()}")
    try:
        location = Path(store.write_story(JOB, b"{}", [StoryOutput("0.png", SHA256)]))
        assert (location / "0.png").read_bytes() == PICTURE
    finally:
        subprocess.run(["umount", str(root / "jobs")], check=True)


def test_a_root_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(Misconfigured, match="cannot be used"):
        FileStore(str(tmp_path / "file"))
    with pytest.raises(Misconfigured, match="cannot be used"):
        FileStore(str(tmp_path / "file" / "below"))


def test_a_root_taken_away_later_is_unavailable(store: FileStore, root: Path) -> None:
    root.rmdir()
    with pytest.raises(StorageUnavailable):
        store.put(PICTURE, "image/png")
