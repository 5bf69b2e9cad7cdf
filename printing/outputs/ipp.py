"""Films on paper: an IPP Everywhere printer or a CUPS queue (RFC 8011, PWG 5100.14).

A film must come out once. What was done is noted in the job's folder before the printer is asked for it: after a crash,
or an answer that never came, the printer is asked for the job by the number it gave, or by the name we gave. Where it
cannot say, the film is held: a sheet too many on the wrong viewbox is worse than a question.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from printing.ipp.client import IppClient, NoAnswer, NotSent, Refused
from printing.ipp.message import Attributes, Resolution, Value, keyword
from printing.ipp.states import ABORTED, CANCELED, COMPLETED, ENDED, failure_info, printer_state
from printing.media_name import paper_of
from printing.outputs import (
    PDF,
    Delivered,
    Hear,
    Left,
    NotDelivered,
    Paper,
    PossiblyDelivered,
    Properties,
    RenderedFilm,
    Stop,
    Target,
)
from printing.printer import PrinterState
from printing.terms import PrinterStatus

NOTE = "sent.json"
PROPERTIES = Properties((PDF,), reports_status=True, safe_to_repeat=False, note=NOTE)
POLL_S = (0.3, 0.5, 1.0, 2.0)
"""Between two questions how a job is doing; the last one for as long as it takes."""
SILENT_S = 900.0
"""A printer that has a job of ours and has not answered for this long: nobody knows what became of it."""

STATE = ("printer-state", "printer-state-reasons")
CAPABILITIES = (
    *STATE,
    *("document-format-supported", "operations-supported", "job-creation-attributes-supported"),
    *("media-col-ready", "media-col-default", "media-ready", "media-default", "media-supported"),
    "printer-resolution-supported",
    *("print-color-mode-supported", "print-scaling-supported", "sides-supported", "printer-is-accepting-jobs"),
    *("media-top-margin-supported", "media-bottom-margin-supported"),
    *("media-left-margin-supported", "media-right-margin-supported"),
)
CREATE_JOB, VALIDATE_JOB = 0x05, 0x04


def _margin_mm(attributes: Attributes, suffix: str) -> float:
    """The widest of the four margins, mm; IPP counts hundredths."""
    sides = [f"media-{edge}-margin{suffix}" for edge in ("top", "bottom", "left", "right")]
    return (
        max((value for side in sides for value in attributes.get(side, ()) if isinstance(value, int)), default=0) / 100
    )


def _loaded(media_col: Attributes) -> Paper | None:
    """One entry of media-col-ready: its name, its size and what of it cannot be printed on (PWG 5100.7)."""
    (size,) = media_col.get("media-size", [{}])[:1]
    if not isinstance(size, Mapping):
        return None
    wide, high = (next(iter(size.get(f"{axis}-dimension", ())), 0) for axis in "xy")
    names = [str(name) for key in ("media-size-name", "media-key") for name in media_col.get(key, ())]
    if not isinstance(wide, int) or not isinstance(high, int) or wide <= 0 or high <= 0:
        return None
    name = next((name for name in names if paper_of(name) is not None), "")
    return Paper(name, wide / 100, high / 100, _margin_mm(media_col, "")) if name else None


@dataclass(slots=True)
class IppOutput:
    """One printer.

    Attributes:
        client: the way to it.
        hear: told how the printer is.
        media: paper that is to be taken, by its media name; empty takes what lies in the printer.
        sleep: waits, seconds.
        clock: monotonic, seconds.
    """

    client: IppClient
    hear: Hear = lambda _: None
    media: str = ""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    properties: Properties = field(default=PROPERTIES)

    # -- what it can do -----------------------------------------------------------------------------------------

    def target(self) -> Target:
        """What the printer reads, on the paper that lies in it."""
        attributes = self._capabilities()
        if PDF not in attributes.get("document-format-supported", ()):
            raise NotDelivered("the printer takes no PDF", passing=False, info="CHECK PRINTER")
        return Target(PDF, self._papers(attributes))

    def _papers(self, attributes: Attributes) -> tuple[Paper, ...]:
        if self.media:
            wanted = paper_of(self.media, _margin_mm(attributes, "-supported"))
            return () if wanted is None else (wanted,)
        for source in ("media-col-ready", "media-col-default"):
            loaded = [_loaded(one) for one in attributes.get(source, ()) if isinstance(one, Mapping)]
            if papers := tuple(paper for paper in loaded if paper is not None):
                return papers
        for source in ("media-ready", "media-default", "media-supported"):
            named = [paper_of(str(name), _margin_mm(attributes, "-supported")) for name in attributes.get(source, ())]
            if papers := tuple(paper for paper in named if paper is not None):
                return papers
        return ()

    def _capabilities(self) -> Attributes:
        try:
            attributes = self.client.printer_attributes(CAPABILITIES)
        except (NotSent, NoAnswer) as failure:
            self.hear(PrinterState(PrinterStatus.FAILURE, "PRINTER OFFLINE"))
            raise NotDelivered(str(failure), passing=True) from failure
        except Refused as failure:
            raise NotDelivered(f"the printer refused to describe itself: {failure}", passing=True) from failure
        self._told(attributes)
        return attributes

    def _told(self, attributes: Attributes) -> None:
        state = next((value for value in attributes.get("printer-state", ()) if isinstance(value, int)), 3)
        self.hear(printer_state(state, map(str, attributes.get("printer-state-reasons", ()))))

    # -- delivering ---------------------------------------------------------------------------------------------

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """Print a film and wait until the sheet is out."""
        note = Note(film.folder / NOTE, film.said)
        job_id = self._earlier(film, note) if note.is_there else None
        if job_id is None:
            job_id = self._send(film, note)
        job = self._wait(job_id, note, stop)
        if not note.whole and not _came_through(job, film.files[0]):
            raise PossiblyDelivered(
                "possibly printed, and perhaps not all of it: the connection broke while it was sent"
            )
        return Delivered()

    def _earlier(self, film: RenderedFilm, note: Note) -> int | None:
        """The printer's job of an earlier delivery; None where it is sure that there is none."""
        if note.job_id is not None:
            return note.job_id
        try:
            found = self._find(film.name, ("not-completed", "completed"))
        except NotSent as failure:
            raise NotDelivered(str(failure), passing=True) from failure
        except (NoAnswer, Refused) as failure:
            raise PossiblyDelivered(f"possibly printed: the printer cannot say ({failure})") from failure
        if found is None:
            raise PossiblyDelivered("possibly printed: it was sent, and the printer knows no such job")
        note.write(job_id=found)
        return found

    def _find(self, name: str, which: Sequence[str]) -> int | None:
        """The printer's job of this name."""
        for one in (job for kind in which for job in self.client.jobs(kind)):
            if name in one.get("job-name", ()):
                return next((number for number in one.get("job-id", ()) if isinstance(number, int)), None)
        return None

    def _send(self, film: RenderedFilm, note: Note) -> int:
        attributes = self._capabilities()
        job = self._job(film, attributes)
        operations = attributes.get("operations-supported", ())
        try:
            if VALIDATE_JOB in operations:
                self.client.validate_job(film.name, PDF, job)
            if CREATE_JOB in operations:
                return self._create_and_send(film, note, job)
            note.write()
            return note.write(self.client.print_job(film.name, film.files[0], PDF, job), whole=True)
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
            found = self._earlier(film, note)
            assert found is not None
            return found

    def _create_and_send(self, film: RenderedFilm, note: Note, job: Attributes) -> int:
        try:
            job_id = self.client.create_job(film.name, job)
        except NoAnswer as failure:
            # Perhaps it made the job. Many printers have one at a time, so an empty one must not stay.
            made = self._find(film.name, ("not-completed",))
            if made is None:
                raise NotDelivered(str(failure), passing=True) from failure
            job_id = made
        note.write(job_id=job_id)
        try:
            self.client.send_document(job_id, film.files[0], PDF)
        except NoAnswer:
            return job_id  # the job itself says what became of it
        return note.write(job_id, whole=True)

    def _job(self, film: RenderedFilm, attributes: Attributes) -> Attributes:
        """Job template attributes, of those that the printer knows."""
        known = attributes.get("job-creation-attributes-supported", ())
        document: Mapping[str, Any] = film.record["film"]
        color = any(page["color"] for page in document["pages"])
        wanted: dict[str, Sequence[Value]] = {
            "copies": [max(1, int(document.get("number_of_copies", 1)))],
            "print-scaling": self._one_of(attributes, "print-scaling-supported", "none"),
            "sides": self._one_of(attributes, "sides-supported", "one-sided"),
            "print-color-mode": self._one_of(
                attributes, "print-color-mode-supported", "color" if color else "monochrome"
            ),
            "printer-resolution": self._resolution(attributes),
        }
        if paper := film.record.get("paper"):
            wanted["media"] = [keyword(str(paper))]
        return {name: values for name, values in wanted.items() if values and (not known or name in known)}

    @staticmethod
    def _one_of(attributes: Attributes, supported: str, wanted: str) -> list[Value]:
        return [keyword(wanted)] if wanted in attributes.get(supported, ()) else []

    @staticmethod
    def _resolution(attributes: Attributes) -> list[Value]:
        found = [one for one in attributes.get("printer-resolution-supported", ()) if isinstance(one, Resolution)]
        return [max(found, key=lambda one: min(one.cross_feed_dpi, one.feed_dpi))] if found else []

    # -- waiting ------------------------------------------------------------------------------------------------

    def _wait(self, job_id: int, note: Note, stop: Callable[[], Stop]) -> Attributes:
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
                self._told(self.client.printer_attributes(STATE))
                heard_s = self.clock()
            except (NotSent, NoAnswer) as failure:
                self.hear(PrinterState(PrinterStatus.FAILURE, "PRINTER OFFLINE"))
                if self.clock() - heard_s > SILENT_S:
                    raise PossiblyDelivered(f"possibly printed: {failure}") from failure
                continue
            except Refused as failure:
                raise PossiblyDelivered(f"possibly printed: the printer forgot the job ({failure})") from failure
            state = next((value for value in job.get("job-state", ()) if isinstance(value, int)), 0)
            if state in ENDED:
                self._ended(state, [str(reason) for reason in job.get("job-state-reasons", ())], note)
                return job

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


class Note:
    """What was done with a film, on stable storage before it is done.

    Args:
        file: where it is kept.
        said: what a person said when they let the film go; a note that was written before they said it is void.
    """

    def __init__(self, file: Path, said: str) -> None:
        self._file = file
        self._said = said
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError):
            found = {}
        self.is_there = bool(found) and found.get("said") == said
        self.job_id: int | None = found.get("job_id") if self.is_there else None
        self.whole = self.is_there and bool(found.get("whole"))
        """Whether the printer has said that it has all of it."""

    def write(self, job_id: int | None = None, *, whole: bool = False) -> int:
        """Note that the film is on its way, or which job it became. Returns the job's number, 0 for none yet."""
        unfinished = self._file.with_name(f".{self._file.name}")
        with unfinished.open("w") as out:
            json.dump({"said": self._said, "job_id": job_id, "whole": whole}, out)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(self._file)
        fd = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        self.is_there, self.job_id, self.whole = True, job_id, whole
        return job_id or 0

    def remove(self) -> None:
        """Nothing came out: the next delivery begins anew."""
        self._file.unlink(missing_ok=True)
        self.is_there, self.job_id, self.whole = False, None, False
