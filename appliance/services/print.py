"""Print Management as SCP (PS3.4 Annex H): one association's dialogue, carried out.

What a request does is decided by `printing.session.step`; here its data set is read where it lies, the effects happen
(a print job is durable before its Success, promise 1), and the reply becomes bytes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import mmap
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from appliance.association.dataset import IMPLICIT_VR_LITTLE_ENDIAN, MemorySink, SpoolSink
from appliance.association.message import Association, CommandField, DataSetSink, Ending, Request, Response
from appliance.association.message import Refused as NetworkRefused
from appliance.config import PrinterTable
from appliance.events import Events, said, view
from appliance.films import Films, NotSpooled
from appliance.jobs import Job
from appliance.orders import FilmOrder, Gate
from appliance.personality import Personality
from printing import annotation, attributes, printer, printer_configuration
from printing.elements import AttributeList, Buffer, Malformed, Value, read, write
from printing.hierarchy import Session
from printing.layout import CustomFormat, Formats
from printing.printer import Printer, asked_for, printer_values
from printing.printer_configuration import configuration_values
from printing.session import (
    NOTHING,
    Forget,
    PrintRequest,
    Reply,
    Submit,
    World,
    print_job_reference,
    step,
)
from printing.status import (
    ATTRIBUTE_LIST_ERROR,
    MEANINGS,
    NO_MEMORY_FOR_IMAGE,
    NO_SUCH_CLASS,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    UNRECOGNIZED_OPERATION,
    Refused,
)
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_META,
    FILM_BOX,
    GRAYSCALE_META,
    IMAGE_BOXES,
    PRINT_JOB,
    PRINTER_CONFIGURATION,
    PRINTER_CONFIGURATION_INSTANCE,
    PRINTER_INSTANCE,
    SOP_CLASSES,
    Command,
)
from printing.terms import PRINTER as PRINTER_CLASS

log = logging.getLogger("gravure.print")

KIB = 1024
ATTRIBUTES_BYTES = 512 * KIB
"""Longest attribute list of any request but an N-SET of an image box."""
FILM_BYTES = 64 * KIB * KIB
"""Longest attribute list of a film, in a spool file: an ICC profile that is too long is left out, not the film."""
MOST_WARNINGS = 50
"""Leniencies that a print job remembers."""

RESERVE_REACHED = "the disk reserve is reached, try again later"

COMMANDS = {
    CommandField.N_CREATE_RQ: Command.N_CREATE,
    CommandField.N_SET_RQ: Command.N_SET,
    CommandField.N_GET_RQ: Command.N_GET,
    CommandField.N_ACTION_RQ: Command.N_ACTION,
    CommandField.N_DELETE_RQ: Command.N_DELETE,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What of [limits] concerns printing, in bytes."""

    memory_bytes: int = 256 * KIB
    data_set_bytes: int = 512 * KIB * KIB


def medium_of(table: PrinterTable) -> str:
    """Medium Type of a printer that nobody asked about: paper where it prints on paper."""
    return "PAPER" if table.output in ("ipp", "raw") or table.tone == "paper" else Printer().medium_type


def printer_of(ae_title: str, table: PrinterTable, software_versions: str = "") -> Printer:
    """A printer of the configuration as what a dialogue needs to know of it."""
    custom = {
        int(number): CustomFormat(
            tuple((x / 100, y / 100, width / 100, height / 100) for x, y, width, height in one.boxes)
        )
        for number, one in table.custom.items()
    }
    return Printer(
        name=ae_title,
        dpi=float(table.dpi),
        high_dpi=None if table.high_dpi is None else float(table.high_dpi),
        film_size_id=table.film_size_id,
        medium_type=medium_of(table),
        min_density_centi_od=table.min_density,
        max_density_centi_od=table.max_density,
        illumination_cd_m2=table.illumination,
        reflected_ambient_light_cd_m2=table.reflected_ambient_light,
        border_density=table.border_density,
        empty_image_density=table.empty_image_density,
        formats=Formats(custom, table.slides, table.superslides),
        annotation_formats={**annotation.FORMATS, **table.annotations},
        software_versions=software_versions,
        scaling=table.scaling,
        manufacturer=table.manufacturer,
        model=table.model,
        serial_number=table.serial_number,
    )


def new_uid() -> str:
    """A UID of ours (PS3.5 §B.2)."""
    return f"2.25.{uuid.uuid4().int}"


