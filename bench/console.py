"""A console of bare sockets: no library between the clock and the wire."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

VERIFICATION = "1.2.840.10008.1.1"
GRAYSCALE = "1.2.840.10008.5.1.1.9"
FILM_SESSION, FILM_BOX = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.2"
IMAGE_BOX, PRINTER = "1.2.840.10008.5.1.1.4", "1.2.840.10008.5.1.1.16"
IMPLICIT = "1.2.840.10008.1.2"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def associate_request(called: str, abstract_syntaxes: Sequence[str]) -> bytes:
    """An A-ASSOCIATE-RQ, one context an abstract syntax."""
    body = struct.pack(">H2x16s16s32x", 1, called.ljust(16).encode(), b"BENCH".ljust(16))
    body += _item(0x10, APPLICATION_CONTEXT.encode())
    for number, abstract in enumerate(abstract_syntaxes):
        syntaxes = _item(0x30, abstract.encode()) + _item(0x40, IMPLICIT.encode())
        body += _item(0x20, struct.pack(">B3x", 2 * number + 1) + syntaxes)
    user = _item(0x51, struct.pack(">L", 131072)) + _item(0x52, b"1.2.826.0.1.3680043.8.498.77")
    body += _item(0x50, user)
    return struct.pack(">BxL", 1, len(body)) + body


def encoded(data_set: Dataset) -> bytes:
    """A data set in Implicit VR Little Endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_dataset(buffer, data_set)
    return buffer.getvalue()


def command(elements: Mapping[int, bytes]) -> bytes:
    """A command set: elements of group 0000 by element number, values encoded."""
    body = b""
    for element, value in sorted(elements.items()):
        value += b"\0" * (len(value) % 2)
        body += struct.pack("<HHL", 0, element, len(value)) + value
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def _us(value: int) -> bytes:
    return struct.pack("<H", value)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status and the UID that it names."""

    status: int
    sop_instance_uid: str
    data: bytes


class Console:
    """One association."""

    def __init__(self, port: int, called: str, abstract_syntaxes: Sequence[str] = (VERIFICATION,)) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(associate_request(called, abstract_syntaxes))
        kind, body = self._pdu()
        if kind != 2:
            raise RuntimeError(f"not accepted: PDU {kind} {body[:4].hex()}")
        self._message = 0
        self._fragment = 131072 - 12

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            got = self._socket.recv_into(view[done:])
            if not got:
                raise RuntimeError("the connection was closed")
            done += got
        return bytes(data)

    def _pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxL", self._exactly(6))
        return kind, self._exactly(length)

    def _send(self, context: int, kind: int, data: bytes) -> None:
        out = []
        for start in range(0, len(data), self._fragment):
            piece = data[start : start + self._fragment]
            last = 2 if start + len(piece) == len(data) else 0
            out.append(struct.pack(">BxLLBB", 4, len(piece) + 6, len(piece) + 2, context, kind | last) + piece)
        self._socket.sendall(b"".join(out))

    def _receive(self) -> tuple[bytes, bytes]:
        parts = {1: bytearray(), 0: bytearray()}
        wanted = {1}
        while wanted:
            kind, body = self._pdu()
            if kind != 4:
                raise RuntimeError(f"PDU {kind} instead of an answer")
            position = 0
            while position < len(body):
                length, _, control = struct.unpack_from(">LBB", body, position)
                parts[control & 1] += body[position + 6 : position + 4 + length]
                position += 4 + length
                if control & 2:
                    wanted.discard(control & 1)
                    if control & 1 and b"\x00\x00\x00\x08\x02\x00\x00\x00\x01\x01" not in parts[1]:
                        wanted.add(0)
        return bytes(parts[1]), bytes(parts[0])

    def ask(self, field: int, sop_class: str, instance: str = "", data: bytes = b"", action: int = 0) -> Answer:
        """One request, and its response."""
        self._message += 1
        requested = field in (0x0110, 0x0120, 0x0130, 0x0150)
        elements = {
            0x0003 if requested else 0x0002: sop_class.encode(),
            0x0100: _us(field),
            0x0110: _us(self._message),
            0x0800: _us(0x0102 if data else 0x0101),
        }
        if instance:
            elements[0x1001 if requested else 0x1000] = instance.encode()
        if action:
            elements[0x1008] = _us(action)
        self._send(1, 1, command(elements))
        if data:
            self._send(1, 0, data)
        answer, found = self._receive()
        values: dict[int, bytes] = {}
        position = 0
        while position < len(answer):
            _, element, length = struct.unpack_from("<HHL", answer, position)
            values[element] = answer[position + 8 : position + 8 + length]
            position += 8 + length
        return Answer(int.from_bytes(values[0x0900], "little"), values.get(0x1000, b"").rstrip(b"\0").decode(), found)

    def echo(self) -> None:
        """C-ECHO."""
        if self.ask(0x0030, VERIFICATION).status:
            raise RuntimeError("C-ECHO failed")

    def release(self) -> None:
        """A-RELEASE, and the end of the connection."""
        self._socket.sendall(struct.pack(">BxL4x", 5, 4))
        self._pdu()
        self._socket.close()


def referenced_image_boxes(data: bytes) -> list[str]:
    """Image boxes that an N-CREATE of a film box names."""
    from pydicom.filereader import read_dataset

    found = read_dataset(BytesIO(data), is_implicit_VR=True, is_little_endian=True)
    return [str(one.ReferencedSOPInstanceUID) for one in found.ReferencedImageBoxSequence]
