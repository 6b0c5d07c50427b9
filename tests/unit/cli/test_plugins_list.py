from __future__ import annotations

from pathlib import Path

import pytest

from catsync_core import plugins
from support.command_line import CommandLine


@pytest.mark.parametrize("hook", ["backends", "policies", "schedules", "notifiers"])
def test_a_plugin_that_breaks_when_it_is_asked_is_listed_as_broken(
    hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"catsync_test_broken_{hook}"
    (tmp_path / f"{module}.py").write_text(
        f"from catsync_core import hookimpl\n@hookimpl\ndef catsync_{hook}():\n    raise RuntimeError('oops')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugins, "BUILT_IN", {**plugins.BUILT_IN, module: f"catsync_{hook}"})
    listed = CommandLine(tmp_path).document("plugins", "list")["plugins"]
    assert {record["name"]: record["error"] for record in listed if record["status"] == "broken"} == {
        module: "RuntimeError: oops"
    }
