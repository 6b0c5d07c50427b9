from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from catsync_core import LastCheck, ScheduleEntry, hookimpl
from catsync_core.client.schedules import Schedules, seed_of
from catsync_core.config import load_config
from catsync_core.errors import ConfigError, PluginError
from catsync_core.events import Event, Warned
from catsync_core.plugins import PluginRecord, Plugins, load_plugins

NOW = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
LAST = LastCheck("shoes", NOW - HOUR, NOW - HOUR, 0, NOW, 0.5)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hours: int = 1


@dataclass(eq=False)
class Fixed:
    """A plugin with one schedule."""

    entry: ScheduleEntry

    @hookimpl
    def catsync_schedules(self) -> Sequence[ScheduleEntry]:
        return [self.entry]


def says(answer: object) -> Callable[[LastCheck, Settings], float | None]:
    def answering(_last: LastCheck, _settings: Settings) -> float | None:
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]  # wrong answers are the point

    return answering


class Device:
    """Schedules over a configuration and plugins of one schedule each, ``daily`` among them."""

    def __init__(self, folder: Path, *entries: ScheduleEntry, config: str = "", patience: float = 10.0) -> None:
        self.plugins = Plugins()
        for offered in (ScheduleEntry("daily", Settings, says(NOW + 7)), *entries):
            self.plugins.add(PluginRecord(offered.name, "catsync-x", "1"), lambda offered=offered: Fixed(offered))  # type: ignore[misc]  # mypy cannot type a default
        path = folder / "config.toml"
        path.write_text(config)
        self.events: list[Event] = []
        self.schedules = Schedules(load_config(path), self.plugins, listener=self.events.append, patience=patience)

    def broken(self) -> dict[str, str]:
        return {record.name: record.error for record in self.plugins.records if record.status == "broken"}


def test_daily_counts_where_nothing_is_configured(tmp_path: Path) -> None:
    schedules = Device(tmp_path).schedules
    assert (schedules.name("shoes"), schedules.next_check(LAST)) == ("daily", NOW + 7)
    assert schedules.is_enabled("shoes")


