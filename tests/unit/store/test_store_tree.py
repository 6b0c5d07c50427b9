from __future__ import annotations

import errno
import hashlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catsync_core.errors import DamagedError, DiskFullError, IntegrityError, LocalError, PathError
from catsync_core.format.objects import ObjectRef
from catsync_core.store import _boot, durable, journal, layout
from catsync_core.store import tree as tree_module
from catsync_core.store._folders import CheckedFolders
from catsync_core.store.beneath import Beneath
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import Installed
from catsync_core.store.tree import Known, Linked, StagingTree

MTIME = 1_700_000_000
REF = ObjectRef.of(b"manifest")
OTHER = ObjectRef.of(b"other manifest")
Install = Callable[[int, dict[str, bytes | None]], Installed]


def facts(data: bytes, mtime: int = MTIME) -> dict[str, Any]:
    return {"size": len(data), "sha256": hashlib.sha256(data).digest(), "mtime": mtime}


def interrupt() -> bytes:
    raise KeyboardInterrupt


@pytest.fixture
def root(store: CatalogStore) -> Path:
    return store.root / ".catsync/staging/2"


def test_a_file_is_written_in_pieces(store: CatalogStore, root: Path) -> None:
    with StagingTree(store, 2, REF) as tree:
        tree.write("a/b", [b"one", bytearray(b"two"), memoryview(b"three")], **facts(b"onetwothree"))
        tree.make_directory("empty/deep")
        tree.flush()
    assert (root / "a/b").read_bytes() == b"onetwothree"
    assert (root / "empty/deep").is_dir()


@pytest.mark.parametrize("chunks", [[b"wrong"], [b"righ"], [b"right", b"!"], []])
def test_other_content_is_refused_and_removed(store: CatalogStore, root: Path, chunks: list[bytes]) -> None:
    with StagingTree(store, 2, REF) as tree:
        with pytest.raises(IntegrityError, match="'a'"):
            tree.write("a", chunks, **facts(b"right"))
        assert not (root / "a").exists()
        tree.write("a", [b"right"], **facts(b"right"))
    assert (root / "a").read_bytes() == b"right"


def test_an_error_in_the_block_removes_the_file(store: CatalogStore, root: Path) -> None:
    with StagingTree(store, 2, REF) as tree:
        stop: Iterator[bytes] = (piece or interrupt() for piece in (b"rig", b""))
        with pytest.raises(KeyboardInterrupt):
            tree.write("a", stop, **facts(b"right"))
        assert not (root / "a").exists()


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", "con", "a\\b", ".."])
def test_paths_are_checked_again(store: CatalogStore, path: str) -> None:
    with StagingTree(store, 2, REF) as tree:
        with pytest.raises(PathError):
            tree.write(path, [b""], **facts(b""))
        with pytest.raises(PathError):
            tree.make_directory(path)
        with pytest.raises(PathError):
            tree.link(path, Path("x"), **facts(b""))


