"""One association with an imager: requests and answers, every warning kept, and what it tells by itself heard."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from printing.outputs import Hear, NotDelivered
from printing.outputs.dicom.habits import OPTIONAL_CLASSES, Habits
from printing.outputs.scu import associate
from printing.page import FilmDocument
from printing.printer import PrinterState, info_term
from printing.status import is_warning, meaning
from printing.terms import (
    COLOR_META,
    GRAYSCALE_META,
    PRINT_JOB,
    PRINTER,
    PRINTER_INSTANCE,
    STATUS_INFO_TERMS,
    ExecutionStatus,
    PrinterStatus,
)

TIMEOUT_S = 60.0
MOST_EVENTS = 4096
"""Events of one association; an imager that sends more is not heard any more."""

PASSING = frozenset({0xC601, 0xC602, 0xC605, 0xC616, 0x0213})
"""Statuses of an imager that is full for now."""
NOT_TAKEN = frozenset({0x0105, 0x0106, 0x0107, 0x0120, 0x0121})
"""Statuses that mean an attribute of ours, not the film."""
NO_SUCH_REQUEST = frozenset({0x0123, 0x0211, 0x0212})
"""Statuses of an imager that does not print this way."""

PRINT_JOB_SEQUENCES = (0x21000500, 0x21200070)
"""Where the answer to N-ACTION names its Print Job: the standard's tag, and the retired one that some imagers write."""

JobState = tuple[ExecutionStatus, str]


class Refused(Exception):
    """The imager said no to one step."""

    def __init__(self, what: str, status: int, comment: str, blamed: tuple[str, ...] = ()) -> None:
        super().__init__(f"the imager refused the {what}: {said(status, comment, blamed)}")
        self.what, self.status, self.blamed = what, status, blamed


class Broken(Exception):
    """The association is gone, or the imager does not answer."""


def said(status: int, comment: str, blamed: tuple[str, ...] = ()) -> str:
    """A status for a technician: its number, the imager's own words, else the standard's, and the attributes."""
    words = f"{status:04X} {comment or meaning(status)}".rstrip()
    return f"{words} ({', '.join(blamed)})" if blamed else words


def _plain(value: object, most: int) -> str:
    """Words of a peer, as far as they are printable."""
    return "".join(sign for sign in str(value) if " " <= sign <= "~")[:most].strip()


