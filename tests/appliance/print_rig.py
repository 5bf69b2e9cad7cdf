"""A print service with a real job table and spool, and two consoles that play the same scripts.

`MemoryConsole` hands messages to the service as the association would; `NetworkConsole` is pynetdicom over TCP.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from pydicom import Dataset
from pynetdicom import AE, build_role, evt

from appliance.association.entity import Entity, Kind
from appliance.association.message import AcceptedContext, Association, CommandField, Ending, Refused, Request
from appliance.association.server import AssociationServer
from appliance.capabilities import transfer_syntaxes
from appliance.config import PrinterTable
from appliance.database import Database
from appliance.dispatch import ServiceConversation
from appliance.events import Events
from appliance.films import Films
from appliance.jobs import Jobs
from appliance.services.print import Bounds, Manners, PrintService, printer_of
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
        self.events = self.run(self._events(policy))
        self.executor = ThreadPoolExecutor(2)
        self.server: AssociationServer | None = None
        self.manners = Manners()

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

    def service(self, association: Association, **bounds: int) -> PrintService:
        return PrintService(
            association, self.printer, self.films, self.events, self.manners, Bounds(**bounds), self.executor
        )

    def listen(self) -> int:
        entity = Entity(
            "FILM",
            Kind.PRINT,
            transfer_syntaxes(["print"]),
            lambda association: ServiceConversation([self.service(association)]),
        )
        self.server = AssociationServer([entity])
        return self.run(self.server.listen("127.0.0.1", 0))

    def job_folder(self, job_folder: str) -> Path:
        return self.folder / "spool" / "films" / job_folder

    def spooled(self) -> list[Path]:
        """Files of open associations."""
        return [path for path in (self.folder / "spool" / "print").rglob("*") if path.is_file()]

    def close(self) -> None:
        if self.server is not None:
            self.run(self.server.close(0.2))
        self.executor.shutdown()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()
        self.database.close()


class MemoryConsole(Console):
    """Messages as values: what the association would hand over, in fragments of a thousand bytes."""

    def __init__(
        self,
        rig: Rig,
        *,
        explicit: bool = True,
        meta: str = GRAYSCALE_META,
        print_job: bool = True,
        **bounds: int,
    ) -> None:
        super().__init__()
        self.rig = rig
        self.color = meta == COLOR_META
        self.explicit = explicit
        syntaxes = [meta, *([PRINT_JOB] if print_job else [])]
        syntax = EXPLICIT if explicit else IMPLICIT
        self.association = FakeAssociation(
            {2 * at + 1: AcceptedContext(2 * at + 1, uid, syntax) for at, uid in enumerate(syntaxes)}
        )
        self.service = rig.call(lambda: rig.service(self.association, **bounds))

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
        request = Request(FIELDS[command], 1, self.association.contexts[1], sop_class_uid, uid, elements)
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
    """pynetdicom as a console, with UIDs of its own, for it does not tell those that an SCP makes."""

    def __init__(
        self, rig: Rig, port: int, *, explicit: bool = True, meta: str = GRAYSCALE_META, print_job: bool = True
    ) -> None:
        super().__init__()
        self.rig = rig
        self.meta = meta
        self.color = meta == COLOR_META
        self.events: list[tuple[str, str, int, Dataset | None]] = []
        self._uids = count(1)
        syntax = EXPLICIT if explicit else IMPLICIT
        ae = AE("CONSOLE")
        ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = 10
        for uid in (meta, *([PRINT_JOB] if print_job else [])):
            ae.add_requested_context(uid, syntax)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._heard)]
        roles = [build_role(PRINT_JOB, scu_role=True, scp_role=True)] if print_job else []
        self.scu = ae.associate(
            "127.0.0.1",
            port,
            ae_title="FILM",
            evt_handlers=handlers,
            ext_neg=roles,  # type: ignore[arg-type]
        )
        assert self.scu.is_established

    def _heard(self, event: Any) -> tuple[int, None]:
        request = event.request
        data = event.event_information if request.EventInformation else None
        self.events.append((request.AffectedSOPClassUID, request.AffectedSOPInstanceUID, request.EventTypeID, data))
        return 0, None

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
        meta = {"meta_uid": self.meta}
        answered: Dataset | None = None
        if command is Command.N_CREATE:
            uid = uid or f"1.2.840.777.{next(self._uids)}"
            status, answered = self.scu.send_n_create(data, sop_class_uid, uid, **meta)
        elif command is Command.N_SET:
            assert data is not None
            status, answered = self.scu.send_n_set(data, sop_class_uid, uid, **meta)
        elif command is Command.N_GET:
            status, answered = self.scu.send_n_get(list(tags), sop_class_uid, uid, **meta)
        elif command is Command.N_ACTION:
            status, answered = self.scu.send_n_action(data, action or 0, sop_class_uid, uid, **meta)
        else:
            status = self.scu.send_n_delete(sop_class_uid, uid, **meta)
        assert "Status" in status, "no response"
        return Answer(status.Status, uid, answered, str(status.get("ErrorComment", "")))

    def close(self, ending: Ending = Ending.RELEASED) -> None:
        if ending is Ending.RELEASED:
            self.scu.release()
        else:
            self.scu.abort()


def wait_for(true: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)
