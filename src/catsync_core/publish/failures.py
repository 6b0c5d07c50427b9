"""Turn what the operating system says while publishing into errors that say what to do."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catsync_core.errors import ContentError, DiskFullError, LocalError, SourceError
from catsync_core.format.paths import show_path
from catsync_core.publish.scan import ChangedWhilePublishingError

__all__ = ["explain_limits", "translate_failures"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def translate_failures(folder: Path) -> Iterator[None]:
    """Translate every ``OSError`` of the block.

    Args:
        folder: The folder that is being published: what fails in there has changed since it was scanned.

    Raises:
        DiskFullError: (local) the folder for temporary files is full.
        ChangedWhilePublishingError: (local) a file of the folder cannot be read any more.
        LocalError: (local) anything else.
    """
    try:
        yield
    except OSError as error:
        scratch = tempfile.gettempdir()
        if error.errno in _FULL:
            raise DiskFullError(
                f"{scratch} has no space left for the packs that are being built",
                hint="Free some space, or set TMPDIR to a folder on a larger disk, then publish again",
            ) from error
        name = Path(str(error.filename or scratch))
        if name.is_relative_to(folder):
            path = show_path(name.relative_to(folder).as_posix())
            raise ChangedWhilePublishingError(f"'{path}' cannot be read any more ({error.strerror})") from error
        raise LocalError(f"{name} cannot be used ({error.strerror or error})") from error


@contextmanager
def explain_limits() -> Iterator[None]:
    """Read back what was just written, so that nothing is published which every device would refuse.

    Raises:
        SourceError: (local) the folder does not fit into the format.
    """
    try:
        yield
    except ContentError as error:
        raise SourceError(
            f"The folder does not fit into one catalog ({error.message})",
            hint="Nothing was published. Divide the folder into several catalogs",
        ) from error
