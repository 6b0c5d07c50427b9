from __future__ import annotations

import os
import subprocess
import sys
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from catsync_core.chunking import KernelError, kernel

if TYPE_CHECKING:
    from catsync_core.chunking.kernel import Kernel, MatcherType

VALID: dict[str, Any] = {
    "block_size": 4,
    "tail": 0,
    "weak": bytes(4),
    "strong": bytes(4),
    "weak_bytes": 2,
    "strong_bytes": 2,
}


def matcher_of(
    chosen: Kernel, target: bytes, block_size: int, weak_bytes: int = 3, strong_bytes: int = 4
) -> MatcherType:
    weak, strong = chosen.hash_blocks(target, block_size, weak_bytes, strong_bytes)
    return chosen.Matcher(
        block_size=block_size,
        tail=len(target) % block_size,
        weak=weak,
        strong=strong,
        weak_bytes=weak_bytes,
        strong_bytes=strong_bytes,
    )


@pytest.mark.parametrize("choice", ["c", "python"])
def test_the_environment_chooses(choice: str) -> None:
    if choice == "c":
        pytest.importorskip("catsync_core.chunking._ckernel", reason="the C kernel was not built")
    code = "from catsync_core.chunking import kernel; print(kernel.name, kernel.Matcher.__module__)"
    environment = {**os.environ, "CATSYNC_KERNEL": choice}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    module = {"c": "_ckernel", "python": "_reference"}[choice]
    assert done.stdout.split() == [choice, f"catsync_core.chunking.{module}"]


def test_an_unknown_kernel_is_an_error() -> None:
    with pytest.raises(KernelError, match="'fortran'"):
        kernel.load("fortran")


def test_without_the_extension_auto_is_python_and_c_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "catsync_core.chunking._ckernel", None)
    assert kernel.load("auto").name == "python"
    with pytest.raises(KernelError, match="cannot be loaded"):
        kernel.load("c")


@pytest.mark.parametrize(
    "change",
    [
        {"block_size": 0},
        {"block_size": -4},
        {"weak_bytes": 1},
        {"weak_bytes": 5},
        {"strong_bytes": 0},
        {"strong_bytes": 17},
        {"weak": bytes(5)},
        {"weak": bytes(2)},
        {"strong": b""},
        {"tail": 4},
        {"tail": -1},
        {"tail": 1, "weak": b"", "strong": b""},
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(each_kernel: Kernel, change: dict[str, Any]) -> None:
    each_kernel.Matcher(**VALID)
    with pytest.raises(ValueError, match=r"must be|belong"):
        each_kernel.Matcher(**{**VALID, **change})


def test_calls_that_make_no_sense_are_refused(each_kernel: Kernel) -> None:
    matcher = matcher_of(each_kernel, b"0123456789", 4)
    with pytest.raises(ValueError, match="basis is -1"):
        matcher.begin(-1)
    with pytest.raises(ValueError, match="tail of 2"):
        matcher.end(b"123", 0)
    with pytest.raises(ValueError, match="tail of 2"):
        matcher.end(b"89", -1)


def test_a_matcher_belongs_to_one_thread() -> None:
    c = pytest.importorskip("catsync_core.chunking._ckernel", reason="the C kernel was not built")
    matcher = matcher_of(c, Random(1).randbytes(100_000), 1000)
    data = bytes(64 << 20)
    matcher.begin(0)
    thread = Thread(target=matcher.scan, args=(data,))
    thread.start()
    refused = 0
    while thread.is_alive():
        try:
            matcher.runs()
        except RuntimeError:
            refused += 1
    thread.join()
    assert refused > 0
    assert matcher.runs() == b""


class TestLinearWork:
    """What hostile and flat data may cost is counted in strong hashes: they are what grew without bound in rsync."""

    SIZE = 512  # so that a strong hash at every offset would be more than is allowed
    LENGTH = 100_000

    @pytest.fixture(params=["zeros", "period", "ones"])
    def flat(self, request: pytest.FixtureRequest) -> bytes:
        return {"zeros": b"\0", "period": b"abc", "ones": b"\xff"}[request.param] * self.LENGTH

    def test_flat_basis_with_the_flat_block_wanted(self, each_kernel: Kernel, flat: bytes) -> None:
        other = Random(1).randbytes(self.SIZE)
        matcher = matcher_of(each_kernel, flat[: self.SIZE] + other, self.SIZE)
        matcher.begin(0)
        matcher.scan(flat)
        assert matcher.wanted == 1
        assert matcher.strong_hashes == 1

    def test_flat_basis_with_equal_weak_hashes_of_another_block(self, each_kernel: Kernel, flat: bytes) -> None:
        weak, _ = each_kernel.hash_blocks(flat[: self.SIZE * 3], self.SIZE, 4, 1)
        matcher = each_kernel.Matcher(
            block_size=self.SIZE, tail=0, weak=weak, strong=bytes(range(48)), weak_bytes=4, strong_bytes=16
        )
        matcher.begin(0)
        matcher.scan(flat)
        assert matcher.wanted == 3
        assert 0 < matcher.strong_hashes * self.SIZE <= 64 * len(flat) + 17 * self.SIZE

    def test_a_million_equal_weak_hashes(self) -> None:
        c = pytest.importorskip("catsync_core.chunking._ckernel", reason="the C kernel was not built")
        blocks = 1_000_000
        block = bytes(4096)
        weak = c.hash_blocks(block, len(block), 4, 1)[0] * blocks
        strong = b"".join(number.to_bytes(8, "little") for number in range(blocks))
        matcher = c.Matcher(block_size=len(block), tail=0, weak=weak, strong=strong, weak_bytes=4, strong_bytes=8)
        data = bytes(2 << 20)
        matcher.begin(0)
        matcher.scan(data)
        assert matcher.wanted == blocks
        assert matcher.strong_hashes * len(block) <= 64 * len(data) + 17 * len(block)

    def test_a_block_among_a_million_equal_weak_hashes_is_found(self, each_kernel: Kernel) -> None:
        blocks = 10_000
        block = Random(2).randbytes(self.SIZE)
        weak, strong = each_kernel.hash_blocks(block, self.SIZE, 4, 8)
        others = [number.to_bytes(8, "little") for number in range(blocks)]
        matcher = each_kernel.Matcher(
            block_size=self.SIZE,
            tail=0,
            weak=weak * (blocks + 1),
            strong=b"".join([*others[:777], strong, *others[777:]]),
            weak_bytes=4,
            strong_bytes=8,
        )
        matcher.begin(0)
        matcher.scan(b"12345" + block)
        assert list(memoryview(matcher.runs()).cast("Q")) == [777 * self.SIZE, 0, 5, self.SIZE]

    def test_unchanged_data_cost_one_strong_hash_a_block(self, each_kernel: Kernel) -> None:
        data = Random(3).randbytes(self.LENGTH)
        matcher = matcher_of(each_kernel, data, self.SIZE)
        matcher.begin(0)
        matcher.scan(data)
        assert matcher.strong_hashes == -(-self.LENGTH // self.SIZE)
