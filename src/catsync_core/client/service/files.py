"""What tells a system to run the agent: a systemd unit, a launchd plist, a scheduled task. Pure functions of data.

Paths are the user's and may hold anything: what each of the languages takes for something else is escaped, and what
cannot be written in it is refused.
"""

from __future__ import annotations

import plistlib
import subprocess
import unicodedata
from collections.abc import Mapping
from xml.etree import ElementTree as ET

import msgspec

from catsync_core.errors import LocalError

__all__ = ["LABEL", "Service", "is_ours", "read_task_action", "render_plist", "render_task", "render_unit"]

LABEL = "org.catsync.agent"
"""Name of the agent where names are reversed domains."""
_MARK = "Written by `catsync agent install`"
_MODULE = "catsync_core.cli.main"
_DESCRIPTION = "catsync agent: checks catalogs for updates"
_REFUSED_BY_SYSTEMD = frozenset("\"'\\")  # in the name of a program, however it is quoted
_TASK = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_UNIT = """\
# {mark}; `catsync agent uninstall` removes it.
# Put your own settings into `systemctl --user edit catsync-agent.service`, where they stay.
[Unit]
Description={description}

[Service]
Type=exec
ExecStart=:{command}
{environment}Restart=on-failure
RestartSec=60
# 2: the configuration makes no sense, and will not by itself. 130: it was asked to end.
RestartPreventExitStatus=2
SuccessExitStatus=130
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""
_LAUNCHER = (
    "import os, sys; os.environ.update({environment}); "
    "sys.stdout = sys.stdout or open(os.devnull, 'w'); sys.stderr = sys.stderr or sys.stdout; "
    "from {module} import main; main()"
)


class Service(msgspec.Struct, frozen=True):
    """How the agent is run.

    Attributes:
        python: The interpreter, an absolute path.
        environment: Variables that it needs.

    Raises:
        LocalError: (local) something in them cannot be written into a service's file.
    """

    python: str
    environment: Mapping[str, str]

    def __post_init__(self) -> None:
        for text in (self.python, *self.environment.values()):
            if not all(map(_is_writable, text)):
                raise LocalError(
                    f"{text!a} cannot stand in a service's file: it has a line break, another control character, or"
                    " something that is no text",
                    hint="Rename the folder, or start `catsync agent` in your own way",
                )

    @property
    def command(self) -> tuple[str, ...]:
        """What to run. The current folder is not on the path where modules are found."""
        return (self.python, "-P", "-m", _MODULE, "agent")


def render_unit(service: Service) -> bytes:
    """Return a systemd unit for a user's own systemd.

    It uses only what works there without privileges and without namespaces, which some distributions refuse to users.
    """
    command = service.command
    if _REFUSED_BY_SYSTEMD & set(service.python):
        command = ("/bin/sh", "-c", 'exec "$0" "$@"', *command)
    lines = [f"Environment={_quote(f'{name}={value}')}\n" for name, value in sorted(service.environment.items())]
    text = _UNIT.format(
        mark=_MARK,
        description=_DESCRIPTION,
        command=" ".join(map(_quote, command)),
        environment="".join(lines),
    )
    return text.encode()


def render_plist(service: Service, log: str) -> bytes:
    """Return a launchd property list.

    Args:
        service: What to run.
        log: The file that gets what the agent prints.
    """
    settings = {
        "Label": LABEL,
        "ProgramArguments": list(service.command),
        "EnvironmentVariables": dict(sorted(service.environment.items())),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 60,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Nice": 10,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    head, dictionary, rest = plistlib.dumps(settings, sort_keys=False).partition(b"<dict>")
    return head + f"<!-- {_MARK}; `catsync agent uninstall` removes it. -->\n".encode() + dictionary + rest


def render_task(service: Service, user: str) -> bytes:
    r"""Return a task for the Windows task scheduler, which begins when the user logs on.

    A task has no environment of its own, so that a line of Python sets the variables. The scheduler would replace
    ``%NAME%`` and ``$(NAME)`` in it; they are written in another way.

    Args:
        service: What to run.
        user: As ``DOMAIN\name``.
    """
    variables = ascii(dict(sorted(service.environment.items()))).replace("%", r"\x25").replace("$", r"\x24")
    launcher = _LAUNCHER.format(environment=variables, module=_MODULE)
    task = ET.Element("Task", version="1.2", xmlns=_TASK)
    _add(task, "RegistrationInfo", Description=f"{_DESCRIPTION}. {_MARK}")
    _add(_add(task, "Triggers"), "LogonTrigger", Enabled="true", UserId=user)
    principal = _add(
        _add(task, "Principals"), "Principal", UserId=user, LogonType="InteractiveToken", RunLevel="LeastPrivilege"
    )
    principal.set("id", "user")
    settings = _add(
        task,
        "Settings",
        MultipleInstancesPolicy="IgnoreNew",
        DisallowStartIfOnBatteries="false",
        StopIfGoingOnBatteries="false",
        StartWhenAvailable="true",
        ExecutionTimeLimit="PT0S",
        Priority="7",
    )
    _add(settings, "RestartOnFailure", Interval="PT1M", Count="255")
    arguments = subprocess.list2cmdline(["-P", "-c", launcher, "agent"])
    actions = _add(task, "Actions")
    actions.set("Context", "user")
    _add(actions, "Exec", Command=service.python, Arguments=arguments)
    text = ET.tostring(task, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{text}\n'.encode("utf-16")


def is_ours(data: bytes) -> bool:
    """Whether one of these functions wrote a file, or a task as the scheduler gives it back."""
    return _MARK.encode() in data or _MARK.encode("utf-16-le") in data


def read_task_action(data: bytes) -> tuple[str | None, str | None]:
    """Return program and arguments of a task; the scheduler changes much else of what it was given.

    Raises:
        ValueError: it is no task.
    """
    text = data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8", "replace")
    try:
        task = ET.fromstring(text[text.index("<Task") :])  # noqa: S314 - it comes from the system
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f"no task: {error}") from error
    action = f"{{{_TASK}}}Actions/{{{_TASK}}}Exec/{{{_TASK}}}"
    return task.findtext(f"{action}Command"), task.findtext(f"{action}Arguments")


def _quote(word: str) -> str:
    """Return a word as systemd reads it literally, in a command that begins with a colon or in a variable."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _add(parent: ET.Element, name: str, **texts: str) -> ET.Element:
    child = ET.SubElement(parent, name)
    for key, text in texts.items():
        ET.SubElement(child, key).text = text
    return child


def _is_writable(character: str) -> bool:
    """Whether every one of the three languages can hold a character."""
    number = ord(character)
    never_a_character = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
    return unicodedata.category(character) not in {"Cc", "Cs"} and not never_a_character
