"""One archive as an output: the appliance as Storage SCU (PS3.4 Annex B)."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID

from printing.outputs import (
    OFFLINE,
    PDF,
    SAMPLES,
    Delivered,
    Left,
    Look,
    NotDelivered,
    Properties,
    RenderedFilm,
    Stop,
    Target,
    Undecided,
)
from printing.outputs.archive.identity import Identity, Unidentified, identity_of
from printing.outputs.archive.instances import (
    Frame,
    Instance,
    Origin,
    anonymous,
    encapsulated_pdf,
    secondary_captures,
)
from printing.outputs.archive.part10 import write_file
from printing.outputs.scu import associate
from printing.page import DOCUMENT, FilmDocument
from printing.printer import NORMAL, Takes

ArchiveAs = Literal["secondary-capture", "pdf"]
PROPERTIES = Properties((SAMPLES, PDF), reports_status=False, safe_to_repeat=True)
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
FILE = "instance.dcm"
VERIFICATION = "1.2.840.10008.1.1"
TIMEOUT_S = 120.0
LOOK_S = 4.0
BLOCK_ROWS = 256

REMARKS = {
    0xB000: "it changed elements of it",
    0xB006: "it left elements out",
    0xB007: "it says that the data set does not match its SOP class",
    0x0111: "it had the instance already",
}
"""Statuses of an instance that is in the archive (PS3.4 B.2.3, PS3.7 C.5), and what is told."""
REFUSALS = {0xA7: "it has no room", 0xA9: "the data set does not match its SOP class", 0xC0: "it cannot understand it"}
"""By the upper byte."""


@dataclass(slots=True)
class ArchiveOutput:
    """One archive.

    Attributes:
        host, port, ae_title: where it is, and what it is called.
        calling_ae_title: what we are called.
        archive_as: what a film becomes.
        unidentified: what becomes of a film that is nobody's: a person decides, or it is sent under a Patient ID of
            its own.
        institution, software: for the instances.
        properties: see `Output`.
    """

    host: str
    port: int
    ae_title: str
    calling_ae_title: str = "GRAVURE"
    archive_as: ArchiveAs = "secondary-capture"
    unidentified: Literal["hold", "send"] = "hold"
    institution: str = ""
    software: str = ""
    properties: Properties = field(default=PROPERTIES)

    def target(self) -> Target:
        """P-values as samples, or the PDF that a folder would get."""
        return Target(PDF) if self.archive_as == "pdf" else Target(SAMPLES, tone="pvalue")

    def look(self) -> Look:
        """Whether the archive takes an association; it takes films of every size."""
        address = (self.host, self.port, self.ae_title, self.calling_ae_title)
        association = associate(address, [(VERIFICATION, (IMPLICIT,))], LOOK_S, connect_s=LOOK_S)
        if not association.is_established:
            return OFFLINE
        association.release()
        return Look(NORMAL, Takes())

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """Store a film's instances; on return the archive has answered for all of them."""
        document = FilmDocument.from_json((film.folder / DOCUMENT).read_bytes())
        origin = self._origin(film)
        identity, warnings = self._identity(document, origin, film.said)
        instances = self._instances(document, film.files, identity, origin)
        file = film.folder / FILE
        try:
            with self._association({str(one.data_set.SOPClassUID) for one in instances}) as association:
                for number, instance in enumerate(instances):
                    _go_on(stop(), begun=number > 0)
                    warnings += self._store(association, instance, film.files, file)
        finally:
            file.unlink(missing_ok=True)
        return Delivered(warnings=tuple(dict.fromkeys(warnings)))

    def _identity(self, document: FilmDocument, origin: Origin, said: str) -> tuple[Identity, list[str]]:
        try:
            return identity_of(document), []
        except Unidentified as why:
            if self.unidentified == "hold" and not said:
                words = f"whose film is it? {why}. Released, it is archived under a Patient ID of its own"
                raise Undecided(words) from why
            nobody = anonymous(origin)
            return nobody, [f"archived as {nobody.patient_id}: {why}"]

    def _origin(self, film: RenderedFilm) -> Origin:
        job = str(film.record.get("job") or film.name)
        received = str(film.record.get("received") or "")
        created = datetime.fromisoformat(received) if received else datetime.fromtimestamp(0, UTC)
        seed = f"{film.record.get('print_job_uid') or ''} {film.name}"
        return Origin(seed, created, job, self.institution, software=self.software)

    def _instances(
        self, document: FilmDocument, files: Sequence[Path], identity: Identity, origin: Origin
    ) -> list[Instance]:
        if self.archive_as == "pdf":
            return [encapsulated_pdf(document, files[0].stat().st_size, identity, origin)]
        return list(secondary_captures(document, [_frame(_samples(file)) for file in files], identity, origin))

    def _store(self, association: Any, instance: Instance, files: Sequence[Path], file: Path) -> list[str]:
        sop_class = str(instance.data_set.SOPClassUID)
        taken = {
            str(context.transfer_syntax[0])
            for context in association.accepted_contexts
            if context.abstract_syntax == sop_class
        }
        if not taken:
            raise NotDelivered(f"{self._where} does not take {_named(sop_class)}", passing=False, info="CHECK PRINTER")
        value: Iterator[bytes]
        if instance.parts:
            length = sum(_frame(_samples(files[number])).length for number in instance.parts)
            value = (block for number in instance.parts for block in _blocks(_samples(files[number])))
        else:
            length, value = files[0].stat().st_size, _bytes_of(files[0])
        word = bool(instance.parts) and instance.data_set.BitsAllocated > 8
        implicit = EXPLICIT not in taken
        write_file(file, instance.data_set, instance.tag, length, value, word=word, implicit=implicit)
        try:
            status = association.send_c_store(file)
        except (RuntimeError, OSError) as failure:
            raise NotDelivered(f"{self._where}: the association ended", passing=True) from failure
        return self._judged(status)

    def _judged(self, status: Any) -> list[str]:
        if not status or "Status" not in status:
            raise NotDelivered(f"{self._where} did not answer", passing=True)
        code = int(status.Status)
        comment = "".join(sign for sign in str(status.get("ErrorComment") or "")[:64] if " " <= sign <= "~")
        said = f"{code:04X} {comment}".rstrip()
        if code and code not in REMARKS:
            words = REFUSALS.get(code >> 8, "it refused it")
            if code >> 12 == 0xC:
                words = REFUSALS[0xC0]
            raise NotDelivered(
                f"{self._where} did not store the film: {said}: {words}", passing=code >> 8 == 0xA7, info="UNKNOWN"
            )
        return [f"{self._where} stored the film, but {REMARKS[code]}: {said}"] if code else []

    @property
    def _where(self) -> str:
        return f"the archive {self.ae_title} at {self.host}:{self.port}"

    @contextmanager
    def _association(self, sop_classes: set[str]) -> Iterator[Any]:
        # One context for each syntax: the archive may take both, and we choose.
        contexts = ((one, (syntax,)) for one in sorted(sop_classes) for syntax in (EXPLICIT, IMPLICIT))
        address = (self.host, self.port, self.ae_title, self.calling_ae_title)
        association = associate(address, contexts, TIMEOUT_S)
        if not association.is_established:
            if association.rejected_contexts:
                named = " or ".join(_named(sop_class) for sop_class in sorted(sop_classes))
                raise NotDelivered(f"{self._where} does not take {named}", passing=False, info="CHECK PRINTER")
            said = "rejects us" if association.is_rejected else "does not answer"
            raise NotDelivered(f"{self._where} {said}", passing=True)
        try:
            yield association
        finally:
            if association.is_established:
                association.release()


def _go_on(wish: Stop, begun: bool) -> None:
    if wish is Stop.CANCEL:
        raise NotDelivered("cancelled", passing=False)
    if wish is Stop.LEAVE and begun:
        raise Left


def _named(sop_class: str) -> str:
    return UID(sop_class).name


def _samples(file: Path) -> NDArray[Any]:
    """A film page as it was rendered; mapped, not read."""
    found: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return found


def _frame(samples: NDArray[Any]) -> Frame:
    color = samples.ndim == 3
    # True colour is of eight bits (PS3.3 A.8.5.4).
    return Frame(samples.shape[0], samples.shape[1], color, 8 if color or samples.dtype == np.uint8 else 16)


def _blocks(samples: NDArray[Any]) -> Iterator[bytes]:
    for at in range(0, samples.shape[0], BLOCK_ROWS):
        block = samples[at : at + BLOCK_ROWS]
        if block.ndim == 3 and block.dtype != np.uint8:
            block = ((block.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
        yield block.astype(block.dtype.newbyteorder("<"), copy=False).tobytes()


def _bytes_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for at in range(0, len(data), 1 << 20):
            yield data[at : at + (1 << 20)]
