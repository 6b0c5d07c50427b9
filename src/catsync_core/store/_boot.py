"""Which run of the operating system this is: after a restart, unflushed files cannot be trusted."""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_boot_id"]

_LINUX = Path("/proc/sys/kernel/random/boot_id")


def read_boot_id() -> str | None:
    """Return a name of this run of the system; None where the platform does not tell."""
    try:
        return _LINUX.read_text(encoding="ascii").strip() or None
    except OSError:
        return None
