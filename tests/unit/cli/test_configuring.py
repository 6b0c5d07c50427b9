from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from catsync_core.cli.configuring import _spread, _toml, _write
from catsync_core.config import load_config
from support.command_line import CommandLine

FILE = """
[schedules.daily]
hours = 12
[catalogs.shoes.auto_sync]
enabled = false
[catalogs."a.b".auto_sync]
schedule = "cron"
"""


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(FILE)
    return CommandLine(home)


def test_what_is_shown_is_a_configuration_that_says_the_same(line: CommandLine, tmp_path: Path) -> None:
    shown = line.run("config", "show").stdout
    assert tomllib.loads(shown)["schedules"]["daily"]["hours"] == 12
    again = CommandLine(tmp_path / "again")
    again.home.mkdir()
    (again.home / "config.toml").write_text(shown)
    assert again.run("config", "show").stdout == shown


def test_the_origin_of_each_setting_is_told(line: CommandLine) -> None:
    lines = line.run("config", "show", "--origin").stdout.splitlines()
    assert "schedules.daily.hours = 12.0  # file" in lines
    assert "jobs.at_once = 2  # default" in lines
    assert 'catalogs."shoes".auto_sync.enabled = false  # override' in lines
    assert 'catalogs."a.b".schedules.cron.at = "0 7 * * *"  # default' in lines
    assert not any("shoes" in line and "hours" in line for line in lines), "it is as for all"


def test_json_has_keys_values_and_origins(line: CommandLine) -> None:
    document = line.document("config", "show")
    assert document["path"] == str(line.home / "config.toml")
    assert {"catalog": None, "key": "schedules.daily.hours", "value": 12.0, "origin": "file"} in document["settings"]
    assert {"catalog": "shoes", "key": "auto_sync.enabled", "value": False, "origin": "override"} in document[
        "settings"
    ]


def test_an_error_names_file_and_key(line: CommandLine) -> None:
    (line.home / "config.toml").write_text("[schedules.dally]")
    error = line.error("config", "show", code=2)
    assert error["code"] == "config"
    assert "config.toml: schedules.dally" in error["message"]
    assert "Did you mean daily?" in error["hint"]


def test_without_a_file_the_defaults_are_shown(tmp_path: Path) -> None:
    result = CommandLine(tmp_path).run("config", "show", "--origin")
    assert "auto_sync.enabled = true  # default" in result.stdout
    assert "does not exist yet" in result.stderr


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str = "https://example.org"
    signing_secret: str = "hunter2"  # noqa: S105 - nothing but an example
    proxy_password: str = ""
    limit: int | None = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No settings."""


def test_secrets_are_not_shown_and_what_is_not_set_is_a_comment(tmp_path: Path) -> None:
    rows = list(_spread(load_config(tmp_path / "none"), None, ("notifiers", "hook"), Settings()))
    assert [_write(row) for row in rows] == [
        'notifiers.hook.url = "https://example.org"',
        'notifiers.hook.signing_secret = "(hidden)"',
        'notifiers.hook.proxy_password = ""',
        "# notifiers.hook.limit is not set",
    ]


def test_what_has_no_settings_is_shown_as_an_empty_table(tmp_path: Path) -> None:
    rows = list(_spread(load_config(tmp_path / "none"), None, ("policies", "plain"), Nothing()))
    assert [_write(row) for row in rows] == ["policies.plain = {}"]


@pytest.mark.parametrize(
    "value",
    [
        True,
        0,
        -(2**62),
        1.5,
        1e300,
        float("inf"),
        "",
        'a"b\\c\n\x00\x7f\u00e9\U0001f600',
        [],
        [1, ["x"]],
        {"a b": {"c": [{}]}},
    ],
)
def test_values_are_written_as_toml(value: object) -> None:
    assert tomllib.loads(f"x = {_toml(value)}") == {"x": value}
