from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench._measure import Cost, FailedCommandError, measure, run

pytestmark = pytest.mark.skipif(not Path("/usr/bin/time").exists(), reason="GNU time is not installed")

MIB = 1 << 20


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_peak_memory_is_the_commands_own_and_not_this_process_s() -> None:
    ballast = bytearray(b"x") * (128 * MIB)
    cost, _ = measure(python("pass"))
    assert cost.memory < 64 * MIB < len(ballast)
    cost, _ = measure(python(f"bytearray(b'x') * {96 * MIB}"))
    assert 96 * MIB <= cost.memory < 128 * MIB


def test_cpu_time_counts_grandchildren_and_not_sleep() -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(0.2)"
    cost, _ = measure(python(f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', {spin!r}])"))
    assert 0.3 <= cost.cpu <= cost.wall - 0.1  # and not 0.2, for one of the two clocks ticks
    asleep, _ = measure(python("import time; time.sleep(0.3)"))
    assert asleep.wall >= 0.3 > asleep.cpu


def test_output_comes_back_and_failure_says_what_was_said() -> None:
    assert measure(python("print('done')"))[1] == "done\n"
    with pytest.raises(FailedCommandError, match=r"exited with 3:\nbad"):
        run(python("import sys; print('bad'); sys.exit(3)"))
    with pytest.raises(FailedCommandError, match="exited with 3"):
        measure(python("import sys; sys.exit(3)"))


def test_costs_of_commands_in_a_row_add_up_and_memory_peaks() -> None:
    assert Cost(1, 2, 30) + Cost(10, 20, 3) == Cost(11, 22, 30)
