"""What is printed, and where: data to stdout, messages to stderr. Everything goes through here, and is escaped here.

Titles, notes, paths and messages come from others. Control and direction characters in them are shown as escapes, so
that nobody can move the cursor, colour a lie or reverse a name.
"""

from __future__ import annotations

import functools
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TextIO, TypeVar

import click
import msgspec

from catsync_core.cli.options import given_options
from catsync_core.cli.table import Cell, Column, lay_out
from catsync_core.errors import CancelledError, CatsyncError, SomeFailedError
from catsync_core.events import Event, Warned
from catsync_core.format.paths import show_path

__all__ = ["Screen", "json_line", "pass_screen", "wants_color"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_ENDS = (".", "!", "?", ":", ")")


class Screen(msgspec.Struct, frozen=True):
    """How this run speaks.

    Attributes:
        json: Data and events are JSON.
        quiet: Only data and errors.
        verbose: Details too.
        progress: Progress is shown.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    progress: bool = True

    def data(self, text: str) -> None:
        """Print a line of data."""
        _print(sys.stdout, show_path(text))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """Print a table of data; as wide as it wants to be where no person reads along."""
        width = _columns() if sys.stdout.isatty() else None
        heading, *lines = lay_out(columns, rows, width)
        _print(sys.stdout, click.style("".join(cell.text for cell in heading), bold=True))
        for line in lines:
            _print(sys.stdout, "".join(click.style(cell.text, fg=cell.color) for cell in line))

    def pairs(self, rows: Sequence[tuple[str, Cell]]) -> None:
        """Print names with what they stand for, one below the other."""
        indent = max(len(name) for name, _ in rows) + 2
        for name, cell in rows:
            text = _fill(sys.stdout, show_path(cell.text), indent)
            _print(sys.stdout, click.style(name.ljust(indent), bold=True) + click.style(text, fg=cell.color))

    def document(self, value: object) -> None:
        """Print one JSON document."""
        _print(sys.stdout, msgspec.json.format(msgspec.json.encode(value), indent=2).decode())

    def event(self, kind: str, fields: object) -> None:
        """Print one line of JSON: an event, or the summary that ends a job."""
        _print(sys.stdout, json_line(kind, fields))

    def say(self, sentence: str) -> None:
        """Print a message."""
        if not (self.quiet or self.json):
            _print(sys.stderr, _wrap(sentence))

    def warn(self, subject: str, sentence: str) -> None:
        """Print a message that should not be missed."""
        if self.json:
            _print(sys.stderr, json_line("warning", {"subject": subject, "message": sentence}))
        elif not self.quiet:
            _print(sys.stderr, _wrap(_end(sentence), "Note: ", "yellow"))

    def fail(self, error: CatsyncError, *, about: str = "") -> None:
        """Print an error, and what to do about it.

        Args:
            error: What went wrong.
            about: The one of several things that failed; the error that ends the command comes last and tells all.
        """
        if self.json:
            if not about:
                _print(sys.stderr, json_line("error", _describe(error)))
            return
        if isinstance(error, CancelledError):  # no error, but what the user wanted
            _print(sys.stderr, _wrap(_end(str(error))))
            return
        _print(sys.stderr, _wrap(_end(error.message), f"{about}: " if about else "Error: ", "red"))
        if error.hint:
            _print(sys.stderr, _wrap(_end(error.hint)))

    def on_event(self, event: Event) -> None:
        """Take an event where no progress is shown: only warnings count."""
        if isinstance(event, Warned):
            self.warn(event.subject, event.message)


def pass_screen(
    command: Callable[Concatenate[Screen, _Arguments], _Result],
) -> Callable[_Arguments, _Result]:
    """Give a command's function the screen that the options ask for, as its first argument."""

    @functools.wraps(command)
    def with_screen(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        return command(Screen(**given_options(click.get_current_context())), *arguments, **options)

    return with_screen


def wants_color() -> bool | None:
    """Return what the environment says about colour; None leaves it to each stream."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def json_line(kind: str, fields: object) -> str:
    """Return one line of JSON: the kind as ``type``, then the fields."""
    return msgspec.json.encode({"type": kind} | msgspec.to_builtins(fields)).decode()


def _print(stream: TextIO, text: str) -> None:
    click.echo(text, file=stream, color=wants_color())


def _wrap(text: str, start: str = "", color: str | None = None) -> str:
    """Escape a message and break it between words; its start may have a colour."""
    filled = _fill(sys.stderr, show_path(start + text))
    return click.style(filled[: len(start)], fg=color, bold=True) + filled[len(start) :] if start else filled


def _fill(stream: TextIO, text: str, indent: int = 0) -> str:
    """Break a text between words where a person reads it; the first line is not indented."""
    if not stream.isatty():
        return text
    width = max(_columns() - indent, 20)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False, drop_whitespace=True)
    return ("\n" + " " * indent).join(lines)


def _columns() -> int:
    import shutil  # noqa: PLC0415 - loads bz2 and lzma too, and a job that goes well breaks no line

    return shutil.get_terminal_size().columns


def _end(sentence: str) -> str:
    return sentence if sentence.endswith(_ENDS) else f"{sentence}."


def _describe(error: CatsyncError) -> dict[str, object]:
    described: dict[str, object] = {
        "code": error.code,
        "exit_code": error.exit_code,
        "message": error.message,
        "hint": error.hint,
    }
    if isinstance(error, SomeFailedError):
        described["errors"] = {name: _describe(single) for name, single in error.errors.items()}
    return described
