"""Every setting of everything that is built in stands in the reference of the configuration."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from catsync_core import plugins
from catsync_core.config import AutoSync, Jobs, load_config

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "configuration.md").read_text()
GUIDE = (DOCS / "how-to" / "decide-when-to-download.md").read_text()


def find_settings() -> Iterator[tuple[str, str]]:
    """Each table with the name of each setting."""
    loaded = plugins.load_plugins()
    structs: dict[str, type[msgspec.Struct]] = {"auto_sync": AutoSync, "jobs": Jobs}
    for section, entries in (
        ("policies", loaded.policies()),
        ("schedules", loaded.schedules()),
        ("notifiers", loaded.notifiers()),
    ):
        structs |= {f"{section}.{name}": entry.settings for name, entry in entries.items()}
    for table, struct in structs.items():
        yield table, ""  # also one without settings stands there
        yield from ((table, field.encode_name) for field in msgspec.structs.fields(struct))


@pytest.mark.parametrize(("table", "setting"), list(find_settings()))
def test_setting_is_documented(table: str, setting: str) -> None:
    section = re.search(rf"^##+ `\[{re.escape(table)}\]`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, f"there is no section for [{table}]"
    assert not setting or f"\n| `{setting}` |" in section[1]


@pytest.mark.parametrize("example", re.findall(r"^```toml\n(.*?)^```$", PAGE + GUIDE, re.MULTILINE | re.DOTALL))
def test_example_is_accepted(example: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(example)
    config, loaded = load_config(path), plugins.load_plugins()
    for catalog in (None, *config.catalogs):
        config.policies(catalog, loaded.policies())
        config.schedule(catalog, loaded.schedules())
    config.notifiers(loaded.notifiers())
    assert tomllib.loads(example), "the example says nothing"
