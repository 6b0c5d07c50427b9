from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from catsync_core import Event, ModeChanged, NotifierEntry, Progress, UpdateFound, Warned, hookimpl
from catsync_core.client.notices import Notices
from catsync_core.config import load_config
from catsync_core.errors import ConfigError, LocalError
from catsync_core.plugins import PluginRecord, Plugins

EVENTS: list[Event] = [
    ModeChanged("shoes", "offline"),
    UpdateFound("shoes", "Shoes", 1, 2),
    Progress("update", "shoes", 5, 10),
]
FOR_EVER = 60.0  # seconds; reached only by a test that fails


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    greeting: str = ""


@dataclass
class Recorder:
    """Notes what it is told, by which threads, and when it was closed."""

    told: list[Event] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    closed: int = 0

    def notify(self, event: Event) -> None:
        self.told.append(event)
        self.threads.add(threading.get_ident())

    def close(self) -> None:
        self.closed += 1
        self.threads.add(threading.get_ident())


class Slow(Recorder):
    """Tells nobody before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = threading.Event()
        self.may = threading.Event()

    def notify(self, event: Event) -> None:
        self.busy.set()
        assert self.may.wait(FOR_EVER)
        super().notify(event)


class Raising(Recorder):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def notify(self, event: Event) -> None:
        super().notify(event)
        raise self._error


@dataclass(eq=False)
class Fixed:
    """A plugin with one notifier."""

    entry: NotifierEntry

    @hookimpl
    def catsync_notifiers(self) -> Sequence[NotifierEntry]:
        return [self.entry]


class Device:
    """Notices over a configuration, and plugins of one notifier each: what ``open`` returns or does, by name."""

    def __init__(self, folder: Path, config: str | None = None, **opens: object) -> None:
        self.plugins = Plugins()
        self.opened: list[tuple[str, object]] = []
        self.heard: list[Event] = []
        self.heard_by: set[int] = set()
        for name, notifier in opens.items():
            entry = NotifierEntry(name, Settings, self._opening(name, notifier))  # type: ignore[arg-type]  # garbage too
            self.plugins.add(PluginRecord(name, "catsync-x", "1"), lambda entry=entry: Fixed(entry))  # type: ignore[misc]  # mypy cannot type a default
        self._path = folder / "config.toml"
        self._path.write_text("\n".join(f"[notifiers.{name}]" for name in opens) if config is None else config)

    def notices(self, *, patience: float = FOR_EVER, waiting: int = 1000) -> Notices:
        config = load_config(self._path)
        return Notices(config, self.plugins, listener=self._hear, patience=patience, waiting=waiting)

    def broken(self) -> dict[str, str]:
        return {record.name: record.error for record in self.plugins.records if record.status == "broken"}

    def messages(self) -> list[str]:
        return [event.message for event in self.heard if isinstance(event, Warned)]

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        self.heard_by.add(threading.get_ident())

    def _opening(self, name: str, notifier: object) -> Callable[[object], object]:
        def opening(settings: object) -> object:
            self.opened.append((name, settings))
            if isinstance(notifier, BaseException):
                raise notifier
            return notifier

        return opening


def test_every_notifier_is_told_everything_in_order_by_one_thread_of_its_own(tmp_path: Path) -> None:
    one, other = Recorder(), Recorder()
    with Device(tmp_path, one=one, other=other).notices() as notices:
        for event in EVENTS:
            notices(event)
    assert one.told == other.told == EVENTS
    assert one.closed == other.closed == 1
    assert len(one.threads) == len(other.threads) == 1
    assert threading.get_ident() not in one.threads | other.threads


def test_no_plugin_is_loaded_for_notifiers_where_none_is_enabled(tmp_path: Path) -> None:
    device = Device(tmp_path, config="")
    loaded: list[str] = []
    device.plugins.add(PluginRecord("a", "catsync-x", "1"), lambda: loaded.append("a"), hook="catsync_notifiers")
    with device.notices() as notices:
        assert not notices.enabled
    assert loaded == []


def test_a_notifier_gets_its_settings(tmp_path: Path) -> None:
    device = Device(tmp_path, "[notifiers.one]\ngreeting = 'Hello'", one=Recorder(), silent=Recorder())
    with device.notices() as notices:
        notices(EVENTS[0])
    assert device.opened == [("one", Settings("Hello"))]


def test_without_a_notifier_there_is_no_thread(tmp_path: Path) -> None:
    device = Device(tmp_path, "", one=Recorder())
    with device.notices() as notices:
        before = threading.active_count()
        notices(EVENTS[0])
        assert threading.active_count() == before
        assert not notices.enabled
    assert device.opened == []


def test_without_an_event_nothing_is_opened(tmp_path: Path) -> None:
    device = Device(tmp_path, one=Recorder())
    before = threading.active_count()
    with device.notices() as notices:
        assert notices.enabled
        assert threading.active_count() == before
    assert device.opened == []


def test_what_comes_after_the_end_is_left_out(tmp_path: Path) -> None:
    one = Recorder()
    notices = Device(tmp_path, one=one).notices()
    notices(EVENTS[0])
    notices.close()
    notices(EVENTS[1])
    notices.close()
    assert (one.told, one.closed) == (EVENTS[:1], 1)


@pytest.mark.parametrize("config", ["[notifiers.none]", "[notifiers.one]\ngreeting = 1", "[notifiers]\none = false"])
def test_a_mistake_in_the_settings_is_met_at_once(tmp_path: Path, config: str) -> None:
    with pytest.raises(ConfigError, match=r"notifiers\.(none|one)"):
        Device(tmp_path, config, one=Recorder()).notices()


@pytest.mark.parametrize("error", [RuntimeError("oops"), SystemExit(3), GeneratorExit("odd")])
def test_one_that_raises_is_named_recorded_and_no_longer_told(tmp_path: Path, error: BaseException) -> None:
    bad, good = Raising(error), Recorder()
    device = Device(tmp_path, bad=bad, good=good)
    with device.notices() as notices:
        for event in EVENTS:
            notices(event)
    assert bad.told == EVENTS[:1]
    assert bad.closed == 1
    reason = f"{type(error).__name__}: {error}"
    assert device.broken() == {"bad": reason}
    assert device.messages() == [f"The notifier bad failed and is no longer told: {reason}"]
    assert [event for event in good.told if not isinstance(event, Warned)] == EVENTS


def test_an_error_of_ours_is_told_in_its_own_words(tmp_path: Path) -> None:
    device = Device(tmp_path, bad=Raising(LocalError("There is no desktop", hint="Log in")))
    with device.notices() as notices:
        notices(EVENTS[0])
    assert device.messages() == ["The notifier bad failed and is no longer told: There is no desktop. Log in"]


def test_the_others_are_told_of_a_failure(tmp_path: Path) -> None:
    bad, good = Raising(RuntimeError("oops")), Recorder()
    device = Device(tmp_path, bad=bad, good=good)
    with device.notices() as notices:
        notices(EVENTS[0])
        wait_until(lambda: bad.closed)
        while not device.heard:
            notices(EVENTS[1])
            pause()
    assert device.heard[0] in good.told
    assert device.heard == [event for event in good.told if isinstance(event, Warned)]


def test_the_listener_is_called_by_those_who_bring_events(tmp_path: Path) -> None:
    device = Device(tmp_path, bad=Raising(RuntimeError("oops")), worse=RuntimeError("cannot"))
    with device.notices() as notices:
        notices(EVENTS[0])
    assert device.heard_by == {threading.get_ident()}
    assert len(device.heard) == 2


@pytest.mark.parametrize("garbage", [RuntimeError("no display"), None, object(), 7])
def test_one_that_cannot_be_opened_is_named_and_skipped(tmp_path: Path, garbage: object) -> None:
    good = Recorder()
    device = Device(tmp_path, bad=garbage, good=good)
    with device.notices() as notices:
        for event in EVENTS:
            notices(event)
    assert list(device.broken()) == ["bad"]
    assert [message for message in device.messages() if "notifier bad failed" in message] == device.messages()
    assert len(device.messages()) == 1
    assert [event for event in good.told if not isinstance(event, Warned)] == EVENTS


def test_one_that_cannot_be_closed_is_named(tmp_path: Path) -> None:
    class Clinging(Recorder):
        def close(self) -> None:
            raise OSError("the disk is full")

    device = Device(tmp_path, clinging=Clinging())
    with device.notices() as notices:
        notices(EVENTS[0])
    assert device.broken() == {"clinging": "OSError: the disk is full"}
    assert len(device.messages()) == 1


def test_a_system_without_threads_loses_the_notifier_and_not_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    device = Device(tmp_path, one=Recorder())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with device.notices() as notices:
        notices(EVENTS[0])
    assert device.broken() == {"one": "RuntimeError: can't start new thread"}


def test_one_that_hangs_holds_up_nobody_and_is_left_behind(tmp_path: Path) -> None:
    hanging, good = Slow(), Recorder()
    device = Device(tmp_path, hanging=hanging, good=good)
    notices = device.notices(patience=0.05)
    notices(EVENTS[0])
    assert hanging.busy.wait(FOR_EVER)
    for event in EVENTS[1:]:
        notices(event)
    wait_until(lambda: good.told == EVENTS)
    notices.close()
    assert device.broken()["hanging"] == "TimeoutError: it did not end within 0.05 seconds, and 2 events may be lost"
    assert sum("hanging" in message for message in device.messages()) == 1
    hanging.may.set()


def test_one_that_hangs_when_it_is_opened_is_left_behind(tmp_path: Path) -> None:
    may = threading.Event()
    device = Device(tmp_path, "[notifiers.stuck]")
    entry = NotifierEntry("stuck", Settings, lambda _: may.wait(FOR_EVER))  # type: ignore[arg-type,return-value]  # it never returns
    device.plugins.add(PluginRecord("stuck", "catsync-x", "1"), lambda: Fixed(entry))
    with device.notices(patience=0.01) as notices:
        notices(EVENTS[0])
    assert list(device.broken()) == ["stuck"]
    may.set()


def test_a_slow_one_loses_the_oldest_and_that_is_said_once(tmp_path: Path) -> None:
    slow, good = Slow(), Recorder()
    device = Device(tmp_path, slow=slow, good=good)
    modes = [ModeChanged(f"c{number}", "offline") for number in range(10)]
    with device.notices(waiting=4) as notices:
        notices(modes[0])
        assert slow.busy.wait(FOR_EVER)
        for done, mode in enumerate(modes[1:]):
            notices(Progress("update", "shoes", done, 10))
            notices(mode)
            wait_until(lambda mode=mode: mode in good.told)  # type: ignore[misc]  # mypy cannot type a default
        assert device.messages() == ["The notifier slow is too slow: events are lost for it, the oldest first"]
        slow.may.set()
    assert slow.told == [modes[0], *modes[-4:]]
    assert device.messages()[1:] == ["The notifier slow was too slow: 5 events were lost for it"]
    assert device.broken() == {}


def wait_until(done: Callable[[], object]) -> None:
    while not done():
        pause()


def pause() -> None:
    """Let other threads go on."""
    threading.Event().wait(0.001)
