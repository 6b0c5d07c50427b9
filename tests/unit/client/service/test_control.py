from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import catsync_core
from catsync_core.client.service.control import (
    ServiceChange,
    ServiceStatus,
    install_service,
    service_status,
    uninstall_service,
)
from catsync_core.client.service.files import LABEL, read_task_action
from catsync_core.errors import LocalError

UNIT = "catsync-agent.service"
NOT_OURS = "[Service]\nExecStart=/usr/bin/true\n"
SYSTEMCTL = """
case "$2" in
    enable) touch "$FAKE/enabled" "$FAKE/active" ;;
    disable) rm -f "$FAKE/enabled" "$FAKE/active" ;;
    is-enabled) if [ -e "$FAKE/enabled" ]; then echo enabled; else echo disabled; exit 1; fi ;;
    is-active) if [ -e "$FAKE/active" ]; then echo active; else echo inactive; exit 3; fi ;;
esac
"""
NO_BUS = "echo 'Failed to connect to bus: No medium found' >&2; exit 1"
LAUNCHCTL = """
case "$1" in
    print) if [ -e "$FAKE/loaded" ]; then echo "	state = running"; else exit 113; fi ;;
    bootstrap) touch "$FAKE/loaded" ;;
    bootout) [ -e "$FAKE/loaded" ] || exit 3; rm "$FAKE/loaded" ;;
esac
"""
SCHTASKS = """
case "$1" in
    /Query) if [ -e "$FAKE/task" ]; then cat "$FAKE/task"; else echo "ERROR: there is no such task" >&2; exit 1; fi ;;
    /Create) cp "$5" "$FAKE/task" ;;
    /Delete) rm "$FAKE/task" ;;
esac
"""


class User:
    """A user with a home, whose system has one tool: a script that notes how it is called."""

    def __init__(self, folder: Path, platform: str, tool: str, script: str) -> None:
        self.home = folder / "home"
        self.catalogs = folder / "cata logs"
        self.fake = folder / "fake"
        self.platform = platform
        self.environment = {"HOME": str(self.home), "FAKE": str(self.fake), "PATH": f"{self.fake}:{os.defpath}"}
        self.fake.mkdir()
        self.provide(tool, script)

    def provide(self, tool: str, script: str) -> None:
        path = self.fake / tool
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "$FAKE/calls"\n{script}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        """What the tool was told since this was last asked, questions left out."""
        path = self.fake / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line for line in lines if not any(word in line for word in ("is-enabled", "is-active", "/Query"))]

    def install(self, *, force: bool = False) -> ServiceChange:
        return install_service(self.catalogs, force=force, environment=self.environment, platform=self.platform)

    def uninstall(self, *, force: bool = False) -> ServiceChange:
        return uninstall_service(force=force, environment=self.environment, platform=self.platform)

    def status(self) -> ServiceStatus:
        return service_status(self.catalogs, environment=self.environment, platform=self.platform)


@pytest.fixture
def linux(tmp_path: Path) -> User:
    return User(tmp_path, "linux", "systemctl", SYSTEMCTL)


@pytest.fixture
def mac(tmp_path: Path) -> User:
    return User(tmp_path, "darwin", "launchctl", LAUNCHCTL)


@pytest.fixture
def windows(tmp_path: Path) -> User:
    user = User(tmp_path, "win32", "schtasks", SCHTASKS)
    user.environment |= {"USERDOMAIN": "SHOP", "USERNAME": "ann"}
    return user


def unit_of(user: User) -> Path:
    return user.home / ".config" / "systemd" / "user" / UNIT


def test_install_writes_a_unit_enables_and_starts_it(linux: User) -> None:
    assert linux.install() == ServiceChange("systemd", str(unit_of(linux)), changed=True)
    assert linux.calls() == [
        f"--user {words}" for words in ("daemon-reload", f"enable --now {UNIT}", f"restart {UNIT}")
    ]
    text = unit_of(linux).read_text()
    assert f'ExecStart=:"{sys.executable}" "-P" "-m" "catsync_core.cli.main" "agent"' in text
    assert f'Environment="CATSYNC_HOME={linux.catalogs}"' in text
    assert unit_of(linux).stat().st_mode & 0o777 == 0o644
    assert [path.name for path in unit_of(linux).parent.iterdir()] == [UNIT]
    assert linux.status() == ServiceStatus(
        "systemd", str(unit_of(linux)), installed=True, ours=True, current=True, enabled=True, active=True
    )


