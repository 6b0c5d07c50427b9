"""The group: commands are loaded lazily, those of plugins join in, and the reference names everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from catsync_core import errors
from catsync_core.cli import failure, loading
from catsync_core.cli.group import COMMANDS, CatsyncGroup
from catsync_core.cli.main import cli
from catsync_core.hookspecs import hookimpl
from catsync_core.plugins import PluginRecord, Plugins

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
HEAVY = {
    "asyncio",
    "catsync_plugins",
    "concurrent.futures",
    "filelock",
    "hashlib",
    "http.client",
    "importlib.metadata",
    "json",
    "msgspec",
    "platformdirs",
    "pluggy",
    "rich",
    "sqlite3",
    "ssl",
    "watchdog",
    "xxhash",
    "zstandard",
}


def find_commands() -> dict[str, click.Command]:
    """Return all built-in commands by what a user types."""
    context = click.Context(cli, info_name="catsync")
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": single for inner, single in command.commands.items()}
        found[name] = command
    return found


def find_options() -> list[tuple[str, str]]:
    """Return each command's options."""
    options = [(name, option) for name, command in find_commands().items() for option in command.params]
    return [(name, spelling) for name, option in options for spelling in option.opts if spelling.startswith("-")]


def imported_by(*arguments: str) -> set[str]:
    """Return the modules that a run of catsync imports."""
    program = (
        "import sys\nfrom catsync_core.cli.main import cli\n"
        f"try: cli.main({list(arguments)!r})\n"
        "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stderr.splitlines())


def test_the_version_needs_nothing_but_click() -> None:
    modules = imported_by("--version")
    assert not {heavy for heavy in HEAVY if heavy in modules}
    ours = {module for module in modules if module.startswith("catsync_core")}
    assert ours == {"catsync_core", "catsync_core.cli", "catsync_core.spelling"} | {
        f"catsync_core.cli.{name}" for name in ("group", "main", "options")
    }


def test_a_command_that_only_looks_imports_neither_a_lock_nor_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATSYNC_HOME", str(tmp_path))
    modules = imported_by("list", "--json")
    assert "catsync_core.client.client" in modules
    assert not {"filelock", "http.client", "importlib.metadata", "rich"} & modules


def test_one_command_does_not_import_the_others() -> None:
    modules = imported_by("list", "--help")
    assert "catsync_core.cli.overview" in modules
    assert not {"catsync_core.cli.publishing", "catsync_core.publish.publisher", "rich"} & modules


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_the_first_line_of_the_help(name: str) -> None:
    command = find_commands()[name]
    assert command.help is not None
    assert command.help.splitlines()[0] == COMMANDS[name][1]


@pytest.mark.parametrize("name", find_commands())
def test_help_begins_with_one_sentence_and_an_example(name: str) -> None:
    text = find_commands()[name].help
    assert text is not None
    sentence, _, rest = text.partition("\n\n")
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert rest.lstrip(" \b\n").startswith("Example: ")
    assert f"catsync {name}" in rest


@pytest.mark.parametrize("name", find_commands())
def test_each_command_stands_in_the_reference(name: str) -> None:
    assert f"catsync {name} " in (REFERENCE / "cli.md").read_text().replace("`", " ")


@pytest.mark.parametrize(("name", "option"), find_options())
def test_each_option_stands_in_the_reference(name: str, option: str) -> None:
    text = (REFERENCE / "cli.md").read_text()
    _, _, section = text.partition(f"### `catsync {name}")
    section = section.partition("\n### ")[0]
    everywhere = text.partition("## Options of every command")[2].partition("\n## ")[0]
    assert option in section or f"`{option}`" in everywhere


def test_each_error_stands_in_the_table_of_exit_codes() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__] + [failure.DefectError]
    table = (REFERENCE / "exit-codes.md").read_text()
    for kind in kinds:
        assert f"| `{kind.__name__}` | {kind.exit_code} | `{kind.code}` |" in table
        assert f"\n| {kind.exit_code} | " in table


def run_with(monkeypatch: pytest.MonkeyPatch, plugin: object, *words: str) -> tuple[int, str]:
    """Run a group of its own with a plugin."""

    def load() -> Plugins:
        plugins = Plugins()
        plugins.add(PluginRecord("acme", "catsync-acme", "1.0"), lambda: plugin)
        return plugins

    monkeypatch.setattr(loading, "load_plugins", load)
    group = CatsyncGroup("catsync", help="Keep catalogs.")
    result = CliRunner().invoke(group, list(words), prog_name="catsync")
    return result.exit_code, result.output


class Acme:
    """A plugin with two commands, one of which has the name of a built-in one."""

    @hookimpl
    def catsync_commands(self, cli: click.Group) -> None:
        @cli.command()
        def hello() -> None:
            """Greet."""
            click.echo("Hello!")

        @cli.command("list")
        def listing() -> None:
            """Show nothing."""
            click.echo("Nothing.")


def test_a_plugin_adds_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_with(monkeypatch, Acme(), "hello", "-q") == (0, "Hello!\n")
    code, text = run_with(monkeypatch, Acme(), "--help")
    assert code == 0
    assert text.partition("From plugins:")[2].split() == ["hello", "Greet."]


def test_a_plugin_cannot_replace_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CATSYNC_HOME", str(tmp_path))
    assert "Nothing." not in run_with(monkeypatch, Acme(), "list")[1]


def test_a_broken_plugin_is_named_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        @hookimpl
        def catsync_unheard_of(self) -> None: ...

    code, text = run_with(monkeypatch, Broken(), "hello")
    assert code == 2
    assert "The plugin acme (catsync-acme 1.0) is broken" in text
    assert "There is no command 'hello'" in text
    assert run_with(monkeypatch, Broken(), "--help")[0] == 0


def test_without_standalone_mode_errors_are_raised() -> None:
    with pytest.raises(click.UsageError):
        cli.main(["nothing"], standalone_mode=False)
    assert cli.main(["--version"], standalone_mode=False) == 0
