"""The entry point of ``catsync``."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import NoReturn

import click

from catsync_core import __version__
from catsync_core.cli.group import CatsyncGroup

__all__ = ["cli", "main"]

_COLLECT_AFTER = 100_000  # objects that were made and not freed again; Python's own number is 700


@click.group(cls=CatsyncGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="catsync", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep product catalogs ready on this device, online or offline.

    \b
    catsync add https://example.org/catalogs     add what a publisher offers
    catsync list                                 see the catalogs
    catsync offline shoes                        keep one on this device
    catsync update --all                         fetch what changed
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


def main() -> NoReturn:
    """Run the command line and end the process.

    The process ends at once: to take some 400 modules apart first would be a tenth of a short command's time. Whatever
    must be closed was closed by the command's own ``with`` blocks. Rubbish is looked for seldom, for the same reason:
    what is imported stays, and to look through it again and again would be a tenth of the start.
    """
    gc.set_threshold(_COLLECT_AFTER)
    try:
        cli.main()
    except SystemExit as leaving:
        code = leaving.code
        if isinstance(code, int):
            atexit._run_exitfuncs()  # noqa: SLF001  # there is no other name for it
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        raise
    raise AssertionError("the command line always ends by SystemExit")


if __name__ == "__main__":
    main()
