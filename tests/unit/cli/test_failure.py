from __future__ import annotations

import errno
import json

import click
import pytest

from catsync_core.cli.failure import leave
from catsync_core.errors import CatsyncError, DiskFullError, LockedError, SomeFailedError

STOPPED = "Stopped. What has arrived is kept; the same command goes on from there.\n"


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (LockedError("It is busy", hint="Wait"), 11, "Error: It is busy.\nWait.\n"),
        (KeyboardInterrupt(), 130, STOPPED),
        (click.Abort(), 130, STOPPED),
        (EOFError(), 130, STOPPED),
        (click.ClickException("No"), 1, "Error: No.\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 16, "Error: No space left on device.\n"),
        (OSError(errno.EACCES, "Permission denied", "/x\x1b"), 1, "Error: Permission denied: /x\\x1b.\n"),
        (ZeroDivisionError("oh\nno"), 1, "Error: ZeroDivisionError: oh no.\nThis is a defect in catsync"),
        (AssertionError(), 1, "Error: AssertionError.\n"),
    ],
)
def test_what_is_raised_becomes_a_message_and_a_code(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        leave(error, [])
    assert left.value.code == code
    assert capsys.readouterr().err.startswith(told)


def test_the_defect_says_how_to_see_more(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATSYNC_DEBUG", "1")
    with pytest.raises(SystemExit):
        leave(ZeroDivisionError("oh"), [])
    told = capsys.readouterr().err
    assert told.startswith("ZeroDivisionError: oh\n")
    assert "CATSYNC_DEBUG=1" in told


def test_several_failures_are_told_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    errors: dict[str, CatsyncError] = {"shoes": DiskFullError("Full"), "bags": LockedError("Busy")}
    with pytest.raises(SystemExit):
        leave(SomeFailedError("2 of 3 failed", errors), ["update", "--json"])
    told = json.loads(capsys.readouterr().err)
    assert (told["type"], told["exit_code"]) == ("error", 3)
    assert {name: single["code"] for name, single in told["errors"].items()} == {"shoes": "disk_full", "bags": "locked"}


def test_leaving_is_left_alone() -> None:
    with pytest.raises(SystemExit) as left:
        leave(SystemExit(7), [])
    assert left.value.code == 7
