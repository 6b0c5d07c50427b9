"""One version of a catalog, open for reading, and those that were opened last.

A version never changes, so what was read of it once (what it contains, the frame tables, decoded frames) serves all who
read it afterwards. All of it is in memory, and there is a bound on each.
"""

from __future__ import annotations

import io
import os
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator

from catsync_core.client.open_file import OnlineFile, OpenFile
from catsync_core.client.report import FileInfo
from catsync_core.errors import DamagedError, NotFoundError
from catsync_core.format.index import CatalogSummary
from catsync_core.format.manifest import Content, Manifest
from catsync_core.format.paths import show_path
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.records import Installed
from catsync_core.transfer.frame_cache import FrameCache
from catsync_core.transfer.reader import ContentReader
from catsync_core.transfer.repository import Repository
from catsync_core.transfer.stream import ContentStream

__all__ = ["OpenVersion", "OpenVersions"]

_FRAMES = 32 << 20  # bytes of decoded frames
_ENTRIES = 200_000  # files of versions that are kept open, or one version if that has more

_Key = tuple[str, str, str]


class OpenVersion(ABC):
    """One version of a catalog; get it from :meth:`Catalog.open_version`. It stays that version.

    Thread model: any thread may call any method; each file that is opened belongs to one thread at a time.

    Args:
        manifest: What the version contains.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.catalog = manifest.catalog
        self.version = manifest.version
        self._manifest = manifest
        self._contents = manifest.files()

    @property
    def entries(self) -> int:
        """How many files and empty folders it has."""
        return len(self._manifest.entries)

    def files(self) -> list[FileInfo]:
        """Return its files, sorted by path."""
        return [
            FileInfo(entry.path, self._manifest.contents[entry.content].size, entry.mtime)
            for entry in self._manifest.entries
            if entry.content is not None
        ]

    def read(self, path: str) -> Iterator[bytes]:
        """Stream a whole file.

        Raises:
            NotFoundError: (local) there is no such file, or the version was removed meanwhile.
            IntegrityError: (content) it is not what was published; the last piece is not given out then.
        """
        with self.open(path) as file:
            yield from file.read_range(0, file.size)

    def open(self, path: str) -> OpenFile:
        """Open a file for reading; of an online catalog nothing is fetched yet.

        Args:
            path: In the catalog, ``/``-separated.

        Raises:
            NotFoundError: (local) there is no such file, or the version was removed meanwhile.
            DamagedError: (local) the local copy is not what was stored.
        """
        return self._open(path, self._find(path))

    def _find(self, path: str) -> Content:
        content = self._contents.get(path)
        if content is None:
            raise NotFoundError(
                f"{self.catalog} has no file '{show_path(path)}'", hint=f"`catsync ls {self.catalog}` shows its files"
            )
        return content

    @abstractmethod
    def _open(self, path: str, content: Content) -> OpenFile: ...


class _LocalVersion(OpenVersion):
    """A version that lies on this device."""

    def __init__(self, manifest: Manifest, store: CatalogStore) -> None:
        super().__init__(manifest)
        self._store = store

    def _open(self, path: str, content: Content) -> OpenFile:
        where = f"{self.version}/{path}"
        if not self._store.version_path(self.version).is_dir():
            raise NotFoundError(
                f"Version {self.version} of {self.catalog} is not on this device any more",
                hint="Open the catalog again to read its current version",
            )
        with Attempt("open", self._store.root / where):
            try:
                with self._store.beneath() as beneath:
                    descriptor = beneath.open_file(where)
            except FileNotFoundError as error:
                raise DamagedError(
                    f"'{show_path(path)}' is missing in the local copy of {self.catalog}",
                    hint=f"`catsync repair {self.catalog}` fetches it again",
                ) from error
        size = os.fstat(descriptor).st_size
        if size != content.size:
            os.close(descriptor)
            raise DamagedError(
                f"The local copy of '{show_path(path)}' in {self.catalog} has {size:,} bytes instead of"
                f" {content.size:,}",
                hint=f"`catsync repair {self.catalog}` fetches it again",
            )
        return OpenFile(io.FileIO(descriptor), path=path, version=self.version, size=size, sha256=content.sha256.hex())


class _OnlineVersion(OpenVersion):
    """A version that is read from its repository."""

    def __init__(self, manifest: Manifest, repository: Repository, frames: FrameCache[bytes]) -> None:
        super().__init__(manifest)
        self._reader = ContentReader(repository, manifest, frames)

    def read(self, path: str) -> Iterator[bytes]:
        """Stream a whole file, and compare its SHA-256 besides the seals of its frames."""
        return self._reader.read_content(self._find(path))

    def _open(self, path: str, content: Content) -> OpenFile:
        return OnlineFile(
            ContentStream(self._reader, content),
            path=path,
            version=self.version,
            size=content.size,
            sha256=content.sha256.hex(),
        )


class OpenVersions:
    """The versions that were opened last, for all catalogs of a device.

    Thread model: any thread may call any method; two that open the same version at once may both read it.
    """

    def __init__(self) -> None:
        self._frames = FrameCache[bytes](_FRAMES)
        self._versions: OrderedDict[_Key, OpenVersion] = OrderedDict()
        self._lock = threading.Lock()

    def local(self, store: CatalogStore, installed: Installed) -> OpenVersion:
        """Return an installed version.

        Raises:
            DamagedError: (local) its manifest is not what was kept.
        """
        key = (str(store.root), str(installed.version), installed.manifest.sha256)
        return self._find(key, lambda: _LocalVersion(load_manifest(store, installed), store))

    def online(self, repository: Repository, catalog: str, offered: CatalogSummary) -> OpenVersion:
        """Return the version that a repository offers.

        Raises:
            RemoteError: (remote) what it contains cannot be fetched.
            ContentError: (content) that is not what the repository names.
        """

        def fetch() -> OpenVersion:
            manifest, _ = repository.manifest(repository.newest(catalog, offered))
            return _OnlineVersion(manifest, repository, self._frames)

        return self._find((repository.url, catalog, offered.head.sha256), fetch)

    def _find(self, key: _Key, read: Callable[[], OpenVersion]) -> OpenVersion:
        with self._lock:
            version = self._versions.get(key)
            if version is not None:
                self._versions.move_to_end(key)
                return version
        version = read()  # outside the lock: it may take long
        with self._lock:
            self._versions[key] = version
            while len(self._versions) > 1 and sum(kept.entries for kept in self._versions.values()) > _ENTRIES:
                self._versions.popitem(last=False)
        return version
