"""The instance store: Part 10 files that survive a power cut (PS3.10 §7; promise 1: files first).

One instance is one file, named by a random number of ours and never by what a peer said. It is written in
`incoming/` while its data set arrives, and `keep` moves it to its final folder in the only order that makes a
promise possible: fsync the file, rename it, fsync the folder. The data set stands in it bit for bit as it came,
behind a preamble of zeros (PS3.10 §7.1: nothing executable leaves on a disc) and a File Meta Information of ours.

The store knows files and nothing else: which instance is where is the index's business, and the index can be made
again from these files, as each names its SOP Class, SOP Instance and Transfer Syntax.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

IMPLEMENTATION_CLASS_UID = "2.25.302043790172249692526321623266752743501"
IMPLEMENTATION_VERSION_NAME = "GRAVURE_1"

HEAD_BYTES = 16 * 1024
"""How much of the data set is kept in memory for the header scan. Pixel data begin before that in nearly all files (by
trial on the corpus: 95 %); where they do not, the scan reads the file."""

PAGE_BYTES = 4096

EARLY_BYTES = 128 * 1024
"""So much of a long data set is sent on to the disk as it comes: when its last byte is there, the fsync that its sender
waits for finds most of the work done (measured on a fast disk: 65 µs instead of 490 for 512 KiB)."""

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

SHELF_DIGITS, NAME_BYTES = 2, 15
"""Files lie in 256 folders, named by the first digits of their names: a folder of 100,000 files is slow to list."""

_LONG_VRS = frozenset({b"OB"})


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    """One Explicit VR Little Endian element of group 0002, padded to even length (PS3.5 §7.1.2)."""
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB") else b" "
    if vr in _LONG_VRS:
        return struct.pack("<HH2sHL", 2, element, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value


@lru_cache(maxsize=512)
def _around(sop_class_uid: str, transfer_syntax_uid: str, instance_bytes: int) -> tuple[bytes, bytes]:
    """What stands before and behind the value of a SOP Instance UID of so many bytes."""
    before = (
        _element(0x0001, b"OB", b"\0\1")
        + _element(0x0002, b"UI", sop_class_uid.encode("ascii"))
        + struct.pack("<HH2sH", 2, 0x0003, b"UI", instance_bytes)
    )
    behind = (
        _element(0x0010, b"UI", transfer_syntax_uid.encode("ascii"))
        + _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii"))
        + _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii"))
    )
    length = struct.pack("<L", len(before) + instance_bytes + len(behind))
    return b"\0" * 128 + b"DICM" + _element(0, b"UL", length) + before, behind


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and File Meta Information of one file (PS3.10 §7.1, table 7.1-1), in bytes.

    Raises:
        UnicodeEncodeError: a UID holds what no UID may hold; callers check UIDs before they come here.
    """
    instance = sop_instance_uid.encode("ascii")
    if len(instance) % 2:
        instance += b"\0"
    before, behind = _around(sop_class_uid, transfer_syntax_uid, len(instance))
    return before + instance + behind


class Shelf:
    """A folder of the store, open as long as anything is on its way there. Instances that come one after the other lie
    on one shelf: it is looked up once for all of them, and is still known to the processor's caches (by trial)."""

    __slots__ = ("fd", "left", "name")

    IN_A_ROW: ClassVar[int] = 64

    def __init__(self, folder: str) -> None:
        self.name = os.urandom(SHELF_DIGITS // 2).hex()
        self.left = self.IN_A_ROW
        self.fd = os.open(f"{folder}/{self.name}", _FOLDER)

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)


class Blank:
    """A file in `incoming/` that waits for an instance. Its name is a random number, never a word of a peer.

    Args:
        folder: the store's.
        shelf: where it will lie.
        file_bytes: room that it is given: writing then only copies, as the pages are there.
    """

    __slots__ = ("fd", "file_bytes", "name", "path", "shelf")

    def __init__(self, folder: str, shelf: Shelf, file_bytes: int = 0) -> None:
        self.shelf = shelf
        self.name = name = shelf.name + os.urandom(NAME_BYTES).hex()
        self.path = path = f"{folder}/incoming/{name}"
        self.fd = os.open(path, _NEW_FILE, 0o600)
        self.file_bytes = file_bytes
        if file_bytes:
            try:
                os.posix_fallocate(self.fd, 0, file_bytes)
            except OSError:
                self.discard()
                raise

    def discard(self) -> None:
        """Nothing came."""
        os.close(self.fd)
        os.unlink(self.path)


