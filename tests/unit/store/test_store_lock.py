from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catsync_core.errors import LocalError, LockedError
from catsync_core.store.layout import CatalogStore
from catsync_core.store.remove import remove_content

HOLD = """
import sys
from pathlib import Path
from catsync_core.store.layout import CatalogStore
with CatalogStore(Path(sys.argv[1]), "shoes").lock("update"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(store: CatalogStore) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(store.home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_process_is_named(store: CatalogStore) -> None:
    with another_process(store) as process:
        with pytest.raises(LockedError) as caught, store.lock("install"):
            pass
        assert caught.value.message == f"catsync (process {process.pid}) is updating 'shoes'"
        assert caught.value.exit_code == 11


def test_a_crash_frees_the_lock(store: CatalogStore) -> None:
    with another_process(store) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with store.lock("install"):
            pass
    with store.lock("install"):
        pass


def test_another_catalog_is_free(store: CatalogStore) -> None:
    with another_process(store), CatalogStore(store.home, "boots").lock("install"):
        pass


@pytest.mark.parametrize("told", [None, b"", b"{", b"[]", b'{"process":"x","activity":1}', b"\xff"])
def test_an_unreadable_holder_does_not_matter(store: CatalogStore, told: bytes | None) -> None:
    holder = store.root / ".catsync/lock.holder"
    with store.lock("update"):
        holder.unlink()
        if told is not None:
            holder.write_bytes(told)
        with pytest.raises(LockedError, match="Another catsync process is working on 'shoes'"), store.lock("install"):
            pass
    assert not holder.exists()


def test_a_planted_holder_is_not_followed(store: CatalogStore, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (store.root / ".catsync/lock.holder").symlink_to(victim)
    with store.lock("update"):
        pass
    (store.root / ".catsync/lock").unlink()
    (store.root / ".catsync/lock").symlink_to(victim)
    with pytest.raises(LocalError, match="Could not lock"), store.lock("update"):
        pass
    assert victim.read_text() == "untouched"


def test_after_a_removal_the_lock_works_again(store: CatalogStore) -> None:
    with store.lock("remove"):
        remove_content(store)
    assert not store.root.exists()
    with store.lock("install"):
        assert store.exists()


def test_an_error_frees_the_lock(store: CatalogStore) -> None:
    with pytest.raises(ZeroDivisionError), store.lock("update"):
        raise ZeroDivisionError
    with store.lock("update"):
        assert f'"process": {os.getpid()}' in (store.root / ".catsync/lock.holder").read_text()
