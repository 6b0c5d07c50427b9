"""``catsync gateway``: let programs on this device read catalogs over HTTP without knowing catsync."""

from __future__ import annotations

import click

from catsync_core import hookimpl

__all__ = ["catsync_commands"]


@hookimpl
def catsync_commands(cli: click.Group) -> None:
    """Add the command; what it needs is imported when it runs."""

    @cli.command("gateway")
    @click.option("--host", default="127.0.0.1", show_default=True, help="127.0.0.1, and no other.")
    @click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen at; by default a free one.")
    @click.option(
        "--allow-origin",
        "origins",
        multiple=True,
        metavar="ORIGIN",
        help="A web app that may read, such as http://localhost:3000; may be repeated.",
    )
    def gateway(host: str, port: int, origins: tuple[str, ...]) -> None:
        """Let programs on this device read catalogs over HTTP.

        Example: catsync gateway --port 8770

        http://127.0.0.1:8770/CATALOG/PATH is then a file of a catalog, offline or online, with ranges and ETag, and a
        folder is a list. Only this device can reach it. Ctrl-C ends it.
        """
        from catsync_plugins.gateway.command import run_gateway  # noqa: PLC0415 - the web server is not needed before

        run_gateway(host, port, origins)