class IncomingInstance:
    """One instance on its way in: a file in `incoming/` that takes fragments until it is kept or discarded."""

    __slots__ = (
        "_early",
        "_fd",
        "_folder",
        "_head",
        "_pending",
        "_room",
        "_shelf",
        "data_offset",
        "name",
        "path",
        "size",
    )

    def __init__(self, folder: str, blank: Blank, head: bytes) -> None:
        self._folder = folder
        self._shelf = blank.shelf
        self.name = blank.name
        self.path = blank.path
        self._fd = blank.fd
        self._room = blank.file_bytes
        self._pending: bytes | None = head
        self._head = b""
        self._early = 0
        """How much of the file is on its way to the disk."""
        self.data_offset = len(head)
        """Bytes before the data set."""
        self.size = 0
        """Bytes of data set written so far."""

    def write(self, *fragments: memoryview) -> None:
        """Append fragments of the data set.

        Raises:
            OSError: the disk is full or failing; the caller discards the file and says so to the peer.
        """
        for fragment in fragments:
            if len(self._head) >= HEAD_BYTES:
                break
            self._head += fragment[: HEAD_BYTES - len(self._head)]
        size = sum(map(len, fragments))
        self.size += size
        if self._pending is not None:
            size += len(self._pending)
            fragments = (memoryview(self._pending), *fragments)
            self._pending = None
        written = os.writev(self._fd, fragments)
        if written < size:
            self._write_rest(fragments, written)
        if self.size - self._early >= EARLY_BYTES:
            self._send_on()

    def _write_rest(self, fragments: Sequence[memoryview], written: int) -> None:
        """What the kernel did not take at once: a disk that is nearly full says so at the next byte."""
        for fragment in fragments:
            rest, written = fragment[written:], max(written - len(fragment), 0)
            while len(rest):
                rest = rest[os.write(self._fd, rest) :]

    def _send_on(self) -> None:
        """Let the kernel begin to write whole pages. No promise: `keep` makes one. (What `DONTNEED` says otherwise, to
        give the pages back, the kernel does not do with those that are being written.)"""
        end = (self.data_offset + self.size) // PAGE_BYTES * PAGE_BYTES
        os.posix_fadvise(self._fd, self._early, end - self._early, os.POSIX_FADV_DONTNEED)
        self._early = end

    @property
    def head(self) -> bytes:
        """The first bytes of the data set, at most `HEAD_BYTES`; all of it where it is shorter."""
        return self._head

    def read_at(self, position: int, size: int) -> bytes:
        """Bytes of the data set that have been written; fewer at its end."""
        if position + size <= len(self._head):
            return self._head[position : position + size]
        return os.pread(self._fd, size, self.data_offset + position)

    def mapped(self) -> mmap.mmap:
        """The whole file, mapped for reading; the data set begins at `data_offset`."""
        return mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ)

    def keep(self) -> str:
        """Make the file durable under its final name: fsync file, rename, fsync folder.

        Returns:
            The file's path relative to the store's folder.

        Raises:
            OSError: not durable; nothing was promised, and the file is not to be trusted (an fsync that failed once
                proves nothing when it succeeds later), so the caller discards it.
        """
        os.fsync(self._fd)
        self._close()
        shelf = self._shelf
        relative = f"{shelf.name}/{self.name}"
        kept = f"{self._folder}/{relative}"
        os.rename(self.path, kept)
        self.path = kept
        os.fsync(shelf.fd)
        return relative

    def discard(self) -> None:
        """Leave nothing behind. Safe to call twice, and after `keep` it takes the kept file back."""
        self._close()
        self._head = b""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass

    def complete(self) -> None:
        """The last fragment has come: a data set of zero bytes still leaves a file with its head."""
        if self._pending is not None:
            os.write(self._fd, self._pending)
            self._pending = None
        if self._room > self.data_offset + self.size:
            os.ftruncate(self._fd, self.data_offset + self.size)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def fsync_folder(folder: str | Path) -> None:
    """Make renames in `folder` durable."""
    fd = os.open(folder, _FOLDER)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class InstanceStore:
    """Files of instances under one folder.

    Args:
        folder: where they lie; made if it is missing. `incoming/` below it is emptied: what stands there after a
            crash was never acknowledged.
        prepared: another process of ours has made the folders and uses them: they are left as they are.
    """

    def __init__(self, folder: Path, *, prepared: bool = False) -> None:
        self.folder = folder
        self._folder = str(folder)
        self._blank: Blank | None = None
        self._shelf: Shelf | None = None
        if not prepared:
            self._prepare()

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shelves = (f"{number:0{SHELF_DIGITS}x}" for number in range(16**SHELF_DIGITS))
        for name in ("incoming", "damaged", *shelves):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        fsync_folder(self.folder)
        for leftover in (self.folder / "incoming").iterdir():
            leftover.unlink()

    def begin(self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> IncomingInstance:
        """Open a file for an instance that is about to arrive."""
        head = file_head(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        blank, self._blank = self._blank, None
        return IncomingInstance(self._folder, blank or Blank(self._folder, self._next_shelf()), head)

    def _next_shelf(self) -> Shelf:
        shelf = self._shelf
        if shelf is None or shelf.left <= 0:
            self._shelf = shelf = Shelf(self._folder)
        shelf.left -= 1
        return shelf

    def expect(self, file_bytes: int) -> None:
        """Make the file of the next instance ready while nobody waits for it: the next one of a series is as large as
        the last one, and its sender needs a moment to read it. (Measured in memory: half of the time of the writing.)
        Without room for it, nothing is ready, and `begin` says what there is to say.
        """
        if self._blank is None:
            with contextlib.suppress(OSError):
                room = -(-file_bytes // PAGE_BYTES) * PAGE_BYTES
                self._blank = Blank(self._folder, self._next_shelf(), room)

    def expect_nothing(self) -> None:
        """Take back what `expect` made."""
        blank, self._blank = self._blank, None
        if blank is not None:
            blank.discard()

    def path(self, relative: str) -> Path:
        """Where a kept file lies."""
        return self.folder / relative

    def remove(self, relative: str) -> None:
        """Delete one kept file; it may be gone already."""
        self.path(relative).unlink(missing_ok=True)

    def set_aside(self, relative: str) -> None:
        """Move a file that cannot be used to `damaged/`, where a person can look at it."""
        self.path(relative).rename(self.folder / "damaged" / relative.rpartition("/")[2])

    def files(self) -> Iterator[str]:
        """Every kept file, relative to the store's folder: what the index is made again from."""
        for shelf in sorted(self.folder.iterdir()):
            if shelf.is_dir() and len(shelf.name) == SHELF_DIGITS:
                for file in sorted(shelf.iterdir()):
                    yield f"{shelf.name}/{file.name}"
