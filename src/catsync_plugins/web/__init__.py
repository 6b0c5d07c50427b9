"""``catsync ui``: the sync screen, a page in the browser."""

from __future__ import annotations

import click

from catsync_core import hookimpl

__all__ = ["catsync_commands"]


@hookimpl
def catsync_commands(cli: click.Group) -> None:
    """Add the command; what it needs is imported when it runs."""

    @cli.command("ui")
    @click.argument("repositories", metavar="[REPO]...", nargs=-1)
    @click.option(
        "--port", type=click.IntRange(0, 65535), help="Port to listen at; by default 8769 or the next free one."
    )
    @click.option("--no-browser", is_flag=True, help="Print the link and open no browser.")
    @click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; others need TLS.")
    @click.option("--name", "names", multiple=True, help="What other devices call this one; may be repeated.")
    @click.option("--certificate", default="", metavar="FILE", help="TLS certificate and its chain, as PEM.")
    @click.option("--key", default="", metavar="FILE", help="Private key of the certificate, as PEM.")
    def ui(
        *,
        repositories: tuple[str, ...],
        port: int | None,
        host: str,
        names: tuple[str, ...],
        certificate: str,
        key: str,
        no_browser: bool,
    ) -> None:
        """Open the sync screen in the browser.

        Example: catsync ui

        All catalogs with their state: take them offline, watch downloads, look for updates, look at content. While it
        runs, it does the jobs and checks that an agent would do. REPO is added first. Ctrl-C ends it; what was under
        way goes on the next time.
        """
        from catsync_plugins.web.command import run_ui  # noqa: PLC0415 - the web server is not needed before
        from catsync_plugins.web.options import Options  # noqa: PLC0415 - likewise

        run_ui(Options(repositories, host, port, names, certificate, key, browser=not no_browser))
