"""From whatever was raised to a message and an exit code: the one place where that is decided."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from catsync_core.cli.screen import Screen
from catsync_core.errors import CancelledError, CatsyncError, DiskFullError, LocalError, UsageError

__all__ = ["DefectError", "leave"]

_BROKEN_PIPE = 141  # 128 + SIGPIPE, as if the signal had ended the process
_DEBUG = "CATSYNC_DEBUG"


class DefectError(CatsyncError):
    """catsync itself is at fault."""

    code = "defect"
    default_hint = (
        f"This is a defect in catsync; nothing that was complete is lost. Please report it with what"
        f" {_DEBUG}=1 prints when you repeat the command"
    )


def leave(error: BaseException, arguments: Sequence[str]) -> NoReturn:
    """Say what went wrong and end the process with the exit code that belongs to it.

    Args:
        error: What was raised.
        arguments: The command line's; they tell whether errors are wanted as JSON.
    """
    if isinstance(error, SystemExit):
        raise error
    try:
        sys.stdout.flush()
    except OSError as failed:
        _give_up_stdout()
        error = failed
    if isinstance(error, BrokenPipeError):
        sys.exit(_BROKEN_PIPE)
    if os.environ.get(_DEBUG):
        traceback.print_exception(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        sys.exit(error.exit_code)
    known = _translate(error)
    if isinstance(error, KeyboardInterrupt) and sys.stderr.isatty():
        sys.stderr.write("\r  \r")  # over the ^C that the terminal showed
    Screen(json="--json" in arguments).fail(known)
    sys.exit(known.exit_code)


def _translate(error: BaseException) -> CatsyncError:
    if isinstance(error, CatsyncError):
        return error
    if isinstance(error, (KeyboardInterrupt, EOFError, click.Abort)):
        return CancelledError("Stopped")
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "catsync"
        return UsageError(error.format_message(), hint=f"`{command} --help` explains the command")
    if isinstance(error, click.ClickException):
        return LocalError(error.format_message())
    if isinstance(error, OSError):
        kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else LocalError
        return kind(f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error))
    text = " ".join(str(error).split())
    return DefectError(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _give_up_stdout() -> None:
    """Send what is still to be written nowhere, so that the interpreter does not complain when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