def test_a_planted_link_is_refused(store: CatalogStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with StagingTree(store, 2, REF) as tree:
        (root / "data").symlink_to(outside)
        with pytest.raises(LocalError, match="not a plain folder"):
            tree.write("data/a", [b"1"], **facts(b"1"))
        (root / "file").symlink_to(outside / "file")
        with pytest.raises(LocalError, match="File exists"):
            tree.write("file", [b"1"], **facts(b"1"))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("mtime", [-(1 << 40), -1, 0, 1 << 31, 1 << 40])
def test_times_are_clamped(store: CatalogStore, root: Path, mtime: int) -> None:
    with StagingTree(store, 2, REF) as tree:
        tree.write("a", [b"1"], **facts(b"1", mtime))
    assert (root / "a").stat().st_mtime == min(max(mtime, 0), (1 << 32) - 1)
    with StagingTree(store, 2, REF) as tree:
        assert tree.existing("a") == 1


def test_an_unchanged_file_gets_a_second_name(store: CatalogStore, root: Path, install: Install) -> None:
    install(1, {"a": b"same"})
    with StagingTree(store, 2, REF) as tree:
        assert tree.link("b/c", store.version_path(1) / "a", **facts(b"same")) == Linked("link", 0)
    assert (root / "b/c").samefile(store.version_path(1) / "a")


def test_other_times_and_files_of_others_are_copied(
    store: CatalogStore, root: Path, install: Install, tmp_path: Path
) -> None:
    install(1, {"a": b"same"})
    mine = tmp_path / "mine"
    mine.write_bytes(b"same")
    with StagingTree(store, 2, REF) as tree:
        copied = [
            tree.link("b", store.version_path(1) / "a", **facts(b"same", 5)),
            tree.link("c", mine, **facts(b"same")),
        ]
    for linked in copied:
        assert linked in {Linked("copy", 4), Linked("reflink", 0)}
    assert (root / "b").stat().st_mtime == 5
    assert not (root / "c").samefile(mine)


def test_many_unchanged_files_get_second_names_at_once(store: CatalogStore, root: Path, install: Install) -> None:
    install(1, {"a": b"same", "d/b": b"other", "d/c": b"third", "d/lost": b"lost", "d/changed": b"old"})
    old = store.version_path(1)
    (old / "d/lost").unlink()
    (old / "d/changed").unlink()
    (old / "d/changed").write_bytes(b"new!")
    sizes = {"a": 4, "d/b": 5, "d/c": 5, "d/lost": 4, "d/changed": 3, "none/e": 1}
    known = [Known(f"new/{path}", old / path, size, MTIME) for path, size in sizes.items()]
    with StagingTree(store, 2, REF) as tree:
        linked = tree.link_all([*known, Known("mine", root.parent.parent.parent.parent / "mine", 1, MTIME)])
        assert linked == {"new/a", "new/d/b", "new/d/c"}
        assert all((root / path).samefile(old / path.removeprefix("new/")) for path in linked)
        assert sorted(file.name for file in (root / "new/d").iterdir()) == ["b", "c"]
    with StagingTree(store, 2, REF) as tree:  # they were recorded
        assert [tree.existing(path) for path in sorted(linked)] == [4, 5, 5]
        assert tree.link_all(known[:1]) == set()  # the name is taken


def test_a_path_that_leads_out_is_not_linked_to(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"same"})
    with StagingTree(store, 2, REF) as tree, pytest.raises(PathError):
        tree.link_all([Known("../a", store.version_path(1) / "a", 4, MTIME)])


@pytest.mark.parametrize("content", [b"evil", b"longer than it was", b""])
def test_a_source_that_was_changed_is_refused(
    store: CatalogStore, root: Path, install: Install, content: bytes
) -> None:
    install(1, {"a": b"same"})
    source = store.version_path(1) / "a"
    source.unlink()
    source.write_bytes(content)
    with StagingTree(store, 2, REF) as tree:
        with pytest.raises(DamagedError, match="is not what was stored"):
            tree.link("b", source, **facts(b"same"))
        assert not (root / "b").exists()


def test_a_source_behind_a_link_is_refused(store: CatalogStore, install: Install, tmp_path: Path) -> None:
    install(1, {"d/a": b"same"})
    (tmp_path / "secret").write_bytes(b"same")
    source = store.version_path(1) / "d/a"
    source.unlink()
    source.symlink_to(tmp_path / "secret")
    with StagingTree(store, 2, REF) as tree:
        with pytest.raises(LocalError, match="not a plain file"):
            tree.link("b", source, **facts(b"same"))
        with pytest.raises(LocalError, match="Could not read"):
            tree.link("c", store.version_path(1) / "missing", **facts(b"same"))
    source.unlink()
    source.parent.rmdir()
    source.parent.symlink_to(tmp_path)
    with StagingTree(store, 2, REF) as tree:
        with pytest.raises(LocalError, match="not a plain folder"):
            tree.link("c", store.version_path(1) / "d/secret", **facts(b"same"))
        with pytest.raises(LocalError, match="Could not read"):
            tree.link("c", tmp_path / "missing", **facts(b"same"))


