"""Whatever stands in a path, a service gets exactly that: systemd, a reader of plists and Python itself are asked."""

from __future__ import annotations

import ast
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core.client.service.files import Service, read_task_action, render_plist, render_task, render_unit
from catsync_core.errors import LocalError

NOBODY = 65534
SYSTEMD = next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if Path(path).exists()), None)
odd = st.sampled_from(" \t\"'\\%$;#{}()=&<>`|*?~^@:!+-é ñ字🦊\u2028\u200b")
characters = odd | st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs", "Cf", "Co"])
texts = st.text(characters, max_size=20).filter(lambda text: "\t" not in text)
paths = texts.map(lambda text: f"/{text}")
programs = texts.map(lambda text: f"/a{text.replace('/', '-')}/python")  # as a path is after it was made simple
services = st.builds(
    lambda python, home, plugins: Service(python, {"CATSYNC_HOME": home, "CATSYNC_DISABLE_PLUGINS": plugins}),
    programs,
    paths,
    texts,
)


def values(unit: bytes, key: str) -> list[str]:
    return [line.removeprefix(f"{key}=") for line in unit.decode().split("\n") if line.startswith(f"{key}=")]


@given(services)
def test_unit_means_the_command_and_the_variables(service: Service) -> None:
    unit = render_unit(service)
    [command] = values(unit, "ExecStart")
    words = [word.replace("%%", "%") for word in shlex.split(command.removeprefix(":"))]
    assert words[-5:] == list(service.command)
    assert words[:-5] in ([], ["/bin/sh", "-c", 'exec "$0" "$@"'])
    variables = [shlex.split(value) for value in values(unit, "Environment")]
    assert {word.replace("%%", "%") for [word] in variables} == {f"{k}={v}" for k, v in service.environment.items()}
    for line in unit.decode().split("\n"):
        assert not re.search(r"(?<!%)(%%)*%(?!%)", line)
        assert not line.endswith("\\")


@given(services, paths)
def test_plist_means_the_command_and_the_variables(service: Service, log: str) -> None:
    found = plistlib.loads(render_plist(service, log))
    assert found["ProgramArguments"] == list(service.command)
    assert found["EnvironmentVariables"] == dict(service.environment)
    assert found["StandardOutPath"] == log


@given(services)
def test_task_means_the_program_and_the_variables(service: Service) -> None:
    program, arguments = read_task_action(render_task(service, "ann"))
    assert program == service.python
    assert arguments is not None
    assert arguments.isascii()
    _, _, launcher, *rest = split_as_windows(arguments)
    assert rest == ["agent"]
    [update] = [node for node in ast.walk(ast.parse(launcher)) if isinstance(node, ast.Dict)]
    assert ast.literal_eval(update) == dict(service.environment)


def split_as_windows(line: str) -> list[str]:
    """Split a command line by the rules of Microsoft's C runtime, written here anew."""
    words: list[str] = []
    for found in re.finditer(r'(?:[^\s"]|"(?:[^"\\]|\\+"|\\)*")+', line):
        word = re.sub(
            r'(\\*)(")',
            lambda match: "\\" * (len(match[1]) // 2) + ('"' if len(match[1]) % 2 else "\0"),
            found[0],
        )
        words.append(word.replace("\0", ""))
    return words


@given(st.text(st.characters(categories=["Cc", "Cs"]), min_size=1), paths)
def test_control_characters_are_refused(character: str, path: str) -> None:
    with pytest.raises(LocalError):
        Service(path, {"CATSYNC_HOME": path + character})


def test_systemd_itself_reads_the_command_and_the_variables(systemd: Systemd) -> None:
    @settings(max_examples=25, deadline=None)
    @given(services)
    def check(service: Service) -> None:
        dump = systemd.load(render_unit(service))
        assert "Description: catsync agent: checks catalogs for updates\n" in dump
        [command] = re.findall(r"\tCommand Line: (.*)", dump)
        told = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
        assert told.stdout.decode().split("\0")[-6:-1] == list(service.command)
        for name, value in service.environment.items():
            assert f"\tEnvironment: {name}={value}\n" in dump

    check()


class Systemd:
    """A systemd that reads a unit, shows what it understood, and starts nothing."""

    def __init__(self, program: str, folder: Path) -> None:
        runtime = folder / "run"
        runtime.mkdir()
        as_nobody = []
        if os.getuid() == 0:  # it refuses to be tested by root
            as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            os.chown(runtime, NOBODY, NOBODY)
        self._command = [*as_nobody, program, "--user", "--test", "--unit=catsync-agent.service"]
        self._unit = folder / "catsync-agent.service"
        self._environment = {
            "HOME": str(runtime),
            "PATH": os.defpath,
            "XDG_RUNTIME_DIR": str(runtime),
            "SYSTEMD_UNIT_PATH": f"{folder}:/usr/lib/systemd/user",
        }

    def load(self, unit: bytes) -> str:
        self._unit.write_bytes(unit)
        done = subprocess.run(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        dump = done.stdout.decode()
        assert done.returncode == 0, dump
        assert f"{self._unit}:" not in dump, dump  # a complaint names the line
        return dump.partition("-> Unit catsync-agent.service:\n")[2].partition("-> Unit ")[0]


@pytest.fixture
def systemd() -> Iterator[Systemd]:
    if SYSTEMD is None or shutil.which("setpriv") is None or shutil.which("bash") is None:
        pytest.skip("needs systemd, setpriv and bash")
    with tempfile.TemporaryDirectory() as name:  # where nobody may look, too
        folder = Path(name)
        folder.chmod(0o755)
        found = Systemd(SYSTEMD, folder)
        try:
            found.load(b"[Service]\nExecStart=/bin/true\n")
        except AssertionError as error:
            pytest.skip(f"systemd cannot be tested here: {error}")
        yield found
