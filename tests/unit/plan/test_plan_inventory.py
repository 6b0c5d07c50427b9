from __future__ import annotations

from pathlib import Path

import pytest

from catsync_core.plan.basis import BasisFinder
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import LocalFile


def local(path: str, sha256: bytes = b"") -> LocalFile:
    return LocalFile(path, Path("/device") / path, 10, 0, sha256)


@pytest.mark.parametrize(
    ("path", "bases"),
    [
        ("a/list.json", ("a/list.json",)),
        ("c/list.json", ("a/list.json", "b/list.json")),
        ("a/film-2.mp4", ("a/film-1.mp4",)),
        ("b/film-2.mp4", ()),
        ("a/film-2.json", ()),
        ("a/other.mp4", ()),
        ("", ()),
    ],
)
def test_a_basis_has_the_same_path_else_the_same_name_else_a_like_one_beside_it(
    path: str, bases: tuple[str, ...]
) -> None:
    assert BasisFinder(["b/list.json", "a/list.json", "a/film-1.mp4"]).find(path) == bases


def test_the_likest_names_come_first_and_at_most_two() -> None:
    finder = BasisFinder(["catalog-2023.pdf", "catalog-2024-a.pdf", "catalog-2024-b.pdf"])
    assert finder.find("catalog-2024-c.pdf") == ("catalog-2024-a.pdf", "catalog-2024-b.pdf")


def test_the_order_of_paths_does_not_matter() -> None:
    paths = [f"{folder}/x.json" for folder in "dcba"]
    assert (
        BasisFinder(paths).find("z/x.json") == BasisFinder(reversed(paths)).find("z/x.json") == ("a/x.json", "b/x.json")
    )


def test_the_file_at_the_same_path_is_found_before_all_others() -> None:
    same, other = local("b", b"1"), local("a", b"1")
    inventory = Inventory([other, same])
    assert inventory.find_same("b", b"1") is same
    assert inventory.find_same("c", b"1") in {same, other}
    assert inventory.find_same("b", b"2") is None


def test_installed_files_come_before_those_of_other_places() -> None:
    installed, elsewhere = local("a", b"1"), local("b", b"1")
    inventory = Inventory([installed], [elsewhere])
    assert inventory.find_same("b", b"1") is installed
    assert (inventory.is_installed(installed), inventory.is_installed(elsewhere)) == (True, False)
    assert inventory.find_bases("a") == (installed,)
    assert inventory.find_bases("b") == (elsewhere,)


def test_a_file_of_unknown_content_is_only_a_basis() -> None:
    damaged = local("a")
    inventory = Inventory(others=[damaged])
    assert inventory.find_same("a", b"") is None
    assert inventory.find_bases("a") == (damaged,)


def test_what_is_not_what_it_seemed_is_only_a_basis_from_then_on() -> None:
    lost, good, elsewhere = local("a", b"1"), local("b", b"2"), local("c", b"3")
    left = Inventory([lost, good], [elsewhere]).without({lost, elsewhere})
    assert [left.find_same("x", sha256) for sha256 in (b"1", b"2", b"3")] == [None, good, None]
    assert [basis.location for basis in left.find_bases("a")] == [lost.location]
    assert [basis.sha256 for basis in left.find_bases("c")] == [b""]
