"""Films on paper: an IPP Everywhere printer or a CUPS queue (RFC 8011, PWG 5100.14).

A film must come out once. What was done is noted in the job's folder before the printer is asked for it: after a crash,
or an answer that never came, the printer is asked for the job by the number it gave, or by the name we gave. Where it
cannot say, the film is held: a sheet too many on the wrong viewbox is worse than a question.

A film is one job of the printer. Where its format has no pages, each sheet is one, with a note of its own, one after
the other: few printers take several documents in a job, and one that fails in its middle does not say where.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from printing.ipp.client import IppClient, NoAnswer, NotSent, Refused
from printing.ipp.documents import DOCUMENTS, raster_dpi, resolutions, target_of
from printing.ipp.look import STATE, TAKES, look_of, state_of
from printing.ipp.media import job_media, papers_of
from printing.ipp.message import Attributes, Range, Resolution, Value, keyword
from printing.ipp.states import ABORTED, CANCELED, COMPLETED, ENDED, failure_info, film_status
from printing.outputs import (
    OFFLINE,
    PWG,
    Delivered,
    Hear,
    Left,
    Look,
    NotDelivered,
    PossiblyDelivered,
    Properties,
    RenderedFilm,
    Stop,
    Target,
    Tell,
)
from printing.outputs.note import NAME, Note, copies_told
from printing.printer import PrinterState
from printing.terms import ExecutionStatus, PrinterStatus

PROPERTIES = Properties(tuple(DOCUMENTS), reports_status=True, safe_to_repeat=False, note=NAME)
POLL_S = (0.3, 0.5, 1.0, 2.0)
"""Between two questions how a job is doing; the last one for as long as it takes."""
SILENT_S = 900.0
"""A printer that has a job of ours and has not answered for this long: nobody knows what became of it."""

LOOK_S = 4.0
"""For a connection, and for an answer, of a printer that is only looked at."""
MOST_JOBS = 500
"""Of a printer that are looked through, the newest of those that ended first."""

CAPABILITIES = (
    *STATE,
    *TAKES,
    *("operations-supported", "job-creation-attributes-supported", "media-col-supported"),
    *("copies-supported", "print-scaling-supported", "sides-supported", "multiple-document-handling-supported"),
)
CREATE_JOB, VALIDATE_JOB = 0x05, 0x04
COLLATES, COLLATED = "multiple-document-handling", "separate-documents-collated-copies"
"""One copy of all pages after the other (RFC 8011 §5.2.4), which is what a film session's copies are."""


class Sheet(NamedTuple):
    """What becomes one job of the printer."""

    name: str
    """Of that job."""
    file: Path
    note: Note


def _number(attributes: Attributes, name: str) -> int:
    return next((value for value in attributes.get(name, ()) if isinstance(value, int)), 0)


def _words(attributes: Attributes, name: str) -> list[str]:
    return [str(word) for word in attributes.get(name, ())]


