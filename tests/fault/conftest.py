from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from catsync_core.limits import LIMITS
from catsync_core.publish import commit
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.faults import FaultyBackend, FaultyServer
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer import sharing
from fault.device import Device, publish

CERTIFICATE = Path(__file__).with_name("localhost.pem")


@pytest.fixture(autouse=True)
def _heads_are_objects_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no head travel in the index, so that devices fetch it and something can go wrong with that."""
    monkeypatch.setattr(commit, "LIMITS", msgspec.structs.replace(LIMITS, head_texts=0))


@pytest.fixture(autouse=True)
def _two_threads_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of these tests count as large, so that things go wrong on either thread."""
    monkeypatch.setattr(sharing, "_LARGE", 256)


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> FaultyBackend:
    """A repository with the version ``OLD`` of the test's module, then made ready to be updated."""
    backend = FaultyBackend(MemoryBackend(piece=500))
    Publisher(backend).init()
    publish(backend, tmp_path / "source", request.module.OLD)
    return backend


@pytest.fixture
def device(request: pytest.FixtureRequest, shop: FaultyBackend, tmp_path: Path) -> Device:
    """A device that has the old version, while the repository has the version ``NEW`` of the test's module."""
    device = Device(tmp_path / "home", shop)
    with device.catalog() as catalog:
        catalog.go_offline()
    publish(shop, tmp_path / "source", request.module.NEW)
    shop.calls.clear()
    return device


@pytest.fixture
def tls_server(
    tmp_path: Path, faulty_server: Callable[[Path], FaultyServer], monkeypatch: pytest.MonkeyPatch
) -> FaultyServer:
    """Serves ``a.pack`` over TLS as ``localhost``, with a certificate that is trusted as long as the test lasts."""
    folder = tmp_path / "tls"
    folder.mkdir()
    (folder / "a.pack").write_bytes(bytes(range(256)))
    server = faulty_server(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server._tcp.socket = context.wrap_socket(server._tcp.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    return server
