"""ISO 9660 as it lies in an image: descriptors, folders and files (ECMA-119; PS3.12 Annex F).

What checks an image should not be what wrote it, so this reader is written from the standard of the file system and
knows nothing but its plain tree: no Joliet, no Rock Ridge, no UDF. The image may be damaged or hostile: every extent
is compared with the file's size, folders that contain themselves are entered once, and counts are bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SECTOR_BYTES = 2048
MAX_DESCRIPTORS = 64
MAX_ENTRIES = 2_000_000
MAX_FOLDER_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64

HIDDEN, DIRECTORY, ASSOCIATED, RECORD_FORMAT, PROTECTED, MORE_EXTENTS = 1, 2, 4, 8, 16, 128
"""File flags (ECMA-119 §9.1.6)."""


class NotIso(Exception):
    """No ISO 9660 file system, or one that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class IsoEntry:
    """One folder or file."""

    path: tuple[str, ...]
    """Names as recorded, version number and all: ("DICOM", "IM000001.;1")."""
    flags: int
    extents: tuple[tuple[int, int], ...]
    """(first sector, bytes) of each part."""

    @property
    def is_folder(self) -> bool:
        return bool(self.flags & DIRECTORY)

    @property
    def size_bytes(self) -> int:
        return sum(size for _, size in self.extents)


def plain_name(name: str) -> str:
    """A recorded name without its version and an empty extension: "IM000001.;1" is IM000001."""
    return name.partition(";")[0].removesuffix(".")


class IsoReader:
    """Reads one image.

    Args:
        file: the image, open for reading; closed by its owner.

    Raises:
        NotIso: no primary volume descriptor.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.image_bytes = file.seek(0, 2)
        self.has_joliet = False
        descriptor = self._primary()
        self.system_identifier = descriptor[8:40].decode("latin-1")
        self.volume_identifier = descriptor[40:72].decode("latin-1").rstrip(" ")
        (self.volume_sectors,) = struct.unpack_from("<L", descriptor, 80)
        self._root = self._entry(descriptor[156:190], ())

    def _primary(self) -> bytes:
        primary = b""
        for number in range(16, 16 + MAX_DESCRIPTORS):
            descriptor = self._at(number * SECTOR_BYTES, SECTOR_BYTES)
            if len(descriptor) < SECTOR_BYTES or descriptor[1:6] != b"CD001":
                break
            if descriptor[0] == 1 and not primary:
                primary = descriptor
            elif descriptor[0] == 2 and descriptor[88:90] == b"%/":
                self.has_joliet = True
            elif descriptor[0] == 255:
                break
        if not primary:
            raise NotIso("no ISO 9660 volume descriptor")
        return primary

    def _at(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        return self._file.read(length)

    @staticmethod
    def _entry(record: bytes, above: tuple[str, ...]) -> IsoEntry:
        extended, sector, size = struct.unpack_from("<BL4xL", record, 1)
        name = record[33 : 33 + record[32]].decode("latin-1")
        return IsoEntry((*above, name), record[25], ((sector + extended, size),))

    def entries(self) -> Iterator[IsoEntry]:
        """Every folder and file below the root, folders before what they hold.

        Raises:
            NotIso: a folder cannot be read, or there are too many entries.
        """
        seen: set[int] = set()
        waiting: list[tuple[IsoEntry, tuple[str, ...]]] = [(self._root, ())]
        count = 0
        while waiting:
            folder, path = waiting.pop()
            if folder.extents[0][0] in seen:
                raise NotIso(f"the folder /{'/'.join(path)} contains itself")
            seen.add(folder.extents[0][0])
            for entry in self._children(folder, path):
                count += 1
                if count > MAX_ENTRIES or len(entry.path) > MAX_DEPTH:
                    raise NotIso("more files or folders than any real image has")
                yield entry
                if entry.is_folder:
                    waiting.append((entry, entry.path))

    def _children(self, folder: IsoEntry, path: tuple[str, ...]) -> Iterator[IsoEntry]:
        sector, size = folder.extents[0]
        if size > MAX_FOLDER_BYTES or sector * SECTOR_BYTES + size > self.image_bytes:
            raise NotIso(f"the folder /{'/'.join(path)} lies outside of the image")
        data = self._at(sector * SECTOR_BYTES, size)
        position = 0
        parts: tuple[tuple[int, int], ...] = ()
        while position < len(data):
            length = data[position]
            if length == 0:  # records do not cross sectors (ECMA-119 §6.8.1.1)
                position = (position // SECTOR_BYTES + 1) * SECTOR_BYTES
                continue
            record = data[position : position + length]
            position += length
            if length < 34 or len(record) < length or 33 + record[32] > length:
                raise NotIso(f"the folder /{'/'.join(path)} is damaged")
            if record[32] == 1 and record[33] in (0, 1):  # the folder itself and the one above
                continue
            entry = self._entry(record, path)
            parts += entry.extents
            if entry.flags & MORE_EXTENTS:
                continue
            yield IsoEntry(entry.path, entry.flags, parts)
            parts = ()

    def inside(self, entry: IsoEntry) -> bool:
        """True if every byte of the file is in the image."""
        return all(sector * SECTOR_BYTES + size <= self.image_bytes for sector, size in entry.extents)

    def read(self, entry: IsoEntry, start: int, length: int) -> bytes:
        """Bytes of a file from `start` on, at most `length`; fewer where the file or the image ends."""
        pieces = []
        for sector, size in entry.extents:
            if start < size and length > 0:
                piece = self._at(sector * SECTOR_BYTES + start, min(length, size - start))
                pieces.append(piece)
                length -= len(piece)
            start = max(0, start - size)
        return b"".join(pieces)
