"""ISO 9660 level 1 images, streamed (PS3.12 Annex F; ECMA-119). The only module that imports pycdlib.

Volume Identifier = File-set ID, System Identifier all spaces, files as `NAME.;1`, no Rock Ridge; Joliet where it is
asked for. pycdlib looks at the clock by itself: here it sees the time of the job, in UTC, so that the same content
gives the same image.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from .iso_size import recorded

BLOCK_BYTES = 16 * 1024 * 1024
"""Copied between two words of the progress."""
LARGEST_FILE = 2**32
"""Level 1 has no larger ones: each is one span."""


class _Source:
    """A file as pycdlib wants it. What `read` gives goes to `write`, and only its length is asked: so it gives a
    `_Span`, and no byte comes through this process."""

    mode = "rb"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def seek(self, position: int) -> int:
        self._position = position
        return position

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> _Span:
        self._position += size
        return _Span(self._path, self._position - size, size)


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes of a file."""

    path: Path
    position: int
    size: int

    def __len__(self) -> int:
        return self.size


class _Skeleton:
    """The image as pycdlib writes it: its own bytes go into the file, spans of others and where they belong are kept.

    Single zeros are the padding of sectors: holes read the same, and cost nothing.
    """

    mode = "wb"

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = self._written = self.size = 0
        self.spans: list[tuple[int, _Span]] = []

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def write(self, data: bytes | _Span) -> int:
        if isinstance(data, _Span):
            self.spans.append((self._at, data))
        elif data != b"\0":
            if self._at != self._written:
                self._file.seek(self._at)
            self._file.write(data)
            self._written = self._at + len(data)
        self._at += len(data)
        self.size = max(self.size, self._at)
        return len(data)


def _fill(out: int, spans: Sequence[tuple[int, _Span]], progress: Callable[[float], None]) -> None:
    """Copy spans to their places, in the kernel."""
    done, total = 0, sum(span.size for _, span in spans)
    told = -1
    for place, span in spans:
        source = os.open(span.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            copied = 0
            while copied < span.size:
                wanted = min(BLOCK_BYTES, span.size - copied)
                got = _copy(source, span.position + copied, out, place + copied, wanted)
                if not got:
                    raise OSError(errno.EIO, "the file has become shorter", str(span.path))
                copied += got
                if 100 * (done + copied) // total != told:
                    told = 100 * (done + copied) // total
                    progress(told / 100)
        finally:
            os.close(source)
        done += span.size


def _copy(source: int, position: int, out: int, place: int, size: int) -> int:
    """Bytes that were copied; fewer than wanted is no error, none is the end of the source."""
    try:
        return os.copy_file_range(source, out, size, position, place)
    except OSError:  # two file systems, or one that cannot: a tenth slower (measured), and with errors of its own
        os.lseek(out, place, os.SEEK_SET)
        return os.sendfile(out, source, position, size)


LATEST = datetime(2155, 12, 31, tzinfo=UTC)
"""ISO 9660 counts years from 1900 in a byte (ECMA-119 9.1.5); a clock that is wrong may be beyond."""


@contextmanager
def _clock(now: datetime) -> Iterator[None]:
    """Let pycdlib's modules see one moment."""
    from pycdlib import dates, headervd, pycdlib

    class Moment:
        """The `time` module, standing still in UTC."""

        localtime = staticmethod(lru_cache(maxsize=4)(time.gmtime))

        @staticmethod
        def time() -> float:
            return now.timestamp()

        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

    modules: tuple[Any, ...] = (dates, headervd, pycdlib)
    before = [module.time for module in modules]
    try:
        for module in modules:
            module.time = Moment()
        yield
    finally:
        for module, original in zip(modules, before, strict=True):
            module.time = original


def write_iso(
    files: Iterable[tuple[tuple[str, ...], Path]],
    out: Path,
    *,
    volume_id: str,
    now: datetime,
    joliet: bool = False,
    progress: Callable[[float], None] = lambda _: None,
) -> None:
    """Write an image.

    Args:
        files: (path on the medium, source file); folders are made as they are needed.
        out: the image.
        volume_id: the File-set ID; up to 16 of A-Z 0-9 _.
        now: every date of the image.
        joliet: add the Joliet tree.
        progress: hears 0 to 1.

    Raises:
        OSError: the disk is full, or a source cannot be read.
    """
    import pycdlib

    with _clock(min(now, LATEST)):
        iso: Any = pycdlib.PyCdlib()
        iso.new(interchange_level=1, sys_ident="", vol_ident=volume_id, joliet=3 if joliet else None)
        try:
            made: set[tuple[str, ...]] = set()
            for path, source in files:
                for depth in range(1, len(path)):
                    if (folder := path[:depth]) not in made:
                        made.add(folder)
                        iso.add_directory("/" + "/".join(folder), **_joliet(folder, joliet))
                above = "".join(f"/{name}" for name in path[:-1])
                name = f"{above}/{recorded(path[-1], is_folder=False)}"
                iso.add_fp(_Source(source), source.stat().st_size, name, **_joliet(path, joliet))
            with out.open("wb") as image:
                skeleton = _Skeleton(image)
                iso.write_fp(skeleton, blocksize=LARGEST_FILE)
                image.truncate(skeleton.size)
                _fill(image.fileno(), skeleton.spans, progress)
        finally:
            iso.close()
    progress(1.0)


def _joliet(path: tuple[str, ...], wanted: bool) -> dict[str, str]:
    return {"joliet_path": "/" + "/".join(path)} if wanted else {}
