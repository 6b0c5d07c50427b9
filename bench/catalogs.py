"""Real catalogs to measure with: pinned pairs of neighbouring versions from public package registries.

Each version is fetched once, through the registry's own client, into `.cache/catalogs/<name>/<version>/`, and
appears there complete or not at all. The archives' SHA-256 are pinned here, so that every figure is about the
same bytes.

    python bench/catalogs.py [NAME...|--all]
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench._pins import GEONAMES, LARGE, PAIRS, SERIES, Pair, Pin, Series
from bench._unpack import unpack_npm, unpack_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GEONAMES", "LARGE", "PAIRS", "SERIES", "FetchError", "Pair", "Pin", "Series", "fetch", "fetch_series"]

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "catalogs"


class FetchError(RuntimeError):
    """A registry's client failed, or what it fetched is not what is pinned."""


def fetch(pair: Pair, cache: Path = CACHE) -> tuple[Path, Path]:
    """Make both versions of a pair present, and fetch what is missing.

    Args:
        pair: One of `PAIRS`, `LARGE`, or `GEONAMES`.
        cache: Where the trees lie; the default is this checkout's own cache.

    Returns:
        The old and the new tree. Treat them as read-only: everybody shares them.

    Raises:
        FetchError: When the registry's client fails, or an archive is not the pinned one.
        UnsafeArchiveError: When an archive holds anything but plain files.
    """
    return _fetch_version(pair, pair.old, cache), _fetch_version(pair, pair.new, cache)


def fetch_series(series: Series, cache: Path = CACHE) -> list[Path]:
    """Make all versions of a series present, oldest first; errors and the cache as for `fetch`."""
    return [_fetch_version(series, pin, cache) for pin in series.versions]


def _fetch_version(package: Pair | Series, pin: Pin, cache: Path) -> Path:
    tree = cache / package.name / pin.version
    if tree.is_dir():
        return tree
    tree.parent.mkdir(parents=True, exist_ok=True)
    download, unpack = _CLIENTS[package.registry]
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".fetch-") as name:
        scratch = Path(name)
        archive = scratch / pin.archive
        _run(download(package.package, pin, scratch), scratch)
        _check(archive, pin)
        unpacked = scratch / "tree"
        unpacked.mkdir()
        unpack(archive, unpacked)
        _appear(unpacked, tree)
    return tree


def _appear(unpacked: Path, tree: Path) -> None:
    try:
        unpacked.rename(tree)
    except OSError:
        if not tree.is_dir():  # else another process was faster, with the same bytes
            raise


def _npm(package: str, pin: Pin, scratch: Path) -> list[str]:
    return ["npm", "pack", "--silent", "--pack-destination", str(scratch), f"{package}@{pin.version}"]


def _pip(package: str, pin: Pin, scratch: Path) -> list[str]:
    # The archive's own tags, not this machine's: the pinned wheel, whatever runs here.
    python, abi, platforms = pin.archive.removesuffix(".whl").split("-")[2:]
    tags = ["--abi", abi, *(word for platform in platforms.split(".") for word in ("--platform", platform))]
    version = python.removeprefix("cp") if python.startswith("cp") else "311"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wheel = ["--only-binary", ":all:", "--implementation", python[:2], "--python-version", version, *tags]
    return [*pip, *wheel, "--dest", str(scratch), f"{package}=={pin.version}"]


_CLIENTS: dict[str, tuple[Callable[[str, Pin, Path], list[str]], Callable[[Path, Path], None]]] = {
    "npm": (_npm, unpack_npm),
    "pypi": (_pip, unpack_wheel),
}


def _run(command: list[str], scratch: Path) -> None:
    if shutil.which(command[0]) is None:
        raise FetchError(f"{command[0]} is needed to fetch a catalog and is not installed")
    done = subprocess.run(command, cwd=scratch, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise FetchError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")


def _check(archive: Path, pin: Pin) -> None:
    if not archive.is_file():
        found = sorted(path.name for path in archive.parent.iterdir())
        raise FetchError(f"the registry's client fetched {found}, not {pin.archive}")
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != pin.sha256:
        raise FetchError(f"{pin.archive} has SHA-256 {digest}, not the pinned {pin.sha256}")


def main(arguments: list[str] | None = None) -> int:
    """Fetch the named pairs (default: the six of `PAIRS`) and print where they lie."""
    known = {pair.name: pair for pair in (*PAIRS, LARGE, GEONAMES)}
    parser = argparse.ArgumentParser(description="Fetch the pinned catalogs that the benchmarks use.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}")
    parser.add_argument("--all", action="store_true", help=f"also the large ones, {LARGE.name} and {GEONAMES.name}")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no such catalog: {', '.join(unknown)}; there are {', '.join(known)}")
    default = list(known) if options.all else [pair.name for pair in PAIRS]
    for name in options.names or default:
        for tree in fetch(known[name]):
            print(tree)
    return 0


if __name__ == "__main__":
    sys.exit(main())
