from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

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
