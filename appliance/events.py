"""N-EVENT-REPORTs of Print Jobs and Printers (PS3.4 H.4.5.2, H.4.6.2), and the state of printers that they tell.

Print Job events go to the association that made the job and to no other; Printer events to every open association on
that printer. Both are told by the job table: what a console hears is what the row says. Each association has its own
queue, so a console that answers slowly, or never, keeps nobody else waiting; one that has no use for events costs
nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from appliance.association.message import AcceptedContext, Association
from appliance.jobs import Job, JobEvent, Jobs
from printing import printer as printers
from printing.elements import Value, write
from printing.printer import (
    NORMAL,
    Printer,
    PrinterState,
    PrintJobView,
    Takes,
    info_term,
    printer_event,
    reported,
)
from printing.supply_terms import general_term
from printing.terms import (
    COLOR_META,
    GRAYSCALE_META,
    PRINT_JOB,
    PRINTER,
    PRINTER_INSTANCE,
    ExecutionStatus,
)

log = logging.getLogger("gravure.print")

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"

MOST_WAITING = 256
"""Events that wait for one association. A console that answers none of so many hears no more."""


def view(job: Job, printer_name: str, general: bool = False) -> PrintJobView:
    """A row of the job table as a Print Job; `general` says supplies by their general terms."""
    return PrintJobView(
        uid=job.uid or "",
        status=ExecutionStatus(job.state),
        info=info_term(general_term(job.info) if general else job.info),
        print_priority=job.priority,
        created=datetime.fromtimestamp(job.created, UTC).astimezone(),
        printer_name=printer_name,
        originator=job.calling_ae_title,
    )


def said(state: PrinterState, general: bool) -> PrinterState:
    """A state in the terms that a peer knows."""
    return replace(state, info=general_term(state.info)) if general else state


@dataclass(slots=True)
class Device:
    """A printer of the configuration, and how its output is."""

    configured: Printer
    printer: Printer
    """With what its output takes."""
    policy: str
    """spooler or truthful."""
    has_room: Callable[[], bool]
    """Whether the spool takes more films."""
    output: PrinterState = NORMAL
    """What the device said of itself last."""
    told: PrinterState = NORMAL
    """What consoles have heard."""
    associations: int = 0
    """Open ones."""

    def now(self) -> PrinterState:
        """Printer Status as consoles hear it."""
        return reported(self.output, self.policy, self.has_room())


@dataclass(frozen=True, slots=True)
class Report:
    """One event that waits to be sent."""

    context: AcceptedContext
    sop_class_uid: str
    sop_instance_uid: str
    event_type_id: int
    data_set: bytes | None


@dataclass(slots=True)
class Listener:
    """One open association on a printer."""

    association: Association
    device: Device
    send: bool
    """False for peers that shall hear nothing."""
    general: bool = False
    """Whether the peer knows supplies by their general terms alone."""
    labels: dict[str, str] = field(default_factory=dict)
    """Film Session Label by Print Job UID, for jobs of this association that have not ended."""
    heard: dict[str, tuple[str, str]] = field(default_factory=dict)
    """(status, info) last told, by Print Job UID."""
    waiting: deque[Report] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None

    def printer_context(self) -> AcceptedContext | None:
        """The Printer class, by itself or as a member of a meta class (H.3.2.2.1)."""
        for abstract_syntax in (PRINTER, GRAYSCALE_META, COLOR_META):
            context = self.association.accepted(abstract_syntax)
            if context is not None:
                return context
        return None


class Events:
    """Tells consoles what happens. Made on the running event loop; the job table may call from any thread."""

    def __init__(self, jobs: Jobs) -> None:
        self._loop = asyncio.get_running_loop()
        self._devices: dict[str, Device] = {}
        self._listeners: dict[str, Listener] = {}
        self._by_job: dict[str, Listener] = {}
        self.on_associations: Callable[[str, int], None] = lambda _ae_title, _number: None
        """Told how many associations a printer has, whenever that changes."""
        jobs.subscribe(self._committed)

    # -- printers -----------------------------------------------------------------------------------------------

    def install(self, printer: Printer, policy: str, has_room: Callable[[], bool]) -> Device:
        """A printer of the configuration."""
        device = Device(printer, printer, policy, has_room)
        self._devices[printer.name] = device
        return device

    def state(self, ae_title: str) -> PrinterState:
        """Printer Status of a printer, as a console hears it now; a change is told to all that have it open."""
        device = self._devices[ae_title]
        now = device.now()
        if now != device.told:
            device.told = now
            self._tell_printer(device, now)
        return now

    def output_is(self, ae_title: str, output: PrinterState) -> None:
        """How the output of a printer is; consoles hear of it as the status policy says."""
        if ae_title in self._devices:
            self._devices[ae_title].output = output
            self.state(ae_title)

    def printer(self, ae_title: str) -> Printer:
        """A printer with what its output was last known to take."""
        return self._devices[ae_title].printer

    def output_takes(self, ae_title: str, takes: Takes) -> None:
        """What the output of a printer takes: consoles read it by Printer Configuration Retrieval from now on."""
        device = self._devices.get(ae_title)
        if device is not None:
            device.printer = device.configured.taking(takes)

    def device(self, ae_title: str) -> Device:
        """A printer of the configuration."""
        return self._devices[ae_title]

    def calibrated(self, printer: Printer) -> None:
        """A printer as its newest calibration makes it: densities, light, medium and the date of it."""
        device = self._devices[printer.name]
        measured: dict[str, Any] = {
            "medium_type": printer.medium_type,
            "min_density_centi_od": printer.min_density_centi_od,
            "max_density_centi_od": printer.max_density_centi_od,
            "densities_end": printer.densities_end,
            "illumination_cd_m2": printer.illumination_cd_m2,
            "reflected_ambient_light_cd_m2": printer.reflected_ambient_light_cd_m2,
            "calibrated": printer.calibrated,
        }
        device.configured = replace(device.configured, **measured)
        device.printer = replace(device.printer, **measured)

    def _tell_printer(self, device: Device, state: PrinterState) -> None:
        log.info("printer status", extra={"printer": device.printer.name, "status": state.status, "info": state.info})
        for listener in self._listeners.values():
            context = listener.printer_context()
            if listener.device is device and context is not None:
                values = printer_event(device.printer, said(state, listener.general))
                self._queue(listener, context, PRINTER, PRINTER_INSTANCE, state.status.event_type_id, values)

    # -- associations -------------------------------------------------------------------------------------------

    def join(self, association: Association, ae_title: str, *, send: bool = True, general: bool = False) -> Listener:
        """An association with a printer was opened."""
        listener = Listener(association, self._devices[ae_title], send, general)
        self._listeners[association.id] = listener
        self._count(listener.device, 1)
        return listener

    def _count(self, device: Device, more: int) -> None:
        device.associations += more
        self.on_associations(device.printer.name, device.associations)

    def leave(self, association: Association) -> None:
        """The association is over: nobody is left to tell."""
        listener = self._listeners.pop(association.id, None)
        if listener is None:
            return
        self._count(listener.device, -1)
        for uid in listener.labels:
            self._by_job.pop(uid, None)
        listener.waiting.clear()
        if listener.task is not None:
            listener.task.cancel()

    def expect(self, association: Association, print_job_uid: str, film_session_label: str) -> None:
        """A print job of this association is about to be made: it hears of it from its first commit on."""
        listener = self._listeners.get(association.id)
        if listener is None or not listener.send or association.accepted(PRINT_JOB) is None:
            return
        listener.labels[print_job_uid] = film_session_label
        self._by_job[print_job_uid] = listener

    def unexpect(self, print_job_uid: str) -> None:
        """It was not made."""
        listener = self._by_job.pop(print_job_uid, None)
        if listener is not None:
            listener.labels.pop(print_job_uid, None)

    def catch_up(self, job: Job) -> None:
        """Tell how a job stands that was made before somebody expected it."""
        self._tell_job(job)

    # -- the job table ------------------------------------------------------------------------------------------

    def _committed(self, job: Job, _event: JobEvent) -> None:
        if job.kind == "film" and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell_job, job)

    def _tell_job(self, job: Job) -> None:
        uid = job.uid or ""
        listener = self._by_job.get(uid)
        if listener is None:
            return
        shown = view(job, listener.device.printer.name, listener.general)
        if listener.heard.get(uid) == (shown.status, shown.info):
            return  # progress within a state is no event
        listener.heard[uid] = (shown.status, shown.info)
        context = listener.association.accepted(PRINT_JOB)
        values = shown.event(listener.labels[uid])
        if context is not None:
            self._queue(listener, context, PRINT_JOB, uid, shown.status.event_type_id, values)
        if job.ended:
            self.unexpect(uid)
            listener.heard.pop(uid, None)

    # -- sending ------------------------------------------------------------------------------------------------

    def _queue(
        self,
        listener: Listener,
        context: AcceptedContext,
        sop_class_uid: str,
        sop_instance_uid: str,
        event_type_id: int,
        values: dict[int, Value] | None,
    ) -> None:
        if not listener.send or len(listener.waiting) >= MOST_WAITING:
            return
        explicit = context.transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN
        data_set = None if values is None else write(values, printers.VRS, explicit)
        listener.waiting.append(Report(context, sop_class_uid, sop_instance_uid, event_type_id, data_set))
        if listener.task is None:
            listener.task = asyncio.create_task(self._send(listener), name=f"events {listener.association.id}")

    async def _send(self, listener: Listener) -> None:
        """One event after the other: the next goes out when the one before it was answered, or never will be."""
        try:
            while listener.waiting:
                report = listener.waiting.popleft()
                status = await listener.association.send_event_report(
                    report.context,
                    report.sop_class_uid,
                    report.sop_instance_uid,
                    report.event_type_id,
                    report.data_set,
                )
                if status != 0:
                    log.info(
                        "event not confirmed",
                        extra={"association": listener.association.id, "event": report.event_type_id, "status": status},
                    )
        finally:
            listener.task = None
