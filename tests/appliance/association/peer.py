"""A DICOM peer that writes every byte itself: PS3.8 §9.3 and PS3.7 Annex E, with no help from any library.

It says what it is told to say, wrong or right, and understands what comes back. `Peer` talks over a wire: TCP, or the
protocol object itself in memory, so that one script is played over both.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from appliance.association.protocol import AssociationProtocol

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
GRAYSCALE_META = "1.2.840.10008.5.1.1.9"
FILM_SESSION = "1.2.840.10008.5.1.1.1"
FILM_BOX = "1.2.840.10008.5.1.1.2"
IMAGE_BOX = "1.2.840.10008.5.1.1.4"
PRINTER = "1.2.840.10008.5.1.1.16"
PRINTER_INSTANCE = "1.2.840.10008.5.1.1.17"

IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

C_STORE, C_FIND, C_ECHO, C_CANCEL = 0x0001, 0x0020, 0x0030, 0x0FFF
N_EVENT_REPORT, N_GET, N_SET, N_ACTION, N_CREATE, N_DELETE = 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150
RESPONSE = 0x8000
NO_DATA, DATA = 0x0101, 0x0001

PATIENCE_S = 30.0
"""How long a peer of a test waits for what must come; a test that waits so long has failed."""

# -- bytes ------------------------------------------------------------------------------------------------------


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """A PDU; its length may be a lie."""
    return struct.pack(">BBL", kind, 0, len(body) if length is None else length) + body


def item(kind: int, value: bytes | str, length: int | None = None) -> bytes:
    """An item of an A-ASSOCIATE PDU; its length may be a lie."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">BBH", kind, 0, len(raw) if length is None else length) + raw


def context(context_id: int, abstract_syntax: str, *transfer_syntaxes: str) -> bytes:
    """A proposed presentation context."""
    items = item(0x30, abstract_syntax) + b"".join(item(0x40, one) for one in transfer_syntaxes)
    return item(0x20, bytes((context_id, 0, 0, 0)) + items)


def user_items(
    maximum_length: int | None = 16384, implementation: str = "1.2.3.4", version: str = "PEER_1", more: bytes = b""
) -> bytes:
    """The usual sub-items of the user information."""
    announced = b"" if maximum_length is None else item(0x51, struct.pack(">L", maximum_length))
    return announced + item(0x52, implementation) + item(0x55, version) + more


def role(sop_class_uid: str, scu: int, scp: int) -> bytes:
    """An SCP/SCU role selection sub-item (PS3.7 D.3.3.4)."""
    uid = sop_class_uid.encode()
    return item(0x54, struct.pack(">H", len(uid)) + uid + bytes((scu, scp)))


def window(invoked: int, performed: int) -> bytes:
    """An asynchronous operations window sub-item (PS3.7 D.3.3.3)."""
    return item(0x53, struct.pack(">HH", invoked, performed))


def identity(kind: int, primary: bytes, secondary: bytes = b"", *, answer: bool = False) -> bytes:
    """A user identity sub-item (PS3.7 D.3.3.7)."""
    head = struct.pack(">BBH", kind, answer, len(primary))
    return item(0x58, head + primary + struct.pack(">H", len(secondary)) + secondary)


def associate_body(
    contexts: Iterable[bytes],
    *,
    called: bytes = b"FILM",
    calling: bytes = b"PEER",
    version: int = 1,
    application_context: str | None = APPLICATION_CONTEXT,
    user: bytes | None = None,
) -> bytes:
    """The body of an A-ASSOCIATE-RQ; `user` are the sub-items of the user information, None the usual ones."""
    items = b"" if application_context is None else item(0x10, application_context)
    items += b"".join(contexts)
    items += item(0x50, user_items() if user is None else user)
    return struct.pack(">HH", version, 0) + called.ljust(16)[:16] + calling.ljust(16)[:16] + bytes(32) + items


def associate_request(contexts: Iterable[bytes], **fields: Any) -> bytes:
    """A whole A-ASSOCIATE-RQ: see `associate_body`."""
    return pdu(1, associate_body(contexts, **fields))


