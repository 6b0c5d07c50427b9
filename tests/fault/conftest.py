from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core.testing.faults import FaultyServer

CERTIFICATE = Path(__file__).with_name("localhost.pem")


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
