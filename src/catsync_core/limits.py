"""Every bound that catsync places on what others send, in one place."""

from __future__ import annotations

import msgspec

__all__ = ["LIMITS", "Limits"]

KIB = 1024
MIB = 1024 * KIB


class Limits(msgspec.Struct, frozen=True):
    """Bounds, in bytes unless the name says otherwise. Objects beyond them are refused before they are read."""

    index_length: int = 4 * MIB
    head_length: int = 64 * KIB
    head_texts: int = 8 * KIB  # of heads that travel in the index, all together
    manifest_length: int = 64 * MIB  # compressed, as it travels
    manifest_size: int = 512 * MIB  # decompressed
    table_length: int = 64 * MIB
    table_size: int = 512 * MIB
    signature_length: int = 256 * MIB
    entries: int = 2_000_000  # files and empty directories of one version
    catalogs: int = 10_000  # in one repository
    packs: int = 4_096  # that one version reads from
    patches: int = 32  # that lead to one version
    history: int = 1024  # versions that a history names
    history_length: int = 64 * KIB
    history_size: int = 64 * KIB  # decompressed
    prefix_size: int = 64 * MIB  # of old content that one frame of a patch needs
    frame_size: int = 64 * MIB  # decompressed
    pack_length: int = 1 << 50
    file_size: int = 1 << 44
    total_size: int = 1 << 48  # of one version
    path_length: int = 1024
    name_length: int = 255
    depth: int = 64  # of folders
    note_length: int = 4 * KIB
    title_length: int = 256
    json_depth: int = 16
    stall_seconds: float = 30.0
    retry_after_seconds: float = 3600.0


LIMITS = Limits()
