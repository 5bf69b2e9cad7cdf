"""A printer on a TCP port that takes bytes and says nothing, as those on port 9100 do; others read what came."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

from tests.ipp_printer import until


class RawPrinter:
    """What came on each connection becomes a file in `out/` when the sender has ended it, and only then.

    Attributes:
        breaks_after: bytes after which it breaks the connection, once.
        closes: whether it closes the connection when it has everything.
        says: what it sends back before it reads.
        buffer_bytes: what it takes unread; 0 leaves it to the system.
    """

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.out.mkdir(parents=True)
        self.port = 0
        self.breaks_after: int | None = None
        self.closes = True
        self.says = b""
        self.buffer_bytes = 0
        self.connections = 0
        self._running = threading.Event()
        self._running.set()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def on(self) -> RawPrinter:
        """Switch it on, on the port that it had."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        if self.buffer_bytes:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer_bytes)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()
        return self

    def off(self) -> None:
        """Pull the plug."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def stop(self) -> None:
        """The end of everything."""
        self.off()
        self.let_go()
        for one in self._open:
            one.close()

    def hold(self) -> None:
        """From now on nothing is read."""
        self._running.clear()

    def let_go(self) -> None:
        """And now it is."""
        self._running.set()

    @property
    def sheets(self) -> list[Path]:
        """What came, whole, in order."""
        return sorted(self.out.glob("*.prn"))

    def until_sheets(self, count: int) -> list[Path]:
        """Wait for so many."""
        until(lambda: len(self.sheets) >= count, f"{len(self.sheets)} came, not {count}")
        return self.sheets

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(near)
            threading.Thread(target=self._read, args=(near, self.connections), daemon=True).start()

    def _read(self, near: socket.socket, number: int) -> None:
        unfinished = self.out / f".{number}"
        try:
            if self.says:
                near.sendall(self.says)
            with unfinished.open("wb") as out:
                while True:
                    self._running.wait()
                    data = near.recv(4096)
                    if not data:
                        break
                    out.write(data)
                    if self.breaks_after is not None and out.tell() > self.breaks_after:
                        self.breaks_after = None
                        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        near.close()
                        return
        except OSError:
            return
        if unfinished.stat().st_size:  # nothing is no job
            unfinished.rename(self.out / f"{number:03}.prn")
        if self.closes:
            near.close()
