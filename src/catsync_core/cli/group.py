"""The ``catsync`` group: commands are imported when they are called, and those of plugins when they are needed.

This module loads with every run, ``--version`` included: it imports nothing heavy.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from catsync_core.cli.options import CatsyncCommand, common_options, given_options
from catsync_core.spelling import find_close

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["COMMANDS", "SECTIONS", "CatsyncGroup"]

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Catalogs on this device": {
        "add": ("repositories", "Add a repository, so that its catalogs are listed."),
        "remove": ("repositories", "Forget a repository."),
        "list": ("overview", "Show all catalogs and their state."),
        "info": ("overview", "Show everything about one catalog."),
        "check": ("checking", "Ask the repositories for updates; downloads no content."),
        "plan": ("planning", "Show what an update or a first download would do."),
        "changes": ("versioning", "Show what is new in the newest version."),
        "offline": ("transfers", "Keep catalogs on this device, ready without a connection."),
        "update": ("transfers", "Bring offline catalogs to their newest version."),
        "pause": ("jobs", "Let downloads rest until they are resumed."),
        "resume": ("jobs", "Go on with what is paused, waits or failed."),
        "cancel": ("jobs", "End what is under way or waits."),
        "jobs": ("jobs", "Show what is under way, what waits and what is paused."),
        "skip": ("versioning", "Do not show the available update any more, until a newer one comes."),
        "rollback": ("versioning", "Go back to the version before the last update."),
        "online": ("removal", "Delete the local copy of catalogs and read them online again."),
    },
    "By itself": {
        "agent": ("agent", "Check for updates by itself, and run what is queued."),
        "auto-sync": ("jobs", "Say whether a catalog is checked for updates by itself."),
    },
    "Reading": {
        "ls": ("reading", "List the files of a catalog."),
        "cat": ("reading", "Write a file of a catalog to stdout."),
        "path": ("reading", "Print the folder in which an offline catalog lies."),
    },
    "Care": {
        "verify": ("care", "Compare a local copy with what was published."),
        "repair": ("care", "Fetch again what is damaged or missing in a local copy."),
        "doctor": ("doctor", "Examine this installation and its connections."),
        "config": ("configuring", "Look at the configuration."),
        "plugins": ("plugins", "Look at the plugins."),
        "completion": ("completion", "Print the script that completes commands in a shell."),
    },
    "Publishing": {
        "init": ("publishing", "Make a new, empty repository."),
        "publish": ("publishing", "Publish a folder as the next version of a catalog."),
        "versions": ("publishing", "Show the versions of a catalog in a repository."),
        "serve": ("serving", "Serve a repository's folder over HTTP."),
    },
}
"""By heading: each command's name, the module that holds it as ``<name>_command``, and its summary."""

COMMANDS = {name: found for section in SECTIONS.values() for name, found in section.items()}


class CatsyncGroup(click.Group):
    """Finds commands lazily, and turns what is raised into messages and exit codes."""

    command_class = CatsyncCommand

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401 - as in the base class
        super().__init__(*arguments, **attributes)
        self.params += common_options()
        self._plugins_asked = False

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - as in the base class
        **extra: Any,  # noqa: ANN401 - as in the base class
    ) -> Any:  # noqa: ANN401 - as in the base class
        """Run the command line and leave the process with its exit code; not ``standalone``, raise and return."""
        name = prog_name or "catsync"
        if not standalone_mode:
            return super().main(args, name, complete_var, standalone_mode=False, **extra)
        self._main_shell_completion(extra, name, complete_var)
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            _accept_any_text()
            with self.make_context(name, arguments.copy(), **extra) as context:
                self.invoke(context)
            sys.stdout.flush()
        except click.exceptions.Exit as leaving:
            sys.exit(leaving.exit_code)
        except BaseException as error:  # noqa: BLE001 - the end of the line: every error gets its message here
            from catsync_core.cli.failure import leave  # noqa: PLC0415 - only a failure needs it

            leave(error, arguments)
        sys.exit(0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, those of plugins last."""
        return [*COMMANDS, *sorted(self._plugin_commands(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. Plugins are asked only for what is not built in, so none can replace a built-in one."""
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"catsync_core.cli.{COMMANDS[cmd_name][0]}")
            command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
            return command
        return self._plugin_commands(ctx).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named, or say which one may have been meant."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            close = find_close(args[0], self.list_commands(ctx))
            meant = f" Did you mean {' or '.join(close)}?" if close else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their headings, without importing them."""
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, summary) for name, (_, summary) in commands.items()])
        added = [(name, command.get_short_help_str(60)) for name, command in sorted(self._plugin_commands(ctx).items())]
        if added:
            with formatter.section("From plugins"):
                formatter.write_dl(added)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without importing it."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while a line is typed

        summaries = {name: summary for name, (_, summary) in COMMANDS.items()}
        summaries |= {name: command.get_short_help_str() for name, command in self._plugin_commands(ctx).items()}
        items = [CompletionItem(name, help=text) for name, text in summaries.items() if name.startswith(incomplete)]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def _plugin_commands(self, context: click.Context) -> dict[str, click.Command]:
        if not self._plugins_asked:
            self._plugins_asked = True
            from catsync_core.cli.loading import find_plugins  # noqa: PLC0415 - seldom needed
            from catsync_core.cli.screen import Screen  # noqa: PLC0415 - likewise

            find_plugins(Screen(**given_options(context))).add_commands(self)
        return {name: command for name, command in self.commands.items() if name not in COMMANDS}


def _accept_any_text() -> None:
    """Let streams that cannot show a character show its escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
