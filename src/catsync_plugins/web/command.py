"""What ``catsync ui`` does: check what it was given, serve the page and the content, do the jobs, and wait."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec

import click

from catsync_core import Client
from catsync_core.errors import PluginError
from catsync_core.plugins import load_plugins
from catsync_core.signals import stopping
from catsync_plugins.web.options import Options
from catsync_plugins.web.presence import Presence

__all__ = ["run_ui"]

_WAIT = 0.5  # seconds between looks at whether what runs beside has failed


def run_ui(options: Options) -> None:
    """Serve until Ctrl-C; where a screen is served for this home already, open that one.

    Raises:
        UsageError: (local) others could listen in.
        PluginError: what the screen needs is not installed.
        LocalError: (local) the port cannot be listened at.
        ConfigError: (local) the configuration makes no sense.
        CatsyncError: a repository that was named cannot be added.
    """
    options.check()
    for needed in ("starlette", "uvicorn"):
        if find_spec(needed) is None:
            raise PluginError(
                f"The sync screen needs {needed}, which is not installed",
                hint="`pip install 'catsync[ui]'` installs it",
            )
    plugins = load_plugins()
    with Client(plugins=plugins) as client:
        home = client.home
        for repository in options.repositories:
            client.add(repository)
    with Presence(home) as presence:
        if presence.other:
            click.echo("The sync screen is open already.", err=True)
            _show(presence.other, options)
            return
        from catsync_plugins.web.serving import serve  # noqa: PLC0415 - the web server is not needed before

        with stopping() as stop, serve(home, plugins, options, presence, stop) as worker:
            _show(presence.link(), options)
            click.echo("Ctrl-C ends it.", err=True)
            while not stop.wait(_WAIT):
                worker.raise_failure()
        click.echo("Stopped.", err=True)


def _show(link: str, options: Options) -> None:
    click.echo(link)
    if options.browser and not webbrowser.open(link):
        click.echo("Open the link above in a browser.", err=True)
    click.echo("The link works once, within an hour; `catsync ui` gives another one.", err=True)
