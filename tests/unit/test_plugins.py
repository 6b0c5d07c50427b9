from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from textwrap import dedent

import click
import pytest

from catsync_core import __version__, hookspecs
from catsync_core.errors import PluginError
from catsync_core.hookspecs import BackendEntry, hookimpl
from catsync_core.plugins import BUILT_IN, PluginRecord, Plugins, load_plugins
from catsync_core.testing.memory import MemoryBackend

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution ``catsync-NAME`` 2.5 that consists of one module with an entry point ``NAME``."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, source: str) -> None:
        module = f"catsync_test_{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(dedent(source))
        info = tmp_path / f"catsync_{name}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: catsync-{name}\nVersion: 2.5\n")
        (info / "entry_points.txt").write_text(f"[catsync]\n{name} = {module}\n")
        importlib.invalidate_caches()

    return write


GOOD = """
    from catsync_core.hookspecs import BackendEntry, hookimpl
    from catsync_core.testing.memory import MemoryBackend

    @hookimpl
    def catsync_backends():
        return [BackendEntry("acme", open=lambda url: MemoryBackend(), redact=lambda url: url)]
"""


def record_of(plugins: Plugins, name: str) -> PluginRecord:
    return next(record for record in plugins.records if record.name == name)


class Offer:
    """A plugin that offers schemes."""

    def __init__(self, *schemes: str) -> None:
        self.schemes = schemes

    @hookimpl
    def catsync_backends(self) -> Sequence[BackendEntry]:
        return [
            BackendEntry(scheme, open=lambda url: MemoryBackend(), redact=lambda url: url) for scheme in self.schemes
        ]


def add(plugins: Plugins, name: str, plugin: object) -> None:
    plugins.add(PluginRecord(name, f"catsync-{name}", "1.0"), lambda: plugin)


def test_the_built_in_plugins_are_plugins_like_others() -> None:
    plugins = load_plugins({})
    assert record_of(plugins, "backend_file") == PluginRecord("backend_file", "catsync", __version__)
    assert {"file", "http", "https"} <= set(plugins.backends())


def test_distributions_are_found_by_their_entry_point(install: Install) -> None:
    install("good", GOOD)
    plugins = load_plugins({})
    assert record_of(plugins, "good") == PluginRecord("good", "catsync-good", "2.5")
    assert plugins.backends()["acme"].open("acme://x").url == "memory://test"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import does_not_exist", "does_not_exist"),
        ("raise SystemExit('no')", "SystemExit: no"),
        ("this is no python", "SyntaxError"),
        (
            "from catsync_core.hookspecs import hookimpl\n@hookimpl\ndef catsync_unheard_of(): ...",
            "catsync_unheard_of",
        ),
        (
            "from catsync_core.hookspecs import hookimpl\n@hookimpl\ndef catsinc_backends(): ...",
            "catsinc_backends",
        ),
        (
            "from catsync_core.hookspecs import hookimpl\n@hookimpl\ndef catsync_backends(wrong): ...",
            "wrong",
        ),
    ],
)
def test_a_broken_plugin_is_recorded_and_stops_nothing(install: Install, source: str, reason: str) -> None:
    install("broken", source)
    install("good", GOOD)
    plugins = load_plugins({})
    record = record_of(plugins, "broken")
    assert (record.distribution, record.version, record.status) == ("catsync-broken", "2.5", "broken")
    assert reason in record.error
    assert "acme" in plugins.backends()


def test_disabled_plugins_are_not_even_imported(install: Install) -> None:
    install("broken", "1 / 0")
    plugins = load_plugins({"CATSYNC_DISABLE_PLUGINS": "broken, backend_http"})
    assert record_of(plugins, "broken").status == "disabled"
    assert record_of(plugins, "backend_http").status == "disabled"
    assert set(plugins.backends()) == {"file"}


def test_the_environment_disables_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATSYNC_DISABLE_PLUGINS", "backend_file")
    assert "file" not in load_plugins().backends()


def test_two_plugins_of_one_name_are_told_apart() -> None:
    plugins = Plugins()
    plugins.add(PluginRecord("acme", "catsync-acme", "1.0"), lambda: Offer("acme"))
    plugins.add(PluginRecord("acme", "catsync-other", "2.0"), lambda: Offer("other"))
    first, second = plugins.records
    assert (first.status, second.status) == ("active", "broken")
    assert "catsync-acme 1.0" in second.error
    assert set(plugins.backends()) == {"acme"}


def test_two_plugins_of_one_scheme_are_both_named() -> None:
    plugins = Plugins()
    add(plugins, "one", Offer("acme"))
    add(plugins, "two", Offer("acme"))
    with pytest.raises(PluginError, match="acme") as caught:
        plugins.backends()
    assert "one (catsync-one 1.0)" in str(caught.value)
    assert "two (catsync-two 1.0)" in str(caught.value)
    assert "CATSYNC_DISABLE_PLUGINS" in caught.value.hint


