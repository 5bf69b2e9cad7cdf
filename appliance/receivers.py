"""More than one receiving process: who takes an association that stores, when another one is storing already.

One process fills one processor. A second association for a station goes, socket and all, to a *receiver*: a process of
ours that runs the same acceptor and the same Storage SCP on the same store (`receiving`). This process has read the
A-ASSOCIATE-RQ and admitted it; the receiver negotiates, stores, writes its log of arrivals and answers by itself, and
tells us afterwards what came and what ended, so that the index, the quiet rule and the dialogue records stay in one
place. It tells what its log has: a receiver that dies takes nothing with it.

    here → receiver   one datagram an association: its id, the A-ASSOCIATE-RQ, and the socket; in the end `STOP`
    receiver → here   one datagram a moment: a JSON list of events, see `Event`

Printing stays here: its films share a state that no second process has. So does TLS, whose keys cannot be handed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.association.dialogue import Dialogue
from appliance.association.entity import Entity, Kind
from appliance.association.message import Ending
from appliance.association.protocol import AssociationProtocol
from appliance.association.server import AssociationServer
from appliance.children import import_path
from appliance.config import Config

log = logging.getLogger("gravure.receivers")

ASSOCIATE_BYTES = 64 * 1024
"""A longer A-ASSOCIATE-RQ stays here: a datagram between processes carries some 200 KiB at most."""
DATAGRAM_BYTES = 128 * 1024
STOP = b"stop"
"""The datagram that ends a receiver in an orderly way; a channel that closes without it ends it at once."""
WARM_S = 600.0
"""A receiver without an association ends after this: an idle appliance has none."""
LEAVE_S = 2.0
"""How long a receiver that was told to end may take beyond its drain."""


@dataclass(eq=False, slots=True)
class Receiver:
    """One receiving process, as seen from here."""

    process: asyncio.subprocess.Process
    channel: socket.socket
    ready: bool = False
    open: dict[str, Dialogue] = field(default_factory=dict)
    """Its associations by id."""
    idle_since_s: float = 0.0


class Receivers:
    """The receiving processes beside this one: an `Elsewhere` of the acceptor.

    Args:
        config: what they run on.
        most: how many there may be; 0 keeps everything here.
        on_arrival: hears (station, study, patient, association) of what was stored.
        on_closed: hears the id of an association that brought something and ended.
        on_lost: hears that a receiver died: what it stored last may not have been told.
        inherited: a descriptor that every receiver holds open: the lock of the state folder. No other appliance
            starts on it while a receiver of ours still runs.
    """

    def __init__(
        self,
        config: Config,
        most: int,
        on_arrival: Callable[[str, str, tuple[str, str], str | None], None],
        on_closed: Callable[[str], None],
        on_lost: Callable[[], None],
        inherited: int,
    ) -> None:
        self._config = config
        self._most = most
        self._on_arrival = on_arrival
        self._on_closed = on_closed
        self._on_lost = on_lost
        self._inherited = inherited
        self._receivers: list[Receiver] = []
        self._starting: asyncio.Task[None] | None = None
        self._server: AssociationServer | None = None
        self._closing = False

    def serve(self, server: AssociationServer) -> None:
        """The acceptor that shares its associations."""
        self._server = server

    # -- taking over --------------------------------------------------------------------------------------------

    def take(self, connection: AssociationProtocol, entity: Entity, associate: bytearray) -> bool:
        """Give an association to the receiver that has least to do, if that is less than what is done here."""
        if self._most == 0 or self._closing or entity.kind is not Kind.STORAGE or self._server is None:
            return False
        if self._server.access.left_out:  # a receiver looks names up once, and has to come to the same
            return False
        here = sum(1 for one in self._server.associations() if one.entity and one.entity.kind is Kind.STORAGE)
        ready = [one for one in self._receivers if one.ready]
        least = min(ready, key=lambda one: len(one.open), default=None)
        if len(self._receivers) < self._most and (least is None or least.open):
            self._start_one()
        if here == 0 or least is None or len(least.open) > here or len(associate) > ASSOCIATE_BYTES:
            return False
        return self._hand_over(least, connection, associate)

    def _hand_over(self, receiver: Receiver, connection: AssociationProtocol, associate: bytearray) -> bool:
        duplicate = connection.duplicate()
        if duplicate is None or connection.dialogue is None:
            return False
        with duplicate:
            try:
                socket.send_fds(
                    receiver.channel, [connection.id.encode("ascii") + b"\0" + associate], [duplicate.fileno()]
                )
            except OSError:  # its queue is full, or it is dying: the association stays here
                return False
        receiver.open[connection.id] = connection.dialogue
        return True

    def dialogues(self) -> Sequence[Dialogue]:
        """The records of associations that are open in receivers, as they began."""
        return [dialogue for one in self._receivers for dialogue in one.open.values()]

    def busy(self) -> bool:
        """Whether any receiver has an association."""
        return any(one.open for one in self._receivers)

    # -- processes ----------------------------------------------------------------------------------------------

    def _start_one(self) -> None:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        level = logging.getLevelName(log.getEffectiveLevel()).lower()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "appliance", "_receive", str(theirs.fileno()), level),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": import_path()},
                pass_fds=(theirs.fileno(), self._inherited),
            )
        receiver = Receiver(process, ours)
        self._receivers.append(receiver)
        asyncio.get_running_loop().add_reader(ours.fileno(), self._hear, receiver)
        assert process.stdin is not None
        process.stdin.write(self._config.model_dump_json().encode())
        with contextlib.suppress(OSError):
            await process.stdin.drain()
        process.stdin.close()

    def _hear(self, receiver: Receiver) -> None:
        try:
            datagram = receiver.channel.recv(DATAGRAM_BYTES)
        except BlockingIOError:
            return
        except OSError:
            datagram = b""
        if not datagram:
            self._gone(receiver)
            return
        for event, *facts in json.loads(datagram):
            self._event(receiver, event, facts)

    def _event(self, receiver: Receiver, event: str, facts: list[Any]) -> None:
        """What a receiver says happened there."""
        if event == "ready":
            receiver.ready = True
            log.info("receiver started", extra={"pid": receiver.process.pid})
        elif event == "arrived":
            station, study, patient_id, issuer, association = facts
            self._on_arrival(station, study, (patient_id, issuer), association)
        elif event == "closed":
            self._on_closed(facts[0])
        elif event == "ended":
            receiver.open.pop(facts[0]["id"], None)
            if self._server is not None:
                self._server.dialogues.keep(facts[0])
            self._if_idle(receiver)
        elif event == "lost":  # the peer went on the way there
            dialogue = receiver.open.pop(facts[0], None)
            if self._server is not None and dialogue is not None:
                self._server.dialogues.ended(dialogue, Ending.LOST.value)
            self._if_idle(receiver)

    def _if_idle(self, receiver: Receiver) -> None:
        if not receiver.open:
            receiver.idle_since_s = asyncio.get_running_loop().time()
            asyncio.get_running_loop().call_later(WARM_S, self._end_idle, receiver)

    def _end_idle(self, receiver: Receiver) -> None:
        idle_s = asyncio.get_running_loop().time() - receiver.idle_since_s
        if receiver in self._receivers and not receiver.open and idle_s >= WARM_S - 1:
            self._tell_to_stop(receiver)

    @staticmethod
    def _tell_to_stop(receiver: Receiver) -> None:
        receiver.ready = False
        with contextlib.suppress(OSError):
            receiver.channel.send(STOP)

    def _gone(self, receiver: Receiver) -> None:
        """A receiver ended. What was open there is lost, as if its cable had been pulled."""
        asyncio.get_running_loop().remove_reader(receiver.channel.fileno())
        receiver.channel.close()
        self._receivers.remove(receiver)
        for association_id, dialogue in receiver.open.items():
            self._on_closed(association_id)
            if self._server is not None:
                self._server.dialogues.ended(dialogue, "receiver lost")
        if receiver.open and not self._closing:
            log.error("a receiver died", extra={"pid": receiver.process.pid, "associations": len(receiver.open)})
            self._on_lost()

    async def close(self, drain_s: float) -> None:
        """Let running messages finish for at most `drain_s` seconds, then end every receiver."""
        self._closing = True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        receivers = list(self._receivers)
        for one in receivers:
            self._tell_to_stop(one)
        await asyncio.gather(*(self._end(one, drain_s + LEAVE_S) for one in receivers))

    async def _end(self, receiver: Receiver, patience_s: float) -> None:
        try:
            await asyncio.wait_for(receiver.process.wait(), patience_s)
        except TimeoutError:
            receiver.process.kill()
            await receiver.process.wait()
        while receiver in self._receivers:
            self._hear(receiver)