ELEMENTS = {
    "affected_class": (0x0002, "UI"),
    "requested_class": (0x0003, "UI"),
    "field": (0x0100, "US"),
    "id": (0x0110, "US"),
    "responded": (0x0120, "US"),
    "priority": (0x0700, "US"),
    "data": (0x0800, "US"),
    "status": (0x0900, "US"),
    "offending": (0x0901, "AT"),
    "comment": (0x0902, "LO"),
    "affected_instance": (0x1000, "UI"),
    "requested_instance": (0x1001, "UI"),
    "event": (0x1002, "US"),
    "attributes": (0x1005, "AT"),
    "action": (0x1008, "US"),
}
"""Command elements by short names of this file: (element, VR)."""
NAMES = {element: (name, vr) for name, (element, vr) in ELEMENTS.items()}


def element(number: int, value: bytes, group: int = 0, length: int | None = None) -> bytes:
    """One element in Implicit VR Little Endian; its length may be a lie."""
    return struct.pack("<HHL", group, number, len(value) if length is None else length) + value


def _value(vr: str, value: object) -> bytes:
    if vr == "US":
        return struct.pack("<H", value)
    if vr == "AT":
        return b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in cast(Sequence[int], value))
    raw = value if isinstance(value, bytes) else str(value).encode("latin-1")
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)


def command_set(**elements: object) -> bytes:
    """A command set of `ELEMENTS`, in order of tags, with its group length. None leaves an element out."""
    rows = sorted((*ELEMENTS[name], value) for name, value in elements.items() if value is not None)
    body = b"".join(element(number, _value(vr, value)) for number, vr, value in rows)
    return element(0, struct.pack("<L", len(body))) + body


def read_command(raw: bytes) -> dict[str, Any]:
    """A command set by the names of `ELEMENTS`; the order of tags and the group length are checked."""
    found: dict[str, Any] = {}
    position, last = 0, -1
    while position < len(raw):
        group, number, length = struct.unpack_from("<HHL", raw, position)
        assert group == 0 and number > last, "command elements stand in the order of their tags"
        assert length % 2 == 0, "values have even lengths"
        value, last = raw[position + 8 : position + 8 + length], number
        assert len(value) == length
        position += 8 + length
        if number == 0:
            assert struct.unpack("<L", value)[0] == len(raw) - 12, "the group length is that of the rest"
            continue
        name, vr = NAMES[number]
        if vr == "US":
            found[name] = struct.unpack("<H", value)[0]
        elif vr == "AT":
            found[name] = tuple(a << 16 | b for a, b in struct.iter_unpack("<HH", value))
        else:
            found[name] = value.rstrip(b"\0 ").decode("latin-1")
    return found


def pdv(context_id: int, control: int, data: bytes, length: int | None = None) -> bytes:
    """A presentation data value; control: 1 command, 2 last."""
    return struct.pack(">LBB", len(data) + 2 if length is None else length, context_id, control) + data


def message(
    context_id: int, command: bytes, data: bytes | None = None, *, most: int = 16384, together: bool = False
) -> bytes:
    """P-DATA of one message: fragments of at most `most` bytes, each in its own PDU or all in one."""
    values = []
    for control, part in ((1, command), (0, data)):
        if part is None:
            continue
        starts = range(0, len(part), most) or range(1)
        for start in starts:
            last = 2 if start + most >= len(part) else 0
            values.append(pdv(context_id, control | last, part[start : start + most]))
    return pdu(4, b"".join(values)) if together else b"".join(pdu(4, one) for one in values)


def request(
    context_id: int,
    command_field: int,
    message_id: int,
    sop_class_uid: str | bytes,
    instance: str | bytes | None = None,
    data: bytes | None = None,
    *,
    most: int = 16384,
    **more: object,
) -> bytes:
    """P-DATA of a whole request, its elements named as the command field asks."""
    requested = command_field in (N_GET, N_SET, N_ACTION, N_DELETE)
    word = "requested" if requested else "affected"
    elements: dict[str, object] = {
        f"{word}_class": sop_class_uid,
        f"{word}_instance": instance,
        "field": command_field,
        "id": message_id,
        "priority": 0 if command_field == C_STORE else None,
        "data": NO_DATA if data is None else DATA,
    }
    return message(context_id, command_set(**{**elements, **more}), data, most=most)


