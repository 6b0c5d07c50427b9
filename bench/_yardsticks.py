"""What is possible: the deltas that single programs make of the two whole tars, and the compressed new tar.

No tool transfers these. A tar holds no manifest to verify by, and whoever applies a delta of it needs the whole old
tar at hand.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench._trees import pack_tar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Yardsticks", "measure_yardsticks"]

_ZSTD = ["zstd", "-q", "-19", "--long=27", "-c"]
_BSDIFF_MEMORY = 17
"""bsdiff's own documentation: it needs this many times the bytes of the old file."""
_BSDIFF_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """Lengths in bytes."""

    solid: int
    """The new tar, compressed by `zstd -19 --long=27`."""
    deltas: Mapping[str, int]
    """The delta from the old tar to the new one, by program."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Programs that made none, and why."""


@functools.cache
def measure_yardsticks(old: Path, new: Path) -> Yardsticks:
    """Measure them all, once for the same two trees.

    Args:
        old: The old version's tree.
        new: The new version's tree.
    """
    with tempfile.TemporaryDirectory(prefix="tars-") as folder:
        tars = Path(folder, "old.tar"), Path(folder, "new.tar")
        for tree, tar in zip((old, new), tars, strict=True):
            pack_tar(tree, tar)
        return _measure(*tars)


def _measure(old: Path, new: Path) -> Yardsticks:
    deltas = {
        "zstd patch": _length([*_ZSTD, f"--patch-from={old}", str(new)]),
        # Its window for the old file, 64 MiB, holds the whole of every tar here.
        "xdelta3": _length(["xdelta3", "-9", "-e", "-c", "-s", str(old), str(new)]),
    }
    left_out = {}
    if reason := _refuse_bsdiff(old):
        left_out["bsdiff"] = reason
    else:
        try:
            deltas["bsdiff"] = _bsdiff(old, new)
        except subprocess.TimeoutExpired:
            left_out["bsdiff"] = f"it was not done after {_BSDIFF_SECONDS} s"
    return Yardsticks(_length([*_ZSTD, str(new)]), deltas, left_out)


def _length(command: Sequence[str]) -> int:
    return len(subprocess.run(command, check=True, capture_output=True).stdout)


def _refuse_bsdiff(old: Path) -> str:
    needed = _BSDIFF_MEMORY * old.stat().st_size
    free = _available_memory()
    if needed <= free:
        return ""
    return f"it needs {_BSDIFF_MEMORY} times the old tar in memory, {needed / 1e6:,.0f} MB; {free / 1e6:,.0f} were free"


def _available_memory() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _bsdiff(old: Path, new: Path) -> int:
    with tempfile.NamedTemporaryFile(dir=old.parent, prefix="bsdiff-") as patch:
        command = ["bsdiff", str(old), str(new), patch.name]
        subprocess.run(command, check=True, capture_output=True, timeout=_BSDIFF_SECONDS)
        return Path(patch.name).stat().st_size
