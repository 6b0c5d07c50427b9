"""Directory trees: lay out the two versions of a pair, and compare what a tool made with what it should have made."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from typing import TYPE_CHECKING

from bench._measure import run

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DifferentTreeError",
    "changed_size",
    "list_files",
    "make_apart",
    "pack_tar",
    "put_away",
    "require_same",
    "stage",
    "tree_size",
]

_OLD_TIME = 1_000_000_000
_NEW_TIME = 1_100_000_000
_GET_FLAGS, _SET_FLAGS, _TOP = 0x80086601, 0x40086602, 0x00020000  # FS_IOC_..., FS_TOPDIR_FL, from linux/fs.h


class DifferentTreeError(AssertionError):
    """A tool said that it was done, and the result is not the new version."""


def list_files(tree: Path) -> dict[str, Path]:
    """Return all files below a directory by their relative path with forward slashes, sorted."""
    found = (path for path in tree.rglob("*") if path.is_file())
    return dict(sorted((path.relative_to(tree).as_posix(), path) for path in found))


def tree_size(tree: Path) -> int:
    """Return the bytes of all files below a directory."""
    return sum(path.stat().st_size for path in list_files(tree).values())


def changed_size(old: Path, new: Path) -> int:
    """Return the bytes of the new tree's files that the old one has not, or not so."""
    before = list_files(old)
    return sum(path.stat().st_size for name, path in list_files(new).items() if not _unchanged(before.get(name), path))


def stage(old: Path, new: Path, into: Path) -> tuple[Path, Path]:
    """Copy both versions of a pair, with the modification times of one folder that was edited.

    Registries write one constant time into every file, which is no folder's life: rsync's quick check would then
    skip changed files of the same size. Here an unchanged file keeps its time and a changed one gets a newer one.

    Returns:
        The copies, `into/old` and `into/new`.
    """
    before = list_files(old)
    for name, path in before.items():
        _copy(path, into / "old" / name, _OLD_TIME)
    for name, path in list_files(new).items():
        _copy(path, into / "new" / name, _OLD_TIME if _unchanged(before.get(name), path) else _NEW_TIME)
    return into / "old", into / "new"


def _unchanged(before: Path | None, after: Path) -> bool:
    return before is not None and before.read_bytes() == after.read_bytes()


def _copy(source: Path, target: Path, mtime: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
    os.utime(target, (mtime, mtime))


def put_away(tree: Path, attic: Path) -> None:
    """Take a tree from where it stands, if there is one, without deleting it.

    ext4 does not use an inode again for minutes after its file was deleted, and passes over all those that rest each
    time a file is made. Who measured after thousands of deletions would measure that.

    Args:
        tree: What goes.
        attic: Where it is kept, on the same file system, until everything was measured.
    """
    if tree.exists():
        attic.mkdir(parents=True, exist_ok=True)
        tree.rename(attic / str(len(os.listdir(attic))))  # noqa: PTH208 - only their number matters


def make_apart(folder: Path) -> None:
    """Make a folder whose subfolders get a part of the disk each, where the file system can do that, as ext4 can.

    For what :func:`put_away` avoids, a tool that replaces files does in its own run, and it must not cost the others.
    """
    folder.mkdir(parents=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            flags = int.from_bytes(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(4)), sys.byteorder)
            fcntl.ioctl(descriptor, _SET_FLAGS, (flags | _TOP).to_bytes(4, sys.byteorder))
    finally:
        os.close(descriptor)


def pack_tar(tree: Path, tar: Path) -> None:
    """Write a tree as a tar in which only content differs between versions: sorted, no owners, no times."""
    constant = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]
    run(["tar", "-C", str(tree), *constant, "-cf", str(tar), "."])


def require_same(expected: Path, found: Path) -> None:
    """Compare two trees by paths and content.

    Raises:
        DifferentTreeError: When they differ; the message names the first differences.
    """
    left, right = list_files(expected), list_files(found)
    wrong = [f"missing {name}" for name in left.keys() - right.keys()]
    wrong += [f"unexpected {name}" for name in right.keys() - left.keys()]
    shared = left.keys() & right.keys()
    wrong += [f"different {name}" for name in shared if left[name].read_bytes() != right[name].read_bytes()]
    if wrong:
        raise DifferentTreeError(f"{found} is not {expected}: {', '.join(sorted(wrong)[:5])} ({len(wrong)} in all)")
