from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from filelock import FileLock

from catsync_core.backends.protocol import Backend
from catsync_core.errors import (
    AuthorisationError,
    CatsyncError,
    DiskFullError,
    LocalError,
    LockedError,
    MissingObjectError,
    NoConnectionError,
)
from catsync_core.testing.conformance import BackendConformance
from catsync_plugins import backend_file
from catsync_plugins.backend_file import FileBackend

unix_only = pytest.mark.skipif(os.name == "nt", reason="needs what Windows has not")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    return tmp_path / "repo"


@pytest.fixture
def backend(root: Path) -> FileBackend:
    return FileBackend(root)


class TestFileBackend(BackendConformance):
    @pytest.fixture
    def backend(self, root: Path) -> Backend:
        return FileBackend(root)


def drafts(root: Path) -> list[Path]:
    return list((root / ".catsync").glob("*.tmp"))


def test_put_leaves_nothing_but_the_object(backend: FileBackend, root: Path) -> None:
    backend.put("packs/a.pack", b"body")
    assert (root / "packs" / "a.pack").read_bytes() == b"body"
    assert drafts(root) == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names descriptors through /proc")
def test_put_is_flushed_before_it_appears(backend: FileBackend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    flush = os.fsync

    def record(descriptor: int) -> None:
        seen.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), (root / "packs/a").exists()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    backend.put("packs/a", b"body")
    folder, draft, appeared = seen
    assert folder == (str(root), False)  # the new folder `packs` is in it
    assert Path(draft[0]).parent == root / ".catsync"
    assert not draft[1]
    assert appeared == (str(root / "packs"), True)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EROFS, AuthorisationError),
        (errno.EACCES, AuthorisationError),
        (errno.EIO, NoConnectionError),
    ],
)
def test_a_failed_put_keeps_the_old_object(
    backend: FileBackend, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[CatsyncError]
) -> None:
    backend.put("a", b"old")

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error, match="a"):
        backend.put("a", b"new")
    assert backend.get("a", max_length=10).body == b"old"
    assert drafts(root) == []


