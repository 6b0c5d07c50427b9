"""Rules of an index that a device accepts: nothing goes back, and nothing changes its identity.

After The Update Framework's rollback and mix-and-match rules. A refused index changes nothing on the device.
"""

from __future__ import annotations

import hashlib

from catsync_core.client.rows import Mark
from catsync_core.client.state import State
from catsync_core.errors import TrustError
from catsync_core.format.index import Index

__all__ = ["accept_index"]

_INDEX = ""


def accept_index(state: State, index: Index, body: bytes, *, shown: str, identity: str | None) -> None:
    """Compare an index with everything seen before, and remember it durably.

    Args:
        state: The device's memory.
        index: Parsed.
        body: Its bytes.
        shown: The repository's address, for messages.
        identity: The repository id that the address had before; None for a new address.

    Raises:
        TrustError: (trust) it is older than, or contradicts, what was seen.
    """
    if identity is not None and identity != index.repository:
        raise TrustError(
            f"At {shown} lies another repository than before",
            hint="If it was made anew on purpose: `catsync remove` and `catsync add` it again",
        )
    seen = state.marks(index.repository)
    marks = {_INDEX: Mark(index.serial, hashlib.sha256(body).hexdigest())}
    marks |= {catalog: Mark(summary.version, summary.head.sha256) for catalog, summary in index.catalogs.items()}
    for catalog, mark in marks.items():
        known = seen.get(catalog)
        if known is None:
            continue
        what = f"Catalog {catalog} at {shown}" if catalog else f"The index of {shown}"
        if mark.number < known.number:
            raise TrustError(f"{what} went back from {known.number} to {mark.number}")
        if mark.number == known.number and mark.sha256 != known.sha256:
            raise TrustError(f"{what} has two different states with the number {mark.number}")
    state.raise_marks(index.repository, marks)
