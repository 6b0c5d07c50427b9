from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from catsync_core import Decision, NotifierEntry, PolicyEntry, ScheduleEntry, Verdict
from catsync_core.config import LONGEST, AutoSync, Config, Jobs, Origin, find_config, load_config
from catsync_core.errors import ConfigError, PluginError


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metered: str = "ask"
    most: int = 5
    inner: dict[str, int] = {}

    def __post_init__(self) -> None:
        if self.most == 13:
            raise ValueError("`most` brings bad luck")


def policy(name: str) -> PolicyEntry:
    return PolicyEntry(name, Settings, lambda question, settings: Verdict(Decision.ALLOW))


POLICIES = {name: policy(name) for name in ("network", "window")}
SCHEDULES = {name: ScheduleEntry(name, Settings, lambda last, settings: None) for name in ("daily", "cron")}
NOTIFIERS = {"log": NotifierEntry("log", Settings, lambda settings: pytest.fail("it was opened"))}

Load = Callable[[str], Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write(text: str) -> Config:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return load_config(path)

    return write


def enabled(config: Config, catalog: str | None) -> dict[str, object]:
    return {entry.name: settings for entry, settings in config.policies(catalog, POLICIES)}


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load_config(tmp_path / "missing.toml")
    assert config.auto_sync("shoes") == AutoSync(enabled=True, schedule="daily", stale_after_days=7)
    assert config.jobs == Jobs(at_once=2)
    assert config.policies("shoes", POLICIES) == []
    assert config.notifiers(NOTIFIERS) == []
    assert config.schedule("shoes", SCHEDULES) == (SCHEDULES["daily"], Settings())


def test_the_file_says_what_holds_for_all(load: Load) -> None:
    config = load(
        """
        auto_sync = {enabled = false, schedule = "cron", stale_after_days = 2.5}
        schedules.cron.most = 1
        jobs.at_once = 4
        notifiers.log.metered = "x"
        """
    )
    assert config.auto_sync("shoes") == AutoSync(enabled=False, schedule="cron", stale_after_days=2.5)
    assert config.schedule("shoes", SCHEDULES) == (SCHEDULES["cron"], Settings(most=1))
    assert config.jobs == Jobs(at_once=4)
    assert config.notifiers(NOTIFIERS) == [(NOTIFIERS["log"], Settings(metered="x"))]


def test_a_table_enables_a_policy_even_an_empty_one(load: Load) -> None:
    assert enabled(load("[policies.window]"), "shoes") == {"window": Settings()}


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("", set()),
        ("[auto_sync]\nenabled = false", set()),
        ("[policies]", set()),
        ("[policies.network]", {"policies"}),
        ("[notifiers.log]", {"notifiers"}),
        ("[catalogs.shoes.policies.network]", {"policies"}),
        ("[catalogs.shoes.policies]\nnetwork = false", {"policies"}),
    ],
)
def test_what_is_used_is_what_has_a_table(load: Load, text: str, used: set[str]) -> None:
    config = load(text)
    assert {section for section in ("policies", "notifiers") if config.uses(section)} == used


def test_a_catalog_overrides_key_by_key(load: Load) -> None:
    config = load(
        """
        [auto_sync]
        enabled = false
        [policies.network]
        most = 1
        inner = {a = 1, b = 2}
        [schedules.cron]
        most = 2
        [catalogs.shoes.auto_sync]
        schedule = "cron"
        [catalogs.shoes.policies.network]
        metered = "allow"
        inner.b = 3
        [catalogs.shoes.schedules.cron]
        metered = "now"
        """
    )
    assert config.catalogs == ("shoes",)
    assert config.auto_sync("shoes") == AutoSync(enabled=False, schedule="cron")
    assert enabled(config, "shoes") == {"network": Settings(metered="allow", most=1, inner={"a": 1, "b": 3})}
    assert config.schedule("shoes", SCHEDULES) == (SCHEDULES["cron"], Settings(metered="now", most=2))
    for other in ("boots", None):
        assert config.auto_sync(other) == AutoSync(enabled=False)
        assert enabled(config, other) == {"network": Settings(most=1, inner={"a": 1, "b": 2})}


def test_a_catalog_switches_policies_off_and_on(load: Load) -> None:
    config = load(
        """
        [policies]
        network = false
        window = {}
        [catalogs.shoes.policies]
        window = false
        network = {most = 9}
        """
    )
    assert enabled(config, "shoes") == {"network": Settings(most=9)}
    assert config.disabled_policies("shoes") == ["window"]
    assert enabled(config, "boots") == {"window": Settings()}
    assert config.disabled_policies("boots") == ["network"]


