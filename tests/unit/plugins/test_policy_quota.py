from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import msgspec
import pytest

from catsync_core import Decision, Question, Verdict
from catsync_plugins.policy_quota import QuotaSettings, decide_by_quota

GB = 1_000_000_000


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """A disk with 5 GB free; the folders that are asked about are noted."""
    asked: list[Path] = []

    def disk_usage(folder: Path) -> SimpleNamespace:
        asked.append(folder)
        return SimpleNamespace(free=5 * GB)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    monkeypatch.setenv("CATSYNC_HOME", str(tmp_path / "not" / "made" / "yet"))
    return asked


def ask(
    settings: QuotaSettings,
    size: int,
    stored: int = 0,
    action: Literal["check", "install", "update", "read"] = "install",
) -> Verdict:
    return decide_by_quota(Question(action, "shoes", size, size, stored, by_user=True, now=0), settings)


def test_what_keeps_to_all_bounds_is_allowed() -> None:
    settings = QuotaSettings(largest_total="3 GB", keep_free="1 GB")
    assert ask(settings, GB, 2 * GB).decision is Decision.ALLOW
    assert ask(settings, 0, 9 * GB).decision is Decision.ALLOW, "it takes nothing of the disk"


@pytest.mark.parametrize("action", ["check", "read"])
def test_what_stores_nothing_is_allowed(action: Literal["check", "read"]) -> None:
    assert ask(QuotaSettings(largest_total=1), GB, GB, action).decision is Decision.ALLOW


def test_more_than_all_may_take_waits() -> None:
    assert ask(QuotaSettings(largest_total="3 GB", keep_free=0), GB + 1, 2 * GB) == Verdict(
        Decision.WAIT, "shoes takes 1 GB of the disk, and catalogs already take 2 GB of the 3 GB that they may"
    )


def test_what_is_too_large_even_for_itself_is_denied() -> None:
    assert ask(QuotaSettings(largest_total="500 MB", exceeded=Decision.ASK), GB) == Verdict(
        Decision.DENY, "shoes takes 1 GB of the disk, and all catalogs together may take 500 MB"
    )


def test_what_would_fill_the_disk_waits(asked: list[Path], tmp_path: Path) -> None:
    assert ask(QuotaSettings(), 4 * GB).decision is Decision.ALLOW
    assert ask(QuotaSettings(), 4 * GB + 1) == Verdict(
        Decision.WAIT, "shoes takes 4 GB of the disk, of which 5 GB are free and 1 GB are to stay free"
    )
    assert asked == [tmp_path, tmp_path], "the folder in which the home will be made"


def test_another_folder_may_count(asked: list[Path], tmp_path: Path) -> None:
    ask(QuotaSettings(folder=str(tmp_path / "x")), 1)
    assert asked == [tmp_path]


def test_the_user_says_what_becomes_of_it_and_all_reasons_are_told() -> None:
    verdict = ask(QuotaSettings(largest_total="6 GB", exceeded=Decision.ASK), 5 * GB, 3 * GB)
    assert verdict.decision is Decision.ASK
    assert "3 GB of the 6 GB" in verdict.reason
    assert "1 GB are to stay free" in verdict.reason


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="`keep_free`: `much` is no size"):
        msgspec.convert({"keep_free": "much"}, QuotaSettings)
