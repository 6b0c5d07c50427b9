from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from catsync_core import Decision, Offer, PolicyEntry, Question, Verdict, hookimpl
from catsync_core.client.policies import Policies
from catsync_core.config import load_config
from catsync_core.errors import ConfigError
from catsync_core.events import Event, Warned
from catsync_core.plugins import PluginRecord, Plugins

NOW = 1_800_000_000.0
ALLOW = Verdict(Decision.ALLOW)
QUESTION = Question("update", "shoes", 10, 10, 0, by_user=False, now=NOW)
OFFER = Offer("shoes", "Shoes", 10)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: int = 0


@dataclass(eq=False)
class Fixed:
    """A plugin with one policy, ``NAME``."""

    entry: PolicyEntry

    @hookimpl
    def catsync_policies(self) -> Sequence[PolicyEntry]:
        return [self.entry]


def says(answer: object) -> Callable[..., object]:
    """A function of a policy that answers this, or raises it."""

    def answering(*_: object) -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return answering


def entry(name: str, verdict: object = ALLOW, **functions: object) -> PolicyEntry:
    others = {hook: says(answer) for hook, answer in functions.items()}
    return PolicyEntry(name, Settings, says(verdict), **others)  # type: ignore[arg-type]  # wrong answers are the point


class Device:
    """Policies over a configuration and plugins of one policy each."""

    def __init__(self, folder: Path, *entries: PolicyEntry, config: str | None = None, patience: float = 10.0) -> None:
        self.plugins = Plugins()
        for offered in entries:
            self.plugins.add(PluginRecord(offered.name, "catsync-x", "1"), lambda offered=offered: Fixed(offered))  # type: ignore[misc]  # mypy cannot type a default
        path = folder / "config.toml"
        path.write_text("\n".join(f"[policies.{offered.name}]" for offered in entries) if config is None else config)
        self.events: list[Event] = []
        self.policies = Policies(
            load_config(path), self.plugins, lambda: NOW, listener=self.events.append, patience=patience
        )

    def broken(self) -> dict[str, str]:
        return {record.name: record.error for record in self.plugins.records if record.status == "broken"}


def test_without_policies_everything_is_allowed_and_nothing_starts_by_itself(tmp_path: Path) -> None:
    policies = Device(tmp_path, entry("loud", Verdict(Decision.DENY, "No"), starts_update=True), config="").policies
    assert policies.decide(QUESTION) == ALLOW
    assert not policies.starts_offline(OFFER)
    assert not policies.starts_update(QUESTION)
    assert policies.max_rate() == 0


def test_no_plugin_is_loaded_for_policies_where_none_is_enabled(tmp_path: Path) -> None:
    device = Device(tmp_path, config="")
    loaded: list[str] = []
    device.plugins.add(PluginRecord("a", "catsync-x", "1"), lambda: loaded.append("a"), hook="catsync_policies")
    assert not Policies(load_config(tmp_path / "config.toml"), device.plugins).enabled
    assert loaded == []


def test_the_strictest_wins_and_all_reasons_are_told(tmp_path: Path) -> None:
    policies = Device(
        tmp_path,
        entry("a", Verdict(Decision.WAIT, "It is day.", NOW + 10)),
        entry("b", ALLOW),
        entry("c", Verdict(Decision.ASK, "It is large")),
        entry("d", Verdict(Decision.WAIT, "It is day", NOW + 20)),
    ).policies
    assert policies.decide(QUESTION) == Verdict(Decision.ASK, "It is large. It is day", None)


def test_waiting_ends_when_the_last_stops_waiting(tmp_path: Path) -> None:
    policies = Device(
        tmp_path,
        entry("a", Verdict(Decision.WAIT, "A", NOW + 10)),
        entry("b", Verdict(Decision.WAIT, "B", None)),
        entry("c", Verdict(Decision.WAIT, "C", NOW + 20)),
    ).policies
    assert policies.decide(QUESTION) == Verdict(Decision.WAIT, "A. B. C", NOW + 20)


def test_a_policy_that_gives_no_reason_is_named(tmp_path: Path) -> None:
    policies = Device(tmp_path, entry("grim", Verdict(Decision.DENY))).policies
    assert policies.decide(QUESTION).reason == "The policy grim does not allow it"


