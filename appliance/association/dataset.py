"""Data sets on their way: where they are put while they arrive."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .message import Refused

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"


class MemorySink:
    """A data set that is small by its nature.

    Args:
        most: bytes that are taken; a longer one is refused with 0213, resource limitation.
    """

    __slots__ = ("_data", "_most")

    def __init__(self, most: int) -> None:
        self._data = bytearray()
        self._most = most

    @property
    def size(self) -> int:
        return len(self._data)

    def write(self, *fragments: memoryview) -> None:
        for fragment in fragments:
            if len(self._data) + len(fragment) > self._most:
                raise Refused(0x0213, f"data set longer than {self._most} bytes")
            self._data += fragment

    def complete(self) -> None:
        """Nothing more to do."""

    def discard(self) -> None:
        self._data.clear()

    def read(self) -> bytes:
        """The whole data set."""
        return bytes(self._data)


class SpoolSink:
    """A data set that may be long: in memory up to a bound, in a file of its own beyond it.

    Args:
        folder: where the file is made.
        memory_bytes: the bound.
        most: bytes that are taken at all; a longer one is refused with 0213.
    """

    __slots__ = ("_data", "_fd", "_folder", "_memory_bytes", "_most", "path", "size")

    def __init__(self, folder: Path, memory_bytes: int, most: int) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._most = most
        self._data = bytearray()
        self._fd = -1
        self.path: Path | None = None
        """The file, once there is one; whoever takes it over renames or links it."""
        self.size = 0

    def write(self, *fragments: memoryview) -> None:
        """Raises OSError where the disk is full: what that means is the service's word (C605, A700)."""
        for fragment in fragments:
            self._write(fragment)

    def _write(self, fragment: memoryview) -> None:
        self.size += len(fragment)
        if self.size > self._most:
            raise Refused(0x0213, f"data set longer than {self._most} bytes")
        if self._fd < 0 and self.size <= self._memory_bytes:
            self._data += fragment
            return
        if self._fd < 0:
            self._to_file()
        while len(fragment):
            fragment = fragment[os.write(self._fd, fragment) :]

    def _to_file(self) -> None:
        self.path = self._folder / secrets.token_hex(12)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        data = memoryview(self._data)
        while len(data):
            data = data[os.write(self._fd, data) :]
        data.release()
        self._data = bytearray()

    def complete(self) -> None:
        """Nothing more comes."""

    def to_file(self) -> Path:
        """The data set as a file, whatever its length."""
        if self.path is None:
            self._to_file()
        assert self.path is not None
        self._close()
        return self.path

    @property
    def in_memory(self) -> bool:
        """Whether `read` costs nothing."""
        return self.path is None

    def read(self) -> bytes:
        """The whole data set. For a long one map the file instead."""
        if self.path is None:
            return bytes(self._data)
        return self.path.read_bytes()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        self._close()
        self._data = bytearray()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