@dataclass(slots=True)
class IppOutput:
    """One printer.

    Attributes:
        client: the way to it.
        hear: told how the printer is.
        media: paper that is to be taken, by its media name; empty takes what lies in the printer.
        dpi: the resolution of rasters, where the printer leaves a choice.
        sleep: waits, seconds.
        clock: monotonic, seconds.
    """

    client: IppClient
    hear: Hear = lambda _: None
    media: str = ""
    dpi: int = 300
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    properties: Properties = field(default=PROPERTIES)

    # -- what it can do -----------------------------------------------------------------------------------------

    def target(self) -> Target:
        """What the printer reads, on the paper that lies in it."""
        attributes = self._capabilities()
        target = target_of(attributes, papers_of(attributes, self.media), self.dpi)
        if target is None:
            raise NotDelivered(f"the printer takes none of {', '.join(DOCUMENTS)}", passing=False, info="CHECK PRINTER")
        return target

    def look(self) -> Look:
        """Get-Printer-Attributes; a printer that cannot be asked is offline."""
        asked = replace(self.client, timeout_s=min(self.client.timeout_s, LOOK_S))
        try:
            attributes = asked.printer_attributes((*STATE, *TAKES))
        except (NotSent, NoAnswer):
            return OFFLINE
        except Refused:
            return Look(PrinterState(PrinterStatus.FAILURE, "CHECK PRINTER"))
        return look_of(attributes, papers_of(attributes, self.media), self.dpi)

    def _capabilities(self) -> Attributes:
        try:
            attributes = self.client.printer_attributes(CAPABILITIES)
        except (NotSent, NoAnswer) as failure:
            self.hear(OFFLINE.state)
            raise NotDelivered(str(failure), passing=True) from failure
        except Refused as failure:
            raise NotDelivered(f"the printer refused to describe itself: {failure}", passing=True) from failure
        self._told(attributes)
        return attributes

    def _told(self, attributes: Attributes) -> PrinterState:
        state = state_of(attributes)
        self.hear(state)
        return state

    # -- delivering ---------------------------------------------------------------------------------------------

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """Print a film and wait until its sheets are out."""
        warnings: tuple[str, ...] = ()
        for number, file in enumerate(film.files, 1):
            one = number == len(film.files) == 1
            name = film.name if one else f"{film.name}-{number}of{len(film.files)}"
            note = Note(film.folder / (NAME if number == 1 else f"{number}-{NAME}"), film.said)
            try:
                self._print(film, Sheet(name, file, note), stop)
            except (NotDelivered, PossiblyDelivered) as failure:
                if not one:
                    failure.args = (f"sheet {number} of {len(film.files)}: {failure}",)
                raise
            warnings = tuple(dict.fromkeys((*warnings, *note.warnings)))
        return Delivered(warnings=warnings)

    def _print(self, film: RenderedFilm, sheet: Sheet, stop: Callable[[], Stop]) -> None:
        if sheet.note.done:
            return
        job_id = self._earlier(sheet) if sheet.note.is_there else None
        if job_id is None:
            job_id = self._send(film, sheet)
        job = self._wait(job_id, sheet.note, stop, film.tell)
        if not sheet.note.whole and not _came_through(job, sheet.file):
            raise PossiblyDelivered(
                "possibly printed, and perhaps not all of it: the connection broke while it was sent"
            )
        sheet.note.finish()

    def _earlier(self, sheet: Sheet) -> int | None:
        """The printer's job of an earlier delivery; None where it is sure that there is none."""
        if sheet.note.job_id is not None:
            return sheet.note.job_id
        try:
            found = self._find(sheet.name, ("not-completed", "completed"))
        except NotSent as failure:
            raise NotDelivered(str(failure), passing=True) from failure
        except (NoAnswer, Refused) as failure:
            raise PossiblyDelivered(f"possibly printed: the printer cannot say ({failure})") from failure
        if found is None:
            raise PossiblyDelivered("possibly printed: it was sent, and the printer knows no such job")
        sheet.note.write(job_id=found)
        return found

    def _find(self, name: str, which: Sequence[str]) -> int | None:
        """The printer's job of this name. CUPS leaves names out of its list of jobs that ended long ago."""
        for one in (job for kind in which for job in self.client.jobs(kind)[:MOST_JOBS]):
            number = next((value for value in one.get("job-id", ()) if isinstance(value, int)), None)
            named = one if "job-name" in one or number is None else self.client.job_attributes(number)
            if name in named.get("job-name", ()):
                return number
        return None

    def _send(self, film: RenderedFilm, sheet: Sheet) -> int:
        attributes = self._capabilities()
        job, warnings = self._job(film, attributes)
        operations, note = attributes.get("operations-supported", ()), sheet.note
        try:
            if VALIDATE_JOB in operations:
                self.client.validate_job(sheet.name, film.media_type, job)
            if CREATE_JOB in operations:
                return self._create_and_send(film, sheet, job, warnings)
            note.write(warnings=warnings)
            return note.write(self.client.print_job(sheet.name, sheet.file, film.media_type, job), whole=True)
        except NotSent as failure:
            note.remove()
            raise NotDelivered(str(failure), passing=True) from failure
        except Refused as failure:
            note.remove()
            info = "INVALID PAGE DES" if failure.status in (0x040A, 0x0410, 0x0411) else "CHECK PRINTER"
            raise NotDelivered(
                f"the printer refused the film: {failure}", passing=failure.may_pass, info=info
            ) from failure
        except NoAnswer as failure:
            if not note.is_there:  # a job without a document: nothing can come out of it
                raise NotDelivered(str(failure), passing=True) from failure
            found = self._earlier(sheet)
            assert found is not None
            return found

    def _create_and_send(self, film: RenderedFilm, sheet: Sheet, job: Attributes, warnings: Sequence[str]) -> int:
        try:
            job_id = self.client.create_job(sheet.name, job)
        except NoAnswer as failure:
            # Perhaps it made the job. Many printers have one at a time, so an empty one must not stay.
            made = self._find(sheet.name, ("not-completed",))
            if made is None:
                raise NotDelivered(str(failure), passing=True) from failure
            job_id = made
        sheet.note.write(job_id, warnings)
        try:
            self.client.send_document(job_id, sheet.file, film.media_type)
        except NoAnswer:
            return job_id  # the job itself says what became of it
        return sheet.note.write(job_id, whole=True)

    def _job(self, film: RenderedFilm, attributes: Attributes) -> tuple[Attributes, tuple[str, ...]]:
        """Job template attributes, of those that the printer knows; and what of the film it does not do."""
        known = attributes.get("job-creation-attributes-supported", ())
        document: Mapping[str, Any] = film.record["film"]
        color = any(page["color"] for page in document["pages"])
        asked = max(1, int(document.get("number_of_copies", 1)))
        copies = min(asked, self._most_copies(attributes)) if not known or "copies" in known else 1
        media, told = job_media(attributes, str(film.record.get("paper") or ""), str(document.get("medium_type") or ""))
        wanted: dict[str, Sequence[Value]] = {
            "copies": [copies],
            "print-scaling": self._one_of(attributes, "print-scaling-supported", "none"),
            "sides": self._one_of(attributes, "sides-supported", "one-sided"),
            "print-color-mode": self._one_of(
                attributes, "print-color-mode-supported", "color" if color else "monochrome"
            ),
            "printer-resolution": self._resolution(attributes, film.media_type),
            **media,
        }
        warnings = (*copies_told(asked, copies), *told)
        if copies > 1 and len(document["pages"]) > 1 and document.get("collated"):
            wanted[COLLATES] = self._one_of(attributes, f"{COLLATES}-supported", COLLATED)
            if len(film.files) > 1 or not wanted[COLLATES] or (known and COLLATES not in known):
                warnings = (*warnings, "the copies come film by film, not collated")
        job = {name: values for name, values in wanted.items() if values and (not known or name in known)}
        return job, warnings

    @staticmethod
    def _most_copies(attributes: Attributes) -> int:
        """copies-supported; a printer that does not say leaves it to us to try."""
        ranges = [one.upper for one in attributes.get("copies-supported", ()) if isinstance(one, Range)]
        return max(1, *ranges) if ranges else 999

    @staticmethod
    def _one_of(attributes: Attributes, supported: str, wanted: str) -> list[Value]:
        return [keyword(wanted)] if wanted in attributes.get(supported, ()) else []

    def _resolution(self, attributes: Attributes, media_type: str) -> list[Value]:
        """The finest; of a raster its own, where the printer has it for jobs too."""
        found = resolutions(attributes, "printer-resolution-supported")
        wanted = raster_dpi(attributes, self.dpi) if media_type == PWG else max(found, default=None)
        return [Resolution(wanted, wanted)] if wanted in found and wanted is not None else []

    # -- waiting ------------------------------------------------------------------------------------------------

    def _wait(self, job_id: int, note: Note, stop: Callable[[], Stop], tell: Tell) -> Attributes:
        """Until the sheet is out; what the printer says of the job then."""
        asked, heard_s = 0, self.clock()
        while True:
            self.sleep(POLL_S[min(asked, len(POLL_S) - 1)])
            asked += 1
            wish = stop()
            if wish is Stop.CANCEL:
                self._cancel(job_id, note)
            if wish is Stop.LEAVE:
                raise Left
            try:
                job = self.client.job_attributes(job_id)
                printer = self.client.printer_attributes(STATE)
                told = self._told(printer)
                heard_s = self.clock()
            except (NotSent, NoAnswer) as failure:
                self.hear(OFFLINE.state)
                tell(ExecutionStatus.PENDING, OFFLINE.state.info)
                if self.clock() - heard_s > SILENT_S:
                    raise PossiblyDelivered(f"possibly printed: {failure}") from failure
                continue
            except Refused as failure:
                raise PossiblyDelivered(f"possibly printed: the printer forgot the job ({failure})") from failure
            state, reasons = _number(job, "job-state"), _words(job, "job-state-reasons")
            if state in ENDED:
                self._ended(state, reasons, note)
                return job
            printing = _number(printer, "printer-state"), _words(printer, "printer-state-reasons")
            tell(*film_status(state, reasons, *printing, told))

    def _ended(self, state: int, reasons: Sequence[str], note: Note) -> None:
        if state == COMPLETED:
            return
        note.remove()
        words = {CANCELED: "the film was cancelled at the printer", ABORTED: "the printer gave the film up"}[state]
        said = ", ".join(reason for reason in reasons if reason != "none")
        raise NotDelivered(f"{words}: {said}" if said else words, passing=False, info=failure_info(reasons))

    def _cancel(self, job_id: int, note: Note) -> None:
        try:
            self.client.cancel_job(job_id)
        except (NotSent, NoAnswer, Refused) as failure:
            raise PossiblyDelivered(f"possibly printed: the printer could not cancel ({failure})") from failure
        note.remove()
        raise NotDelivered("cancelled", passing=False)


def _came_through(job: Attributes, file: Path) -> bool:
    """Whether a printer that did not answer has the whole file: some of them print what they have got of it."""
    return next(iter(job.get("job-k-octets", ())), None) == -(-file.stat().st_size // 1024)
