"""Films on a TCP connection, port 9100 as a rule: bytes go out, and nothing comes back that says what became of them.

A film is delivered when the printer has taken every byte of it. What breaks before the first byte did not print; what
breaks after it may have, and a person looks. What was done is noted before it is done: after a crash nobody can ask
this printer anything.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from printing.outputs import (
    OFFLINE,
    PDF,
    POSTSCRIPT,
    PWG,
    Delivered,
    Hear,
    Left,
    Look,
    NotDelivered,
    Paper,
    PossiblyDelivered,
    Properties,
    RenderedFilm,
    Stop,
    Target,
)
from printing.outputs.note import NAME, Note, copies_told
from printing.printer import NORMAL, PrinterState, Takes
from printing.terms import PrinterStatus

PROPERTIES = Properties(
    (PDF, POSTSCRIPT, PWG), reports_status=False, safe_to_repeat=False, look_every_s=60.0, look_beside=False, note=NAME
)
"""A printer that takes one connection at a time is not asked often, and not while it has a film."""
PORT = 9100
CONNECT_S = 15.0
REACH_S = 4.0
"""For a connection that only looks whether it is there."""
SILENT_S = 900.0
"""A printer that has taken nothing for this long: it waits for paper, as a rule, and somebody for the film."""
CLOSE_S = 120.0
"""For the printer to close the connection when it has everything; some wait until the sheet is out."""
LOOK_S = 0.25
"""Between two looks whether the film is still wanted."""
CHUNK_BYTES = 64 * 1024
MID_WAY = "possibly printed: the connection broke while the film was sent"


@dataclass(slots=True)
class RawOutput:
    """One printer.

    Attributes:
        host: name or address.
        port: TCP port.
        hear: told whether it can be reached.
        media_type: what it is sent.
        papers: what lies in it; empty: a page is as large as its film.
        dpi: its resolution, for PWG Raster, which has no other.
        silent_s, close_s: see the constants.
        clock: monotonic, seconds.
    """

    host: str
    port: int = PORT
    hear: Hear = lambda state: None
    media_type: str = PDF
    papers: tuple[Paper, ...] = ()
    dpi: int = 300
    silent_s: float = SILENT_S
    close_s: float = CLOSE_S
    clock: Callable[[], float] = time.monotonic
    properties: Properties = field(default=PROPERTIES)

    def target(self) -> Target:
        """What the configuration says: this printer cannot be asked."""
        return Target(self.media_type, self.papers, self.dpi if self.media_type == PWG else None)

    def look(self) -> Look:
        """Whether it takes a connection; one that brings nothing is no job. It says nothing of itself."""
        try:
            socket.create_connection((self.host, self.port), REACH_S).close()
        except OSError:
            return OFFLINE
        papers = tuple((one.name, one.width_mm, one.height_mm, one.margin_mm) for one in self.papers)
        return Look(NORMAL, Takes(dpi=self.target().dpi, papers=papers))

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """Send a film, and wait until every byte is taken."""
        note = Note(film.folder / NAME, film.said)
        if note.done:
            return Delivered(warnings=note.warnings)
        if note.is_there:
            raise PossiblyDelivered("possibly printed: it was being sent, and nobody can say how far it came")
        wish = stop()
        if wish is Stop.LEAVE:
            raise Left
        if wish is Stop.CANCEL:
            raise NotDelivered("cancelled", passing=False)
        try:
            connection = socket.create_connection((self.host, self.port), CONNECT_S)
        except OSError as failure:
            self.hear(PrinterState(PrinterStatus.FAILURE, "PRINTER OFFLINE"))
            words = f"the printer at {self.host}:{self.port} does not answer: {failure.strerror or 'no connection'}"
            raise NotDelivered(words, passing=True) from failure
        with connection:
            note.write(warnings=copies_told(int(film.record["film"].get("number_of_copies") or 1), 1))
            _Sending(self, connection, note, stop).run(film.files)
        self.hear(NORMAL)
        note.finish()
        return Delivered(warnings=note.warnings)


class _Sending:
    """One film on one connection."""

    def __init__(self, output: RawOutput, connection: socket.socket, note: Note, stop: Callable[[], Stop]) -> None:
        self._output = output
        self._connection = connection
        self._note = note
        self._stop = stop
        self._sent = 0
        self._ended = False
        """Whether the printer has closed its side."""
        connection.setblocking(False)

    def run(self, files: tuple[Path, ...]) -> None:
        try:
            for chunk in _chunks(files):
                self._send(chunk)
            self._connection.shutdown(socket.SHUT_WR)
            self._await_the_end()
        except OSError as failure:
            if self._sent == 0:
                self._note.remove()
                words = f"the printer took the connection and nothing else: {failure.strerror or 'it broke'}"
                raise NotDelivered(words, passing=True) from failure
            raise PossiblyDelivered(MID_WAY) from failure

    def _send(self, chunk: bytes) -> None:
        left, heard_s = memoryview(chunk), self._output.clock()
        while left:
            if self._ready(writing=True):
                count = self._connection.send(left)
                self._sent += count
                left, heard_s = left[count:], self._output.clock()
                continue
            self._look()
            if self._output.clock() - heard_s > self._output.silent_s:
                raise PossiblyDelivered("possibly printed: the printer has stopped taking the film")

    def _await_the_end(self) -> None:
        """Until the printer closes; where it does not, or we cannot wait, it must have confirmed every byte."""
        end_s = self._output.clock() + self._output.close_s
        while not self._ended and self._output.clock() < end_s and self._stop() is Stop.NO:
            self._ready(writing=False)
        if not self._ended and _unconfirmed(self._connection):
            raise PossiblyDelivered("possibly printed: the printer has not taken all of the film")

    def _ready(self, *, writing: bool) -> bool:
        """Wait a moment; what the printer says is read, as what is left unread would break the connection, and dropped.

        Returns:
            Whether something can be sent.
        """
        readable, writable, _ = select.select(
            [] if self._ended else [self._connection], [self._connection] if writing else [], [], LOOK_S
        )
        if readable:
            self._ended = not self._connection.recv(CHUNK_BYTES)
        return bool(writable)

    def _look(self) -> None:
        wish = self._stop()
        if wish is Stop.NO:
            return
        # Nothing more shall come of what it has: the connection is broken, not ended.
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if wish is Stop.LEAVE:
            raise Left
        raise PossiblyDelivered("cancelled while it was sent: a part of it may have come out")


def _chunks(files: tuple[Path, ...]) -> Iterator[bytes]:
    for name in files:
        with name.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def _unconfirmed(connection: socket.socket) -> int:
    """Bytes that the other side has not confirmed yet (SIOCOUTQ, which has the number of TIOCOUTQ on Linux)."""
    return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0])
