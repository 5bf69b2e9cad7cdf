"""A print service with a real job table and spool, and two consoles that play the same scripts.

`MemoryConsole` hands messages to the service as the association would; `NetworkConsole` writes every
byte of the upper layer itself.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from pydicom import Dataset

from appliance.association.entity import Entity, Kind
from appliance.association.message import AcceptedContext, Association, CommandField, Ending, Refused, Request
from appliance.association.server import AssociationServer
from appliance.capabilities import transfer_syntaxes
from appliance.config import PrinterTable
from appliance.database import Database
from appliance.dispatch import ServiceConversation
from appliance.events import Events
from appliance.films import Films
from appliance.jobs import Job, JobEvent, Jobs
from appliance.personality import Personality
from appliance.services.print import Bounds, PrintService, printer_of
from printing.terms import COLOR_META, GRAYSCALE_META, PRINT_JOB, Command
from tests.printing.console import EXPLICIT, IMPLICIT, Answer, Console, decode, encode

T = TypeVar("T")

FIELDS = {
    Command.N_CREATE: CommandField.N_CREATE_RQ,
    Command.N_SET: CommandField.N_SET_RQ,
    Command.N_GET: CommandField.N_GET_RQ,
    Command.N_ACTION: CommandField.N_ACTION_RQ,
    Command.N_DELETE: CommandField.N_DELETE_RQ,
}
NUMBERS = count(1)


@dataclass
class FakeAssociation:
    """An association that writes down the events that it is given, and confirms them."""

    contexts: dict[int, AcceptedContext]
    id: str = field(default_factory=lambda: f"a{next(NUMBERS)}")
    calling_ae_title: str = "CONSOLE"
    called_ae_title: str = "FILM"
    peer_address: str = "192.0.2.1"
    peer: str | None = None
    implementation_class_uid: str = "1.2"
    implementation_version_name: str = ""
    events: list[tuple[str, str, int, Dataset | None]] = field(default_factory=list)
    confirm: int | None = 0

    def accepted(self, abstract_syntax: str) -> AcceptedContext | None:
        found = (one for one in self.contexts.values() if one.abstract_syntax == abstract_syntax)
        return next(found, None)

    async def send_event_report(
        self,
        context: AcceptedContext,
        sop_class_uid: str,
        sop_instance_uid: str,
        event_type_id: int,
        data_set: bytes | None,
    ) -> int | None:
        data = None if data_set is None else decode(data_set, context.transfer_syntax == EXPLICIT)
        self.events.append((sop_class_uid, sop_instance_uid, event_type_id, data))
        return self.confirm

    def abort(self) -> None:
        raise AssertionError("nobody asked for this")

    def told(self, sop_class_uid: str) -> list[int]:
        """Event Type IDs of one class, in order."""
        return [event for uid, _, event, _ in self.events if uid == sop_class_uid]


class Rig:
    """Printers, spool and job table, on an event loop in a thread of its own."""

    def __init__(self, folder: Path, *, depth: int = 1000, policy: str = "spooler", **printer: object) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="rig", daemon=True)
        self._thread.start()
        self.database = Database(folder / "jobs.db")
        self.database.migrate()
        self.jobs = Jobs(self.database, depth=depth)
        self.clock_s = 0.0
        self.films = Films(folder / "spool", self.jobs, clock=lambda: self.clock_s)
        self.printer = printer_of("FILM", PrinterTable.model_validate(printer))
        self.printers = {"FILM": self.printer}
        self.events = self.run(self._events(policy))
        self.executor = ThreadPoolExecutor(2)
        self.server: AssociationServer | None = None
        self.personality = Personality()

    async def _events(self, policy: str) -> Events:
        events = Events(self.jobs)
        events.install(self.printer, policy, lambda: self.films.has_room())
        return events

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self.loop).result(20)

    def call(self, function: Callable[[], T]) -> T:
        async def doing() -> T:
            return function()

        return self.run(doing())

    def settle(self) -> None:
        """Let everything that was put on the loop happen."""
        for _ in range(5):
            self.run(asyncio.sleep(0))

    def add_printer(self, name: str, policy: str = "spooler", **printer: object) -> None:
        """One more printer behind the same port."""
        made = self.printers[name] = printer_of(name, PrinterTable.model_validate(printer))
        self.call(lambda: self.events.install(made, policy, lambda: self.films.has_room()))

    def service(self, association: Association, name: str = "FILM", **bounds: int) -> PrintService:
        return PrintService(
            association, self.printers[name], self.films, self.events, self.personality, Bounds(**bounds), self.executor
        )

    def listen(self, *, any_called_ae: str | None = None, aliases: tuple[str, ...] = ()) -> int:
        """Open a port for all printers; `aliases` are FILM's."""
        entities = [self._entity(name, frozenset(aliases if name == "FILM" else ())) for name in self.printers]
        self.server = AssociationServer(entities, any_called_ae=any_called_ae)
        return self.run(self.server.listen("127.0.0.1", 0))

    def _entity(self, name: str, aliases: frozenset[str]) -> Entity:
        return Entity(
            name,
            Kind.PRINT,
            transfer_syntaxes(["print"]),
            lambda association: ServiceConversation([self.service(association, name)]),
            aliases,
        )

    def dialogue(self, number: int = 0) -> dict[str, Any]:
        """The record of an association, in the order of their ends."""
        assert self.server is not None
        dialogues = self.server.dialogues
        wait_for(lambda: len(list(dialogues.recent())) > number, "a dialogue record")
        return list(dialogues.recent())[number]

    def job_folder(self, job_folder: str) -> Path:
        return self.folder / "spool" / "films" / job_folder

    def spooled(self) -> list[Path]:
        """Files of open associations; their folders may vanish while we look."""
        return [Path(folder, name) for folder, _, names in os.walk(self.folder / "spool" / "print") for name in names]

    def close(self) -> None:
        if self.server is not None:
            self.run(self.server.close(0.2))
        self.executor.shutdown()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()
        self.database.close()


