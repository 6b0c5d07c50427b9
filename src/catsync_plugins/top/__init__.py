"""``catsync top``: the sync screen on a terminal, for servers and SSH."""

from __future__ import annotations

import click

from catsync_core import hookimpl

__all__ = ["catsync_commands"]


@hookimpl
def catsync_commands(cli: click.Group) -> None:
    """Add the command; what it needs is imported when it runs."""

    @cli.command("top")
    def top() -> None:
        """Watch all catalogs and jobs on the terminal, and command them by keys.

        Example: catsync top

        While it runs, it does the jobs and checks that an agent would do. The keys are shown below the table; q ends
        it.
        """
        from catsync_plugins.top.command import run_top  # noqa: PLC0415 - rich is not needed before

        run_top()
