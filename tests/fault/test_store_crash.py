"""A kill at every system call of a job, and every error that a call can return: old or new, never between."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from catsync_core.errors import CatsyncError, DiskFullError, LocalError
from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, write_manifest
from catsync_core.format.objects import ObjectRef
from catsync_core.store import _folders, durable, flusher, tree
from catsync_core.store.beneath import Beneath
from catsync_core.store.commit import commit, recover
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import Installed, read_pointer
from catsync_core.store.records import VersionRecord
from catsync_core.store.remove import remove_content
from catsync_core.store.replace import replace_file
from catsync_core.store.spool import Spool, bytes_kept
from catsync_core.store.tree import StagingTree
from catsync_core.store.verify import quick_check, verify_version
from fault.clean import check_clean

MTIME = 1_700_000_000
PACK = "a" * 64
# Everything through which the store changes the disk. The store calls them as `os.NAME`.
CALLS = (
    *("open", "write", "pwrite", "ftruncate", "fchmod", "utime", "fsync"),
    *("mkdir", "rmdir", "link", "replace", "unlink"),
)
TREES: dict[int, dict[str, bytes | None]] = {
    1: {"a.json": b"one", "data/same.bin": b"same", "data/b.csv": b"1", "only-1": None},
    2: {"a.json": b"two", "data/same.bin": b"same", "data/new/c.csv": b"2", "only-2": None},
    3: {"a.json": b"three", "data/same.bin": b"same"},
}
Job = Callable[[CatalogStore], object]


def manifest(version: int) -> bytes:
    files = TREES[version]
    contents: dict[bytes, Content] = {}
    for data in files.values():
        if data is not None:
            digest = hashlib.sha256(data).digest()
            contents.setdefault(digest, Content(digest, len(data), 0, len(contents)))
    numbers = {digest: number for number, digest in enumerate(contents)}
    entries, order = [], []
    for path, data in sorted(files.items()):
        if data is None:
            entries.append(Entry(path, 0, None))
            continue
        digest = hashlib.sha256(data).digest()
        if digest not in order:
            order.append(digest)
        entries.append(Entry(path, MTIME, order.index(digest)))
    assert len(numbers) == len(order)
    ref = ObjectRef("0" * 64, 1)
    return write_manifest(
        Manifest("shoes", version, (PackRef(ref, ref),), tuple(contents[digest] for digest in order), tuple(entries))
    )


def update(store: CatalogStore, version: int) -> None:
    """Do what a job does: lock, recover, fetch into the spool, build, commit."""
    data = manifest(version)
    record = VersionRecord(version, ObjectRef.of(data), ObjectRef.of(b"head"), 1, 2)
    with store.lock("update"):
        recover(store)
        current = read_pointer(store)
        if current is not None and current.version == version:
            return
        spool = Spool(store)
        if not spool.has(PACK, 100, 5):
            spool.add(PACK, 100, b"frame")
        with StagingTree(store, version, record.manifest) as staging:
            build(store, staging, TREES[version], current)
            commit(store, staging, record, data)


def build(store: CatalogStore, staging: StagingTree, files: dict[str, bytes | None], current: Installed | None) -> None:
    for path, content in files.items():
        if content is None:
            staging.make_directory(path)
        elif staging.existing(path) is None:
            digest = hashlib.sha256(content).digest()
            old = store.version_path(current.version) / path if current else None
            if old is not None and content == b"same":
                staging.link(path, old, size=len(content), sha256=digest, mtime=MTIME)
            else:
                staging.write(path, [content], size=len(content), sha256=digest, mtime=MTIME)


def remove(store: CatalogStore) -> None:
    with store.lock("remove"):
        recover(store)
        remove_content(store)


def check(store: CatalogStore, allowed: set[int | None]) -> int | None:
    """Assert that what is read is exactly one of these versions, and return which."""
    installed = read_pointer(store)
    version = None if installed is None else installed.version
    assert version in allowed
    if installed is not None:
        kept = load_manifest(store, installed)
        assert quick_check(store.version_path(installed.version), kept) == []
        report = verify_version(store, installed, kept, lambda _: None)
        assert (report.damaged, report.missing, report.foreign) == ((), (), ())
        if installed.previous is not None:
            assert (
                quick_check(store.version_path(installed.previous.version), load_manifest(store, installed.previous))
                == []
            )
    return version


@pytest.fixture(autouse=True)
def _without_flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a flush does can only be seen in a power cut; its place in the order is checked by a test of its own.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(durable, "_load", lambda *_: lambda *_: 0)


def count_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


class Countdown:
    """Counts calls that change the disk, and does something at the n-th."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at = at
        self.count = 0
        self.act = act

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in CALLS:
            patch.setattr(os, name, self._wrap(name, getattr(os, name)))
        patch.setattr(durable, "_load", lambda name, *_: self._wrap(name, lambda *_: 0))

    def _wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # stands for calls of any signature
            reads = name == "open" and not args[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not reads:
                self.count += 1
                if self.count == self.at:
                    self.act()
            return call(*args, **kwargs)

        return counted


def kill_at(step: int, job: Job, store: CatalogStore) -> bool:
    """Run a job in a process that dies at a step, without any cleaning up; return whether it died."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            patch = pytest.MonkeyPatch()
            Countdown(step, lambda: os.kill(os.getpid(), signal.SIGKILL)).install(patch)
            job(store)
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the job failed instead of being killed"
    return os.WIFSIGNALED(status)


def prepared(tmp_path: Path, step: int, versions: int) -> CatalogStore:
    template = CatalogStore(tmp_path / f"template-{versions}", "shoes")
    if not template.home.exists():
        template.prepare()
        for version in range(1, versions + 1):
            update(template, version)
    shutil.copytree(template.home, tmp_path / str(step))
    return CatalogStore(tmp_path / str(step), "shoes")


@pytest.mark.parametrize("versions", [0, 1, 2])
def test_a_kill_at_every_step_of_an_update(tmp_path: Path, versions: int) -> None:
    seen = set()
    for step in range(1, 10_000):
        store = prepared(tmp_path, step, versions)
        died = kill_at(step, lambda store: update(store, versions + 1), store)
        old = versions or None
        seen.add(check(store, {old, versions + 1}))
        with store.lock("check"):
            recover(store)
        check(store, {old, versions + 1})
        check_clean(store)
        update(store, versions + 1)
        assert check(store, {versions + 1}) == versions + 1
        check_clean(store)
        assert bytes_kept(store) == 0
        if not died:
            break
    assert step > 40
    assert seen == {old, versions + 1}


def test_a_kill_at_every_step_of_a_removal(tmp_path: Path) -> None:
    seen = set()
    for step in range(1, 10_000):
        store = prepared(tmp_path, step, 2)
        (store.version_path(2) / "data/mine.txt").write_text("mine")
        died = kill_at(step, remove, store)
        installed = read_pointer(store)
        seen.add(installed and installed.version)
        if installed is not None:
            assert quick_check(store.version_path(2), load_manifest(store, installed)) == []
        remove(store)
        assert [path.name for path in store.root.rglob("*") if path.is_file()] == ["mine.txt"]
        assert read_pointer(store) is None
        if not died:
            break
    assert step > 15
    assert seen == {2, None}


def test_a_kill_at_every_step_of_recovery(tmp_path: Path) -> None:
    for step in range(1, 10_000):
        store = prepared(tmp_path, step, 1)
        pointer = store.root / ".catsync/current"
        before = pointer.read_bytes()
        update(store, 2)
        pointer.write_bytes(before)  # version 2 is there but not named, and unfinished work lies about
        (store.root / ".catsync/aside").mkdir()
        (store.root / ".catsync/aside/file").write_bytes(b"half")
        (store.root / ".catsync/staging/1.journal").touch()
        died = kill_at(step, recover, store)
        check(store, {1})
        recover(store)
        check(store, {1})
        check_clean(store)
        assert [path.name for path in (store.root / ".catsync/staging").iterdir()] == []
        if not died:
            break
    assert step > 5


def test_a_kill_at_every_step_of_a_repair(tmp_path: Path) -> None:
    def repair(store: CatalogStore) -> None:
        digest = hashlib.sha256(b"one").digest()
        replace_file(store, 1, "a.json", [b"o", b"ne"], size=3, sha256=digest, mtime=MTIME)

    for step in range(1, 10_000):
        store = prepared(tmp_path, step, 1)
        (store.version_path(1) / "a.json").unlink()
        (store.version_path(1) / "a.json").write_bytes(b"bad")
        died = kill_at(step, repair, store)
        assert (store.version_path(1) / "a.json").read_bytes() in {b"bad", b"one"}
        repair(store)
        recover(store)
        check(store, {1})
        if not died:
            break
    assert step > 5


@pytest.mark.parametrize(("code", "lasting"), [(errno.ENOSPC, 0), (errno.ENOSPC, 1), (errno.EIO, 0), (errno.EMFILE, 1)])
def test_an_error_at_every_step_of_an_update(
    tmp_path: Path, code: int, lasting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_before = count_descriptors()
    for step in range(1, 10_000):
        store = prepared(tmp_path, step, 1)
        failed: list[CatsyncError] = []
        with monkeypatch.context() as patch:

            def fail() -> None:
                countdown.at += lasting  # noqa: B023  # bound in this round
                raise OSError(code, os.strerror(code))

            countdown = Countdown(step, fail)
            countdown.install(patch)
            try:
                update(store, 2)
            except CatsyncError as error:
                failed.append(error)
        check(store, {1, 2})
        if failed:
            assert isinstance(failed[0], DiskFullError if code == errno.ENOSPC else LocalError)
        update(store, 2)
        check(store, {2})
        check_clean(store)
        failed.clear()  # an error holds on to the job's frames, and those to what they opened
        if countdown.count < step:
            break
    assert step > 40
    assert count_descriptors() == open_before


def test_everything_is_durable_before_the_next_step_relies_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = prepared(tmp_path, 0, 1)
    trace: list[str] = []
    names: dict[int, str] = {}
    opened, duplicated, replaced, unlinked = os.open, os.dup, os.replace, os.unlink

    def follow_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # noqa: ANN401  # a path
        descriptor = opened(path, flags, mode, dir_fd=dir_fd)
        names[descriptor] = Path(str(path)).name
        return descriptor

    def follow_dup(descriptor: int) -> int:
        copy = duplicated(descriptor)
        names[copy] = names[descriptor]
        return copy

    def follow_replace(source: str, target: str, **folders: int) -> None:
        trace.append(f"rename {source} {target}")
        replaced(source, target, **folders)

    def follow_unlink(path: str, **folders: int) -> None:
        unlinked(path, **folders)
        trace.append(f"unlink {path}")

    monkeypatch.setattr(os, "open", follow_open)
    monkeypatch.setattr(os, "dup", follow_dup)
    monkeypatch.setattr(os, "replace", follow_replace)
    monkeypatch.setattr(os, "unlink", follow_unlink)

    monkeypatch.setattr(os, "fsync", lambda descriptor: trace.append(f"fsync {names[descriptor]}"))
    update(store, 2)
    files = {"fsync a.json", "fsync c.csv"}
    folders = {"fsync data", "fsync new", "fsync only-2", "fsync 2"}
    wanted = [
        "fsync 2.new",
        "rename 2.new 2",
        "fsync manifests",
        "fsync 2.json.new",
        "rename 2.json.new 2.json",
        "fsync manifests",
        *sorted(folders),
        "rename 2 2",
        "fsync shoes",
        "fsync staging",
        "fsync current.new",
        "rename current.new current",
        "fsync .catsync",
    ]
    begin, at = trace.index(wanted[0]), trace.index("rename 2 2")
    assert files <= set(trace[: at - len(folders)])  # on a thread of its own, while other files were built
    steps = [step for step in trace[begin:at] if step not in files | folders]
    assert [*steps, *sorted(trace[at - len(folders) : at]), *trace[at:]][: len(wanted)] == wanted
    assert not [step for step in trace[:begin] if step.startswith("unlink") and step != "unlink lock.holder"]


@pytest.mark.parametrize("flushes", ["files", "large files", "file system"])
def test_a_failed_flush_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flushes: str) -> None:
    store = prepared(tmp_path, 0, 1)
    data = manifest(2)
    record = VersionRecord(2, ObjectRef.of(data), ObjectRef.of(b"head"), 1, 2)
    calls: list[int] = []

    def fail(*_: object) -> None:
        calls.append(1)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    if flushes == "files":
        monkeypatch.setattr(Beneath, "sync_file", fail)
        monkeypatch.setattr(flusher, "sync_file", fail)  # some of them are flushed meanwhile
    elif flushes == "large files":
        monkeypatch.setattr(tree, "_LARGE", 0)
        monkeypatch.setattr(flusher, "sync_file", fail)
    else:
        monkeypatch.setattr(tree, "_FEW", 0)
        monkeypatch.setattr(_folders, "sync_file_system", fail)
    with StagingTree(store, 2, record.manifest) as staging:
        build(store, staging, TREES[2], None)
        with pytest.raises(LocalError):
            commit(store, staging, record, data)
        first = len(calls)  # files are flushed side by side
        assert 1 <= first <= len(TREES[2])
        for _ in range(2):
            with pytest.raises(LocalError):
                commit(store, staging, record, data)
    assert len(calls) == first
    check(store, {1})
    with StagingTree(store, 2, record.manifest) as staging:
        assert not staging.resumed  # nothing that was not flushed is believed


def test_a_full_disk(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip(
            "mounting a small tmpfs needs root; test_an_error_at_every_step_of_an_update covers ENOSPC by patching"
        )
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "catsync", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        store = CatalogStore(place, "shoes")
        update(store, 1)
        big = b"x" * 1_000_000
        ref = ObjectRef.of(b"another manifest")
        with store.lock("update"):
            full = pytest.raises(DiskFullError, match=r"could not write 'big.bin' \(1,000,000 bytes\)")
            with StagingTree(store, 2, ref) as staging, full:
                staging.write("big.bin", [big], size=len(big), sha256=hashlib.sha256(big).digest(), mtime=1)
            with pytest.raises(DiskFullError):
                Spool(store).add(PACK, 0, big)
            assert not Spool(store).has(PACK, 0, len(big))
            fill = os.open(place / "fill", os.O_WRONLY | os.O_CREAT)
            with suppress(OSError):
                while os.write(fill, big):
                    pass
            os.close(fill)
        check(store, {1})
        remove(store)  # needs no space
        assert not store.root.exists()
    finally:
        subprocess.run(["umount", place], check=True)
