"""The log of arrivals: a line for each instance, on stable storage before the 0000 that promises it.

A database keeps its indexes in order with every commit, and two processes that commit in turn read again what the other
has changed: for an instance of half a megabyte that took as long as copying it twice (measured). So the promise is a
line at the end of a file, and each process that receives has a file of its own. The index (`instances`) takes over what
the logs say before anybody asks it anything.

A line is a checksum, an `Arrival` as a JSON list, and its directory keys in hexadecimal. A file of the log is filled
with zeros first: then a line that is synced changes no length, which saves every sync one of the file system's own
(measured on ext4: a quarter). Its lines end at the first zero. Whoever writes to it holds a lock on it, which ends with
the process: a file that can be locked is finished, and goes when the index has it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
import zlib
from binascii import hexlify, unhexlify
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from media.instance import InstanceHeader
from media.store import fsync_folder

log = logging.getLogger("gravure.storage")

FILE_BYTES = 4 * 1024 * 1024
"""Of one file: some three thousand instances. Filling it takes 5 ms (measured), which one of them waits for."""
READ_BYTES = 1024 * 1024
SUFFIX, UNFINISHED = ".log", ".new"
FOLDER = "arrivals"
"""Below the store's: what was received is all in one place."""
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Arrival(NamedTuple):
    """One instance that is durable in the store: one line of the log, and what the index makes its rows of."""

    file: str
    """Relative to the store's folder; no two arrivals have the same."""
    file_bytes: int
    data_offset: int
    """Where the data set begins."""
    transfer_syntax_uid: str
    ae_title: str
    """The station that it was sent to: the key of its configuration table. "" where nobody knows."""
    calling_ae_title: str
    association_id: str
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    issuer: str
    patient_name: str
    patient_birth_date: str
    received: float
    """When it came, seconds since the epoch: a label only, nothing is decided by it."""
    keys: bytes
    """The directory keys, see `media.instance`."""

    @classmethod
    def of(
        cls,
        header: InstanceHeader,
        file: str,
        file_bytes: int,
        data_offset: int,
        transfer_syntax_uid: str,
        received: float,
        ae_title: str = "",
        calling_ae_title: str = "",
        association_id: str = "",
    ) -> Self:
        """What a header says of an instance, where it lies, and who was sent it: see the fields of the same names."""
        return cls(
            file,
            file_bytes,
            data_offset,
            transfer_syntax_uid,
            ae_title,
            calling_ae_title,
            association_id,
            header.sop_class_uid,
            header.sop_instance_uid,
            header.study_instance_uid,
            header.series_instance_uid,
            header.patient_id,
            header.issuer,
            header.patient_name,
            header.patient_birth_date,
            received,
            header.keys,
        )

    @property
    def of_study(self) -> tuple[str, str, tuple[str, str], str]:
        """(station, Study Instance UID, (Patient ID, issuer), association): what the quiet rule goes by."""
        return self.ae_title, self.study_instance_uid, (self.patient_id, self.issuer), self.association_id


_in_json = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def encode(arrival: Arrival) -> bytes:
    """One line.

    Raises:
        UnicodeEncodeError: a text that cannot be written down anywhere.
    """
    words = b"%b %b" % (_in_json(arrival[:-1]).encode(), hexlify(arrival.keys))
    return b"%08x %b\n" % (zlib.crc32(words), words)


def decode(line: bytes) -> Arrival:
    """What `encode` made a line of.

    Raises:
        ValueError: it is not whole, or not of this version.
    """
    checksum, _, words = line.partition(b" ")
    if int(checksum, 16) != zlib.crc32(words):
        raise ValueError("the checksum differs")
    of_instance, _, keys = words.rpartition(b" ")
    try:
        return Arrival._make([*json.loads(of_instance), unhexlify(keys)])
    except TypeError as failure:
        raise ValueError("another version wrote it") from failure


class Unsure(Exception):
    """A line may be on stable storage, and may not be: nothing is promised, and nothing it speaks of is taken back."""


