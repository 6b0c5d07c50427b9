"""Options that many commands share. They are remembered in the context, so that they may stand before or after a verb.

This module loads with every run, ``--version`` included: it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "CatsyncCommand",
    "basis_option",
    "common_options",
    "given_options",
    "json_option",
    "now_option",
    "via_option",
]

_KEY = "catsync_core.cli."
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

basis_option = click.option(
    "--basis",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder with another copy to reuse, such as on a USB stick; may be repeated.",
)
"""Adds ``--basis`` to a command."""


class CatsyncCommand(click.Command):
    """A command that takes the common options too."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401 - as in the base class
        super().__init__(*arguments, **attributes)
        self.params += common_options()


def common_options() -> list[click.Parameter]:
    """Return the options that every command takes."""
    return [
        _flag("quiet", "-q", "--quiet", help="Print only data and errors."),
        _flag("verbose", "-v", "--verbose", help="Print details too."),
        _flag("no_progress", "--no-progress", help="Show no progress."),
    ]


def json_option(command: _Decorated) -> _Decorated:
    """Add ``--json`` to a command."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_remember, help="Print JSON, for programs."
    )(command)


def via_option(command: _Decorated) -> _Decorated:
    """Add ``--via`` to a command."""
    return click.option(
        "--via",
        type=click.Choice(["auto", "patch", "blocks", "full"]),
        default="auto",
        show_default=True,
        help="Which way the content comes; to compare and to diagnose.",
    )(command)


def now_option(command: _Decorated) -> _Decorated:
    """Add ``--now`` to a command."""
    return click.option("--now", is_flag=True, help="Download now, even where a policy would rather wait or ask.")(
        command
    )


def given_options(context: click.Context) -> dict[str, bool]:
    """Return what the common options say, as the fields of a screen."""
    given = {name: bool(context.meta.get(_KEY + name)) for name in ("json", "quiet", "verbose", "no_progress")}
    return {**{name: given[name] for name in ("json", "quiet", "verbose")}, "progress": not given["no_progress"]}


def _flag(name: str, *spellings: str, help: str) -> click.Option:  # noqa: A002 - click's name for it
    return click.Option([name, *spellings], is_flag=True, expose_value=False, callback=_remember, help=help)


def _remember(context: click.Context, option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's call
    if value:
        context.meta[_KEY + str(option.name)] = True
