"""DICOM on the wire from PS3.5, PS3.7 and PS3.8 alone: PDUs, messages, data sets, a peer over a bare socket."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
NUMBERS = {"US": "<H", "UL": "<I", "SS": "<h", "SL": "<i", "AT": "<HH"}

Elements = dict[int, tuple[str, Any]]
"""Tag → (VR, value): text, a number, bytes, or for SQ a list of Elements."""


def encoded(elements: Elements, explicit: bool) -> bytes:
    """A data set in little endian, sequences and items with their lengths."""
    out = bytearray()
    for tag in sorted(elements):
        vr, value = elements[tag]
        raw = _value(vr, value, explicit)
        out += struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if not explicit:
            out += struct.pack("<I", len(raw))
        elif vr in LONG:
            out += vr.encode() + b"\0\0" + struct.pack("<I", len(raw))
        else:
            out += vr.encode() + struct.pack("<H", len(raw))
        out += raw
    return bytes(out)


def _value(vr: str, value: Any, explicit: bool) -> bytes:
    if vr == "SQ":
        items = (encoded(item, explicit) for item in value)
        return b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    if isinstance(value, bytes):
        return value + b"\0" * (len(value) % 2)
    if vr in NUMBERS:
        return struct.pack(NUMBERS[vr], value)
    text = str(value).encode("ascii")
    return text + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)


def decoded(data: bytes, explicit: bool) -> dict[int, Any]:
    """Tag → raw bytes, or for sequences of the print classes a list of such dictionaries."""
    found: dict[int, Any] = {}
    at = 0
    while at < len(data):
        group, element = struct.unpack_from("<HH", data, at)
        vr = data[at + 4 : at + 6].decode("ascii") if explicit else ""
        if not explicit:
            (length,), start = struct.unpack_from("<I", data, at + 4), at + 8
        elif vr in LONG:
            (length,), start = struct.unpack_from("<I", data, at + 8), at + 12
        else:
            (length,), start = struct.unpack_from("<H", data, at + 6), at + 8
        tag = group << 16 | element
        if vr == "SQ" or tag in SEQUENCES:
            found[tag], at = _items(data, start, length, explicit)
        else:
            found[tag] = data[start : start + length]
            at = start + length
    return found


SEQUENCES = {
    0x00081110, 0x00081115, 0x00081140, 0x20000500, 0x20100500, 0x20100510, 0x20100520, 0x20200110, 0x20200111,
    0x20500010, 0x20500500, 0x21000500,
}  # fmt: skip


def _items(data: bytes, at: int, length: int, explicit: bool) -> tuple[list[dict[int, Any]], int]:
    items: list[dict[int, Any]] = []
    end = len(data) if length == 0xFFFFFFFF else at + length
    while at < end:
        _, element, size = struct.unpack_from("<HHI", data, at)
        at += 8
        if element == 0xE0DD:
            return items, at
        if size == 0xFFFFFFFF:
            size = _delimited(data, at, explicit)
            items.append(decoded(data[at : at + size], explicit))
            at += size + 8
        else:
            items.append(decoded(data[at : at + size], explicit))
            at += size
    return items, at


def _delimited(data: bytes, at: int, explicit: bool) -> int:
    """Length of an item that ends with a delimiter; items of print dialogues hold no sequences of their own."""
    start = at
    while data[at : at + 4] != b"\xfe\xff\x0d\xe0":
        vr = data[at + 4 : at + 6].decode("ascii") if explicit else ""
        if not explicit:
            at += 8 + int(struct.unpack_from("<I", data, at + 4)[0])
        elif vr in LONG:
            at += 12 + int(struct.unpack_from("<I", data, at + 8)[0])
        else:
            at += 8 + int(struct.unpack_from("<H", data, at + 6)[0])
    return at - start


def text(raw: bytes) -> str:
    """A text or UID value without its padding."""
    return raw.decode("latin-1").strip(" \0")


def number(raw: bytes) -> int:
    """A US or UL value."""
    return int.from_bytes(raw, "little")


@dataclass
class Message:
    """One DIMSE message: command set, presentation context, data set as it came."""

    command: dict[int, bytes]
    context: int
    data: bytes = b""

    @property
    def field(self) -> int:
        """Command Field."""
        return number(self.command[0x00000100])

    @property
    def status(self) -> int:
        """Status of a response."""
        return number(self.command[0x00000900])

    @property
    def has_data(self) -> bool:
        """Whether Command Data Set Type announces a data set."""
        return number(self.command[0x00000800]) != 0x0101


@dataclass
class Assembler:
    """PDVs of one direction put together to messages."""

    command: bytearray = field(default_factory=bytearray)
    data: bytearray = field(default_factory=bytearray)
    open: Message | None = None

    def feed(self, pdu: bytes) -> Iterator[Message]:
        """Messages that are whole with this P-DATA-TF."""
        at = 0
        while at < len(pdu):
            length, context, flags = struct.unpack_from(">IBB", pdu, at)
            value = pdu[at + 6 : at + 4 + length]
            at += 4 + length
            (self.command if flags & 1 else self.data).extend(value)
            if flags == 3:
                self.open = Message(decoded(bytes(self.command), False), context)
                self.command.clear()
            if self.open and (flags == 2 or (flags == 3 and not self.open.has_data)):
                message, self.open = self.open, None
                message.data = bytes(self.data)
                self.data.clear()
                yield message


def pdus(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each whole PDU."""
    at = 0
    while at + 6 <= len(stream):
        kind, length = struct.unpack_from(">BxI", stream, at)
        if at + 6 + length > len(stream):
            return
        yield kind, stream[at + 6 : at + 6 + length]
        at += 6 + length


