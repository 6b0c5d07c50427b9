"""Unpack an archive of a package registry into a directory: plain files only, nothing outside of it."""

from __future__ import annotations

import calendar
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

__all__ = ["UnsafeArchiveError", "unpack_npm", "unpack_wheel"]


class UnsafeArchiveError(ValueError):
    """An archive member is a link, a device, or would land outside of the directory."""


def unpack_npm(archive: Path, into: Path) -> None:
    """Unpack an npm tarball without its outer directory (`package/` by custom).

    Args:
        archive: A gzip-compressed tar.
        into: An existing, empty directory.

    Raises:
        UnsafeArchiveError: When a member is neither a file nor a directory, or leaves `into`.
    """
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise UnsafeArchiveError(f"{archive.name}: {member.name!r} is not a plain file")
            _, *parts = _parts(archive, member.name)
            _write(content, into.joinpath(*parts), mtime=member.mtime, mode=member.mode)


def unpack_wheel(archive: Path, into: Path) -> None:
    """Unpack a wheel, which is a zip; its times count as UTC.

    Args:
        archive: The wheel.
        into: An existing, empty directory.

    Raises:
        UnsafeArchiveError: When a member is neither a file nor a directory, or leaves `into`.
    """
    with zipfile.ZipFile(archive) as wheel:
        for member in wheel.infolist():
            if member.is_dir():
                continue
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise UnsafeArchiveError(f"{archive.name}: {member.filename!r} is not a plain file")
            mtime = calendar.timegm(member.date_time)
            with wheel.open(member) as content:
                target = into.joinpath(*_parts(archive, member.filename))
                _write(content, target, mtime=mtime, mode=mode)


def _parts(archive: Path, name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise UnsafeArchiveError(f"{archive.name}: {name!r} would leave the directory")
    return path.parts


def _write(content: IO[bytes], target: Path, *, mtime: float, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
    os.utime(target, (mtime, mtime))
