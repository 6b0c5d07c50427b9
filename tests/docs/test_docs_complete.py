"""The reference is complete: what can be used is documented, and what is documented by name exists."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import catsync_core
from catsync_core import hookspecs

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "catsync_spec")}
_VARIABLE = re.compile(r"\bCATSYNC_[A-Z_]+\b")


def sources() -> Iterator[Path]:
    yield ROOT / "setup.py"
    yield from (ROOT / "src").rglob("*.py")


def used_variables() -> set[str]:
    return {name for source in sources() for name in _VARIABLE.findall(source.read_text())}


def test_there_are_hooks_and_variables_to_look_for() -> None:
    assert {"catsync_backends", "catsync_commands"} <= HOOKS.keys()
    assert {"CATSYNC_HOME", "CATSYNC_DISABLE_PLUGINS"} <= used_variables()


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_signature(name: str) -> None:
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    assert f"\n## `{name}{signature}`\n" in (REFERENCE / "hooks.md").read_text()


@pytest.mark.parametrize("name", catsync_core.__all__)
def test_public_name_is_documented(name: str) -> None:
    assert re.search(rf"\bcatsync_core\.{name}\b", (REFERENCE / "python-api.md").read_text())


def test_documented_names_exist() -> None:
    named = re.findall(r"auto\w+:: catsync_core\.(\w+)$", (REFERENCE / "python-api.md").read_text(), re.MULTILINE)
    assert named
    assert set(named) - {"errors"} <= set(catsync_core.__all__)


@pytest.mark.parametrize("name", sorted(used_variables()))
def test_environment_variable_is_documented(name: str) -> None:
    assert f"`{name}" in (REFERENCE / "environment.md").read_text()


def test_documented_variables_are_used() -> None:
    documented = set(_VARIABLE.findall((REFERENCE / "environment.md").read_text()))
    assert documented <= used_variables()


def test_troubleshooting_goes_by_messages_that_exist() -> None:
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
    code = "\n".join(source.read_text() for source in sources())
    quoted = re.findall(r'"(.+?)"', "\n".join(re.findall(r"^## .*$", page, re.MULTILINE)))
    assert len(quoted) > 10
    for message in quoted:
        for part in message.split("..."):
            assert part.strip() in code, f"no message says {message!r}"


def test_decisions_are_numbered_and_listed() -> None:
    folder = ROOT / "docs" / "adr"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    for name in records:
        number, title = int(name[:4]), (folder / name).read_text().partition("\n")[0]
        assert title.startswith(f"# {number}. "), f"{name} begins with {title!r}"