def echo(context_id: int = 1, message_id: int = 1) -> bytes:
    """P-DATA of a C-ECHO-RQ."""
    return request(context_id, C_ECHO, message_id, VERIFICATION)


RELEASE = pdu(5, bytes(4))
RELEASE_ANSWER = pdu(6, bytes(4))
ABORT = pdu(7, bytes(4))

# -- what comes back --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Accepted:
    """An A-ASSOCIATE-AC."""

    contexts: Mapping[int, tuple[int, str]]
    """(result, transfer syntax) by context ID."""
    user: Sequence[tuple[int, bytes]]
    """Sub-items of the user information, in order."""
    called: bytes
    calling: bytes

    def sub_items(self, kind: int) -> list[bytes]:
        """The values of one kind of sub-item."""
        return [value for one, value in self.user if one == kind]


@dataclass(frozen=True)
class Rejected:
    """An A-ASSOCIATE-RJ."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True)
class Aborted:
    """An A-ABORT."""

    source: int
    reason: int


@dataclass(frozen=True)
class Released:
    """An A-RELEASE-RP."""


@dataclass(frozen=True)
class Closed:
    """The connection is closed."""


@dataclass(frozen=True)
class Message:
    """A DIMSE message."""

    context_id: int
    command: Mapping[str, Any]
    data: bytes | None = None
    longest_pdu: int = 0
    """The longest variable field of its P-DATA PDUs."""

    @property
    def status(self) -> int:
        """Its status."""
        return int(self.command["status"])


Heard = Accepted | Rejected | Aborted | Released | Closed | Message


def _items(raw: bytes) -> list[tuple[int, bytes]]:
    found, position = [], 0
    while position < len(raw):
        kind, length = struct.unpack_from(">BxH", raw, position)
        found.append((kind, raw[position + 4 : position + 4 + length]))
        position += 4 + length
    assert position == len(raw)
    return found


def read_accept(body: bytes) -> Accepted:
    """The body of an A-ASSOCIATE-AC."""
    contexts: dict[int, tuple[int, str]] = {}
    user: list[tuple[int, bytes]] = []
    assert body[:2] == b"\0\1", "protocol version 1"
    for kind, value in _items(body[68:]):
        if kind == 0x10:
            assert value.decode() == APPLICATION_CONTEXT
        elif kind == 0x21:
            (syntax,) = _items(value[4:])
            assert syntax[0] == 0x40 and value[0] not in contexts
            contexts[value[0]] = (value[2], syntax[1].decode())
        else:
            assert kind == 0x50
            user = _items(value)
    return Accepted(contexts, user, body[4:20], body[20:36])


# -- wires ------------------------------------------------------------------------------------------------------


class Wire(Protocol):
    """A way to the acceptor."""

    async def send(self, data: bytes) -> None:
        """Send all of it, waiting where the acceptor does not read."""

    async def receive(self) -> bytes:
        """What comes next; empty at the end."""

    def close(self) -> None:
        """Close the connection."""


class TcpWire:
    """A TCP connection, non-blocking, without buffers of its own: what is not read stays in the kernel."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1", receive_buffer: int | None = None) -> TcpWire:
        """Connect."""
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.sock, data)

    async def receive(self) -> bytes:
        try:
            return await self._loop.sock_recv(self.sock, 1 << 16)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close with a TCP RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class MemoryWire(asyncio.Transport):
    """The protocol object itself: a transport that keeps what is written to it and feeds what is sent."""

    def __init__(self, protocol: AssociationProtocol, piece: int = 1 << 16) -> None:
        super().__init__()
        self._protocol = protocol
        self._piece = piece
        self._reading = asyncio.Event()
        self._reading.set()
        self._written: asyncio.Queue[bytes] = asyncio.Queue()
        self._closing = False
        protocol.connection_made(self)

    # What the protocol sees.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 50000) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self._written.put_nowait(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._reading.is_set()

    def pause_reading(self) -> None:
        if not self._closing:
            self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._written.put_nowait(b"")
            self._reading.set()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    # What the peer sees.

    async def send(self, data: bytes) -> None:
        """Feed the protocol as the event loop does, in pieces, as long as it reads."""
        while data:
            await self._reading.wait()
            if self._closing:
                raise ConnectionResetError
            buffer = self._protocol.get_buffer(-1)
            size = min(self._piece, len(buffer), len(data))
            buffer[:size] = data[:size]
            data = data[size:]
            self._protocol.buffer_updated(size)

    async def receive(self) -> bytes:
        """What the protocol wrote."""
        return await self._written.get()