def sub_items(body: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, content) of items and sub-items of an association PDU."""
    at = 0
    while at + 4 <= len(body):
        kind, length = struct.unpack_from(">BxH", body, at)
        yield kind, body[at + 4 : at + 4 + length]
        at += 4 + length


def proposed(request: bytes) -> dict[int, tuple[str, list[str]]]:
    """Context ID → (abstract syntax, transfer syntaxes) of an A-ASSOCIATE-RQ."""
    found = {}
    for kind, content in sub_items(request[68:]):
        if kind == 0x20:
            inner = list(sub_items(content[4:]))
            abstract = next(text(value) for item, value in inner if item == 0x30)
            found[content[0]] = (abstract, [text(value) for item, value in inner if item == 0x40])
    return found


def accepted(accept: bytes) -> dict[int, str]:
    """Context ID → transfer syntax of what an A-ASSOCIATE-AC accepts."""
    return {
        content[0]: text(next(sub_items(content[4:]))[1])
        for kind, content in sub_items(accept[68:])
        if kind == 0x21 and content[2] == 0
    }


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


class Peer:
    """A peer over a bare socket: asks, waits for the answer, and answers events that come in between."""

    def __init__(
        self,
        port: int,
        called: str,
        contexts: Sequence[tuple[str, str]],
        *,
        fragment: int = 16000,
        answer_events: bool = True,
    ) -> None:
        """Associate; `contexts` are (abstract syntax, transfer syntax), `fragment` the bytes of one PDV."""
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fragment = fragment
        self.answer_events = answer_events
        self.events: list[Message] = []
        self.unanswered: list[Message] = []
        self.ids = itertools.count(1)
        self.assembler = Assembler()
        self.waiting: list[Message] = []
        items = _item(0x10, b"1.2.840.10008.3.1.1.1")
        for at, (abstract, transfer) in enumerate(contexts):
            inner = _item(0x30, abstract.encode()) + _item(0x40, transfer.encode())
            items += _item(0x20, bytes([2 * at + 1, 0, 0, 0]) + inner)
        items += _item(0x50, _item(0x51, struct.pack(">I", 65536)) + _item(0x52, b"2.25.77001122"))
        head = struct.pack(">HH16s16s32x", 1, 0, called.encode().ljust(16), b"JUDGE".ljust(16))
        self._send(1, head + items)
        kind, body = self._receive()
        assert kind == 2, f"PDU {kind}: {body[:8].hex()}"
        agreed = accepted(body)
        self.contexts = {
            abstract: (2 * at + 1, agreed[2 * at + 1])
            for at, (abstract, _) in enumerate(contexts)
            if 2 * at + 1 in agreed
        }

    def _send(self, kind: int, body: bytes) -> None:
        self.socket.sendall(struct.pack(">BxI", kind, len(body)) + body)

    def _receive(self) -> tuple[int, bytes]:
        head = self._exactly(6)
        kind, length = struct.unpack(">BxI", head)
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            part = self.socket.recv(count - len(got))
            if not part:
                raise ConnectionResetError("the appliance closed the connection")
            got += part
        return bytes(got)

    def _message(self, context: int, command: Elements, data: bytes | None) -> None:
        command[0x00000800] = ("US", 0x0101 if data is None else 1)
        body = encoded(command, False)
        body = encoded({0x00000000: ("UL", len(body))}, False) + body
        self._send(4, struct.pack(">IBB", len(body) + 2, context, 3) + body)
        for at in range(0, len(data or b""), self.fragment):
            part = (data or b"")[at : at + self.fragment]
            last = 2 if at + self.fragment >= len(data or b"") else 0
            self._send(4, struct.pack(">IBB", len(part) + 2, context, last) + part)

    def explicit(self, abstract: str) -> bool:
        """Whether the context of this abstract syntax speaks Explicit VR."""
        return self.contexts[abstract][1] == EXPLICIT

    def ask(self, abstract: str, command: Elements, data: Elements | bytes | None = None) -> Message:
        """One request on the context of an abstract syntax, and its response; events are kept on the way."""
        identifier = self.send(abstract, command, data)
        return self.response(identifier)

    def send(self, abstract: str, command: Elements, data: Elements | bytes | None = None) -> int:
        """One request; its message ID."""
        context, transfer = self.contexts[abstract]
        identifier = next(self.ids)
        raw = encoded(data, transfer == EXPLICIT) if isinstance(data, dict) else data
        self._message(context, {**command, 0x00000110: ("US", identifier)}, raw)
        return identifier

    def response(self, identifier: int) -> Message:
        """Wait for the response to a message."""
        while True:
            message = self.next()
            if message.field & 0x8000 and number(message.command[0x00000120]) == identifier:
                return message
            assert message.field == 0x0100, f"unexpected message {message.field:04X}"

    def next(self) -> Message:
        """The next message; an event is kept, and answered if that is wished."""
        while not self.waiting:
            kind, body = self._receive()
            assert kind == 4, f"PDU {kind}: {body[:8].hex()}"
            self.waiting += self.assembler.feed(body)
        message = self.waiting.pop(0)
        if message.field == 0x0100:
            self.events.append(message)
            self.unanswered.append(message)
            if self.answer_events:
                self.answer_all()
        return message

    def answer_all(self) -> None:
        """N-EVENT-REPORT responses that are still owed."""
        while self.unanswered:
            event = self.unanswered.pop(0)
            command: Elements = {
                0x00000002: ("UI", text(event.command[0x00000002])),
                0x00000100: ("US", 0x8100),
                0x00000120: ("US", number(event.command[0x00000110])),
                0x00000900: ("US", 0),
                0x00001000: ("UI", text(event.command[0x00001000])),
                0x00001002: ("US", number(event.command[0x00001002])),
            }
            self._message(event.context, command, None)

    def release(self) -> None:
        """A-RELEASE, and wait until it is answered; events that come first are answered."""
        self._send(5, b"\0\0\0\0")
        while True:
            kind, body = self._receive()
            if kind == 6:
                break
            assert kind == 4, f"PDU {kind}"
            self.events += [one for one in self.assembler.feed(body) if one.field == 0x0100]
        self.socket.close()

    def abort(self) -> None:
        """A-ABORT."""
        self._send(7, b"\0\0\0\0")
        self.socket.close()
