"""A printer that knows fewer operations: what stands before ippeveprinter takes them out of operations-supported and
refuses them, byte by byte; everything else is the printer's own.

ippeveprinter cannot be told to know fewer (it passes over operations-supported in its attributes file), cupsd neither,
and no other IPP server that Debian packages has Print-Job alone.
"""

from __future__ import annotations

import re
import socket
import threading

RESET = b"\1\0\0\0\0\0\0\0"
"""struct linger: a connection that is closed now is broken, not ended."""
NOT_SUPPORTED = 0x0501
"""server-error-operation-not-supported (RFC 8011 §B.1.5.2)."""


class OlderPrinter:
    """
    Args:
        target: port of the printer behind.
        lacks: operations that it does not know (RFC 8011 §5.4.15).

    Attributes:
        asked: operations that came, in order.
        breaks: (operation, "before" | "after"): where the connection breaks once: before the printer has the request,
            or when its answer would come.
    """

    def __init__(self, target: int, lacks: frozenset[int] = frozenset(), breaks: tuple[int, str] | None = None) -> None:
        self._target = target
        self._lacks = lacks
        self.asked: list[int] = []
        self.breaks = breaks
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"ipp://127.0.0.1:{self.port}/ipp/print"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near:
            near.settimeout(20)
            head, body = message(near)
            if not head:
                return
            operation = int.from_bytes(body[2:4], "big")
            self.asked.append(operation)
            if operation in self._lacks:
                near.sendall(answer(refusal(body)))
                return
            if self._broken(near, operation, "before"):
                return
            with socket.create_connection(("127.0.0.1", self._target), 5) as far:
                far.settimeout(20)
                far.sendall(head + body)
                _, said = message(far)
            if not self._broken(near, operation, "after"):
                near.sendall(answer(without(said, b"operations-supported", self._lacks)))

    def _broken(self, near: socket.socket, operation: int, where: str) -> bool:
        if self.breaks != (operation, where):
            return False
        self.breaks = None
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return True


def message(sock: socket.socket) -> tuple[bytes, bytes]:
    """One HTTP message: head, and body with its chunks joined; nothing where nothing came."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        more = sock.recv(65536)
        if not more:
            return b"", b""
        seen += more
    head, _, rest = seen.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while len(rest) < int(length[1]) if length else not rest.endswith(b"\r\n0\r\n\r\n"):
        more = sock.recv(65536)
        assert more, "half a message"
        rest += more
    return head + b"\r\n\r\n", rest if length else joined(rest)


def joined(chunks: bytes) -> bytes:
    """RFC 9112 §7.1."""
    out = b""
    while True:
        size, _, chunks = chunks.partition(b"\r\n")
        if not int(size, 16):
            return out
        out, chunks = out + chunks[: int(size, 16)], chunks[int(size, 16) + 2 :]


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def refusal(request: bytes) -> bytes:
    """RFC 8010 §3.1.1: version, status, request ID, the two attributes that every answer has."""
    said = [(0x47, b"attributes-charset", b"utf-8"), (0x48, b"attributes-natural-language", b"en")]
    return b"".join(
        [
            *(request[:2], NOT_SUPPORTED.to_bytes(2, "big"), request[4:8], b"\x01"),
            *(attribute(*one) for one in said),
            b"\x03",
        ]
    )


def attribute(tag: int, name: bytes, value: bytes) -> bytes:
    """RFC 8010 §3.1.4."""
    return b"%c%b%b%b%b" % (tag, len(name).to_bytes(2, "big"), name, len(value).to_bytes(2, "big"), value)


def without(body: bytes, name: bytes, numbers: frozenset[int]) -> bytes:
    """An IPP message without these values of an attribute of enums."""
    out, at, now, kept = bytearray(body[:8]), 8, b"", 0
    while at < len(body):
        tag = body[at]
        if tag < 0x10:  # begins a group, or ends them all
            out.append(tag)
            at += 1
            if tag == 0x03:
                return bytes(out + body[at:])
            continue
        of_name = int.from_bytes(body[at + 1 : at + 3], "big")
        if of_name:
            now, kept = body[at + 3 : at + 3 + of_name], 0
        begin = at + 5 + of_name
        value = body[begin : begin + int.from_bytes(body[begin - 2 : begin], "big")]
        at = begin + len(value)
        if now == name and int.from_bytes(value, "big") in numbers:
            continue
        out += attribute(tag, b"" if kept else body[at - len(value) - 2 - of_name : at - len(value) - 2], value)
        kept = kept + 1 if now == name else 0
    return bytes(out)
