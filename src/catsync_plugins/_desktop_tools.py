"""Show a notification with what the desktop brings along. No shell is involved, and text is never taken for markup.

Linux has ``notify-send`` (libnotify) or else ``gdbus`` (GLib), both of which speak to the desktop over D-Bus; macOS has
``osascript``; Windows has PowerShell, which reaches the toast notifications.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from html import escape
from typing import Literal

import msgspec

from catsync_core.errors import LocalError

__all__ = ["Tool", "find_tool", "show_notification"]

Kind = Literal["notify-send", "gdbus", "osascript", "powershell"]
_TOOLS: Mapping[str, tuple[Kind, ...]] = {"darwin": ("osascript",), "win32": ("powershell",)}
_LINUX: tuple[Kind, ...] = ("notify-send", "gdbus")
_HINTS = {"darwin": "It is a part of macOS", "win32": "It is a part of Windows"}
_LINUX_HINT = "Install notify-send: the package is libnotify-bin or libnotify"
_PATIENCE = 10.0  # seconds
_SERVICE = "org.freedesktop.Notifications"
_APPLESCRIPT = (
    *("-e", "on run argv"),
    *("-e", "display notification (item 2 of argv) with title (item 1 of argv)"),
    *("-e", "end run"),
)
# The texts come by the environment and become text nodes, so that nothing in them is code or markup. Notifications
# need a registered program to come from: PowerShell itself is one.
_POWERSHELL = r"""
$ErrorActionPreference = 'Stop'
[Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime] | Out-Null
$kind = [Windows.UI.Notifications.ToastTemplateType]::ToastText02
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent($kind)
$texts = $toast.GetElementsByTagName('text')
$texts.Item(0).AppendChild($toast.CreateTextNode($env:NOTICE_HEADLINE)) | Out-Null
$texts.Item(1).AppendChild($toast.CreateTextNode($env:NOTICE_BODY)) | Out-Null
$program = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\WindowsPowerShell\v1.0\powershell.exe'
$notification = [Windows.UI.Notifications.ToastNotification]::new($toast)
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($program).Show($notification)
"""


class Tool(msgspec.Struct, frozen=True):
    """A program that shows notifications.

    Attributes:
        kind: Which one it is.
        path: Where it lies.
    """

    kind: Kind
    path: str

    def arguments(self, headline: str, body: str) -> list[str]:
        """Return what it is called with.

        Args:
            headline: One line; begins with no hyphen.
            body: Lines; any text.
        """
        match self.kind:
            case "notify-send":
                # It undoes backslashes in the body, and the desktop reads the rest as markup.
                return [self.path, "--app-name=catsync", "--", headline, _mark_up(body).replace("\\", "\\\\")]
            case "gdbus":
                place = "/" + _SERVICE.replace(".", "/")
                call = ["call", "--session", "--dest", _SERVICE, "--object-path", place]
                values = ["'catsync'", "uint32 0", "''", _gvariant(headline), _gvariant(_mark_up(body))]
                return [self.path, *call, "--method", f"{_SERVICE}.Notify", *values, "@as []", "@a{sv} {}", "int32 -1"]
            case "osascript":
                return [self.path, *_APPLESCRIPT, headline, body]
            case "powershell":
                script = base64.b64encode(_POWERSHELL.encode("utf-16-le")).decode("ascii")
                return [self.path, "-NoProfile", "-NonInteractive", "-EncodedCommand", script]


def find_tool(platform: str = sys.platform, which: Callable[[str], str | None] = shutil.which) -> Tool:
    """Return the program for this system.

    Raises:
        LocalError: (local) there is none.
    """
    kinds = _TOOLS.get(platform, _LINUX)
    for kind in kinds:
        path = which(kind)
        if path is not None:
            return Tool(kind, path)
    raise LocalError(
        f"Notifications on the desktop need {' or '.join(kinds)}, which is not there",
        hint=_HINTS.get(platform, _LINUX_HINT),
    )


def show_notification(tool: Tool, headline: str, body: str) -> None:
    """Show a notification.

    Raises:
        LocalError: (local) the program failed; it is told what it said.
    """
    import subprocess  # noqa: PLC0415 - only where something is shown

    environment = os.environ | {"NOTICE_HEADLINE": headline, "NOTICE_BODY": body}
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, called without a shell
            tool.arguments(headline, body),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"{tool.kind} did not end within {_PATIENCE:.0f} seconds", hint=_hint(tool)) from error
    except OSError as error:
        raise LocalError(f"{tool.kind} cannot be started: {error.strerror or error}", hint=_hint(tool)) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode}"
        raise LocalError(f"{tool.kind} could not show a notification: {said[:300]}", hint=_hint(tool))


def _hint(tool: Tool) -> str:
    return f"Notifications need a desktop that somebody is logged in to; try `{tool.kind}` there"


def _mark_up(text: str) -> str:
    """Text as the markup of the Desktop Notifications Specification."""
    return escape(text, quote=False)


def _gvariant(text: str) -> str:
    """Text as GLib reads it: it knows the escapes of JSON, except those of half characters, which are not used here."""
    return json.dumps(text, ensure_ascii=False)
