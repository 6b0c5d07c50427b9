"""Free space, asked before something is begun that would not fit."""

from __future__ import annotations

from pathlib import Path

from catsync_core.errors import DiskFullError
from catsync_core.store.failures import Attempt

__all__ = ["free_bytes", "require_space"]

_MARGIN_MOST = 16 * 1024 * 1024
_MARGIN_SHARE = 100  # one per cent
_THOUSAND = 1000


def free_bytes(path: Path) -> int:
    """Return the bytes that this user may still write where the path lies, or will lie once it is made.

    Raises:
        LocalError: (local) the file system does not answer.
    """
    import shutil  # noqa: PLC0415 - loads bz2 and lzma too, and a job first asks the repository

    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    with Attempt("read the free space of", existing):
        return shutil.disk_usage(existing).free


def require_space(path: Path, needed: int, what: str) -> None:
    """Refuse to begin what would fill the disk. A margin is added: one per cent, at most 16 MiB.

    Args:
        path: Where it will be written.
        needed: Bytes.
        what: What needs them, for the message, such as ``Catalog 'shoes'``.

    Raises:
        DiskFullError: (local) saying how much is needed, free and missing.
    """
    needed += min(needed // _MARGIN_SHARE, _MARGIN_MOST)
    free = free_bytes(path)
    if free < needed:
        raise DiskFullError(
            f"{what} needs {_show(needed)}, {_show(free)} are free on this disk, {_show(needed - free)} are missing"
        )


def _show(count: int) -> str:
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < _THOUSAND:
            break
        value, unit = value / _THOUSAND, larger
    return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
