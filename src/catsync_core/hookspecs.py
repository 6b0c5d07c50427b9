"""The hooks: where integrators extend catsync. The built-in plugins use the same ones.

A hook returns frozen entries and never acts when it is called. Later versions add policies, schedules and notifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from catsync_core.backends.protocol import Backend

__all__ = ["BackendEntry", "catsync_backends", "catsync_commands", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("catsync")
hookimpl = pluggy.HookimplMarker("catsync")


@dataclass(frozen=True, slots=True)
class BackendEntry:
    """A kind of backend.

    Attributes:
        scheme: URL scheme that selects it, such as ``https``.
        open: Makes a backend from a URL (``file`` URLs included); must not connect yet.
        redact: Returns the URL without credentials, safe to show and to log.
    """

    scheme: str
    open: Callable[[str], Backend]
    redact: Callable[[str], str]


@hookspec
def catsync_backends() -> Sequence[BackendEntry]:  # type: ignore[empty-body]  # a specification has no body
    """Offer backends; called once, when the first repository is opened."""


@hookspec
def catsync_commands(cli: click.Group) -> None:
    """Add commands to the command line; called when it starts.

    Args:
        cli: The ``catsync`` group.
    """