def test_a_plugin_that_raises_in_a_hook_is_recorded_and_not_called_again() -> None:
    class Raising:
        calls = 0

        @hookimpl
        def catsync_backends(self) -> Sequence[BackendEntry]:
            self.calls += 1
            raise RuntimeError("out of order")

    plugins, raising = Plugins(), Raising()
    add(plugins, "raising", raising)
    add(plugins, "good", Offer("acme"))
    assert set(plugins.backends()) == set(plugins.backends()) == {"acme"}
    assert raising.calls == 1
    assert record_of(plugins, "raising").status == "broken"
    assert record_of(plugins, "raising").error == "RuntimeError: out of order"


@pytest.mark.parametrize("entries", [None, 3, ["acme"], [None]])
def test_what_is_no_entry_is_refused(entries: object) -> None:
    class Wrong:
        @hookimpl
        def catsync_backends(self) -> object:
            return entries

    plugins = Plugins()
    add(plugins, "wrong", Wrong())
    add(plugins, "good", Offer("acme"))
    assert set(plugins.backends()) == {"acme"}
    if entries is not None:  # pluggy takes None for no answer
        assert "TypeError" in record_of(plugins, "wrong").error


def test_plugins_are_asked_once() -> None:
    class Counting(Offer):
        calls = 0

        @hookimpl
        def catsync_backends(self) -> Sequence[BackendEntry]:
            self.calls += 1
            return super().catsync_backends()

    plugins, counting = Plugins(), Counting("acme")
    add(plugins, "counting", counting)
    assert plugins.backends() is plugins.backends()
    assert counting.calls == 1
    add(plugins, "late", Offer("late"))
    assert set(plugins.backends()) == {"acme", "late"}


def test_commands_are_added_one_plugin_after_the_other() -> None:
    class Commands:
        @hookimpl
        def catsync_commands(self, cli: click.Group) -> None:
            cli.add_command(click.Command("hello"))

    class Raising:
        @hookimpl
        def catsync_commands(self, cli: click.Group) -> None:
            raise RuntimeError("out of order")

    plugins = Plugins()
    add(plugins, "raising", Raising())
    add(plugins, "commands", Commands())
    group = click.Group("catsync")
    plugins.add_commands(group)
    assert "hello" in group.commands
    assert record_of(plugins, "raising").status == "broken"


def test_two_loads_share_nothing(install: Install) -> None:
    first = load_plugins({})
    add(first, "extra", Offer("extra"))
    assert "extra" not in load_plugins({}).backends()


@pytest.mark.parametrize(("module", "hook"), BUILT_IN.items())
def test_a_built_in_plugin_implements_the_hook_that_it_is_loaded_for_and_no_other(module: str, hook: str) -> None:
    hooks = [name for name in hookspecs.__all__ if name.startswith("catsync_")]
    assert [name for name in hooks if hasattr(importlib.import_module(module), name)] == [hook]


def test_a_plugin_of_one_known_hook_is_loaded_when_that_is_first_called() -> None:
    loaded: list[str] = []

    def load() -> object:
        loaded.append("acme")
        return Offer("acme")

    plugins = Plugins()
    plugins.add(PluginRecord("acme", "catsync-acme", "1.0"), load, hook="catsync_backends")
    plugins.policies()
    assert loaded == []
    assert set(plugins.backends()) == set(plugins.backends()) == {"acme"}
    assert loaded == ["acme"]


def test_a_plugin_that_waits_to_be_loaded_is_broken_in_the_list_if_it_cannot_be() -> None:
    plugins = Plugins()
    plugins.add(PluginRecord("acme", "catsync-acme", "1.0"), lambda: 1 // 0, hook="catsync_backends")
    assert plugins.broken == ()
    assert [record.error.partition(":")[0] for record in plugins.records] == ["ZeroDivisionError"]
    assert plugins.broken == plugins.records


def test_who_asks_while_plugins_are_being_loaded_gets_all_of_them() -> None:
    loading, go_on = threading.Event(), threading.Event()

    def load() -> object:
        loading.set()
        assert go_on.wait(10)
        return Offer("acme")

    plugins = Plugins()
    plugins.add(PluginRecord("acme", "catsync-acme", "1.0"), load, hook="catsync_backends")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(plugins.backends)
        assert loading.wait(10)
        second = pool.submit(plugins.backends)
        wait([second], timeout=0.1)
        go_on.set()
        assert set(first.result()) == set(second.result()) == {"acme"}


def test_plugins_are_called_in_the_order_in_which_they_were_added() -> None:
    plugins = Plugins()
    plugins.add(PluginRecord("late", "catsync-late", "1.0"), lambda: Offer("late"), hook="catsync_backends")
    add(plugins, "early", Offer("early"))
    assert list(plugins.backends()) == ["late", "early"]


def test_loading_the_built_in_ones_loads_no_network() -> None:
    program = "import sys; from catsync_core.plugins import load_plugins; load_plugins({}).records; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert set(BUILT_IN) <= set(found)
    assert not {"asyncio", "http.client", "rich", "ssl", "subprocess", "urllib.request", "urllib3"} & set(found)


def test_asking_for_backends_loads_no_other_built_in_ones() -> None:
    program = (
        "import sys; from catsync_core.plugins import load_plugins; load_plugins({}).backends(); print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    loaded = set(BUILT_IN) & set(found)
    assert loaded == {module for module, hook in BUILT_IN.items() if hook == "catsync_backends"}
