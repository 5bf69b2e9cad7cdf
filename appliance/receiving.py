"""The other end of `receivers`: one receiving process, `python -m appliance _receive`.

It has no listener. Associations come as sockets from the process that accepted them; their acceptor, their Storage SCP
and their promises are the same code as there. When the other side says stop, running messages finish and the process
ends; when the other side dies, it ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections import deque
from typing import Any

from appliance.arrivals import Arrival
from appliance.association.dialogue import Dialogue, DialogueLog
from appliance.association.protocol import AssociationProtocol
from appliance.association.server import AssociationServer
from appliance.config import Config
from appliance.logs import tell_of_loop
from appliance.memory import calm_collector
from appliance.policy import CannotStart, access_policy
from appliance.receivers import DATAGRAM_BYTES, STOP
from appliance.reception import WORDS, MakeService, Reception, entity, station_idle_s

DRAIN_S = 5.0
TELL_S = 0.05
"""Arrivals are told together: whoever counts seconds of quiet does not need each of them at once."""
EVENTS = 200
"""Told in one datagram at most."""


class Told(DialogueLog):
    """Dialogue records that are kept by the other process."""

    def __init__(self, receiving: Receiving) -> None:
        super().__init__(None)
        self._receiving = receiving

    def ended(self, dialogue: Dialogue, ending: str) -> None:
        """Tell it."""
        dialogue.ended = self._wall()
        dialogue.ending = ending
        self._receiving.tell("ended", dialogue.to_dict())


class Receiving:
    """One receiving process.

    Args:
        config: the appliance's.
        channel: a connected SOCK_SEQPACKET socket.
    """

    def __init__(self, config: Config, channel: socket.socket) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._untold: deque[list[Any]] = deque()
        self._telling: asyncio.TimerHandle | None = None
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reception = Reception(config, prepared=True)
        self._reception.pace.others = lambda: True  # an association comes here where there is one already
        services: dict[str, dict[str, MakeService]] = {}
        for title, kind, key in config.titles():
            words = services.setdefault(title, {})
            if WORDS[kind] == "store":
                words["store"] = self._reception.service(key, self._arrived, lambda one: self.tell("closed", one))
        policy = access_policy(config)
        if policy.left_out:
            raise CannotStart(f"peers are unknown here: {', '.join(policy.left_out)}")
        any_called_ae = config.access.any_called_ae
        self._server = AssociationServer(
            [entity(title, makers, station_idle_s(config, title)) for title, makers in services.items()],
            access=policy,
            limits=config.limits,
            dialogues=Told(self),
            any_called_ae=any_called_ae if any_called_ae in services else None,
        )

    def _arrived(self, arrival: Arrival) -> None:
        station, study, patient, association = arrival.of_study
        self.tell("arrived", station, study, *patient, association)

    # -- the channel --------------------------------------------------------------------------------------------

    def tell(self, event: str, *facts: Any) -> None:
        """Tell the other process, within a moment and in order."""
        self._untold.append([event, *facts])
        if self._telling is None:
            self._telling = self._loop.call_later(TELL_S, self._flush)

    def _flush(self) -> None:
        self._telling = None
        while self._untold:
            batch = [self._untold.popleft() for _ in range(min(EVENTS, len(self._untold)))]
            datagram = json.dumps(batch).encode("ascii")
            if len(datagram) > DATAGRAM_BYTES and len(batch) > 1:
                self._untold.extendleft(reversed(batch[len(batch) // 2 :]))
                batch = batch[: len(batch) // 2]
                datagram = json.dumps(batch).encode("ascii")
            try:
                self._channel.send(datagram)
            except BlockingIOError:
                self._untold.extendleft(reversed(batch))
                self._telling = self._loop.call_later(TELL_S, self._flush)
                return
            except OSError:
                os._exit(1)  # nobody is there to serve for

    def _take(self) -> None:
        try:
            datagram, descriptors, _, _ = socket.recv_fds(self._channel, DATAGRAM_BYTES, 1)
        except BlockingIOError:
            return
        if not datagram:
            os._exit(1)  # the other process was killed: nothing more may be promised in its name
        if datagram == STOP:
            self._stop.set()
            return
        association_id, _, associate = datagram.partition(b"\0")
        task = self._loop.create_task(
            self._serve(socket.socket(fileno=descriptors[0]), association_id.decode("ascii"), associate)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, sock: socket.socket, association_id: str, associate: bytes) -> None:
        """Take an association over, or say that there is none: the other process counts it until it hears of it."""
        try:
            _, protocol = await self._loop.connect_accepted_socket(
                lambda: AssociationProtocol(self._server, self._server.limits), sock
            )
            if protocol.take_over(association_id, associate):
                return
        except OSError:
            sock.close()
        self.tell("lost", association_id)

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until the other process says stop."""
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel.fileno(), self._take)
        self.tell("ready")
        await self._stop.wait()
        await self._server.close(DRAIN_S)
        await asyncio.to_thread(self._reception.close)
        self._flush()


async def _run(config: Config, channel: socket.socket) -> None:
    tell_of_loop(asyncio.get_running_loop())
    await Receiving(config, channel).run()


def receiving_main(descriptor: int) -> None:
    """Entry of the process: the configuration comes on standard input, associations on the channel."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group; the other process says when it is time
    os.umask(0o027)
    calm_collector()
    config = Config.model_validate_json(sys.stdin.buffer.read())
    with socket.socket(fileno=descriptor) as channel, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(config, channel))
