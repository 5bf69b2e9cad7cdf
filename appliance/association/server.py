"""The listeners: admission, the deadlines of all associations, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import resource
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from media.store import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

from .access import AccessPolicy, Caller
from .associate import APPLICATION_CONTEXT, AssociateRequest, UserIdentity
from .dialogue import Dialogue, DialogueLog
from .entity import Door, Entity
from .limits import Limits
from .protocol import AssociationProtocol, State

log = logging.getLogger("gravure.association")

BACKLOG = 128
SWEEP_S = 1.0
"""How often deadlines are looked at. A deadline is kept to within this."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What the server says of one A-ASSOCIATE-RQ."""

    caller: Caller
    entity: Entity | None = None
    refusal: tuple[int, int, int] | None = None
    """(result, source, reason) of the A-ASSOCIATE-RJ, PS3.8 §9.3.4."""
    words: str = ""


class Elsewhere(Protocol):
    """Other processes of ours that serve associations."""

    def take(self, connection: AssociationProtocol, entity: Entity, associate: bytearray) -> bool:
        """Take an admitted association over, or leave it here."""

    def dialogues(self) -> Sequence[Dialogue]:
        """The records of those that are open there, as far as they are known here."""


class AssociationServer:
    """All AE titles on all listening addresses.

    Args:
        entities: the AE titles of ours.
        access: who may call.
        limits: the bounds.
        dialogues: where records of associations go.
        any_called_ae: the AE title that answers for unknown called titles; None rejects them.
        identify: judges a user identity; None takes any name and passcode.
        elsewhere: other processes that may take associations over; None: everything is served here.
    """

    def __init__(
        self,
        entities: Sequence[Entity],
        *,
        access: AccessPolicy | None = None,
        limits: Limits | None = None,
        dialogues: DialogueLog | None = None,
        any_called_ae: str | None = None,
        identify: Callable[[UserIdentity], bool] | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.access = access or AccessPolicy()
        self.dialogues = dialogues or DialogueLog(None)
        self.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        self.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self._entities = {title: one for one in entities for title in (one.ae_title, *sorted(one.aliases))}
        self._any = self._entities[any_called_ae] if any_called_ae else None
        self._identify = identify
        self._elsewhere = elsewhere
        self._servers: list[asyncio.Server] = []
        self._connections: dict[AssociationProtocol, None] = {}
        self._open: dict[AssociationProtocol, None] = {}
        self._by_address: Counter[str] = Counter()
        self._sweep: asyncio.TimerHandle | None = None
        self._closing = False
        self.at_once = 0
        """Connections of which much is taken at once: see `protocol.MOST_AT_ONCE`."""
        self._most_connections = self._descriptors(self.limits.connections)

    @staticmethod
    def _descriptors(wanted: int) -> int:
        """Connections that the descriptor limit carries beside files, database and children."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted * 2 + 128 <= hard or hard == resource.RLIM_INFINITY:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted * 2 + 128, hard))
                soft = wanted * 2 + 128
            except (OSError, ValueError):
                pass  # then fewer connections are taken
        return max(8, min(wanted, (soft - 64) // 2))

    # -- listening ----------------------------------------------------------------------------------------------

    async def listen(self, address: str, port: int) -> int:
        """Open one listening address; port 0 takes a free one. Returns the port.

        Raises:
            OSError: the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" alone means every address of both families; beside an IPv4 listener it may not take its port.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if not self._servers else 1)
        try:
            sock.bind((address, port))
        except OSError:
            sock.close()
            raise
        return await self.listen_socket(sock)

    async def listen_socket(self, sock: socket.socket) -> int:
        """Listen on a bound socket: one of ours, or one that systemd opened for us. Returns the port."""
        server = await asyncio.get_running_loop().create_server(
            lambda: AssociationProtocol(self, self.limits), sock=sock, backlog=BACKLOG
        )
        self._servers.append(server)
        name = sock.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def addresses(self) -> list[tuple[str, int]]:
        """(address, port) of every listener."""
        return [sock.getsockname()[:2] for server in self._servers for sock in server.sockets]

    def new_id(self) -> str:
        """A name for one association in logs and records."""
        return secrets.token_hex(4)

    # -- admission ----------------------------------------------------------------------------------------------

    def connected(self, connection: AssociationProtocol) -> None:
        """A TCP connection was opened. It holds no association slot, and where there are too many the oldest that
        never associated makes room: a silent flood cannot keep a legal peer out."""
        self._connections[connection] = None
        if len(self._connections) > self._most_connections:
            for other in self._connections:
                if other.state is not State.OPEN and other is not connection:
                    other.give_up("an association")
                    self._connections.pop(other, None)
                    break
            else:
                connection.give_up("a free connection")
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._look_at_deadlines)

    def disconnected(self, connection: AssociationProtocol) -> None:
        """A TCP connection is gone."""
        self._connections.pop(connection, None)
        if connection in self._open:
            del self._open[connection]
            self._by_address[connection.peer_address] -= 1
            if self._by_address[connection.peer_address] <= 0:
                del self._by_address[connection.peer_address]

    def admit(self, connection: AssociationProtocol, request: AssociateRequest) -> Admission:
        """Judge an A-ASSOCIATE-RQ (PS3.8 §9.3.4, table 9-21)."""
        caller = self.access.caller(request.calling_ae_title, connection.peer_address)
        if not request.protocol_version & 1:
            return Admission(caller, None, (1, 2, 2), "protocol version not supported")
        if request.application_context != APPLICATION_CONTEXT:
            return Admission(caller, None, (1, 1, 2), "application context not supported")
        entity = self._entities.get(request.called_ae_title, self._any)
        if entity is None:
            return Admission(caller, None, (1, 1, 7), "called AE title not recognized")
        if not caller.admitted:
            return Admission(caller, None, (1, 1, 3), "calling AE title not recognized at this address")
        if entity.door.is_shut_to(caller.peer, entity.words):
            return Admission(caller, None, (1, 1, 3), "this AE title is not for this peer")
        identity = request.user_identity
        if identity is not None and self._identify is not None and not self._identify(identity):
            return Admission(caller, None, (2, 2, 1), "user identity refused")
        if 0 < request.maximum_length < 7:
            return Admission(caller, None, (1, 1, 1), "the peer takes no PDU that can carry a byte")
        if self._closing:
            return Admission(caller, None, (2, 3, 1), "shutting down")
        others = [one.address for one in self._elsewhere.dialogues()] if self._elsewhere is not None else []
        if len(self._open) + len(others) >= self.limits.associations:
            return Admission(caller, None, (2, 3, 2), "too many associations")
        address = connection.peer_address
        if self._by_address[address] + others.count(address) >= self.limits.associations_per_peer:
            return Admission(caller, None, (2, 3, 2), "too many associations from this address")
        if entity.door.associations and self._open_with(entity.door) >= entity.door.associations:
            return Admission(caller, None, (2, 3, 2), "too many associations with this AE title")
        return Admission(caller, entity)

    def _open_with(self, door: Door) -> int:
        """Associations with what stands behind a door, by any title, wherever they are served."""
        entities = [one.entity for one in self._open]
        if self._elsewhere is not None:
            entities += [self._entities.get(one.called_ae_title, self._any) for one in self._elsewhere.dialogues()]
        return sum(1 for one in entities if one is not None and door.tables & one.door.tables)

    def take_elsewhere(self, connection: AssociationProtocol, entity: Entity, associate: bytearray) -> bool:
        """Offer an admitted association to another process of ours. True where it went there, socket and all."""
        return self._elsewhere is not None and self._elsewhere.take(connection, entity, associate)

    def opened(self, connection: AssociationProtocol) -> None:
        """An association was accepted."""
        self._open[connection] = None
        self._by_address[connection.peer_address] += 1

    def associations(self) -> Iterator[AssociationProtocol]:
        """The open associations."""
        return (one for one in list(self._open) if one.state is State.OPEN)

    def open_dialogues(self) -> Iterator[Dialogue]:
        """The records of all open associations, wherever they are served."""
        yield from (one.dialogue for one in self.associations() if one.dialogue is not None)
        if self._elsewhere is not None:
            yield from self._elsewhere.dialogues()

    # -- time ---------------------------------------------------------------------------------------------------

    def _look_at_deadlines(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for connection in list(self._connections):
            if what := connection.overdue(now_s):
                connection.give_up(what)
        self._sweep = loop.call_later(SWEEP_S, self._look_at_deadlines) if self._connections else None

    # -- the end ------------------------------------------------------------------------------------------------

    async def close(self, drain_s: float) -> None:
        """Stop listening, let running messages finish for at most `drain_s` seconds, abort what is left."""
        self._closing = True
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        end_s = loop.time() + drain_s
        for connection in list(self._open):
            if not connection.answering:
                connection.abort()
        while any(one.answering for one in self._open) and loop.time() < end_s:
            await asyncio.sleep(0.02)
            for connection in list(self._open):
                if not connection.answering:
                    connection.abort()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0.05)  # the aborts leave
        for connection in list(self._connections):
            connection.give_up("the end")
        if self._sweep is not None:
            self._sweep.cancel()
        self.dialogues.close()
