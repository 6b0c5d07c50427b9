"""``catsync serve``: a repository's folder on the network."""

from __future__ import annotations

import threading
import time

import click

from catsync_core.backends.registry import normalise_url, path_of, scheme_of
from catsync_core.backends.serve import Served, serve
from catsync_core.cli.options import CatsyncCommand
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.errors import NotFoundError, UsageError
from catsync_core.format.objects import INDEX_KEY

__all__ = ["serve_command"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command(cls=CatsyncCommand)
@click.argument("repo")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen at; by default a free one.")
@pass_screen
def serve_command(screen: Screen, repo: str, host: str, port: int) -> None:
    """Serve a repository's folder over HTTP.

    Example: catsync serve /srv/catalogs --port 8080

    It is for trying out and for small networks; any static web server does the same. Only this machine can reach it,
    unless --host says otherwise. With --verbose, each request is shown. Ctrl-C ends it.
    """
    url = normalise_url(repo)
    if scheme_of(url) != "file":
        raise UsageError("Only a repository in a folder can be served", hint="Give the path of its folder")
    folder = path_of(url)
    if not (folder / INDEX_KEY).is_file():
        raise NotFoundError(f"There is no repository in {folder}", hint=f"`catsync init {repo}` makes one")
    with serve(folder, host, port, on_request=lambda served: _log(screen, served)) as server:
        screen.data(server.url)
        screen.say(f"Serving {folder}. To use it: catsync add {server.url}")
        if host not in _LOOPBACK:
            screen.warn("serve", "Everybody who can reach this machine can read the repository")
        screen.say("Ctrl-C ends it.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            screen.say("Stopped.")


def _log(screen: Screen, served: Served) -> None:
    if screen.verbose:
        screen.say(f"{time.strftime('%H:%M:%S')} {served.status} {served.key or '-'} {served.body:,} bytes")
