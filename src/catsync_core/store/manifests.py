"""The manifests of stored versions, each with its record, so that a lost pointer can be found again."""

from __future__ import annotations

from catsync_core.errors import CatsyncError, DamagedError, FormatError
from catsync_core.format.canonical import parse, write
from catsync_core.format.manifest import Manifest, decompress_manifest, read_plain
from catsync_core.format.objects import verify
from catsync_core.store.beneath import Beneath
from catsync_core.store.durable import replace_durably
from catsync_core.store.layout import MANIFESTS, CatalogStore, read_version_name
from catsync_core.store.records import VersionRecord, strip

__all__ = [
    "discard_manifest",
    "load_manifest",
    "load_manifest_bytes",
    "load_plain_manifest",
    "parse_manifest",
    "read_record",
    "save_manifest",
    "stored_versions",
]


def save_manifest(store: CatalogStore, record: VersionRecord, data: bytes) -> None:
    """Keep the manifest of a version, durably.

    Raises:
        IntegrityError: (content) these bytes are not what the record names.
        DiskFullError: (local) no space is left.
        LocalError: (local) they cannot be written.
    """
    verify(data, record.manifest, f"The manifest of version {record.version}")
    with store.beneath() as beneath:
        beneath.make_folder(MANIFESTS)
        replace_durably(beneath, f"{MANIFESTS}/{record.version}", data)
        replace_durably(beneath, f"{MANIFESTS}/{record.version}.json", write(strip(record)))


def load_manifest_bytes(store: CatalogStore, record: VersionRecord) -> bytes:
    """Return the kept manifest of a version, checked against the record.

    Raises:
        DamagedError: (local) it is missing or not what was kept.
    """
    with store.beneath() as beneath:
        return _load(beneath, MANIFESTS, record)


def load_manifest(store: CatalogStore, record: VersionRecord) -> Manifest:
    """Return what a stored version contains.

    Raises:
        DamagedError: (local) the kept manifest is missing or not what was kept.
    """
    return load_plain_manifest(store, record)[0]


def load_plain_manifest(store: CatalogStore, record: VersionRecord) -> tuple[Manifest, bytes]:
    """Return what a stored version contains, and its manifest's bytes before compression.

    Raises:
        DamagedError: (local) the kept manifest is missing or not what was kept.
    """
    return _parse(load_manifest_bytes(store, record), store.catalog, record)


def parse_manifest(data: bytes, catalog: str, version: int) -> Manifest:
    """Parse a manifest that must be of this catalog and version.

    Raises:
        ContentError: (content) it cannot be parsed, or is another's.
    """
    return _read(data, catalog, version)[0]


def read_record(beneath: Beneath, folder: str, catalog: str, version: int) -> tuple[VersionRecord, Manifest]:
    """Return what is kept of a version that no pointer names.

    Raises:
        DamagedError: (local) its record or manifest is missing or damaged.
    """
    what = f"The record of version {version}"
    try:
        record = parse(beneath.read(f"{folder}/{version}.json"), VersionRecord, what)
    except (OSError, CatsyncError) as error:
        raise DamagedError(f"{what} of '{catalog}' cannot be read: {error}") from error
    if record.version != version:
        raise DamagedError(f"{what} of '{catalog}' is that of version {record.version}")
    return record, _parse(_load(beneath, folder, record), catalog, record)[0]


def stored_versions(beneath: Beneath, folder: str) -> list[int]:
    """Return the versions that a folder holds something of, newest first."""
    found = {read_version_name(name.removesuffix(".json")) for name, _ in beneath.list(folder)}
    return sorted((version for version in found if version is not None), reverse=True)


def discard_manifest(beneath: Beneath, folder: str, version: int) -> None:
    """Forget a version whose files are gone."""
    beneath.discard(f"{folder}/{version}.json")
    beneath.discard(f"{folder}/{version}")


def _load(beneath: Beneath, folder: str, record: VersionRecord) -> bytes:
    what = f"The stored manifest of version {record.version}"
    try:
        return verify(beneath.read(f"{folder}/{record.version}"), record.manifest, what)
    except OSError as error:
        raise DamagedError(f"{what} cannot be read: {error.strerror}") from error
    except CatsyncError as error:
        raise DamagedError(error.message) from error


def _parse(data: bytes, catalog: str, record: VersionRecord) -> tuple[Manifest, bytes]:
    try:
        return _read(data, catalog, record.version)
    except CatsyncError as error:
        raise DamagedError(
            f"The stored manifest of version {record.version} cannot be used: {error.message}"
        ) from error


def _read(data: bytes, catalog: str, version: int) -> tuple[Manifest, bytes]:
    plain = decompress_manifest(data)
    manifest = read_plain(plain)
    if (manifest.catalog, manifest.version) != (catalog, version):
        raise FormatError(
            f"The manifest is of {manifest.catalog} version {manifest.version}, not of {catalog} version {version}"
        )
    return manifest, plain
