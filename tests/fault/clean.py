"""What a store holds after a job."""

from __future__ import annotations

from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import read_pointer

__all__ = ["check_clean"]


def check_clean(store: CatalogStore) -> None:
    """Assert that nothing is left besides what the pointer names."""
    installed = read_pointer(store)
    named = {str(installed.version)} if installed else set()
    if installed and installed.previous:
        named.add(str(installed.previous.version))
    if store.root.exists():
        assert {path.name for path in store.root.iterdir()} - {".catsync"} == named
        manifests = store.root / ".catsync/manifests"
        kept = {path.name.removesuffix(".json") for path in manifests.iterdir()} if manifests.exists() else set()
        assert kept == named
