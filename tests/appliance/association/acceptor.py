"""An `AssociationServer` in the test's own event loop, with a conversation that tests can look into and hold up."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from appliance.association.access import AccessPolicy
from appliance.association.dataset import SpoolSink
from appliance.association.dialogue import DialogueLog
from appliance.association.entity import Entity, Kind
from appliance.association.limits import KIB, MIB, Limits
from appliance.association.message import (
    Association,
    CommandField,
    Conversation,
    DataSetSink,
    Ending,
    Refused,
    Request,
    Response,
)
from appliance.association.protocol import AssociationProtocol
from appliance.association.server import AssociationServer
from appliance.capabilities import transfer_syntaxes
from appliance.dispatch import ServiceConversation
from tests.appliance.association.peer import VERIFICATION, Accepted, MemoryWire, Peer, TcpWire, context

LIMITS = Limits(
    connections=64,
    associations=12,
    associations_per_peer=12,
    command_bytes=64 * KIB,
    data_set_bytes=8 * MIB,
    normalized_data_set_bytes=1 * MIB,
    memory_bytes=64 * KIB,
)
"""Small in what peers may take, the product's own in time: a slow machine breaks no test."""
HASTY = replace(LIMITS, handshake_s=0.6, pdu_s=0.6, message_s=0.9, send_s=0.6, event_s=0.6)
"""For tests that wait until a deadline has passed."""

Answer = Callable[[Request], Awaitable[Response]]


@dataclass
class Served:
    """One request as the service got it."""

    request: Request
    association: Association
    size: int
    sha256: str
    in_memory: bool


@dataclass
class Service:
    """Stores, prints and reports as it is told; everything that reaches it stands in `served`."""

    association: Association
    acceptor: Acceptor

    def serves(self, request: Request) -> bool:
        return request.command_field not in (CommandField.C_FIND_RQ, CommandField.C_MOVE_RQ, CommandField.C_GET_RQ)

    def sink(self, request: Request) -> DataSetSink:
        limits = self.acceptor.server.limits
        most = limits.data_set_bytes if request.command_field is CommandField.C_STORE_RQ else 2 * limits.data_set_bytes
        return SpoolSink(self.acceptor.spool, limits.memory_bytes, most)

    async def answer(self, request: Request) -> Response:
        data = request.data.read() if isinstance(request.data, SpoolSink) else b""
        in_memory = not isinstance(request.data, SpoolSink) or request.data.in_memory
        digest = hashlib.sha256(data).hexdigest()
        self.acceptor.served.append(Served(request, self.association, len(data), digest, in_memory))
        try:
            await self.acceptor.gate.wait()
            return await self.acceptor.answer(request)
        finally:
            if request.data is not None:
                request.data.discard()

    def closed(self, ending: Ending) -> None:
        self.acceptor.endings.append(ending)


async def success(request: Request) -> Response:
    """0000."""
    return Response(0x0000)


@dataclass
class Acceptor:
    """A running acceptor: FILM, SPOOL (an alias of FILM), STORE and GRAVURE (echo only)."""

    server: AssociationServer
    spool: Path
    port: int = 0
    served: list[Served] = field(default_factory=list)
    opened: list[Association] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Closed, it holds up every answer."""
    answer: Answer = success
    _peers: list[Peer] = field(default_factory=list)

    def open(self, association: Association) -> Conversation:
        self.opened.append(association)
        return ServiceConversation([Service(association, self)])

    async def peer(self, *contexts: bytes, host: str = "127.0.0.1", **fields: Any) -> Peer:
        """A peer with an association."""
        peer = await self.connect(host)
        heard = await peer.associate(*contexts, **fields)
        assert isinstance(heard, Accepted), heard
        return peer

    async def connect(self, host: str = "127.0.0.1", receive_buffer: int | None = None) -> Peer:
        """A peer with a TCP connection and no more."""
        peer = Peer(await TcpWire.connect(self.port, host, receive_buffer))
        self._peers.append(peer)
        return peer

    def in_memory(self, piece: int = 1 << 16) -> Peer:
        """A peer without a network; what it sends arrives in pieces of so many bytes."""
        peer = Peer(MemoryWire(AssociationProtocol(self.server, self.server.limits), piece))
        self._peers.append(peer)
        return peer

    async def echoes(self) -> None:
        """A well-behaved peer comes, is answered, and goes."""
        peer = await self.peer(context(1, VERIFICATION, "1.2.840.10008.1.2"), calling=b"GOOD")
        assert await peer.echo() == 0x0000
        await peer.release()

    @property
    def open_now(self) -> int:
        """Open associations."""
        return len(list(self.server.associations()))

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is true."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)
        assert condition(), what

    async def nothing_left(self) -> None:
        """Every association is over and told so, every socket closed, every spooled byte gone."""
        await self.until(lambda: self.open_now == 0 and not self.server._connections, "connections are gone")
        await self.until(lambda: len(self.endings) == len(self.opened), "every conversation was closed, once")
        await self.until(lambda: not any(self.spool.iterdir()), "nothing is left in the spool folder")
        assert not self.server._open and not self.server._by_address

    def close_peers(self) -> None:
        """End what the test's peers left open."""
        for peer in self._peers:
            peer.close()


@contextlib.asynccontextmanager
async def accepting(
    folder: Path,
    limits: Limits = LIMITS,
    *,
    access: AccessPolicy | None = None,
    any_called_ae: str | None = None,
    identify: Any = None,
    address: str = "127.0.0.1",
) -> AsyncIterator[Acceptor]:
    """A running acceptor; on leaving, peers and server are closed and nothing may be left."""
    spool = folder / "spool"
    spool.mkdir()
    gate = asyncio.Event()
    gate.set()
    made: list[Acceptor] = []
    entities = [
        Entity("FILM", Kind.BOTH, transfer_syntaxes(("print", "store")), lambda one: made[0].open(one),
               frozenset({"SPOOL"})),
        Entity("STORE", Kind.STORAGE, transfer_syntaxes(("store",)), lambda one: made[0].open(one)),
        Entity("GRAVURE", Kind.ECHO, transfer_syntaxes(()), lambda one: made[0].open(one)),
        Entity("PATIENT", Kind.PRINT, transfer_syntaxes(("print",)), lambda one: made[0].open(one),
               idle_s=lambda one: 86400.0 if one.calling_ae_title else 0.0),
    ]  # fmt: skip
    server = AssociationServer(
        entities,
        access=access,
        limits=limits,
        dialogues=DialogueLog(folder / "dialogues"),
        any_called_ae=any_called_ae,
        identify=identify,
    )
    acceptor = Acceptor(server, spool, gate=gate)
    made.append(acceptor)
    acceptor.port = await server.listen(address, 0)
    try:
        yield acceptor
        acceptor.gate.set()
        acceptor.close_peers()
        await acceptor.nothing_left()
    finally:
        acceptor.gate.set()
        acceptor.close_peers()
        await server.close(0)


def open_files() -> int:
    """Open file descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def refused(status: int, comment: str = "") -> Answer:
    """A service that refuses everything."""

    async def answer(request: Request) -> Response:
        raise Refused(status, comment)

    return answer
