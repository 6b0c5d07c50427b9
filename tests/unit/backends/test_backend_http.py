from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core.backends.protocol import Backend
from catsync_core.testing.conformance import OBJECTS, ReadConformance
from catsync_core.testing.faults import FaultyServer
from catsync_plugins.backend_http import HttpBackend

StartServer = Callable[[Path], FaultyServer]


class TestHttpBackend(ReadConformance):
    @pytest.fixture
    def populated(self, tmp_path: Path, faulty_server: StartServer) -> Backend:
        for key, body in OBJECTS.items():
            path = tmp_path / "repo" / key
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(body)
        return HttpBackend(faulty_server(tmp_path).url + "/repo")


def test_nothing_is_contacted_before_a_request() -> None:
    HttpBackend("http://192.0.2.1/repo").close()
