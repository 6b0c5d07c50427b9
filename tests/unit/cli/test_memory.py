from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, threading
from catsync_core.cli.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()

def decode():
    for _ in range(20):
        frames = [bytes(1 << 20) for _ in range(16)]

thread = threading.Thread(target=decode)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_faults(what: str) -> int:
    command = [sys.executable, "-c", PROGRAM, what]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have their own ways")
def test_memory_that_was_freed_is_used_again_without_the_system() -> None:
    pages = 16 * 256
    assert count_faults("keep") < 3 * pages
    assert count_faults("leave") > 3 * count_faults("keep")