def test_schedule_and_settings_are_those_of_the_catalog(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def next_check(last: LastCheck, settings: Settings) -> float:
        asked.append((last.catalog, settings.hours))
        return last.checked_at + settings.hours * HOUR

    config = """
        auto_sync.schedule = "often"
        schedules.often.hours = 2
        catalogs.shoes.schedules.often.hours = 3
        catalogs.hats.auto_sync = { schedule = "daily", enabled = false }
    """
    schedules = Device(tmp_path, ScheduleEntry("often", Settings, next_check), config=config).schedules
    moments = [
        schedules.next_check(LastCheck(catalog, NOW, NOW, 0, NOW, 0.0)) for catalog in ("shoes", "boots", "hats")
    ]
    assert moments == [NOW + 3 * HOUR, NOW + 2 * HOUR, NOW + 7]
    assert asked == [("shoes", 3), ("boots", 2)]
    assert [schedules.name(catalog) for catalog in ("shoes", "hats")] == ["often", "daily"]
    assert [schedules.is_enabled(catalog) for catalog in ("shoes", "hats")] == [True, False]


def test_a_schedule_may_say_never(tmp_path: Path) -> None:
    device = Device(tmp_path, ScheduleEntry("never", Settings, says(None)), config='auto_sync.schedule = "never"')
    assert device.schedules.next_check(LAST) is None
    assert not device.events


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('auto_sync.schedule = "hourly"', "there is no schedule 'hourly'"),
        ('catalogs.shoes.auto_sync.schedule = "hourly"', r"catalogs\.shoes\.auto_sync\.schedule"),
        ("catalogs.shoes.schedules.daily.hours = 'x'", r"catalogs\.shoes\.schedules\.daily\.hours"),
    ],
)
def test_a_mistake_in_the_settings_is_met_at_once(tmp_path: Path, config: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Device(tmp_path, config=config)


def test_two_schedules_of_one_name_are_refused(tmp_path: Path) -> None:
    plugins = Plugins()
    for name in ("one", "two"):
        fixed = Fixed(ScheduleEntry("daily", Settings, says(NOW)))
        plugins.add(PluginRecord(name, "catsync-x", "1"), lambda fixed=fixed: fixed)  # type: ignore[misc]  # as above
    with pytest.raises(PluginError, match="both offer the schedule daily"):
        Schedules(load_config(tmp_path / "config.toml"), plugins)


@pytest.mark.parametrize(
    "nonsense", [RuntimeError("oops"), SystemExit(3), "tomorrow", True, float("nan"), float("inf"), float("-inf")]
)
def test_a_schedule_that_fails_is_named_once_and_a_day_holds_instead(tmp_path: Path, nonsense: object) -> None:
    device = Device(tmp_path, ScheduleEntry("bad", Settings, says(nonsense)), config='auto_sync.schedule = "bad"')
    for _ in range(2):
        assert device.schedules.next_check(LAST) == LAST.checked_at + DAY + 15 * 60
    assert list(device.broken()) == ["bad"]
    [warned] = device.events
    assert isinstance(warned, Warned)
    assert warned.subject == "bad"
    assert warned.message == (
        f"The schedule bad failed and is no longer asked: {device.broken()['bad']}."
        " Its catalogs are checked once in 24 hours"
    )


def test_one_failure_ends_the_schedule_for_all_its_catalogs_and_for_no_other(tmp_path: Path) -> None:
    config = """
        auto_sync.schedule = "bad"
        catalogs.hats.auto_sync.schedule = "daily"
    """
    device = Device(tmp_path, ScheduleEntry("bad", Settings, says(RuntimeError("oops"))), config=config)
    for catalog, moment in (("shoes", NOW + DAY), ("boots", NOW + DAY), ("hats", NOW + 7)):
        assert device.schedules.next_check(LastCheck(catalog, NOW, NOW, 0, NOW, 0.0)) == moment
    assert len(device.events) == 1


@pytest.mark.parametrize("checked_at", [0.0, NOW + DAY])
def test_in_place_of_a_failed_schedule_what_was_never_checked_is_due_at_once(tmp_path: Path, checked_at: float) -> None:
    device = Device(tmp_path, ScheduleEntry("bad", Settings, says("x")), config='auto_sync.schedule = "bad"')
    assert device.schedules.next_check(LastCheck("shoes", checked_at, checked_at, 0, NOW, 0.9)) == NOW


def test_a_schedule_that_hangs_is_left_behind(tmp_path: Path) -> None:
    never = threading.Event()

    def hang(_last: LastCheck, _settings: Settings) -> float:
        never.wait()
        return NOW

    device = Device(
        tmp_path, ScheduleEntry("slow", Settings, hang), config='auto_sync.schedule = "slow"', patience=0.01
    )
    assert device.schedules.next_check(LAST) == LAST.checked_at + DAY + 15 * 60
    assert device.broken() == {"slow": "TimeoutError: no answer within 0.01 seconds"}
    never.set()


def test_the_built_in_schedules_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("catalogs.hats.auto_sync.schedule = 'cron'\nschedules.cron = { at = '0 7 * * *' }\n")
    schedules = Schedules(load_config(path), load_plugins({}))
    assert schedules.next_check(LastCheck("shoes", NOW, NOW, 0, NOW, 0.0)) == NOW + DAY
    moment = schedules.next_check(LastCheck("hats", NOW, NOW, 0, NOW, 0.0))
    assert moment is not None
    assert NOW < moment <= NOW + DAY + HOUR


def test_seeds_are_spread_and_never_change() -> None:
    seeds = [seed_of("device", f"catalog-{number}") for number in range(1000)]
    assert seeds == [seed_of("device", f"catalog-{number}") for number in range(1000)]
    assert all(0 <= seed < 1 for seed in seeds)
    counts = [sum(tenth <= seed * 10 < tenth + 1 for seed in seeds) for tenth in range(10)]
    assert all(60 <= count <= 140 for count in counts)
    assert seed_of("device", "shoes") != seed_of("other", "shoes")
