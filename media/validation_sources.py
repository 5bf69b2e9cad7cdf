"""What lies on a disc, whether it is a folder, an ISO image or a ZIP archive: names, sizes and bytes.

Nothing here follows a link, writes, or unpacks more of a file than is asked for.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from .iso_reader import (
    ASSOCIATED,
    HIDDEN,
    PROTECTED,
    RECORD_FORMAT,
    IsoEntry,
    IsoReader,
    NotIso,
    plain_name,
)

MAX_FILES = 2_000_000
Place: TypeAlias = tuple[str, ...]
"""Where a file lies below the root of the disc."""
Add: TypeAlias = Callable[["Severity", str, str, str], None]
"""Report one finding: severity, words, section, location."""
Severity: TypeAlias = Literal["error", "warning", "note"]


class Unreadable(Exception):
    """The disc cannot be read at all; the text says why."""


class Source(Protocol):
    """A disc to be checked."""

    @property
    def kind(self) -> Literal["folder", "iso", "zip"]: ...

    files: dict[Place, int]
    """Every file and its size in bytes; names as a reader of the medium sees them."""
    volume_id: str | None
    """Volume Identifier of an ISO image."""

    def read(self, place: Place, start: int, length: int) -> bytes:
        """Bytes of a file.

        Raises:
            OSError: they cannot be read.
        """

    def close(self) -> None: ...


def open_source(path: Path, add: Add) -> Source:
    """Open a folder, an ISO image or a ZIP archive, by what it is and not by its name.

    Raises:
        Unreadable: it is none of these.
    """
    try:
        if path.is_dir():
            return FolderSource(path, add)
        with path.open("rb") as file:
            head = file.read(4)
        if head == b"PK\3\4" or zipfile.is_zipfile(path):
            return ZipSource(path, add)
        return IsoSource(path, add)
    except (OSError, NotIso, zipfile.BadZipFile) as failure:
        words = failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
        raise Unreadable(f"neither a folder nor a readable ISO or ZIP: {words}") from failure


@dataclass
class FolderSource:
    """A folder, as a mounted disc or a staging area is one."""

    root: Path
    add: Add
    kind: Literal["folder"] = "folder"
    files: dict[Place, int] = field(default_factory=dict)
    volume_id: str | None = None

    def __post_init__(self) -> None:
        waiting: list[Place] = [()]
        while waiting:
            place = waiting.pop()
            with os.scandir(self.root.joinpath(*place)) as found:
                for entry in sorted(found, key=lambda entry: entry.name):
                    here = (*place, entry.name)
                    mode = entry.stat(follow_symlinks=False).st_mode
                    if stat.S_ISDIR(mode):
                        waiting.append(here)
                    elif stat.S_ISREG(mode):
                        self.files[here] = entry.stat(follow_symlinks=False).st_size
                    else:
                        words = "a link or device stands on the disc; it was not followed"
                        self.add("error", words, "PS3.10 §8.1", "/".join(here))
            if len(self.files) > MAX_FILES:
                raise Unreadable("more files than any real disc has")

    def read(self, place: Place, start: int, length: int) -> bytes:
        with self.root.joinpath(*place).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def close(self) -> None:
        pass


class IsoSource:
    """An ISO 9660 image."""

    kind: Literal["iso"] = "iso"

    def __init__(self, path: Path, add: Add) -> None:
        self._file = path.open("rb")
        self._entries: dict[Place, IsoEntry] = {}
        self.files: dict[Place, int] = {}
        try:
            self._iso = IsoReader(self._file)
            self.volume_id: str | None = self._iso.volume_identifier
            self._check_volume(add)
            for entry in self._iso.entries():
                self._take(entry, add)
        except BaseException:
            self._file.close()
            raise

    def _check_volume(self, add: Add) -> None:
        if self._iso.system_identifier.strip(" \0"):
            add("warning", "the System Identifier is not all spaces", "PS3.12 §F.1.1", "volume descriptor")
        if self._iso.volume_sectors * 2048 > self._iso.image_bytes:
            add("error", "the image is shorter than its file system says: it was cut off", "ECMA-119 §8.4.8", "image")

    def _take(self, entry: IsoEntry, add: Add) -> None:
        location = "/".join(entry.path)
        if entry.flags & (RECORD_FORMAT | PROTECTED):
            add("error", "a file has a record format or access rights", "PS3.12 §F.1.1", location)
        if entry.flags & (HIDDEN | ASSOCIATED):
            add("warning", "a file is hidden", "PS3.12 §F.1.1", location)
        if entry.is_folder:
            return
        name = entry.path[-1]
        if not name.endswith(";1"):
            add("error", "a file's version number is not 1", "PS3.12 §F.1.1", location)
        if not self._iso.inside(entry):
            add("error", "a file lies partly outside of the image", "ECMA-119 §9.1", location)
        place = (*entry.path[:-1], plain_name(name))
        if place in self.files:
            add("error", "two files have the same name", "ECMA-119 §9.3", location)
        self.files[place] = entry.size_bytes
        self._entries[place] = entry

    def read(self, place: Place, start: int, length: int) -> bytes:
        return self._iso.read(self._entries[place], start, length)

    def close(self) -> None:
        self._file.close()


class ZipSource:
    """A ZIP archive (PS3.12 Annex V)."""

    kind: Literal["zip"] = "zip"
    volume_id: str | None = None

    def __init__(self, path: Path, add: Add) -> None:
        self._zip = zipfile.ZipFile(path)
        self._infos: dict[Place, zipfile.ZipInfo] = {}
        self.files: dict[Place, int] = {}
        for info in self._zip.infolist()[:MAX_FILES]:
            if info.is_dir():
                continue
            place = tuple(info.filename.split("/"))
            if info.filename.startswith("/") or "\\" in info.filename or {"..", ".", ""} & set(place):
                add("error", "a name in the archive leads out of it", "PS3.12 §V.1", ascii(info.filename))
                continue
            if place in self.files:
                add("error", "two files in the archive have the same name", "PS3.12 §V.1", info.filename)
            if info.flag_bits & 1:
                add("error", "a file in the archive is encrypted", "PS3.12 §V.1", info.filename)
                continue
            self.files[place] = info.file_size
            self._infos[place] = info

    def read(self, place: Place, start: int, length: int) -> bytes:
        try:
            with self._zip.open(self._infos[place]) as file:
                while start > 0 and (skipped := len(file.read(min(start, 1 << 16)))):
                    start -= skipped
                return file.read(length)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as failure:
            raise OSError(f"the archive is damaged: {failure}") from failure
        except Exception as failure:  # zlib and lzma raise errors of their own on damaged members
            raise OSError("the archive is damaged") from failure

    def close(self) -> None:
        self._zip.close()