def carry(rig: Rig, *events: tuple[JobEvent, dict[str, object]]) -> Job:
    """Take the next job through its steps, as the runner does."""
    job = rig.jobs.claim("film", "test")
    assert job is not None
    for event, facts in events:
        job = rig.jobs.advance(job.id, event, **facts)
    rig.settle()
    return job


FINISHED: tuple[tuple[JobEvent, dict[str, object]], ...] = (
    (JobEvent.STEP, {"step": "rendering", "progress": 0.5}),
    (JobEvent.STEP, {"step": "delivering", "progress": 0.9}),
    (JobEvent.FINISH, {"files": []}),
)


class MemoryConsole(Console):
    """Messages as values: what the association would hand over, in fragments of a thousand bytes."""

    def __init__(
        self,
        rig: Rig,
        *,
        explicit: bool = True,
        meta: str = GRAYSCALE_META,
        print_job: bool = True,
        more: tuple[str, ...] = (),
        printer: str = "FILM",
        **bounds: int,
    ) -> None:
        super().__init__()
        self.rig = rig
        self.color = meta == COLOR_META
        self.explicit = explicit
        self.context = 1
        syntaxes = [meta, *([PRINT_JOB] if print_job else []), *more]
        syntax = EXPLICIT if explicit else IMPLICIT
        self.association = FakeAssociation(
            {2 * at + 1: AcceptedContext(2 * at + 1, uid, syntax) for at, uid in enumerate(syntaxes)}
        )
        self.service = rig.call(lambda: rig.service(self.association, printer, **bounds))

    def exchange(
        self,
        command: Command,
        sop_class_uid: str,
        uid: str | None,
        data: Dataset | None = None,
        *,
        action: int | None = None,
        tags: tuple[int, ...] = (),
    ) -> Answer:
        raw = None if data is None else encode(data, self.explicit)
        return self.send(command, sop_class_uid, uid, raw, action=action, tags=tags)

    def send(
        self,
        command: Command,
        sop_class_uid: str,
        uid: str | None,
        raw: bytes | None = None,
        *,
        action: int | None = None,
        tags: tuple[int, ...] = (),
    ) -> Answer:
        elements: dict[str, object] = {}
        if action is not None:
            elements["ActionTypeID"] = action
        if tags:
            elements["AttributeIdentifierList"] = tags
        context = self.association.contexts[self.context]
        request = Request(FIELDS[command], 1, context, sop_class_uid, uid, elements)
        try:
            response = self.rig.run(self._answer(request, raw))
        except Refused as refused:
            return Answer(refused.status, comment=refused.comment, offending=refused.offending)
        answered = None if response.data_set is None else decode(response.data_set, self.explicit)
        return Answer(response.status, response.sop_instance_uid or uid, answered, response.comment, response.offending)

    async def _answer(self, request: Request, raw: bytes | None) -> Any:
        assert self.service.serves(request)
        if raw is not None:
            sink = self.service.sink(request)
            try:
                for at in range(0, len(raw), 1000):
                    sink.write(memoryview(raw)[at : at + 1000])
                sink.complete()
            except Refused:
                sink.discard()
                raise
            request = Request(
                request.command_field,
                request.message_id,
                request.context,
                request.sop_class_uid,
                request.sop_instance_uid,
                request.elements,
                sink,
            )
        return await self.service.answer(request)

    def close(self, ending: Ending = Ending.RELEASED) -> None:
        self.rig.call(lambda: self.service.closed(ending))


