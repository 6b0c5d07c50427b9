"""What ``catsync gateway`` does: check what it was given, serve, and wait."""

from __future__ import annotations

import re
import threading

import click

from catsync_core import Client
from catsync_core.errors import UsageError
from catsync_plugins.gateway.server import Gateway

__all__ = ["run_gateway"]

_HOST = "127.0.0.1"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9.:\[\]-]+")


def run_gateway(host: str, port: int, origins: tuple[str, ...]) -> None:
    """Serve until Ctrl-C.

    Raises:
        UsageError: (local) another address than this device's own, or what is no origin.
        LocalError: (local) the port cannot be listened at.
    """
    if host != _HOST:
        raise UsageError(
            f"The gateway listens at {_HOST} only, not at '{host}'",
            hint="It has no passwords, so nobody else must reach it. `catsync serve` serves a repository to a network",
        )
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise UsageError(
                f"'{origin}' is no origin", hint="Give scheme, host and port and no path, such as http://localhost:3000"
            )
    stopping = threading.Event()
    with Client(cancelled=stopping) as client, Gateway(client, port, origins) as gateway:
        click.echo(gateway.url)
        click.echo(f"Catalogs are at {gateway.url}/CATALOG/PATH. Ctrl-C ends it.", err=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
        finally:
            stopping.set()
