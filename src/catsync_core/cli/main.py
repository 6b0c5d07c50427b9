"""The entry point of ``catsync``."""

from __future__ import annotations

import click

from catsync_core import __version__
from catsync_core.cli.group import CatsyncGroup

__all__ = ["cli", "main"]


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


def main() -> None:
    """Run the command line."""
    cli.main()


if __name__ == "__main__":
    main()