class Line:
    """An association.

    Args:
        hear: told how the printer is.
    """

    def __init__(self, hear: Hear) -> None:
        self._association: Any = None
        self._hear = hear
        self._heard = 0
        self._mute = False
        self._news = threading.Event()
        self._answer: Any = Dataset()
        self.taken: set[str] = set()
        self.meta = GRAYSCALE_META
        self.warnings: list[str] = []
        self.jobs: dict[str, JobState] = {}
        """What Print Job events said last, by UID."""

    def begin(self, association: Any) -> None:
        """It is open."""
        self._association = association
        self.taken = {str(context.abstract_syntax) for context in association.accepted_contexts}
        self.meta = COLOR_META if COLOR_META in self.taken else GRAYSCALE_META

    @property
    def open(self) -> bool:
        """Whether it still stands. The library notices a peer that has gone a while after it has told us."""
        return bool(self._association.is_established) and not self._mute

    def wait(self, seconds: float) -> None:
        """Until the imager tells something by itself, at most so long."""
        self._news.wait(seconds)
        self._news.clear()

    # -- requests -----------------------------------------------------------------------------------------------

    def create(self, what: str, data: Dataset, sop_class: str, uid: str, meta: bool = True) -> tuple[Dataset, str]:
        """N-CREATE; (its attribute list, the instance's UID, which may be one of the imager's own)."""
        found = self._tell(what, "create", data, sop_class, uid or None, meta_uid=self.meta if meta else None)
        own = _plain(self._answer.get("AffectedSOPInstanceUID") or "", 64)
        made = own or uid
        if not re.fullmatch(r"[0-9.]{1,64}", made):
            raise Refused(what, 0x0117, "it names no instance")
        return found, made

    def set(self, what: str, data: Dataset, sop_class: str, uid: str) -> None:
        """N-SET."""
        self._tell(what, "set", data, sop_class, uid, meta_uid=self.meta)

    def action(self, what: str, sop_class: str, uid: str) -> Dataset:
        """N-ACTION Print; its reply."""
        # No data set: an empty one would be announced and never sent.
        return self._tell(what, "action", None, 1, sop_class, uid, meta_uid=self.meta)

    def delete(self, sop_class: str, uid: str, meta: bool = True) -> None:
        """N-DELETE; what the imager says to it does not matter any more."""
        if self.open:
            try:
                status = self._association.send_n_delete(sop_class, uid, meta_uid=self.meta if meta else None)
            except (RuntimeError, OSError):
                status = None
            self._mute = not status

    def printer(self) -> PrinterState | None:
        """Printer N-GET; None where the imager does not say how it is."""
        try:
            found = self._ask("status", "get", [0x21100010, 0x21100020], PRINTER, PRINTER_INSTANCE, meta_uid=self.meta)[
                1
            ]
        except Refused:
            return None
        return _printer_state(found.get("PrinterStatus"), found.get("PrinterStatusInfo"))

    def print_job(self, uid: str) -> JobState | None:
        """How a Print Job is: what an event said, or N-GET; None where the imager does not say."""
        if self._ended(uid) or PRINT_JOB not in self.taken:
            return self.jobs.get(uid)
        try:
            found = self._ask("print job", "get", [0x21000020, 0x21000030], PRINT_JOB, uid)[1]
        except Refused:
            return self.jobs.get(uid)
        if self._ended(uid):  # an event came with the answer, and is newer
            return self.jobs[uid]
        return _job_state(found.get("ExecutionStatus"), found.get("ExecutionStatusInfo")) or self.jobs.get(uid)

    def _tell(self, what: str, service: str, *values: Any, **more: Any) -> Dataset:
        """Ask for something of the film: a warning belongs to it."""
        warning, data = self._ask(what, service, *values, **more)
        if warning:
            self.warnings.append(f"the imager warns of the {what}: {warning}")
        return data

    def _ask(self, what: str, service: str, *values: Any, **more: Any) -> tuple[str, Dataset]:
        """(what it warns of, its data)."""
        if not self.open:
            raise Broken(f"the association ended before the {what}")
        self._answer = Dataset()
        try:
            status, data = getattr(self._association, f"send_n_{service}")(*values, **more)
        except (RuntimeError, OSError) as failure:
            raise Broken(f"the association ended at the {what}") from failure
        if not status or "Status" not in status:
            self._mute = True
            raise Broken(f"no answer to the {what}")
        code = int(status.Status)
        comment = _plain(status.get("ErrorComment") or "", 64)
        blamed = tuple(sorted(self._blamed()))
        if code and code != 0x0001 and not is_warning(code):
            raise Refused(what, code, comment, blamed)
        return said(code, comment, blamed) if code else "", data if data is not None else Dataset()

    def _blamed(self) -> Iterator[str]:
        """The attributes that the answer names (PS3.7 C.4, C.5)."""
        found: Any = self._answer.get("AttributeIdentifierList") or []
        for tag in found if hasattr(found, "__iter__") else [found]:
            yield keyword_for_tag(tag) or f"({int(tag) >> 16:04X},{int(tag) & 0xFFFF:04X})"

    # -- what comes ---------------------------------------------------------------------------------------------

    def message(self, event: Any) -> None:
        """The command set of an answer, of which the library hands on less than there is."""
        command = event.message.command_set
        if "Status" in command:
            self._answer = command

    def event(self, sop_class: str, uid: str, number: int, information: Dataset) -> None:
        """N-EVENT-REPORT. Events may overtake each other here: the end of a Print Job stays its end."""
        self._heard += 1
        if self._heard > MOST_EVENTS:
            return
        if sop_class == PRINT_JOB and 1 <= number <= len(ExecutionStatus):
            state = _job_state(list(ExecutionStatus)[number - 1], information.get("ExecutionStatusInfo"))
            if state is not None and not self._ended(uid):
                self.jobs[uid] = state
        elif sop_class == PRINTER and 1 <= number <= len(PrinterStatus):
            printer = _printer_state(list(PrinterStatus)[number - 1], information.get("PrinterStatusInfo"))
            if printer is not None:
                self._hear(printer)
        self._news.set()

    def _ended(self, uid: str) -> bool:
        return uid in self.jobs and self.jobs[uid][0] in (ExecutionStatus.DONE, ExecutionStatus.FAILURE)