class _Line:
    """One line that waits to be written."""

    __slots__ = ("error", "words", "written")

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.written = False
        self.error: BaseException | None = None


class ArrivalLog:
    """What one process writes. Lines that wait for each other's sync share the next one.

    Args:
        folder: where its files are, with those of other processes.
        wall: the wall clock, seconds since the epoch.
    """

    def __init__(self, folder: Path, wall: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self.wall = wall
        self._turn = threading.Lock()
        self._waiting: deque[_Line] = deque()
        """Anybody appends; who has the turn takes out."""
        self._fd = -1
        self._end = 0
        self._room = 0

    def put(self, arrival: Arrival) -> None:
        """Write one arrival down; on return it is durable.

        Raises:
            OSError: it is not in the log.
            Unsure: it may be.
        """
        words = encode(arrival)
        if self._turn.acquire(blocking=False):  # nobody is writing, as nearly always
            try:
                self._write(words)
            finally:
                self._turn.release()
            return
        line = _Line(words)
        self._waiting.append(line)
        with self._turn:
            if not line.written:
                self._write_waiting()
        if line.error is not None:
            raise line.error

    def _write_waiting(self) -> None:
        lines: list[_Line] = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        error: BaseException | None = None
        try:
            self._write(b"".join([one.words for one in lines]))
        except (OSError, Unsure) as failure:
            error = failure
        for line in lines:
            line.written, line.error = True, error

    def _write(self, words: bytes) -> None:
        try:
            if self._end + len(words) > self._room:
                self._begin(len(words))
            self._append(words)
        except BaseException:
            self._finish()  # nobody knows how it ends now
            raise

    def _append(self, words: bytes) -> None:
        try:
            written = os.pwrite(self._fd, words, self._end)
            if written < len(words):
                raise Unsure(f"{written} of {len(words)} bytes were written")
            os.fdatasync(self._fd)
        except OSError as failure:
            raise Unsure(failure.strerror) from failure
        self._end += written

    def _begin(self, least: int) -> None:
        """Another file, with room for so many bytes."""
        self._finish()
        # Locked before it is seen: one that nobody holds is taken for finished.
        path = self._folder / f"{time.time_ns():020d}-{os.urandom(4).hex()}{UNFINISHED}"
        fd = os.open(path, _NEW_FILE, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            room = max(FILE_BYTES, least)
            rest = memoryview(bytes(room))
            while len(rest):
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
            path.rename(path.with_suffix(SUFFIX))
            fsync_folder(self._folder)
        except BaseException:
            for made in (path, path.with_suffix(SUFFIX)):
                made.unlink(missing_ok=True)
            os.close(fd)
            raise
        self._fd, self._end, self._room = fd, 0, room

    def _finish(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._end, self._room = -1, 0, 0

    def close(self) -> None:
        """Nothing more arrives in this process."""
        with self._turn:
            self._finish()


def prepare(folder: Path) -> None:
    """Make the folder; what a process that was killed had not finished is removed: it holds no line."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob(f"*{UNFINISHED}"):
        file.unlink()


def log_files(folder: Path) -> list[Path]:
    """The files of all processes, in the order in which they were begun."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def is_finished(file: Path) -> bool:
    """Whether nobody writes to a file any longer."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def read_lines(file: Path, position: int) -> Iterator[tuple[list[Arrival], int]]:
    """What one file says from a position on, some hundred lines at a time, each with the position behind them.

    A line that is broken is passed over: the file that it spoke of has no row, and is found at the next start.
    """
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = READ_BYTES
        while data := os.pread(fd, size, position):
            whole, newline, rest = data.partition(b"\0")[0].rpartition(b"\n")
            if not newline:
                if b"\0" in rest or len(data) < size:
                    return
                size *= 2  # one line is longer than that
                continue
            arrivals = []
            for line in whole.split(b"\n"):
                try:
                    arrivals.append(decode(line))
                except ValueError as failure:
                    log.error("a line of the log of arrivals is broken", extra={"file": file.name, "error": failure})
            position += len(whole) + 1
            yield arrivals, position
    finally:
        os.close(fd)
