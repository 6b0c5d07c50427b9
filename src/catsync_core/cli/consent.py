"""Download in the foreground, and ask where a policy wants the user to be asked."""

from __future__ import annotations

import sys
from typing import Protocol, TypeVar

import click

from catsync_core.cli.progress import ProgressView
from catsync_core.client.rows import Gate
from catsync_core.errors import WaitsError
from catsync_core.format.paths import show_path

__all__ = ["run_download"]


_Result_co = TypeVar("_Result_co", covariant=True)


class _Download(Protocol[_Result_co]):
    def __call__(self, *, consented: bool) -> _Result_co: ...


def run_download(progress: ProgressView, download: _Download[_Result_co], *, now: bool) -> _Result_co:
    """Download, with a progress bar; where a policy wants consent and somebody is there, ask for it.

    Args:
        progress: Shows it.
        download: Does it.
        now: Whether consent was given beforehand.

    Raises:
        WaitsError: (local) it may not be done now, or the answer is no.
    """
    try:
        with progress:
            return download(consented=now)
    except WaitsError as error:
        asked = error.gate == Gate.CONSENT and sys.stdin.isatty() and sys.stderr.isatty()
        if not asked or not click.confirm(f"{show_path(error.message)}. Download now all the same?", err=True):
            raise
    with progress:
        return download(consented=True)