def test_each_setting_has_its_origin(load: Load) -> None:
    config = load("[policies.network]\nmost = 1\n[catalogs.shoes.policies.network]\nmetered = 'ask'")
    assert config.origin("shoes", "policies", "network", "metered") is Origin.OVERRIDE
    assert config.origin("shoes", "policies", "network", "most") is Origin.FILE
    assert config.origin("boots", "policies", "network", "metered") is Origin.DEFAULT
    assert config.origin(None, "jobs", "at_once") is Origin.DEFAULT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[auto_sync\n", "line 1"),
        ("[jobs]\nat_once = 1\nat_once = 2\n", "line 3"),
        ("[policy.network]", "policy: there is no table 'policy'. Did you mean policies? There are: auto_sync,"),
        ("jobs = 3", "jobs must be a table. Write its settings below a line [jobs]"),
        ("[jobs]\nat_one = 1", "jobs.at_one: there is no setting 'at_one'. Did you mean at_once?"),
        ("[jobs]\nat_once = '2'", "jobs.at_once: Expected `int`, got `str`"),
        ("[jobs]\nat_once = 0", "jobs.at_once: Expected `int` >= 1"),
        ("[auto_sync]\nenabled = 1", "auto_sync.enabled: Expected `bool`"),
        ("policies = []", "policies must be a table"),
        ("notifiers = 1", "notifiers must be a table"),
        ("catalogs = 1", "catalogs must be a table"),
        ("catalogs.shoes = 1", "catalogs.shoes must be a table"),
        ("[catalogs.Shoes]", "catalogs.Shoes: 'Shoes' cannot be a catalog's id"),
        ('[catalogs."a b"]', "catalogs.\"a b\": 'a b' cannot be"),
        ("[catalogs.shoes.jobs]", "catalogs.shoes.jobs: there is no override 'jobs'. There are: auto_sync, policies"),
        ("[catalogs.shoes.auto_sync]\nenabled = 1", "catalogs.shoes.auto_sync.enabled: Expected `bool`"),
        ('[catalogs."a.b"]\nauto_sync.enabled = 1', 'catalogs."a.b".auto_sync.enabled: Expected `bool`'),
        ("[catalogs.shoes]\npolicies = false", "catalogs.shoes.policies must be a table"),
        ("x = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_file_is_read(load: Load, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert "config.toml" in caught.value.message
    assert said in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[policies.netwrk]",
            "policies.netwrk: there is no policy 'netwrk'. Did you mean network? There are: network,",
        ),
        ("[policies]\nnetwork = true", "policies.network must be a table. Write its settings below a line [policies."),
        ("[policies.network]\nmots = 1", "policies.network.mots: there is no setting 'mots'. Did you mean most?"),
        ("[policies.network]\nmost = 'x'", "policies.network.most: Expected `int`, got `str`"),
        ("[policies.network]\nmost = 13", "policies.network: `most` brings bad luck"),
        ("[policies.network.inner]\na = 'x'", "policies.network.inner[...]: Expected `int`"),
        ("[catalogs.shoes.policies.windows]", "catalogs.shoes.policies.windows: there is no policy 'windows'. Did you"),
        ("[catalogs.shoes.policies.network]\nmost = 'x'", "catalogs.shoes.policies.network.most: Expected `int`"),
    ],
)
def test_what_makes_no_sense_to_a_policy_is_refused(load: Load, text: str, said: str) -> None:
    config = load(text)
    with pytest.raises(ConfigError) as caught:
        config.policies("shoes", POLICIES)
    assert "config.toml" in caught.value.message
    assert said in str(caught.value)


def test_unknown_schedules_and_notifiers_are_refused(load: Load) -> None:
    config = load("auto_sync.schedule = 'dayly'\n[notifiers.lag]\n[catalogs.shoes.schedules.corn]")
    with pytest.raises(ConfigError, match=r"auto_sync.schedule: there is no schedule 'dayly'.* There are: cron, daily"):
        config.schedule("boots", SCHEDULES)
    with pytest.raises(ConfigError, match=r"catalogs.shoes.schedules.corn: .*Did you mean cron"):
        config.schedule("shoes", SCHEDULES)
    with pytest.raises(ConfigError, match=r"notifiers.lag: there is no notifier 'lag'.* Did you mean log"):
        config.notifiers(NOTIFIERS)
    with pytest.raises(ConfigError, match=r"notifiers.lag: .* There are none"):
        config.notifiers({})


def test_a_plugin_whose_settings_are_of_no_use_is_named(load: Load) -> None:
    entry = PolicyEntry("odd", dict, lambda question, settings: Verdict(Decision.ALLOW))
    with pytest.raises(PluginError, match=r"no msgspec\.Struct"):
        load("[policies.odd]").policies("shoes", {"odd": entry})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    long = tmp_path / "long.toml"
    long.write_bytes(b"#" * LONGEST)
    assert load_config(long).jobs == Jobs()
    long.write_bytes(b"#" * (LONGEST + 1))
    with pytest.raises(ConfigError, match="longer than 1,048,576 bytes"):
        load_config(long)
    long.write_bytes(b"# caf\xc3\xa9\n# \xe9")
    with pytest.raises(ConfigError, match="line 2 is not UTF-8"):
        load_config(long)


def test_the_file_lies_in_the_home_or_where_the_environment_says(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("jobs.at_once = 3")
    (tmp_path / "other.toml").write_text("jobs.at_once = 5")
    assert find_config(tmp_path, {}).jobs.at_once == 3
    assert find_config(tmp_path, {"CATSYNC_CONFIG": ""}).jobs.at_once == 3
    assert find_config(tmp_path, {"CATSYNC_CONFIG": str(tmp_path / "other.toml")}).jobs.at_once == 5
    assert find_config(tmp_path / "none", {}).jobs == Jobs()
    with pytest.raises(ConfigError, match=r"There is no file .*gone\.toml"):
        find_config(tmp_path, {"CATSYNC_CONFIG": str(tmp_path / "gone.toml")})