def test_the_settings_are_those_of_the_catalog(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def decide(question: Question, settings: Settings) -> Verdict:
        asked.append((question.catalog, settings.value))
        return ALLOW

    policies = Device(
        tmp_path,
        PolicyEntry("p", Settings, decide),
        config="[policies.p]\nvalue = 1\n[catalogs.shoes.policies.p]\nvalue = 2\n[catalogs.hats]\npolicies.p = false",
    ).policies
    for catalog in ("shoes", "boots", "hats"):
        policies.decide(replace(QUESTION, catalog=catalog))
    assert asked == [("shoes", 2), ("boots", 1)]


def test_a_mistake_in_the_settings_is_met_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"catalogs\.shoes\.policies\.p\.value"):
        Device(tmp_path, entry("p"), config="[catalogs.shoes.policies.p]\nvalue = 'x'")


@pytest.mark.parametrize(
    "nonsense",
    [
        RuntimeError("oops"),
        SystemExit(3),
        None,
        "allow",
        Verdict("allow"),  # type: ignore[arg-type]  # what a plugin may get wrong
        Verdict(Decision.WAIT, "Later", float("nan")),
        Verdict(Decision.WAIT, "Later", "8 pm"),  # type: ignore[arg-type]  # as above
        Verdict(Decision.WAIT, None),  # type: ignore[arg-type]  # as above
    ],
)
def test_a_policy_that_fails_is_named_skipped_and_recorded(tmp_path: Path, nonsense: object) -> None:
    device = Device(tmp_path, entry("bad", nonsense), entry("good", Verdict(Decision.ASK, "Sure?")))
    for _ in range(2):
        assert device.policies.decide(QUESTION) == Verdict(Decision.ASK, "Sure?")
    assert list(device.broken()) == ["bad"]
    assert len(device.events) == 1
    warned = device.events[0]
    assert isinstance(warned, Warned)
    assert "The policy bad failed and is no longer asked" in warned.message
    assert device.broken()["bad"] in warned.message


def test_a_policy_that_hangs_is_left_behind(tmp_path: Path) -> None:
    never = threading.Event()

    def hang(_question: Question, _settings: Settings) -> Verdict:
        never.wait()
        return ALLOW

    device = Device(tmp_path, PolicyEntry("slow", Settings, hang), patience=0.01)
    assert device.policies.decide(QUESTION) == ALLOW
    assert device.broken() == {"slow": "TimeoutError: no answer within 0.01 seconds"}
    never.set()


def test_one_policy_suffices_to_start_something(tmp_path: Path) -> None:
    device = Device(
        tmp_path,
        entry("silent"),
        entry("no", starts_offline=False, starts_update=False),
        entry("yes", starts_offline=True, starts_update=True),
    )
    assert device.policies.starts_offline(OFFER)
    assert device.policies.starts_update(QUESTION)


@pytest.mark.parametrize("answer", [1, "yes", RuntimeError("oops")])
def test_what_is_no_yes_starts_nothing(tmp_path: Path, answer: object) -> None:
    device = Device(tmp_path, entry("odd", starts_offline=answer), entry("odder", starts_update=answer))
    assert not device.policies.starts_offline(OFFER)
    assert not device.policies.starts_update(QUESTION)
    assert set(device.broken()) == {"odd", "odder"}


def test_the_lowest_rate_counts(tmp_path: Path) -> None:
    device = Device(tmp_path, entry("a", max_rate=300), entry("b", max_rate=0), entry("c", max_rate=200))
    assert device.policies.max_rate() == 200


@pytest.mark.parametrize("answer", [-1, 1.5, True, None])
def test_a_rate_that_makes_no_sense_is_none(tmp_path: Path, answer: object) -> None:
    device = Device(tmp_path, entry("odd", max_rate=answer), entry("good", max_rate=7))
    assert device.policies.max_rate() == 7
    assert set(device.broken()) == {"odd"}


def test_the_rate_is_that_of_the_time(tmp_path: Path) -> None:
    device = Device(tmp_path, PolicyEntry("p", Settings, says(ALLOW), max_rate=lambda now, _: int(now)))  # type: ignore[arg-type]  # it never decides
    assert (device.policies.max_rate(), device.policies.max_rate(5.0)) == (int(NOW), 5)