class PrintService:
    """One association's Print SCP.

    Args:
        association: whom we talk to.
        printer: the printer that it called; `events.install` knows it.
        films: where films are spooled.
        events: who tells of jobs and printers.
        personality: how the dialogue is judged and answered.
        bounds: how much it may send.
        executor: threads for what blocks on the disk; None takes the loop's own.
        also: other printers that get the films, and the personality of the caller there.
    """

    def __init__(
        self,
        association: Association,
        printer: Printer,
        films: Films,
        events: Events,
        personality: Personality | None = None,
        bounds: Bounds | None = None,
        executor: Executor | None = None,
        also: Mapping[str, Personality] | None = None,
    ) -> None:
        self._association = association
        self._printer = printer = events.printer(printer.name)  # with what its output takes
        self._films = films
        self._events = events
        self._personality = personality or Personality()
        self._also = {key: _gate(one) for key, one in (also or {}).items()}
        self._bounds = bounds or Bounds()
        self._film_bounds = Bounds(self._bounds.memory_bytes, min(FILM_BYTES, self._bounds.data_set_bytes))
        self._executor = executor
        self._session = Session()
        self._world = World(
            printer,
            new_uid,
            print_job=association.accepted(PRINT_JOB) is not None and self._personality.print_job_reference,
            annotations=association.accepted(ANNOTATION_BOX) is not None,
            strict=self._personality.strict,
            boxes_by_position=self._personality.image_boxes_by_position,
            skip_empty_films=self._personality.skip_empty_films,
        )
        self._folder: Path | None = None
        self._warnings: dict[str, None] = {}
        self._general = self._personality.general_supply_terms
        events.join(association, printer.name, send=self._personality.events, general=self._general)

    # -- the association's calls --------------------------------------------------------------------------------

    def serves(self, request: Request) -> bool:
        """Every class of Print Management, on whatever print context it comes."""
        return request.sop_class_uid in SOP_CLASSES

    def sink(self, request: Request) -> DataSetSink:
        """A spool file for the pixels of an image box, and for a film with a long ICC profile; memory for all else."""
        if request.sop_class_uid == FILM_BOX and self._films.has_room():
            with suppress(OSError):  # without a folder its film has no room for a long profile, as on a full disk
                return PixelSink(self._pixels_folder(), self._film_bounds, self._films.has_room, RESOURCE_LIMITATION)
        if request.command_field is not CommandField.N_SET_RQ or request.sop_class_uid not in IMAGE_BOXES:
            return MemorySink(ATTRIBUTES_BYTES)
        try:
            if not self._films.has_room():
                raise NetworkRefused(NO_MEMORY_FOR_IMAGE, RESERVE_REACHED)
            return PixelSink(self._pixels_folder(), self._bounds, self._films.has_room)
        except OSError as failure:
            raise no_room(failure) from failure

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        command = COMMANDS.get(request.command_field)
        if command is None:
            raise NetworkRefused(UNRECOGNIZED_OPERATION, "not an operation of Print Management")
        try:
            if command is Command.N_GET:
                reply = await self._get(request)
            elif request.sop_class_uid in (PRINTER_CLASS, PRINT_JOB, PRINTER_CONFIGURATION):
                # Some consoles create the printer before they use it; the dialogue goes on.
                raise Refused(NO_SUCH_CLASS if command is Command.N_CREATE else UNRECOGNIZED_OPERATION)
            else:
                reply = await self._step(request, command)
        except Refused as refused:
            reply = Reply.refusing(refused)
        self._remark(request, reply)
        if self._personality.success_only:
            reply = reply.success_only()
        return self._response(request, reply)

    def closed(self, ending: Ending) -> None:
        """PS3.4 H.4.1.2.1.3: the end of the association deletes the session. Jobs go on."""
        self._events.leave(self._association)
        self._session = Session()
        if self._folder is not None:
            self._films.close(self._folder)
            self._folder = None

    # -- N-CREATE, N-SET, N-DELETE, N-ACTION --------------------------------------------------------------------

    async def _step(self, request: Request, command: Command) -> Reply:
        with self._attributes(request) as (attribute_list, file):
            action = request.elements.get("ActionTypeID")
            asked = PrintRequest(
                command,
                request.sop_class_uid,
                request.sop_instance_uid,
                attribute_list,
                file,
                action if isinstance(action, int) else None,
                self._in_color(request),
            )
            session, reply, effects = step(self._session, asked, self._world)
        if file and file not in _pixel_files(session):
            self._forget((file,))
        for effect in effects:
            if isinstance(effect, Submit):
                reply = await self._submit(effect, reply)
            elif isinstance(effect, Forget):
                self._forget(effect.files)
        self._session = session
        return reply

    async def _submit(self, submit: Submit, reply: Reply) -> Reply:
        """Make the print job. Where it cannot be made, that is the answer, and the session stays as it was."""
        document, uid = submit.document, submit.print_job_uid
        warnings = (*self._warnings, *(remark.words for remark in reply.remarks))
        order = FilmOrder(
            document=document,
            pixels=self._folder or Path(),
            print_job_uid=uid,
            ae_title=self._printer.name,
            calling_ae_title=self._association.calling_ae_title,
            peer_address=self._association.peer_address,
            warnings=tuple(dict.fromkeys(warnings))[:MOST_WARNINGS],
            duplicate_within_s=self._personality.duplicate_film_seconds,
            gate=_gate(self._personality),
            also=self._also,
        )
        label = self._label()
        self._events.expect(self._association, uid, label)
        loop = asyncio.get_running_loop()
        try:
            job = await loop.run_in_executor(self._executor, self._films.submit, order)
        except NotSpooled as failure:
            self._events.unexpect(uid)
            self._events.state(self._printer.name)
            raise Refused(submit.otherwise) from failure
        self._events.state(self._printer.name)
        log.info(
            "film accepted",
            extra={"association": self._association.id, "job": job.id, "printer": self._printer.name},
        )
        return reply if job.uid == uid else self._same_again(uid, job, label, reply)

    def _same_again(self, uid: str, job: Job, label: str, reply: Reply) -> Reply:
        """The film is a job already: the peer hears of that one."""
        self._events.unexpect(uid)
        self._events.expect(self._association, job.uid or "", label)
        self._events.catch_up(job)
        return replace(reply, values=print_job_reference(job.uid or "")) if reply.values else reply

    def _label(self) -> str:
        film_session = self._session.film_session
        return str(film_session.values.get(attributes.FILM_SESSION_LABEL, "")) if film_session else ""

    def _in_color(self, request: Request) -> bool:
        """The meta class of the context decides; where a member class came alone, the meta class that there is."""
        if request.context.abstract_syntax in (COLOR_META, GRAYSCALE_META):
            return request.context.abstract_syntax == COLOR_META
        accepted = self._association.accepted
        return accepted(COLOR_META) is not None and accepted(GRAYSCALE_META) is None

    # -- data sets ----------------------------------------------------------------------------------------------

    @contextmanager
    def _attributes(self, request: Request) -> Iterator[tuple[AttributeList, str]]:
        """The attribute list of a request, and the spool file that holds it, if any. Pixels are never copied."""
        explicit = request.context.transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN
        sink = request.data
        if isinstance(sink, PixelSink):
            short = sink.short
            if short is not None and request.sop_class_uid not in IMAGE_BOXES:
                yield (_read(short, explicit) if short else NOTHING), ""
                return
            path = sink.keep()
            try:
                with nullcontext(short) if short is not None else _mapped(path) as data:
                    yield _read(data, explicit), path.name
            except (OSError, Refused) as failure:
                path.unlink(missing_ok=True)
                raise failure if isinstance(failure, Refused) else Refused(sink.full) from failure
            return
        raw = sink.read() if isinstance(sink, MemorySink) else b""
        yield (_read(raw, explicit) if raw else NOTHING), ""

    def _response(self, request: Request, reply: Reply) -> Response:
        explicit = request.context.transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN
        data_set = write(reply.values, VRS, explicit) if reply.values else None
        return Response(reply.status, reply.sop_instance_uid, data_set, reply.comment, reply.offending)

    def _pixels_folder(self) -> Path:
        if self._folder is None:
            self._folder = self._films.open()
        return self._folder

    def _forget(self, files: tuple[str, ...]) -> None:
        if self._folder is not None:
            self._films.forget(self._folder, files)

    def _remark(self, request: Request, reply: Reply) -> None:
        """Every leniency is logged by name, and stands in the record of the films that follow it."""
        for remark in reply.remarks:
            log.info(
                "leniency",
                extra={
                    "association": self._association.id,
                    "request": request.command_field.name,
                    "status": f"{remark.status:04X}",
                    "what": remark.words,
                },
            )
            if len(self._warnings) < MOST_WARNINGS and remark.status:
                self._warnings[remark.words] = None

    # -- N-GET --------------------------------------------------------------------------------------------------

    async def _get(self, request: Request) -> Reply:
        if request.sop_class_uid == PRINTER_CLASS:
            if request.sop_instance_uid != PRINTER_INSTANCE:
                raise Refused(NO_SUCH_INSTANCE, "the Printer instance is 1.2.840.10008.5.1.1.17")
            values = printer_values(self._printer, said(self._events.state(self._printer.name), self._general))
        elif request.sop_class_uid == PRINTER_CONFIGURATION:
            if request.sop_instance_uid != PRINTER_CONFIGURATION_INSTANCE:
                raise Refused(NO_SUCH_INSTANCE, "the instance is 1.2.840.10008.5.1.1.17.376")
            values = configuration_values(self._events.printer(self._printer.name))
        elif request.sop_class_uid == PRINT_JOB:
            values = await self._print_job(request.sop_instance_uid or "")
        else:
            raise Refused(UNRECOGNIZED_OPERATION)
        tags = request.elements.get("AttributeIdentifierList")
        known, unknown = asked_for(values, tags if isinstance(tags, tuple) else ())
        if not unknown:
            return Reply(values=known)
        return Reply(ATTRIBUTE_LIST_ERROR, known, comment=MEANINGS[ATTRIBUTE_LIST_ERROR], offending=unknown)

    async def _print_job(self, uid: str) -> dict[int, Value]:
        """Any job of any printer here, from any association, for as long as its row is kept (H.4.5.2.2)."""
        loop = asyncio.get_running_loop()
        job = await loop.run_in_executor(self._executor, self._films.jobs.by_uid, uid) if uid else None
        if job is None or job.kind != "film":
            raise Refused(NO_SUCH_INSTANCE, "there is no such print job")
        return view(job, job.ae_title, self._general).values()


