from __future__ import annotations

import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

import catsync_core.chunking

VENDOR = Path(catsync_core.chunking.__file__).with_name("vendor")
DECLARED = {
    name: digest
    for package in tomllib.loads((VENDOR / "vendor.toml").read_text(encoding="utf-8")).values()
    for name, digest in package["files"].items()
}


def test_every_vendored_file_is_declared() -> None:
    assert {path.name for path in VENDOR.iterdir()} == {*DECLARED, "vendor.toml"}


@pytest.mark.parametrize(("name", "digest"), DECLARED.items())
def test_vendored_file_is_unchanged(name: str, digest: str) -> None:
    assert sha256((VENDOR / name).read_bytes()).hexdigest() == digest