def test_an_interrupted_put_leaves_no_draft(backend: FileBackend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        backend.put("a", b"new")
    assert drafts(root) == []
    assert list(backend.list()) == []


def test_put_removes_abandoned_drafts_only(backend: FileBackend, root: Path) -> None:
    backend.put("a", b"1")
    old, young = root / ".catsync" / "old.tmp", root / ".catsync" / "young.tmp"
    for draft in (old, young):
        draft.write_bytes(b"half")
    day_before = time.time() - 25 * 3600
    os.utime(old, (day_before, day_before))
    backend.put("b", b"2")
    assert drafts(root) == [young]
    assert {info.key for info in backend.list()} == {"a", "b"}


def test_a_source_that_cannot_be_read_is_named(backend: FileBackend, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="nothing-here"):
        backend.put("a", tmp_path / "nothing-here")
    assert list(backend.list()) == []


@pytest.mark.parametrize("name", ["get", "read", "put", "swap", "list", "delete"])
def test_a_missing_folder_is_named_and_not_made(tmp_path: Path, name: str) -> None:
    backend = FileBackend(tmp_path / "unplugged" / "repo")
    with pytest.raises(MissingObjectError, match=r"no folder .*unplugged") as caught:
        call(backend, name)
    assert "drive" in caught.value.hint
    assert not (tmp_path / "unplugged").exists()


@pytest.mark.parametrize("name", ["get", "read", "put", "list", "delete"])
def test_only_the_first_object_makes_the_folder(tmp_path: Path, name: str) -> None:
    backend = FileBackend(tmp_path / "repo")
    with pytest.raises(MissingObjectError, match="no folder"):
        call(backend, name)
    backend.swap("index.json", b"{}", expected_etag=None)
    assert (tmp_path / "repo" / "index.json").read_bytes() == b"{}"


def call(backend: FileBackend, name: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: backend.get("a", max_length=1),
        "read": lambda: list(backend.read("a", 0, 1)),
        "put": lambda: backend.put("a", b"x"),
        "swap": lambda: backend.swap("a", b"x", expected_etag=None),
        "list": lambda: list(backend.list()),
        "delete": lambda: backend.delete("a"),
    }
    calls[name]()


@unix_only
@pytest.mark.parametrize("name", ["get", "read", "swap"])
def test_a_link_in_place_of_an_object_is_refused(backend: FileBackend, root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "a").symlink_to(tmp_path / "secret")
    with pytest.raises(AuthorisationError, match="link"):
        call(backend, name)
    assert list(backend.list()) == []


@unix_only
@pytest.mark.parametrize("name", ["get", "read", "put", "delete"])
def test_a_folder_that_leads_out_is_refused(root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").write_bytes(b"secret")
    (root / "packs").symlink_to(tmp_path / "outside")
    backend = FileBackend(root)
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: backend.get("packs/a", max_length=1),
        "read": lambda: list(backend.read("packs/a", 0, 1)),
        "put": lambda: backend.put("packs/a", b"x"),
        "delete": lambda: backend.delete("packs/a"),
    }
    with pytest.raises(AuthorisationError, match="leads out"):
        calls[name]()
    assert (tmp_path / "outside" / "a").read_bytes() == b"secret"
    assert list(backend.list()) == []


@unix_only
def test_put_replaces_a_link_and_not_its_target(backend: FileBackend, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"precious")
    (root / "a").symlink_to(tmp_path / "outside")
    backend.put("a", b"new")
    assert backend.get("a", max_length=10).body == b"new"
    assert (tmp_path / "outside").read_bytes() == b"precious"


@unix_only
def test_a_pipe_is_no_object_and_is_not_waited_for(backend: FileBackend, root: Path) -> None:
    os.mkfifo(root / "a")
    with pytest.raises(MissingObjectError):
        backend.get("a", max_length=1)
    assert list(backend.list()) == []


def test_a_repository_below_a_link_works(tmp_path: Path, root: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    backend = FileBackend(tmp_path / "link")
    backend.put("packs/a", b"x")
    assert backend.get("packs/a", max_length=1).body == b"x"


def test_list_shows_objects_only(backend: FileBackend, root: Path) -> None:
    backend.put("packs/a", b"x")
    backend.swap("index.json", b"{}", expected_etag=None)
    (root / "README.TXT").write_bytes(b"not a key")
    (root / ".hidden").write_bytes(b"not a key")
    assert {info.key for info in backend.list()} == {"packs/a", "index.json"}


def test_swap_gives_up_on_a_lock_that_is_held(
    backend: FileBackend, root: Path, monkeypatch: pytest.MonkeyPatch, held_lock: Path
) -> None:
    monkeypatch.setattr(backend_file, "LOCK_PATIENCE", 0.05)
    with pytest.raises(LockedError, match=r"index\.json"):
        backend.swap("index.json", b"{}", expected_etag=None)


@pytest.fixture
def held_lock(root: Path) -> Iterator[Path]:
    """The lock as another process would hold it."""
    path = root / ".catsync" / "lock"
    path.parent.mkdir()
    with FileLock(path):
        yield path


def test_readers_see_the_old_or_the_new_object(backend: FileBackend) -> None:
    bodies = {bytes([n]) * 100_000 for n in range(2)}
    backend.put("a", min(bodies))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for body in bodies:
                backend.put("a", body)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            assert backend.get("a", max_length=100_000).body in bodies
            assert b"".join(backend.read("a", 0, 100_000)) in bodies
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(("failures", "error"), [(3, None), (10**9, AuthorisationError)])
def test_on_windows_a_replacement_waits_for_readers(
    backend: FileBackend, root: Path, monkeypatch: pytest.MonkeyPatch, failures: int, error: type[CatsyncError] | None
) -> None:
    left = [failures]
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(errno.EACCES, "in use")
        return replace(self, target)

    monkeypatch.setattr(backend_file, "WINDOWS", True)
    monkeypatch.setattr(backend_file, "READER_PATIENCE", 0.1)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(error) if error else nullcontext():
        backend.put("a", b"new")
    assert (root / "a").exists() is (error is None)
    assert drafts(root) == []


def test_a_refused_replacement_is_not_waited_for_elsewhere(
    backend: FileBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refuse(self: Path, target: Path) -> Path:
        calls.append(target)
        raise PermissionError(errno.EACCES, "not yours")

    monkeypatch.setattr(backend_file, "WINDOWS", False)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(AuthorisationError, match="not yours"):
        backend.put("a", b"new")
    assert len(calls) == 1


def test_an_object_that_outgrows_the_index_can_still_be_swapped(backend: FileBackend) -> None:
    large = bytes(5 * 1024 * 1024)
    etag = backend.swap("a", large, expected_etag=None)
    backend.swap("a", b"small", expected_etag=etag)
    assert backend.get("a", max_length=10).body == b"small"
