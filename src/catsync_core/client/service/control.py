"""Install the agent as a service of the user, which starts with the session and is started anew when it fails.

On Linux it is a systemd user unit, on macOS a launchd agent, on Windows a scheduled task. For
``catsync agent install``, ``uninstall`` and ``status``::

    change = install_service(home_folder(), force=force)
    if change.problem:  # it is written but does not run: there is no systemd, or no session of the user
        tell(change.problem, change.commands)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from catsync_core.client.service.files import Service, is_ours
from catsync_core.client.service.launchd import Launchd
from catsync_core.client.service.supervisor import Supervisor
from catsync_core.client.service.systemd import Systemd
from catsync_core.client.service.task_scheduler import TaskScheduler
from catsync_core.errors import LocalError

__all__ = ["ServiceChange", "ServiceStatus", "install_service", "service_status", "uninstall_service"]


class ServiceChange(msgspec.Struct, frozen=True):
    """What installing or uninstalling did.

    Attributes:
        supervisor: What runs the service: ``systemd``, ``launchd`` or ``the task scheduler``.
        place: The path of its file, or the task's name.
        changed: Whether anything was written or removed; not where everything was already as it should be.
        problem: Why the service could not be started, or ended, now; empty for nothing. The rest was done.
        commands: What the user can type to do that; none where there is no problem.
    """

    supervisor: str
    place: str
    changed: bool
    problem: str = ""
    commands: tuple[str, ...] = ()


class ServiceStatus(msgspec.Struct, frozen=True):
    """How it is with the service.

    Attributes:
        supervisor: What runs the service: ``systemd``, ``launchd`` or ``the task scheduler``.
        place: The path of its file, or the task's name.
        installed: Whether there is such a service.
        ours: Whether catsync wrote it.
        current: Whether it runs what installing it now would make it run; not after Python or the home have moved.
        enabled: Whether it starts with the user's session; None where that cannot be known.
        active: Whether it runs now; None likewise.
        problem: Why that cannot be known; empty for nothing.
    """

    supervisor: str
    place: str
    installed: bool
    ours: bool
    current: bool
    enabled: bool | None
    active: bool | None
    problem: str = ""


def install_service(
    home: Path, *, force: bool = False, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> ServiceChange:
    """Install the agent as a service, enable and start it. Doing so again changes nothing, or brings it up to date.

    Args:
        home: The device's folder, as of :func:`~catsync_core.client.home.home_folder`.
        force: Whether to replace a service of the same name that catsync did not write.
        environment: The user's variables. ``CATSYNC_CONFIG`` and ``CATSYNC_DISABLE_PLUGINS`` hold for the service too.
        platform: As in ``sys.platform``.

    Raises:
        DiskFullError: (local) no space is left.
        LocalError: (local) there is another service of that name; it cannot be written; or a path has a line break.
    """
    supervisor = _find_supervisor(platform, environment)
    wanted = supervisor.render(_describe(home, environment, platform))
    found = _read_ours(supervisor, force=force)
    changed = found is None or not supervisor.is_same(found, wanted)
    if changed:
        supervisor.write(wanted)
    problem = supervisor.start(changed=changed)
    return _tell(supervisor, problem, changed=changed, install=True)


def uninstall_service(
    *, force: bool = False, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> ServiceChange:
    """End the service and remove it. Where there is none, nothing happens.

    Args:
        force: Whether to remove a service of the same name that catsync did not write.
        environment: The user's variables.
        platform: As in ``sys.platform``.

    Raises:
        LocalError: (local) catsync did not write it, or it cannot be removed.
    """
    supervisor = _find_supervisor(platform, environment)
    if _read_ours(supervisor, force=force) is None:
        return ServiceChange(supervisor.name, supervisor.place, changed=False)
    problem = supervisor.stop()
    supervisor.remove()
    return _tell(supervisor, problem, changed=True, install=False)


def service_status(
    home: Path, *, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> ServiceStatus:
    """Return how it is with the service.

    Args:
        home: As in :func:`install_service`.
        environment: The user's variables.
        platform: As in ``sys.platform``.

    Raises:
        LocalError: (local) the service's file cannot be read, or a path has a line break.
    """
    supervisor = _find_supervisor(platform, environment)
    found = supervisor.read()
    if found is None:
        return ServiceStatus(
            supervisor.name, supervisor.place, installed=False, ours=False, current=False, enabled=False, active=False
        )
    running = supervisor.look()
    return ServiceStatus(
        supervisor.name,
        supervisor.place,
        installed=True,
        ours=is_ours(found),
        current=supervisor.is_same(found, supervisor.render(_describe(home, environment, platform))),
        enabled=running.enabled,
        active=running.active,
        problem=running.problem,
    )


def _find_supervisor(platform: str, environment: Mapping[str, str]) -> Supervisor:
    """Return the supervisor of a system.

    Args:
        platform: As in ``sys.platform``.
        environment: The user's variables.

    Raises:
        LocalError: (local) there is none that catsync knows.
    """
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    if platform == "win32":
        domain, user = environment.get("USERDOMAIN", ""), environment.get("USERNAME", "")
        return TaskScheduler(f"{domain}\\{user}" if domain else user, environment)
    if platform == "darwin":
        return Launchd(home / "Library", os.getuid(), environment)
    if platform == "linux":
        configured = Path(environment.get("XDG_CONFIG_HOME", ""))
        folder = configured if configured.is_absolute() else home / ".config"
        return Systemd(folder / "systemd" / "user", environment)
    raise LocalError(
        f"catsync cannot install services on {platform}", hint="Start `catsync agent` in the way that is usual there"
    )


def _describe(home: Path, environment: Mapping[str, str], platform: str) -> Service:
    """The home is always named: the service may not see the variables by which it would be found."""
    variables = {"CATSYNC_HOME": str(home.absolute())}
    if configuration := environment.get("CATSYNC_CONFIG"):
        variables["CATSYNC_CONFIG"] = str(Path(configuration).expanduser().absolute())
    if disabled := environment.get("CATSYNC_DISABLE_PLUGINS"):
        variables["CATSYNC_DISABLE_PLUGINS"] = disabled
    python = Path(sys.executable)  # not resolved: a virtual environment is known by its link
    windowless = python.with_name("pythonw.exe")
    return Service(str(windowless if platform == "win32" and windowless.exists() else python), variables)


def _read_ours(supervisor: Supervisor, *, force: bool) -> bytes | None:
    found = supervisor.read()
    if found is not None and not force and not is_ours(found):
        raise LocalError(
            f"{supervisor.place} exists already, and catsync did not write it",
            hint="Look at it. Move it away, or repeat the command with --force",
        )
    return found


def _tell(supervisor: Supervisor, problem: str, *, changed: bool, install: bool) -> ServiceChange:
    commands = supervisor.commands(install=install) if problem else ()
    return ServiceChange(supervisor.name, supervisor.place, changed, problem, commands)