def test_installing_again_changes_nothing_and_does_not_interrupt_the_agent(linux: User) -> None:
    linux.install()
    linux.calls()
    before = unit_of(linux).stat()
    assert not linux.install().changed
    assert linux.calls() == ["--user daemon-reload", f"--user enable --now {UNIT}"]
    assert (unit_of(linux).stat().st_ino, unit_of(linux).stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_has_moved_is_seen_and_brought_up_to_date(linux: User) -> None:
    linux.install()
    linux.environment["CATSYNC_CONFIG"] = "/etc/shop.toml"
    linux.environment["CATSYNC_DISABLE_PLUGINS"] = "acme"
    assert not linux.status().current
    linux.calls()
    assert linux.install().changed
    assert linux.calls()[-1] == f"--user restart {UNIT}"
    assert 'Environment="CATSYNC_CONFIG=/etc/shop.toml"\nEnvironment="CATSYNC_DISABLE_PLUGINS=acme"\n' in (
        unit_of(linux).read_text()
    )
    assert linux.status().current


def test_no_other_variable_gets_into_the_file(linux: User) -> None:
    linux.environment["https_proxy"] = "http://ann:secret@proxy"
    linux.install()
    assert "secret" not in unit_of(linux).read_text()


def test_the_folder_of_the_configuration_may_be_another(linux: User, tmp_path: Path) -> None:
    linux.environment["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert linux.install().place == str(tmp_path / "xdg" / "systemd" / "user" / UNIT)
    linux.environment["XDG_CONFIG_HOME"] = "relative"
    assert linux.install().place == str(unit_of(linux))


def test_uninstall_ends_and_removes_the_service(linux: User) -> None:
    linux.install()
    linux.calls()
    assert linux.uninstall() == ServiceChange("systemd", str(unit_of(linux)), changed=True)
    assert linux.calls() == [f"--user disable --now {UNIT}", "--user daemon-reload"]
    assert not unit_of(linux).exists()
    assert linux.status() == ServiceStatus(
        "systemd", str(unit_of(linux)), installed=False, ours=False, current=False, enabled=False, active=False
    )
    assert not linux.uninstall().changed
    assert linux.calls() == []


@pytest.mark.parametrize("script", [NO_BUS, None])
def test_where_systemd_cannot_be_reached_the_unit_is_written_and_the_rest_is_told(
    linux: User, script: str | None
) -> None:
    if script is None:
        (linux.fake / "systemctl").unlink()
        linux.environment["PATH"] = str(linux.fake)
        problem = "there is no program systemctl"
    else:
        linux.provide("systemctl", script)
        problem = "Failed to connect to bus: No medium found"
    change = linux.install()
    assert (change.changed, change.problem) == (True, problem)
    assert change.commands == ("systemctl --user daemon-reload", f"systemctl --user enable --now {UNIT}")
    assert unit_of(linux).exists()
    status = linux.status()
    assert (status.installed, status.enabled, status.active, status.problem) == (True, None, None, problem)
    wanted = unit_of(linux).parent / "default.target.wants" / UNIT
    wanted.parent.mkdir()
    wanted.symlink_to(unit_of(linux))
    gone = linux.uninstall()
    assert (gone.changed, gone.problem) == (True, problem)
    assert gone.commands == (f"systemctl --user stop {UNIT}", "systemctl --user daemon-reload")
    assert not unit_of(linux).exists()
    assert not wanted.is_symlink()


def test_a_service_that_does_not_start_is_told(linux: User) -> None:
    linux.provide("systemctl", '[ "$2" != enable ] || { echo "Job failed.\nSee the journal." >&2; exit 1; }')
    assert linux.install().problem == "Job failed. See the journal."


def _file(path: Path, _: Path) -> None:
    path.write_text(NOT_OURS)


def _link(path: Path, other: Path) -> None:
    other.write_text("# Written by `catsync agent install`")  # where it leads does not make it ours
    path.symlink_to(other)


def _mask(path: Path, _: Path) -> None:
    path.symlink_to("/dev/null")


def _pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [_file, _link, _mask, _pipe])
def test_what_is_not_ours_is_touched_only_by_force(
    linux: User, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    unit = unit_of(linux)
    unit.parent.mkdir(parents=True)
    other = tmp_path / "other"
    make(unit, other)
    before, led_to = unit.lstat(), other.read_text() if other.exists() else None
    for act in (linux.install, linux.uninstall):
        with pytest.raises(LocalError, match="catsync did not write it") as failed:
            act()
        assert "--force" in failed.value.hint
    assert linux.calls() == []
    assert (unit.lstat().st_ino, unit.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (linux.status().installed, linux.status().ours, linux.status().current) == (True, False, False)
    assert linux.install(force=True).changed
    assert unit.is_file()
    assert not unit.is_symlink()
    assert linux.status().ours
    if led_to is not None:
        assert other.read_text() == led_to


def test_what_is_not_ours_is_removed_by_force(linux: User) -> None:
    unit_of(linux).parent.mkdir(parents=True)
    unit_of(linux).write_text(NOT_OURS)
    assert linux.uninstall(force=True).changed
    assert not unit_of(linux).exists()


def test_a_folder_in_its_place_is_not_replaced(linux: User) -> None:
    unit_of(linux).mkdir(parents=True)
    with pytest.raises(LocalError, match="catsync did not write it"):
        linux.install()
    with pytest.raises(LocalError, match="Could not write"):
        linux.install(force=True)


def test_a_folder_of_units_that_is_a_link_is_refused(linux: User, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    unit_of(linux).parent.parent.mkdir(parents=True)
    unit_of(linux).parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalError, match="is not a plain folder"):
        linux.install()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_home_that_no_file_can_name_is_refused(linux: User) -> None:
    linux.catalogs = Path("/home/a\nb")
    with pytest.raises(LocalError, match="line break"):
        linux.install()
    assert not unit_of(linux).exists()


def test_an_unknown_system_is_told() -> None:
    with pytest.raises(LocalError, match="cannot install services on plan9"):
        install_service(Path("/home"), environment={"HOME": "/home"}, platform="plan9")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(linux: User) -> None:
    linux.install()
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(linux.fake), "HOME": str(linux.home)}
    words = ["systemd-analyze", "--user", "--man=no", "verify", str(unit_of(linux))]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_on_a_mac_a_property_list_is_written_and_loaded(mac: User) -> None:
    place = mac.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{os.getuid()}"
    assert mac.install() == ServiceChange("launchd", str(place), changed=True)
    assert mac.calls() == [
        f"bootout {domain}/{LABEL}",
        f"enable {domain}/{LABEL}",
        f"bootstrap {domain} {place}",
    ]
    status = mac.status()
    assert (status.ours, status.current, status.enabled, status.active) == (True, True, True, True)
    mac.calls()
    assert not mac.install().changed
    assert mac.calls() == [f"print {domain}/{LABEL}"]
    assert mac.uninstall() == ServiceChange("launchd", str(place), changed=True)
    assert mac.calls() == [f"print {domain}/{LABEL}", f"bootout {domain}/{LABEL}"]
    assert not place.exists()


def test_on_a_mac_without_a_session_the_rest_is_told(mac: User) -> None:
    mac.provide("launchctl", "echo 'Bootstrap failed: 125: Domain does not support specified action' >&2; exit 125")
    change = mac.install()
    assert change.problem.startswith("Bootstrap failed: 125")
    assert change.commands == (f"launchctl bootstrap gui/{os.getuid()} '{change.place}'",)
    assert mac.status().active is False
    assert mac.uninstall().problem == ""


def test_on_windows_the_scheduler_gets_a_task(windows: User) -> None:
    task = "\\catsync\\agent"
    assert windows.install() == ServiceChange("the task scheduler", task, changed=True)
    created, ended, run = windows.calls()
    assert created.startswith(f"/Create /TN {task} /XML ")
    assert created.endswith(" /F")
    assert (ended, run) == (f"/End /TN {task}", f"/Run /TN {task}")
    assert not Path(created.split(" ")[4]).exists()
    assert "SHOP\\ann" in (windows.fake / "task").read_bytes().decode("utf-16")
    status = windows.status()
    assert (status.ours, status.current, status.enabled, status.active) == (True, True, True, None)
    assert not windows.install().changed
    windows.calls()
    assert windows.uninstall().changed
    assert windows.calls() == [f"/End /TN {task}", f"/Delete /TN {task} /F"]
    assert not windows.uninstall().changed


def test_on_windows_a_task_that_is_refused_is_told(windows: User) -> None:
    windows.provide("schtasks", "echo 'ERROR: Access is denied.' >&2; exit 1")
    with pytest.raises(LocalError, match=r"refused the task .*: ERROR: Access is denied\."):
        windows.install()


def test_on_windows_a_task_that_is_not_ours_stays(windows: User) -> None:
    (windows.fake / "task").write_text("<Task/>")
    for act in (windows.install, windows.uninstall):
        with pytest.raises(LocalError, match="catsync did not write it"):
            act()
    assert windows.install(force=True).changed


def test_what_a_task_runs_sets_the_variables_and_is_the_command_line(windows: User) -> None:
    windows.catalogs = Path("/cata logs/100%/\"$HOME'")
    windows.install()
    program, arguments = read_task_action((windows.fake / "task").read_bytes())
    assert program == sys.executable
    assert arguments is not None
    launcher = arguments.removeprefix('-P -c "').removesuffix('" agent').replace('\\"', '"')
    probe = launcher.replace("main()", "print(os.environ['CATSYNC_HOME'], flush=True); main()")
    done = subprocess.run([program, "-P", "-c", probe, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(windows.catalogs), f"catsync {catsync_core.__version__}"]
