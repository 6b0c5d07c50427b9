from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from catsync_core.backends.metering import MeteredBackend
from catsync_core.backends.protocol import Backend
from catsync_core.backends.registry import normalise_url, open_backend, path_of, redact
from catsync_core.backends.retry import RetryingBackend
from catsync_core.backends.wrapper import BackendWrapper, find_layer
from catsync_core.errors import NoConnectionError, PluginError, ServerError, UsageError
from catsync_core.hookspecs import BackendEntry, hookimpl
from catsync_core.plugins import PluginRecord, Plugins, load_plugins
from catsync_core.testing.faults import FaultyBackend, Status
from catsync_core.testing.memory import MemoryBackend
from catsync_plugins.backend_file import FileBackend
from catsync_plugins.backend_http import HttpBackend


@pytest.fixture
def plugins() -> Plugins:
    return load_plugins({})


def innermost(backend: Backend) -> Backend:
    while isinstance(backend, BackendWrapper):
        backend = backend.inner
    return backend


class MemoryPlugin:
    """Offers one backend under the scheme ``memory``."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @hookimpl
    def catsync_backends(self) -> Sequence[BackendEntry]:
        return [BackendEntry("memory", open=lambda url: self.backend, redact=lambda url: "memory://***")]


def with_backend(plugins: Plugins, backend: Backend) -> Plugins:
    plugins.add(PluginRecord("memory", "catsync-memory", "1.0"), lambda: MemoryPlugin(backend))
    return plugins


@pytest.mark.skipif(os.name == "nt", reason="Unix paths")
@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/srv/repo", "file:///srv/repo"),
        ("/srv/repo///", "file:///srv/repo"),
        ("/srv/x/../repo", "file:///srv/repo"),
        ("/srv/Meine Kataloge#1", "file:///srv/Meine%20Kataloge%231"),
        ("file:///srv/repo/", "file:///srv/repo"),
        ("FILE:///srv/repo", "file:///srv/repo"),
        ("/srv/\udcff", "file:///srv/%FF"),
        ("file://localhost/srv/repo", "file:///srv/repo"),
        ("file:///srv/Meine%20Kataloge", "file:///srv/Meine%20Kataloge"),
        ("http://Host/Repo/", "http://host/Repo"),
        ("HTTPS://host:443/repo", "https://host/repo"),
        ("http://host:8080", "http://host:8080"),
        ("https://User:Pass@Host/repo//", "https://User:Pass@host/repo"),
        ("http://[::1]:80/", "http://[::1]"),
        ("s3://bucket/prefix/", "s3://bucket/prefix"),
    ],
)
def test_normalise_url(text: str, url: str) -> None:
    assert normalise_url(text) == url
    assert normalise_url(url) == url


@pytest.mark.parametrize("text", ["repo", "./repo/", "C:repo", r"C:\repo", "C:/repo", "c://repo"])
def test_what_is_no_url_is_a_path(text: str) -> None:
    url = normalise_url(text)
    assert url.startswith("file:///")
    assert path_of(url) == Path.cwd() / text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\0b",
        "http://",
        "http:///repo",
        "http://host:port/",
        "http://host:99999/",
        "http://[::1/",
        "https://host/repo?token=1",
        "https://host/repo#part",
        "file://elsewhere/repo",
        "file://",
    ],
)
def test_addresses_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        normalise_url(text)


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(UsageError) as caught:
        normalise_url("https://user:secret@host/repo?x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("spelling", [str, lambda path: path, Path.as_uri])
def test_directories_open_as_file_backends(plugins: Plugins, tmp_path: Path, spelling: object) -> None:
    assert callable(spelling)
    backend = open_backend(spelling(tmp_path), plugins)
    assert isinstance(innermost(backend), FileBackend)
    backend.put("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_web_addresses_open_as_http_backends(plugins: Plugins, scheme: str) -> None:
    backend = open_backend(f"{scheme}://user:secret@host/repo/", plugins)
    assert isinstance(innermost(backend), HttpBackend)
    assert backend.url == f"{scheme}://host/repo"


def test_each_attempt_is_metered(plugins: Plugins) -> None:
    faulty = FaultyBackend(MemoryBackend({"a": b"x"}))
    faulty.plan.add(Status(500))
    backend = open_backend("memory://x", with_backend(plugins, faulty))
    assert backend.get("a", max_length=1).body == b"x"
    meter = find_layer(backend, MeteredBackend)
    assert meter is not None
    assert meter.requests == 2


def test_retry_settings_are_handed_on(plugins: Plugins) -> None:
    faulty = FaultyBackend(MemoryBackend({"a": b"x"}))
    faulty.plan.add(Status(500), times=9)
    backend = open_backend("memory://x", with_backend(plugins, faulty), attempts=1)
    with pytest.raises(ServerError, match="after 1 attempt"):
        backend.get("a", max_length=1)


def test_find_layer(tmp_path: Path, plugins: Plugins) -> None:
    backend = open_backend(tmp_path, plugins)
    assert find_layer(backend, RetryingBackend) is backend
    assert isinstance(find_layer(backend, FileBackend), FileBackend)
    assert find_layer(backend, MemoryBackend) is None


def test_a_directory_is_assumed_to_be_near(tmp_path: Path, plugins: Plugins) -> None:
    near = find_layer(open_backend(tmp_path, plugins), MeteredBackend)
    far = find_layer(open_backend("https://host/repo", plugins), MeteredBackend)
    assert near is not None
    assert far is not None
    assert near.round_trip < far.round_trip
    assert near.bandwidth > far.bandwidth


@pytest.mark.parametrize(
    ("url", "advice"), [("s3://bucket/x", "pip install 'catsync[s3]'"), ("acme://x", "catsync-acme")]
)
def test_an_unknown_scheme_is_answered_with_what_to_install(plugins: Plugins, url: str, advice: str) -> None:
    with pytest.raises(PluginError, match="known: file, http, https") as caught:
        open_backend(url, plugins)
    assert advice in caught.value.hint


def test_an_unknown_scheme_points_to_broken_plugins(plugins: Plugins) -> None:
    plugins.add(PluginRecord("acme", "catsync-acme", "1.0"), lambda: 1 / 0)
    with pytest.raises(PluginError) as caught:
        open_backend("acme://x", plugins)
    assert "acme" in caught.value.hint


def test_a_plugin_that_cannot_open_is_named(plugins: Plugins) -> None:
    class Broken:
        @hookimpl
        def catsync_backends(self) -> Sequence[BackendEntry]:
            return [BackendEntry("broken", open=lambda url: 1 / 0, redact=lambda url: str(1 / 0))]  # type: ignore[arg-type,return-value]  # broken on purpose

    plugins.add(PluginRecord("broken", "catsync-broken", "1.0"), Broken)
    with pytest.raises(PluginError, match="broken could not be opened: ZeroDivisionError"):
        open_backend("broken://user:secret@x", plugins)
    with pytest.raises(PluginError) as caught:
        redact("broken://user:secret@x", plugins)
    assert "secret" not in str(caught.value)


def test_redact_asks_the_plugin(plugins: Plugins) -> None:
    assert redact("https://user:secret@host/repo/", plugins) == "https://host/repo"
    assert redact("memory://secret", with_backend(plugins, MemoryBackend())) == "memory://***"


def test_a_refused_connection_tells_where_and_how_often(plugins: Plugins) -> None:
    backend = open_backend("http://127.0.0.1:9/repo", plugins, attempts=2)
    with pytest.raises(NoConnectionError, match=r"127\.0\.0\.1:9.*refused.*after 2 attempts"):
        backend.get("index.json", max_length=1)