def _gate(personality: Personality) -> Gate:
    return Gate(personality.hold_films, personality.films_a_day)


VRS = {**attributes.VRS, **printer.VRS, **printer_configuration.VRS}


class PixelSink:
    """A `SpoolSink` whose disk errors are answers: C605, no memory to keep the image, or another status."""

    __slots__ = ("_has_room", "_look_at", "_sink", "full")

    LOOK_BYTES: ClassVar[int] = 8 * KIB * KIB
    """Whether the disk has room is looked at again after so many."""

    def __init__(
        self,
        folder: Path,
        bounds: Bounds,
        has_room: Callable[[], bool] = lambda: True,
        full: int = NO_MEMORY_FOR_IMAGE,
    ) -> None:
        self.full = full
        self._sink = SpoolSink(folder, bounds.memory_bytes, bounds.data_set_bytes)
        self._has_room = has_room
        self._look_at = self.LOOK_BYTES

    @property
    def size(self) -> int:
        return self._sink.size

    def write(self, *fragments: memoryview) -> None:
        try:
            self._sink.write(*fragments)
        except OSError as failure:
            raise no_room(failure, self.full) from failure
        if self._sink.size > self._look_at:
            self._look_at += self.LOOK_BYTES
            if not self._has_room():
                raise NetworkRefused(self.full, RESERVE_REACHED)

    def complete(self) -> None:
        self._sink.complete()

    @property
    def short(self) -> bytes | None:
        """The data set, where it is still in memory."""
        return self._sink.read() if self._sink.in_memory else None

    def keep(self) -> Path:
        """The data set as a file that is ours from now on.

        Raises:
            printing.status.Refused: the disk is full.
        """
        try:
            return self._sink.to_file()
        except OSError as failure:
            self._sink.discard()
            raise Refused(self.full) from failure

    def discard(self) -> None:
        self._sink.discard()


def no_room(failure: OSError, status: int = NO_MEMORY_FOR_IMAGE) -> NetworkRefused:
    """What a peer hears of a disk error while its pixels arrive."""
    log.error("the spool failed", extra={"error": os.strerror(failure.errno or 0)})
    full = failure.errno in (errno.ENOSPC, errno.EDQUOT)
    return NetworkRefused(status, "the disk is full, try again later" if full else "the spool failed")


def _read(data: Buffer, explicit: bool) -> AttributeList:
    try:
        return read(data, explicit)
    except Malformed as failure:
        raise Refused(PROCESSING_FAILURE, f"the data set cannot be read: {failure}") from failure


@contextmanager
def _mapped(path: Path) -> Iterator[Buffer]:
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _pixel_files(session: Session) -> frozenset[str]:
    film_session = session.film_session
    if film_session is None or not film_session.film_boxes:
        return frozenset()
    boxes = film_session.film_boxes[-1].image_boxes
    return frozenset(box.pixels.file for box in boxes if box.pixels is not None)
