from __future__ import annotations

import configparser
import plistlib
import shlex
from xml.etree import ElementTree as ET

import pytest

from catsync_core.client.service.files import (
    LABEL,
    Service,
    is_ours,
    read_task_action,
    render_plist,
    render_task,
    render_unit,
)
from catsync_core.errors import LocalError

PLAIN = Service("/usr/bin/python3", {"CATSYNC_HOME": "/home/ann/catalogs"})
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def test_unit_runs_the_agent_and_is_started_anew_when_it_fails() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as the documentation of configparser has it
    unit.read_string(render_unit(PLAIN).decode())
    service = unit["Service"]
    assert service["ExecStart"] == ':"/usr/bin/python3" "-P" "-m" "catsync_core.cli.main" "agent"'
    assert service["Environment"] == '"CATSYNC_HOME=/home/ann/catalogs"'
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert unit["Install"]["WantedBy"] == "default.target"


def test_unit_takes_nothing_in_a_path_for_something_else() -> None:
    service = Service("/a b/%h/$HOME/py;thon", {"CATSYNC_HOME": '/a "b"\\n %h $HOME ü', "CATSYNC_CONFIG": "/c'd"})
    lines = render_unit(service).decode().splitlines()
    assert ':"/a b/%%h/$HOME/py;thon" "-P"' in next(line for line in lines if line.startswith("ExecStart="))
    assert [line for line in lines if line.startswith("Environment=")] == [
        'Environment="CATSYNC_CONFIG=/c\'d"',
        'Environment="CATSYNC_HOME=/a \\"b\\"\\\\n %%h $HOME ü"',
    ]


@pytest.mark.parametrize("python", ['/a"b/python', "/a'b/python", "/a\\b/python"])
def test_a_program_that_systemd_refuses_by_its_name_is_run_by_a_shell(python: str) -> None:
    [line] = [line for line in render_unit(Service(python, {})).decode().splitlines() if line.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart=:"))
    assert words == ["/bin/sh", "-c", 'exec "$0" "$@"', python, "-P", "-m", "catsync_core.cli.main", "agent"]


def test_plist_runs_the_agent_and_is_started_anew_when_it_fails() -> None:
    settings = plistlib.loads(render_plist(PLAIN, "/logs/agent.log"))
    assert settings["Label"] == LABEL
    assert settings["ProgramArguments"] == ["/usr/bin/python3", "-P", "-m", "catsync_core.cli.main", "agent"]
    assert settings["EnvironmentVariables"] == {"CATSYNC_HOME": "/home/ann/catalogs"}
    assert settings["RunAtLoad"] is True
    assert settings["KeepAlive"] == {"SuccessfulExit": False}
    assert settings["StandardErrorPath"] == "/logs/agent.log"


def test_task_runs_the_agent_when_the_user_logs_on() -> None:
    data = render_task(Service("C:\\Program Files\\Python\\pythonw.exe", {}), "SHOP\\ann & bob")
    task = ET.fromstring(data)  # noqa: S314 - it is our own
    assert task.findtext(f"{TASK}Triggers/{TASK}LogonTrigger/{TASK}UserId") == "SHOP\\ann & bob"
    principal = task.find(f"{TASK}Principals/{TASK}Principal")
    actions = task.find(f"{TASK}Actions")
    assert principal is not None
    assert actions is not None
    assert principal.get("id") == actions.get("Context")
    assert principal.findtext(f"{TASK}RunLevel") == "LeastPrivilege"
    assert task.findtext(f"{TASK}Settings/{TASK}ExecutionTimeLimit") == "PT0S"
    program, arguments = read_task_action(data)
    assert program == "C:\\Program Files\\Python\\pythonw.exe"
    assert arguments is not None
    assert arguments.startswith("-P -c ")
    assert arguments.endswith(" agent")


def test_task_gives_the_scheduler_nothing_to_replace() -> None:
    _, arguments = read_task_action(render_task(Service("python", {"CATSYNC_HOME": "C:\\%TEMP%\\$(Arg0)"}), "ann"))
    assert arguments is not None
    assert not {"%", "$"} & set(arguments)


def test_files_are_known_again() -> None:
    for data in (render_unit(PLAIN), render_plist(PLAIN, "/log"), render_task(PLAIN, "ann")):
        assert is_ours(data)
    told = render_task(PLAIN, "ann").decode("utf-16").encode("cp850", "replace")
    assert is_ours(told)
    assert read_task_action(told) == read_task_action(render_task(PLAIN, "ann"))
    assert not is_ours(b"")
    assert not is_ours(b"[Service]\nExecStart=/usr/bin/true\n")


@pytest.mark.parametrize("data", [b"", b"ERROR", b"<Task", b"\xff\xfe<"])
def test_what_is_no_task_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no task"):
        read_task_action(data)


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\udcff", "\ufffe", "\ufdd0", "\U0001ffff"]
)
def test_what_no_file_can_hold_is_refused(character: str) -> None:
    for python, home in ((f"/a{character}", "/b"), ("/a", f"/b{character}")):
        with pytest.raises(LocalError, match="cannot stand in a service's file"):
            Service(python, {"CATSYNC_HOME": home})
