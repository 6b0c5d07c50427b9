"""The hashes are part of the repository's format: these values may never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from catsync_core.chunking.kernel import Kernel

VECTORS = [
    (b"", 0x00000001, "99aa06d3014798d86001c324468d497f"),
    (b"\0", 0x2C9277B5, "a6cd5e9392000f6ac44bdff4074eecdb"),
    (b"a", 0x2C927816, "a96faf705af16834e6c632b61e964e1f"),
    (b"abc", 0xBE4F8F13, "06b05ab6733a618578af5f94892f3950"),
    (bytes(255), 0xE345BA9D, "eba01432c5dcf325e2da45c7400ad882"),
    (bytes(256), 0x8395EC01, "bb039d71e9630a91a68dfbb1d75c6e8d"),
    (bytes(range(256)) * 4, 0x73D70E01, "83885e853bb6640ca870f92984398d22"),
    (b"catsync" * 1000, 0x29403539, "4cf3a96466a06f87834a849ccd441921"),
]


@pytest.mark.parametrize(("data", "weak", "strong"), VECTORS)
def test_golden_vectors(each_kernel: Kernel, data: bytes, weak: int, strong: str) -> None:
    assert each_kernel.weak_hash(data) == weak
    assert each_kernel.strong_hash(data).hex() == strong


def test_golden_packed_hashes(each_kernel: Kernel) -> None:
    weak, strong = each_kernel.hash_blocks(b"0123456789", 4, 3, 2)
    assert (weak.hex(), strong.hex()) == ("f4d325cb6becf577ba", "e7f047476273")


def test_weak_hash_is_the_documented_polynomial(each_kernel: Kernel) -> None:
    data = bytes(range(7, 107)) * 60
    expected = 1
    for byte in data:
        expected = (expected * 747796405 + byte) % 2**32
    assert each_kernel.weak_hash(data) == expected


def test_zeros_count(each_kernel: Kernel) -> None:
    assert len({each_kernel.weak_hash(bytes(length)) for length in range(5000)}) == 5000


@pytest.mark.parametrize("lengths", [(0, 3, 2), (-1, 3, 2), (4, 1, 2), (4, 5, 2), (4, 3, 0), (4, 3, 17)])
def test_lengths_out_of_bounds_are_refused(each_kernel: Kernel, lengths: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        each_kernel.hash_blocks(b"data", *lengths)
