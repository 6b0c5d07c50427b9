from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from catsync_core.store import flusher
from catsync_core.store.flusher import Flusher


def test_files_from_several_threads_go_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str | None] = []
    flushed: list[int] = []

    class SlowThread(threading.Thread):
        def __init__(self, *, target: object, name: str, daemon: bool) -> None:
            started.append(name)
            time.sleep(0.05)  # so that another thread would find none yet
            super().__init__(target=target, name=name, daemon=daemon)  # type: ignore[arg-type]  # handed on

    first, second = (threading.Thread(target=lambda: tree.add(descriptor)) for _ in range(2))
    monkeypatch.setattr(threading, "Thread", SlowThread)
    monkeypatch.setattr(flusher, "sync_file", flushed.append)
    tree = Flusher()
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    for thread in (first, second):
        thread.start()
    for thread in (first, second):
        thread.join()
    tree.finish()
    os.close(descriptor)
    assert started == ["catsync-flush"]
    assert len(flushed) == 2


def test_a_file_is_only_taken_on_offer_if_none_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    begun, go_on = threading.Semaphore(0), threading.Event()

    def flush(descriptor: int) -> None:
        begun.release()
        go_on.wait(10)
        flushed.append(descriptor)

    monkeypatch.setattr(flusher, "sync_file", flush)
    tree = Flusher()
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    assert tree.offer(descriptor)
    assert begun.acquire(timeout=10)  # nothing waits: it is being flushed
    assert tree.offer(descriptor)
    assert not tree.offer(descriptor)
    go_on.set()
    tree.finish()
    os.close(descriptor)
    assert len(flushed) == 2
