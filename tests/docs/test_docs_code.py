"""The code in the documentation does what the documentation says: every block runs, and prints what stands below it."""

from __future__ import annotations

import doctest
import io
import os
import re
import socket
import subprocess
import sys
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_END = "--- end of block ---"
_LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, with the ``text`` block that follows it at once: what it prints, ``...`` for anything."""

    code: str
    output: str | None
    line: int


def read_blocks(page: Path, language: str) -> list[Block]:
    text = page.read_text()
    found = list(_FENCE.finditer(text))
    blocks = []
    for fence, following in zip(found, [*found[1:], None], strict=True):
        if fence[1] != language:
            continue
        shown = None
        if following is not None and following[1] == "text" and not text[fence.end() : following.start()].strip():
            shown = following[2]
        blocks.append(Block(fence[2], shown, text.count("\n", 0, fence.start()) + 1))
    assert blocks, f"{page} has no {language} blocks"
    return blocks


def compare(block: Block, printed: str, page: Path) -> None:
    if block.output is not None and not doctest.OutputChecker().check_output(block.output, printed, _LOOSELY):
        pytest.fail(f"{page}:{block.line}\n{block.code}\nshould print\n{block.output}\nbut printed\n{printed}")


def run_shell(page: Path, folder: Path) -> None:
    """Run all blocks of a page in one shell. One that serves goes on beside the others, as in a second terminal."""
    blocks = read_blocks(page, "sh")
    script = "\n".join(f"{_beside(block.code)}\necho '{_END}'" for block in blocks)
    for port in set(re.findall(r"--port (\d+)", script)):
        script = re.sub(rf"\b{port}\b", str(_free_port()), script)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
        cwd=folder,
        env=shell_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    printed = done.stdout.split(f"{_END}\n")
    assert done.returncode == 0, f"{page}: block {len(printed)} of {len(blocks)} failed:\n{printed[-1]}"
    for block, output in zip(blocks, printed, strict=False):
        compare(block, output, page)


def shell_environment(folder: Path) -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "CATSYNC_HOME": str(folder / "home"),
        "PYTHONWARNINGS": "default",
        "NO_COLOR": "1",
    }


def _beside(code: str) -> str:
    found = re.fullmatch(r"catsync serve .*--port (\d+)\n", code)
    if found is None:
        return code
    listening = f"(: < /dev/tcp/127.0.0.1/{found[1]}) 2>/dev/null"
    return f"{code.rstrip()} > /dev/null 2>&1 &\nuntil {listening}; do sleep 0.05; done"


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATSYNC_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def plugin(folder: Path) -> Path:
    """A folder that a Python finds with a distribution ``catsync-acme`` in it, as if pip had installed it there."""
    site = folder / "site"
    info = site / "catsync_acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: catsync-acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[catsync]\nacme = catsync_acme\n")
    return site


def run_in(site: Path, *words: str) -> str:
    """Run a command of the environment that also finds what lies in ``site``."""
    environment = shell_environment(site.parent) | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        words, cwd=site.parent, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_first_catalog(folder: Path) -> None:
    run_shell(DOCS / "tutorials" / "first-catalog.md", folder)


def test_quick_start(folder: Path) -> None:
    shoes = folder / "shoes"
    shoes.mkdir()
    (shoes / "prices.csv").write_text("1,Boot,99.90\n")
    run_shell(ROOT / "README.md", folder)


def test_python_tutorial(folder: Path) -> None:
    page = DOCS / "tutorials" / "python-api.md"
    names: dict[str, object] = {"__name__": "tutorial"}
    for block in read_blocks(page, "python"):
        printed = io.StringIO()
        source = "\n" * block.line + block.code  # so that a traceback names the page's line
        with redirect_stdout(printed):
            exec(compile(source, str(page), "exec"), names)  # noqa: S102 - the page is ours, and running it is the test
        compare(block, printed.getvalue(), page)


def test_backend_of_the_guide_passes_the_conformance_suite_and_keeps_a_repository(plugin: Path) -> None:
    backend, tests = read_blocks(DOCS / "how-to" / "write-a-backend.md", "python")
    (plugin / "catsync_acme.py").write_text(backend.code)
    (plugin / "test_catsync_acme.py").write_text(tests.code)
    printed = run_in(plugin, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{plugin}")
    assert re.search(r"\d\d passed", printed)
    assert "skipped" not in printed

    shoes = plugin.parent / "shoes"
    shoes.mkdir()
    (shoes / "prices.csv").write_text("1,Boot,99.90\n")
    assert re.search(r"acme +active +catsync-acme 1\.0", run_in(plugin, "catsync", "plugins", "list"))
    address = f"sqlite://{plugin.parent}/shoes.db"
    run_in(plugin, "catsync", "init", address)
    run_in(plugin, "catsync", "publish", "shoes", address, "--catalog", "shoes")
    run_in(plugin, "catsync", "add", address)
    run_in(plugin, "catsync", "offline", "shoes")
    assert run_in(plugin, "catsync", "cat", "shoes", "prices.csv") == "1,Boot,99.90\n"


def test_command_of_the_hooks_page_is_added(plugin: Path) -> None:
    [code] = [block.code for block in read_blocks(DOCS / "reference" / "hooks.md", "python") if "cli" in block.code]
    (plugin / "catsync_acme.py").write_text(code)
    assert run_in(plugin, "catsync", "total") == "0\n"
    assert "Print the bytes of all offline catalogs." in run_in(plugin, "catsync", "--help")