def test_without_hard_links_files_are_copied(
    store: CatalogStore, root: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(1, {"a": b"same"})

    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    with StagingTree(store, 2, REF) as tree:
        assert tree.link("b", store.version_path(1) / "a", **facts(b"same")).how in {"copy", "reflink"}
    assert (root / "b").read_bytes() == b"same"


def test_a_killed_attempt_is_gone_on_with(store: CatalogStore, root: Path) -> None:
    first = StagingTree(store, 2, REF)
    first.write("kept", [b"1"], **facts(b"1"))
    first.write("changed", [b"1"], **facts(b"1"))
    first.write("lost", [b"1"], **facts(b"1"))
    first.close()
    (root / "half").write_bytes(b"not finished")
    (root / "changed").unlink()
    (root / "changed").write_bytes(b"22")
    (root / "lost").unlink()
    (root / "lost").symlink_to(root / "kept")
    path = store.root / ".catsync/staging/2.journal"
    path.write_bytes(path.read_bytes() + b'["half",12')
    with StagingTree(store, 2, REF) as tree:
        assert tree.resumed
        assert [tree.existing(name) for name in ("kept", "changed", "lost", "half")] == [1, None, None, None]
        assert [file.name for file in root.iterdir()] == ["kept"]
        tree.write("half", [b"1"], **facts(b"1"))
    with StagingTree(store, 2, REF) as tree:  # the torn line did not spoil what came after it
        assert [tree.existing(name) for name in ("kept", "half")] == [1, 1]


def test_what_was_not_recorded_is_built_again(store: CatalogStore, root: Path) -> None:
    killed = StagingTree(store, 2, REF)
    killed.write("a", [b"1"], **facts(b"1"))  # recorded in memory only
    with StagingTree(store, 2, REF) as tree:
        assert tree.existing("a") is None
        tree.write("a", [b"1"], **facts(b"1"))
    killed.close()


def test_another_manifest_or_boot_begins_anew(store: CatalogStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt(ref: ObjectRef) -> bool:
        with StagingTree(store, 2, ref) as tree:
            resumed = tree.resumed
            assert tree.existing("a") == (1 if resumed else None)
            if not resumed:
                tree.write("a", [b"1"], **facts(b"1"))
            return resumed

    assert [attempt(REF), attempt(REF), attempt(OTHER), attempt(OTHER), attempt(REF)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    monkeypatch.setattr(journal, "read_boot_id", lambda: "another boot")
    assert not attempt(REF)
    monkeypatch.setattr(journal, "read_boot_id", lambda: None)  # where it is not known, nothing is believed
    assert not attempt(REF)
    assert not attempt(REF)


def test_the_boot_is_named_on_linux() -> None:
    assert _boot.read_boot_id() == _boot.read_boot_id()
    assert _boot.read_boot_id()


def test_another_version_in_staging_is_removed(store: CatalogStore, root: Path) -> None:
    with StagingTree(store, 1, OTHER) as tree:
        tree.write("a", [b"1"], **facts(b"1"))
    with StagingTree(store, 2, REF):
        assert sorted(path.name for path in root.parent.iterdir()) == ["2", "2.journal"]


def test_discard_removes_everything(store: CatalogStore, root: Path) -> None:
    tree = StagingTree(store, 2, REF)
    tree.write("a/b", [b"1"], **facts(b"1"))
    tree.discard()
    tree.close()
    assert list(root.parent.iterdir()) == []


def test_many_threads_write(store: CatalogStore, root: Path) -> None:
    with StagingTree(store, 2, REF) as tree:

        def work(part: int) -> None:
            for number in range(100):
                data = b"%d-%d" % (part, number)
                tree.write(f"{number}/{part}", [data], **facts(data))

        threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with StagingTree(store, 2, REF) as tree:
        assert all(tree.existing(f"{number}/{part}") for number in range(100) for part in range(4))


def test_without_descriptors_every_file_and_folder_is_flushed(
    store: CatalogStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "open_beneath", lambda root: Beneath(CheckedFolders(root)))
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(str(Path(f"/dev/fd/{descriptor}").resolve())))
    with StagingTree(store, 2, REF) as tree:
        tree.write("a/b", [b"1"], **facts(b"1"))
        tree.make_directory("c")
        tree.flush()
    assert {str(root / "a/b"), str(root / "a"), str(root / "c"), str(root)} <= set(flushed)


def test_a_few_files_are_flushed_by_themselves(store: CatalogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(Path(f"/dev/fd/{descriptor}").resolve().name))
    monkeypatch.setattr(Beneath, "sync_file_system", lambda _: flushed.append("all"))
    with StagingTree(store, 2, REF) as tree:
        tree.write("a/b/small", [b"1"], **facts(b"1"))
        tree.write("large", [bytes(300_000)], **facts(bytes(300_000)))
        tree.make_directory("empty")
        tree.flush()
    assert sorted(flushed) == sorted(["small", "large", "a", "b", "empty", "2"])


@pytest.mark.parametrize("many", ["files", "folders"])
def test_many_files_are_flushed_at_once(store: CatalogStore, monkeypatch: pytest.MonkeyPatch, many: str) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(tree_module, "_FEW", 3)
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(Path(f"/dev/fd/{descriptor}").resolve().name))
    monkeypatch.setattr(Beneath, "sync_file_system", lambda _: flushed.append("all"))
    with StagingTree(store, 2, REF) as tree:
        for number in range(7):  # some files may be flushed before it is known that they are many
            if many == "files":
                tree.write(str(number), [b"x"], **facts(b"x"))
            else:
                tree.make_directory(str(number))
        tree.flush()
    assert flushed[-1] == "all"
    assert len(flushed) <= 4


def test_none_of_many_files_is_flushed_by_itself_where_they_are_expected(
    store: CatalogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(tree_module, "_FEW", 3)
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append("one"))
    monkeypatch.setattr(Beneath, "sync_file_system", lambda _: flushed.append("all"))
    with StagingTree(store, 2, REF) as tree:
        tree.expect([1] * 4 + [300_000])
        tree.write("large", [bytes(300_000)], **facts(bytes(300_000)))
        for number in range(4):
            tree.write(str(number), [b"x"], **facts(b"x"))
        tree.flush()
    assert flushed == ["one", "all"]


def test_a_tree_that_is_gone_on_with_is_flushed_whole(store: CatalogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with StagingTree(store, 2, REF) as tree:
        tree.write("a", [b"x"], **facts(b"x"))
    flushed: list[str] = []
    monkeypatch.setattr(Beneath, "sync_file_system", lambda _: flushed.append("all"))
    with StagingTree(store, 2, REF) as tree:
        tree.flush()
    assert flushed == ["all"]  # the attempt before may have been killed before it flushed


def test_many_small_files_cost_few_calls(store: CatalogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        original = getattr(os, name)

        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # stands for calls of any signature
            calls[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(os, name, counted)

    for name in ("open", "write", "mkdir", "stat", "unlink", "fsync", "fchmod", "utime"):
        count(name)
    total, folders = 5_000, 50
    wanted = facts(b"x")
    with StagingTree(store, 2, REF) as tree:
        calls.clear()
        for number in range(total):
            tree.write(f"{number // 100}/{number}", [b"x"], **wanted)
        assert calls["open"] == total + 2 * folders
        assert calls["mkdir"] == folders
        assert calls["fchmod"] == total + folders
        assert calls["utime"] == total
        assert total <= calls["write"] <= total * 1.01  # the journal is written in batches
        assert calls["stat"] == calls["unlink"] == 0
        assert calls["fsync"] <= tree_module._FEW


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, room is found as it is written")
def test_room_for_a_large_file_is_found_before_it_is_written(
    store: CatalogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    code = errno.ENOSPC

    def refuse(_descriptor: int, _mode: int, _offset: int, length: int) -> int:
        asked.append(length)
        return code

    monkeypatch.setattr(durable, "_load", lambda *_: refuse)
    data = bytes(1 << 20)
    with StagingTree(store, 1, REF) as tree:
        with pytest.raises(DiskFullError):
            tree.write("large", [data[:1], data[1:]], **facts(data))
        assert tree.existing("large") is None
        assert asked == [len(data)]
        code = errno.EOPNOTSUPP
        tree.write("large", [data[:1], data[1:]], **facts(data))
        small = data[1:]
        tree.write("small", [small], **facts(small))
    assert asked == [len(data), len(data)], "once for a large file, and never for a small one"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, room is found as it is written")
def test_a_file_is_as_long_as_what_was_written_whatever_room_it_has(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        durable.reserve(file.fileno(), 1 << 20)
        assert os.fstat(file.fileno()).st_size == 0
