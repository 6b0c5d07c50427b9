"""``catsync completion``: complete commands, options and catalogs with the Tab key."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from catsync_core.cli.options import CatsyncCommand

__all__ = ["completion_command"]

_VARIABLE = "_CATSYNC_COMPLETE"


@click.command(cls=CatsyncCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    \b
    Example: catsync completion bash >> ~/.bashrc
             catsync completion zsh >> ~/.zshrc
             catsync completion fish > ~/.config/fish/completions/catsync.fish
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}")
    click.echo(found(context.find_root().command, {}, "catsync", _VARIABLE).source())
