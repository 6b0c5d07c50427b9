"""The programs that the benchmarks run, and the Debian packages that hold them."""

from __future__ import annotations

import os
import shutil
import subprocess

__all__ = ["MissingProgramsError", "ensure_programs", "find_program"]

_PACKAGES = {
    "bsdiff": "bsdiff",
    "casync": "casync",
    "curl": "curl",
    "nginx": "nginx-light",
    "rsync": "rsync",
    "tar": "tar",
    "time": "time",
    "xdelta3": "xdelta3",
    "zstd": "zstd",
    "zsync": "zsync",
    "zsyncmake": "zsync",
}


class MissingProgramsError(RuntimeError):
    """Programs that the benchmark needs are not installed, and it may not install them."""


def find_program(name: str) -> str | None:
    """Return the path of a program, also of one that only root has on the search path; None if there is none."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def ensure_programs() -> None:
    """Check that all programs are there; as root on a Debian-like system, install what is missing.

    Raises:
        MissingProgramsError: When some are missing and cannot be installed from here.
    """
    missing = _missing_packages()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], check=True)
        missing = _missing_packages()
    if missing:
        raise MissingProgramsError(f"install first: apt-get install {' '.join(missing)}")


def _missing_packages() -> list[str]:
    return sorted({package for program, package in _PACKAGES.items() if find_program(program) is None})