class NetworkConsole(Console):
    """A console on a socket of its own, every byte of the upper layer written here. Confirms events as they come."""

    def __init__(
        self,
        rig: Rig | None,
        port: int,
        *,
        explicit: bool = True,
        meta: str = GRAYSCALE_META,
        print_job: bool = True,
        more: tuple[str, ...] = (),
        roles: dict[str, tuple[int, int]] | None = None,
        called: str = "FILM",
        calling: str = "CONSOLE",
    ) -> None:
        super().__init__()
        self.context = 1
        self.called, self.calling = called, calling
        self.results: dict[str, int] = {}
        """PS3.8 table 9-18, by abstract syntax."""
        self.roles: list[bytes] = []
        """Role selection items of the answer."""
        self.rig = rig
        self.color = meta == COLOR_META
        self.explicit = explicit
        self.events: list[tuple[str, str, int, Dataset | None]] = []
        self._numbers = count(1)
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        wanted = [meta, *([PRINT_JOB] if print_job else [])]
        self._associate([*wanted, *more], EXPLICIT if explicit else IMPLICIT, roles or {})
        assert all(self.results[uid] == 0 for uid in wanted)

    def told(self, sop_class_uid: str) -> list[int]:
        """Event Type IDs of one class, in order."""
        return [event for uid, _, event, _ in self.events if uid == sop_class_uid]

    def _associate(self, abstract_syntaxes: list[str], transfer_syntax: str, roles: dict[str, tuple[int, int]]) -> None:
        """PS3.8 §9.3.2: an A-ASSOCIATE-RQ and its answer."""
        contexts = b"".join(
            _item(0x20, bytes((2 * at + 1, 0, 0, 0)) + _item(0x30, uid) + _item(0x40, transfer_syntax))
            for at, uid in enumerate(abstract_syntaxes)
        )
        proposed = b"".join(
            _item(0x54, struct.pack(">H", len(uid)) + uid.encode() + bytes(role)) for uid, role in roles.items()
        )
        user = _item(0x50, _item(0x51, struct.pack(">I", 16384)) + _item(0x52, "1.2.3.4.5") + proposed)
        titles = self.called.encode().ljust(16) + self.calling.encode().ljust(16) + bytes(32)
        body = struct.pack(">HH", 1, 0) + titles + _item(0x10, "1.2.840.10008.3.1.1.1") + contexts + user
        self._pdu(0x01, body)
        kind, answer = self._read_pdu()
        assert kind == 0x02, "not accepted"
        for item, value in _items(answer[68:]):
            if item == 0x21:
                self.results[abstract_syntaxes[value[0] // 2]] = value[2]
            if item == 0x50:
                self.roles = [sub for kind, sub in _items(value) if kind == 0x54]

    def exchange(
        self,
        command: Command,
        sop_class_uid: str,
        uid: str | None,
        data: Dataset | None = None,
        *,
        action: int | None = None,
        tags: tuple[int, ...] = (),
    ) -> Answer:
        number = next(self._numbers)
        requested = command is not Command.N_CREATE
        elements: dict[int, bytes] = {
            0x0003 if requested else 0x0002: _uid(sop_class_uid),
            0x0100: struct.pack("<H", FIELDS[command]),
            0x0110: struct.pack("<H", number),
            0x0800: struct.pack("<H", 0x0101 if data is None else 1),
        }
        if uid is not None:
            elements[0x1001 if requested else 0x1000] = _uid(uid)
        if tags:
            elements[0x1005] = b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags)
        if action is not None:
            elements[0x1008] = struct.pack("<H", action)
        self._send(elements, None if data is None else encode(data, self.explicit))
        while True:
            found, raw = self._message()
            if self._confirmed(found, raw):
                continue
            assert struct.unpack("<H", found[0x0120])[0] == number
            return self._answer(found, raw)

    def _answer(self, found: dict[int, bytes], raw: bytes | None) -> Answer:
        at = found.get(0x1005) or found.get(0x0901) or b""
        return Answer(
            struct.unpack("<H", found[0x0900])[0],
            found.get(0x1000, b"").decode().rstrip("\0") or None,
            None if raw is None else decode(raw, self.explicit),
            found.get(0x0902, b"").decode().rstrip(),
            tuple(group << 16 | element for group, element in struct.iter_unpack("<HH", at)),
        )

    def _confirmed(self, found: dict[int, bytes], raw: bytes | None) -> bool:
        """Answers an N-EVENT-REPORT-RQ, if that is what it is."""
        if struct.unpack("<H", found[0x0100])[0] != 0x0100:
            return False
        uid, event = found[0x1000].decode().rstrip("\0"), struct.unpack("<H", found[0x1002])[0]
        data = None if raw is None else decode(raw, self.explicit)
        self.events.append((found[0x0002].decode().rstrip("\0"), uid, event, data))
        self._send(
            {
                0x0002: found[0x0002],
                0x0100: struct.pack("<H", 0x8100),
                0x0120: found[0x0110],
                0x0800: struct.pack("<H", 0x0101),
                0x0900: bytes(2),
            },
            None,
        )
        return True

    def listen(self, until: Callable[[], bool]) -> None:
        """Hear events until something is so."""
        while not until():
            assert self._confirmed(*self._message())

    def _send(self, elements: dict[int, bytes], data: bytes | None) -> None:
        body = b"".join(
            struct.pack("<HHI", 0, element, len(value)) + value for element, value in sorted(elements.items())
        )
        command = struct.pack("<HHII", 0, 0, 4, len(body)) + body
        for control, raw in ((1, command), (0, data)):
            if raw is None:
                continue
            for at in range(0, max(1, len(raw)), 16000):
                last = 2 if at + 16000 >= len(raw) else 0
                piece = raw[at : at + 16000]
                self._pdu(0x04, struct.pack(">IBB", len(piece) + 2, self.context, control | last) + piece)

    def _message(self) -> tuple[dict[int, bytes], bytes | None]:
        command, data, done = bytearray(), bytearray(), 0
        elements: dict[int, bytes] = {}
        while True:
            kind, body = self._read_pdu()
            assert kind == 0x04, f"PDU {kind}"
            at = 0
            while at < len(body):
                length, _, control = struct.unpack_from(">IBB", body, at)
                (command if control & 1 else data).extend(body[at + 6 : at + 4 + length])
                at += 4 + length
                done |= (control & 1 or 4) if control & 2 else 0
            if done & 1 and not elements:
                elements = _elements(bytes(command))
            if elements and (elements[0x0800] == b"\x01\x01" or done & 4):
                return elements, bytes(data) if done & 4 else None

    def _pdu(self, kind: int, body: bytes) -> None:
        self._socket.sendall(struct.pack(">BBI", kind, 0, len(body)) + body)

    def _read_pdu(self) -> tuple[int, bytes]:
        header = self._file.read(6)
        assert len(header) == 6, "the connection was closed"
        kind, _, length = struct.unpack(">BBI", header)
        return kind, self._file.read(length)

    def ended(self) -> bool:
        """Whether the other side has ended the association, where no event is awaited."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def close(self, ending: Ending = Ending.RELEASED) -> None:
        if ending is Ending.RELEASED:
            self._pdu(0x05, bytes(4))
            kind, _ = self._read_pdu()
            while kind == 0x04:
                kind, _ = self._read_pdu()
            assert kind == 0x06
        else:
            self._pdu(0x07, bytes(4))
        self._file.close()
        self._socket.close()


def _item(kind: int, value: bytes | str) -> bytes:
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">BBH", kind, 0, len(raw)) + raw


def _items(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(raw):
        kind, length = struct.unpack_from(">BxH", raw, at)
        yield kind, raw[at + 4 : at + 4 + length]
        at += 4 + length


def _uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def _elements(raw: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at < len(raw):
        _, element, length = struct.unpack_from("<HHI", raw, at)
        found[element] = raw[at + 8 : at + 8 + length]
        at += 8 + length
    return found


def wait_for(true: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)