def _printer_state(status: object, info: object) -> PrinterState | None:
    text = str(status or "NORMAL")
    if text not in PrinterStatus.__members__:
        return None
    term = str(info or "") or "NORMAL"
    known = term if term in STATUS_INFO_TERMS or term == "NORMAL" else "UNKNOWN"
    return PrinterState(PrinterStatus[text], known)


def _job_state(status: object, info: object) -> JobState | None:
    text = str(status or "")
    if text not in ExecutionStatus.__members__:
        return None
    return ExecutionStatus[text], info_term(str(info or "") or "NORMAL")


def print_job_uid(reply: Dataset) -> str:
    """The Print Job that an answer to N-ACTION names; empty where it names none."""
    for tag in PRINT_JOB_SEQUENCES:
        for item in reply[tag].value if tag in reply and reply[tag].VR == "SQ" else ():
            uid = str(item.get("ReferencedSOPInstanceUID") or "")
            if re.fullmatch(r"[0-9.]{1,64}", uid):
                return uid
    return ""


def classes_for(document: FilmDocument | None, habits: Habits) -> tuple[str, ...]:
    """The classes that a document needs and the imager may be asked for; without one, those that tell of films.

    What is not needed is not proposed: some imagers want a Presentation LUT for every image once the class is agreed.
    """
    pages = document.pages if document is not None else ()
    wanted = {"print-job"}
    if any(image.presentation_lut is not None for page in pages for image in page.images):
        wanted.add("presentation-lut")
    if any(page.annotations for page in pages):
        wanted.add("annotation")
    color = (COLOR_META,) if any(page.color for page in pages) else ()
    optional = (OPTIONAL_CLASSES[name] for name in habits.optional_classes if name in wanted)
    return (*color, GRAYSCALE_META, *optional)


@contextmanager
def call(
    address: tuple[str, int, str, str], habits: Habits, hear: Hear, document: FilmDocument | None = None
) -> Iterator[Line]:
    """Open an association and release it.

    Args:
        address: host, port, called and calling AE title.
        habits: of the imager.
        hear: told how it is.
        document: what is to be printed.

    Raises:
        NotDelivered: there is none, or it broke, or a step was refused that nobody looked after.
    """
    syntaxes = ["1.2.840.10008.1.2"] if habits.implicit_only else ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
    line = Line(hear)
    classes = classes_for(document, habits)
    association = associate(address, ((one, syntaxes) for one in classes), TIMEOUT_S, line.event, line.message)
    host, port, ae_title, _ = address
    where = f"the imager {ae_title} at {host}:{port}"
    if not association.is_established:
        if association.rejected_contexts:
            raise NotDelivered(f"{where} does not print", passing=False, info="CHECK PRINTER")
        hear(PrinterState(PrinterStatus.FAILURE, "PRINTER OFFLINE"))
        words = "rejects us" if association.is_rejected else "does not answer"
        raise NotDelivered(f"{where} {words}", passing=True)
    line.begin(association)
    try:
        if not line.taken & {COLOR_META, GRAYSCALE_META}:
            raise NotDelivered(f"{where} does not print", passing=False, info="CHECK PRINTER")
        yield line
    except Refused as failure:
        raise NotDelivered(str(failure), passing=failure.status in PASSING, info="CHECK PRINTER") from failure
    except Broken as failure:
        raise NotDelivered(f"{where}: {failure}", passing=True) from failure
    finally:
        if line.open:
            association.release()
        elif association.is_established:
            association.abort()