# -- the peer ---------------------------------------------------------------------------------------------------


@dataclass
class Peer:
    """One connection of a peer, and what it has heard."""

    wire: Any
    """A `Wire`."""
    accepted: Accepted | None = None
    _raw: bytearray = field(default_factory=bytearray)

    async def send(self, data: bytes) -> None:
        """Send bytes; raises ConnectionError where the connection is gone."""
        async with asyncio.timeout(PATIENCE_S):
            await self.wire.send(data)

    async def try_to_send(self, data: bytes) -> bool:
        """Send bytes to somebody who may be gone; whether they went out."""
        try:
            await self.send(data)
        except ConnectionError:
            return False
        return True

    async def _bytes(self, count: int) -> bytes | None:
        while len(self._raw) < count:
            more = await self.wire.receive()
            if not more:
                return None
            self._raw += more
        taken = bytes(self._raw[:count])
        del self._raw[:count]
        return taken

    async def pdu(self) -> tuple[int, bytes] | None:
        """The next PDU; None at the end."""
        async with asyncio.timeout(PATIENCE_S):
            header = await self._bytes(6)
            if header is None:
                return None
            kind, length = struct.unpack(">BxL", header)
            body = await self._bytes(length)
            return None if body is None else (kind, body)

    async def hear(self) -> Heard:
        """The next message or whatever else comes."""
        parts: dict[int, bytearray] = {}
        command: dict[str, Any] | None = None
        longest = 0
        while True:
            found = await self.pdu()
            if found is None:
                return Closed()
            kind, body = found
            if kind != 4:
                assert not parts, "nothing comes between the parts of a message"
                return _control(kind, body)
            longest = max(longest, len(body))
            position = 0
            while position < len(body):
                length, context_id, control = struct.unpack_from(">LBB", body, position)
                part = parts.setdefault(control & 1, bytearray())
                part += body[position + 6 : position + 4 + length]
                position += 4 + length
                if control & 2 and control & 1:
                    command = read_command(bytes(part))
                if command is not None and (command["data"] == NO_DATA or control == 2):
                    assert position == len(body)
                    data = bytes(parts[0]) if 0 in parts else None
                    return Message(context_id, command, data, longest)

    async def message(self) -> Message:
        """The next message; anything else fails the test."""
        heard = await self.hear()
        assert isinstance(heard, Message), heard
        return heard

    async def associate(self, *contexts: bytes, **fields: Any) -> Heard:
        """Ask for an association; without contexts for Verification alone."""
        await self.send(associate_request(contexts or (context(1, VERIFICATION, IMPLICIT),), **fields))
        heard = await self.hear()
        if isinstance(heard, Accepted):
            self.accepted = heard
        return heard

    async def ask(self, *arguments: Any, **more: Any) -> Message:
        """Send a request and hear its response: see `request`."""
        await self.send(request(*arguments, **more))
        return await self.message()

    async def echo(self, context_id: int = 1, message_id: int = 1) -> int:
        """C-ECHO; its status."""
        answer = await self.ask(context_id, C_ECHO, message_id, VERIFICATION)
        assert answer.command["field"] == C_ECHO | RESPONSE and answer.command["responded"] == message_id
        return answer.status

    async def release(self) -> None:
        """Release in order, and close."""
        await self.send(RELEASE)
        assert await self.hear() == Released()
        self.close()

    async def ended(self) -> Heard:
        """Hear until the connection ends: the abort where there is one, else `Closed`."""
        while not isinstance(heard := await self.hear(), Aborted | Closed):
            pass
        return heard

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()


def _control(kind: int, body: bytes) -> Heard:
    if kind == 2:
        return read_accept(body)
    assert len(body) == 4, "release, reject and abort have four bytes"
    if kind == 3:
        return Rejected(*body[1:4])
    if kind == 6:
        return Released()
    assert kind == 7, f"PDU type {kind}"
    return Aborted(body[2], body[3])
