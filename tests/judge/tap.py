"""A wire tap between a peer and the appliance: what the peer sent, byte for byte, and which status it really saw."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from tests.judge.wire import Assembler, Message, accepted, number, pdus, proposed, text


@dataclass
class Recorded:
    """The bytes of one connection, as they went by."""

    sent: bytearray
    answered: bytearray


@dataclass(frozen=True)
class Exchange:
    """A request of the peer and the response that it got; None if none came by."""

    abstract: str
    transfer: str
    request: Message
    response: Message | None


class Tap:
    """Listens on a port of its own and passes everything on to the appliance, in both directions."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.connections: list[Recorded] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(20)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            try:
                appliance = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                peer.close()
                continue
            for one in (peer, appliance):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            recorded = Recorded(bytearray(), bytearray())
            self.connections.append(recorded)
            self._start(self._copy, peer, appliance, recorded.sent)
            self._start(self._copy, appliance, peer, recorded.answered)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, record: bytearray) -> None:
        try:
            while part := source.recv(1 << 18):
                record += part  # first: whoever acts on an answer may ask at once what it was
                target.sendall(part)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def exchanges(self) -> Iterator[Exchange]:
        """Everything that was asked and answered, association by association."""
        for connection in self.connections:
            yield from _exchanges(bytes(connection.sent), bytes(connection.answered))

    def events(self) -> list[Message]:
        """N-EVENT-REPORTs of the appliance."""
        found = []
        for connection in self.connections:
            assembler = Assembler()
            for kind, body in pdus(bytes(connection.answered)):
                if kind == 4:
                    found += [one for one in assembler.feed(body) if one.field == 0x0100]
        return found


def _exchanges(sent: bytes, answered: bytes) -> Iterator[Exchange]:
    contexts: dict[int, tuple[str, list[str]]] = {}
    agreed: dict[int, str] = {}
    responses: dict[int, list[Message]] = {}
    assembler = Assembler()
    for kind, body in pdus(answered):
        if kind == 2:
            agreed = accepted(body)
        elif kind == 4:
            for message in assembler.feed(body):
                if message.field & 0x8000:
                    responses.setdefault(number(message.command[0x00000120]), []).append(message)
    assembler = Assembler()
    for kind, body in pdus(sent):
        if kind == 1:
            contexts = proposed(body)
        elif kind == 4:
            for message in assembler.feed(body):
                if message.field & 0x8000:
                    continue
                waiting = responses.get(number(message.command[0x00000110])) or [None]  # type: ignore[list-item]
                abstract = contexts[message.context][0]
                yield Exchange(abstract, agreed.get(message.context, ""), message, waiting.pop(0))


@dataclass(frozen=True)
class Stored:
    """An instance as a sender sent it."""

    uid: str
    transfer: str
    data: bytes
    status: int | None


def stored(tap: Tap) -> list[Stored]:
    """All C-STOREs that went by."""
    return [
        Stored(
            text(one.request.command[0x00001000]),
            one.transfer,
            one.request.data,
            None if one.response is None else one.response.status,
        )
        for one in tap.exchanges()
        if one.request.field == 0x0001
    ]
