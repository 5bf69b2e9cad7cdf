"""Films on a film imager: the appliance as Print SCU (PS3.4 Annex H), store and forward.

The imager gets what the console sent: the same pixels, the same bits, the same Presentation LUT. What it cannot take is
baked in: a Presentation LUT into the pixels, twelve bits into eight. What it refuses of the film box is left out, which
is told. A film must come out once: it is noted before each N-ACTION, and a connection that breaks between N-ACTION and
its answer leaves a film that nobody can vouch for, so it is held.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from printing import grayscale
from printing.job import Pixels
from printing.outputs import (
    DICOM,
    Delivered,
    Hear,
    NotDelivered,
    PossiblyDelivered,
    Properties,
    RenderedFilm,
    Stop,
    Target,
)
from printing.page import DOCUMENT, FilmDocument, FilmPage, PageImage, PixelReference, PresentationLUT
from printing.printer import PrinterState
from printing.render.resample import planes_of
from printing.terms import (
    COLOR_IMAGE_BOX,
    COLOR_META,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    GRAYSCALE_META,
    PRESENTATION_LUT,
    PRINTER,
    PRINTER_INSTANCE,
    STATUS_INFO_TERMS,
    PrinterStatus,
)

NOTE = "relayed.json"
PROPERTIES = Properties((DICOM,), reports_status=True, safe_to_repeat=False, note=NOTE)
TIMEOUT_S = 60.0
WARNINGS = frozenset({0x0001, 0x0107, 0x0116})
PASSING = frozenset({0xC601, 0xC602, 0xC605, 0xC616, 0x0213})
"""Statuses of an imager that is full for now."""
NOT_TAKEN = frozenset({0x0105, 0x0106, 0x0107, 0x0120, 0x0121})
"""Statuses that mean an attribute of ours, not the film."""


class _Refused(Exception):
    """The imager said no to one step."""

    def __init__(self, what: str, status: int, comment: str) -> None:
        super().__init__(f"the imager refused the {what}: {status:04X} {comment}".rstrip())
        self.status = status


class _Broken(Exception):
    """The association is gone, or the imager does not answer."""


@dataclass(slots=True)
class DicomOutput:
    """One film imager.

    Attributes:
        host, port, ae_title: where it is, and what it is called.
        calling_ae_title: what we are called.
        hear: told how the imager is.
        bits: the most that it takes of a pixel, 8 or 12.
        implicit_only: propose Implicit VR Little Endian alone.
        properties: see `Output`.
    """

    host: str
    port: int
    ae_title: str
    calling_ae_title: str = "GRAVURE"
    hear: Hear = lambda _: None
    bits: int = 12
    implicit_only: bool = False
    properties: Properties = field(default=PROPERTIES)

    def target(self) -> Target:
        """The imager gets what the console sent."""
        return Target(DICOM)

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """Print a film's pages on the imager, each once."""
        folder = film.folder
        document = FilmDocument.from_json((folder / DOCUMENT).read_bytes())
        note = _Note(folder / NOTE, film.said)
        if note.acting:
            raise PossiblyDelivered("possibly printed: the imager did not say what became of the film")
        with Pixels(folder) as read, self._association(document) as dialogue:
            dialogue.look(self.hear)
            dialogue.begin(document)
            for number, page in enumerate(document.pages):
                if number < note.done:
                    continue
                if stop() is Stop.CANCEL:
                    raise NotDelivered("cancelled", passing=False)
                dialogue.film(page, read, note, number)
            dialogue.end()
        return Delivered(warnings=tuple(dict.fromkeys(dialogue.warnings)))

    @contextmanager
    def _association(self, document: FilmDocument) -> Any:
        from pynetdicom import AE

        color = any(page.color for page in document.pages)
        entity = AE(ae_title=self.calling_ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
        entity.connection_timeout = 15.0
        syntaxes = ["1.2.840.10008.1.2"] if self.implicit_only else ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
        for wanted in (*([COLOR_META] if color else []), GRAYSCALE_META, PRESENTATION_LUT):
            entity.add_requested_context(wanted, syntaxes)
        association = entity.associate(self.host, self.port, ae_title=self.ae_title)
        where = f"the imager {self.ae_title} at {self.host}:{self.port}"
        if not association.is_established:
            self.hear(PrinterState(PrinterStatus.FAILURE, "PRINTER OFFLINE"))
            said = "rejects us" if association.is_rejected else "does not answer"
            raise NotDelivered(f"{where} {said}", passing=True)
        taken = {str(context.abstract_syntax) for context in association.accepted_contexts}
        try:
            if not taken & {COLOR_META, GRAYSCALE_META}:
                raise NotDelivered(f"{where} does not print", passing=False, info="CHECK PRINTER")
            yield _Dialogue(association, taken, self.bits)
        except _Refused as failure:
            raise NotDelivered(str(failure), passing=failure.status in PASSING, info="CHECK PRINTER") from failure
        except _Broken as failure:
            raise NotDelivered(f"{where}: {failure}", passing=True) from failure
        finally:
            if association.is_established:
                association.release()


class _Dialogue:
    """One association with an imager."""

    def __init__(self, association: Any, taken: set[str], bits: int) -> None:
        self._association = association
        self._meta = COLOR_META if COLOR_META in taken else GRAYSCALE_META
        self._has_luts = PRESENTATION_LUT in taken
        self._bits = bits
        self._luts: dict[PresentationLUT, str] = {}
        self._session = ""
        self.warnings: list[str] = []

    def look(self, hear: Hear) -> None:
        """Printer N-GET: how it is. An imager that does not say is taken to be well."""
        status, found = self._association.send_n_get(
            [0x21100010, 0x21100020], PRINTER, PRINTER_INSTANCE, meta_uid=self._meta
        )
        if not status or status.Status or found is None:
            return
        said = str(found.get("PrinterStatus", "NORMAL"))
        info = str(found.get("PrinterStatusInfo", "")) or "NORMAL"
        if said not in PrinterStatus.__members__:
            return
        known = info if info in STATUS_INFO_TERMS or info == "NORMAL" else "UNKNOWN"
        hear(PrinterState(PrinterStatus[said], known))
        if said == "FAILURE":
            raise NotDelivered(f"the imager is not ready: {known}", passing=True, info=known)

    def begin(self, document: FilmDocument) -> None:
        """Film session."""
        from pydicom.dataset import Dataset
        from pydicom.uid import generate_uid

        wanted = {
            "NumberOfCopies": str(document.number_of_copies),
            "PrintPriority": document.print_priority,
            "MediumType": document.medium_type,
            "FilmDestination": document.film_destination,
            "FilmSessionLabel": document.film_session_label,
        }
        self._session = generate_uid()
        plain = Dataset()
        plain.NumberOfCopies = wanted["NumberOfCopies"]
        full = Dataset()
        for name, value in wanted.items():
            if value:
                setattr(full, name, value)
        self._create_with_less("film session", FILM_SESSION, self._session, full, plain)

    def film(self, page: FilmPage, read: Pixels, note: _Note, number: int) -> None:
        """One film box, printed: as it came, or else with all that the imager refused baked into eight bits."""
        refused: _Refused | None = None
        for plain in (False, True):
            if plain:
                self._bits, self._has_luts = 8, False
            uid = ""
            try:
                uid = self._compose(page, read)
            except _Refused as failure:
                if failure.status not in NOT_TAKEN or plain:
                    raise refused or failure from None
                refused = failure
                continue
            self._print(uid, note, number)
            return

    def _compose(self, page: FilmPage, read: Pixels) -> str:
        """Film box and images; the film box's UID."""
        from pydicom.uid import generate_uid

        uid = generate_uid()
        luts = {image.presentation_lut for image in page.images if image.pixels is not None}
        shared = next(iter(luts)) if len(luts) == 1 and self._sends_luts(page) else None
        created = self._create_with_less(
            "film box", FILM_BOX, uid, self._film_box(page, shared, full=True), self._film_box(page, shared, full=False)
        )
        try:
            boxes = [str(one.ReferencedSOPInstanceUID) for one in created.get("ReferencedImageBoxSequence", [])]
            for image in page.images:
                if image.pixels is None:
                    continue
                if image.position > len(boxes):
                    raise _Refused("layout", 0xC616, f"it made {len(boxes)} image boxes")
                self._image(page, image, image.pixels, boxes[image.position - 1], read, shared)
        except _Refused:
            self._association.send_n_delete(FILM_BOX, uid, meta_uid=self._meta)
            raise
        return uid

    def _sends_luts(self, page: FilmPage) -> bool:
        """Whether Presentation LUTs go as objects: a table fits only pixels whose bits stay what they are."""
        return self._has_luts and all(
            image.pixels is None or image.pixels.bits_stored <= self._bits for image in page.images
        )

    def _print(self, uid: str, note: _Note, number: int) -> None:
        note.write(acting=number)
        try:
            self._done("film", *self._association.send_n_action(None, 1, FILM_BOX, uid, meta_uid=self._meta))
        except _Broken as failure:
            raise PossiblyDelivered(f"possibly printed: {failure}") from failure
        except _Refused:
            note.write(done=number)
            raise
        note.write(done=number + 1)
        self._association.send_n_delete(FILM_BOX, uid, meta_uid=self._meta)

    def end(self) -> None:
        """Leave nothing behind; what the imager says to it does not matter any more."""
        self._association.send_n_delete(FILM_SESSION, self._session, meta_uid=self._meta)
        for uid in self._luts.values():
            self._association.send_n_delete(PRESENTATION_LUT, uid)

    # -- parts --------------------------------------------------------------------------------------------------

    def _film_box(self, page: FilmPage, lut: PresentationLUT | None, *, full: bool) -> Any:
        from pydicom.dataset import Dataset

        box = Dataset()
        box.ImageDisplayFormat = page.image_display_format
        box.FilmOrientation, box.FilmSizeID = page.film_orientation, page.film_size_id
        box.ReferencedFilmSessionSequence = [_reference(FILM_SESSION, self._session)]
        if full:
            first = next((image for image in page.images if image.pixels is not None), None)
            box.MagnificationType = first.magnification_type if first is not None else "CUBIC"
            box.BorderDensity, box.EmptyImageDensity = page.border_density, page.empty_image_density
            box.MaxDensity, box.MinDensity = page.max_density_centi_od, page.min_density_centi_od
            if page.trim:  # imagers without trimming refuse the attribute, whatever its value
                box.Trim = "YES"
            if first is not None and first.configuration_information:
                box.ConfigurationInformation = first.configuration_information
        if lut is not None:
            box.Illumination = page.illumination_cd_m2
            box.ReflectedAmbientLight = page.reflected_ambient_light_cd_m2
            box.ReferencedPresentationLUTSequence = [_reference(PRESENTATION_LUT, self._lut(lut))]
        return box

    def _lut(self, lut: PresentationLUT) -> str:
        from pydicom.dataset import Dataset
        from pydicom.uid import generate_uid

        if lut not in self._luts:
            one = Dataset()
            if lut.table is None:
                one.PresentationLUTShape = lut.shape
            else:
                item = Dataset()
                item.add_new(0x00283002, "US", [len(lut.table), 0, lut.bits])
                item.add_new(0x00283006, "OW", np.array(lut.table, "<u2").tobytes())
                one.PresentationLUTSequence = [item]
            uid = generate_uid()
            self._done("Presentation LUT", *self._association.send_n_create(one, PRESENTATION_LUT, uid))
            self._luts[lut] = uid
        return self._luts[lut]

    def _image(
        self,
        page: FilmPage,
        image: PageImage,
        pixels: PixelReference,
        uid: str,
        read: Pixels,
        shared: PresentationLUT | None,
    ) -> None:
        color = page.color and self._meta == COLOR_META
        lut, sends = image.presentation_lut, self._sends_luts(page)
        box = self._image_box(page, image, pixels, read(pixels), lut is not None and not sends, color)
        if lut is not None and sends and lut is not shared:
            box.ReferencedPresentationLUTSequence = [_reference(PRESENTATION_LUT, self._lut(lut))]
        sop_class = COLOR_IMAGE_BOX if color else GRAYSCALE_IMAGE_BOX
        self._done("image", *self._association.send_n_set(box, sop_class, uid, meta_uid=self._meta))

    def _image_box(
        self,
        page: FilmPage,
        image: PageImage,
        pixels: PixelReference,
        data: bytes,
        bake: bool,
        color: bool,
    ) -> Any:
        from pydicom.dataset import Dataset

        item = Dataset()
        item.Rows, item.Columns = pixels.rows, pixels.columns
        if pixels.pixel_aspect_ratio != (1, 1):
            item.PixelAspectRatio = [str(value) for value in pixels.pixel_aspect_ratio]
        item.PixelRepresentation = 0
        polarity, photometric, stored = image.polarity, pixels.photometric_interpretation, pixels.bits_stored
        if color:
            item.SamplesPerPixel, item.PlanarConfiguration = 3, pixels.planar_configuration
            raw = bytes(data[: pixels.length])
        else:
            samples, stored, baked = self._gray(page, image, pixels, data, self._bits, bake)
            if baked:
                polarity, photometric = "NORMAL", "MONOCHROME2"
            item.SamplesPerPixel = 1
            raw = samples.astype("<u2" if stored > 8 else "u1").tobytes()
        item.PhotometricInterpretation = photometric
        item.BitsAllocated = 16 if stored > 8 else 8
        item.BitsStored, item.HighBit = stored, stored - 1
        item.add_new(0x7FE00010, "OW", raw + b"\0" * (len(raw) % 2))
        box = Dataset()
        box.add_new(0x20200010, "US", image.position)
        if polarity != "NORMAL":
            box.Polarity = polarity
        if image.requested_image_size_mm:
            box.RequestedImageSize = f"{image.requested_image_size_mm:.2f}"
        box.add_new(0x20200111 if color else 0x20200110, "SQ", [item])
        return box

    @staticmethod
    def _gray(
        page: FilmPage, image: PageImage, pixels: PixelReference, data: bytes, bits: int, bake: bool
    ) -> tuple[NDArray[Any], int, bool]:
        """(samples, their bits, whether polarity and Presentation LUT are in them)."""
        planes = planes_of(pixels, data)
        if len(planes) == 3:
            luma = np.stack(planes, axis=-1) @ np.array([0.299, 0.587, 0.114], np.float32)
            return (luma * 255 / ((1 << pixels.bits_stored) - 1) + 0.5).astype(np.uint8), 8, True
        full = (1 << pixels.bits_stored) - 1
        if not bake and pixels.bits_stored <= bits:
            return planes[0] & full, pixels.bits_stored, False
        lut = image.presentation_lut if bake else None
        inverted = bake and grayscale.inverts(pixels.photometric_interpretation, image.polarity)
        values = grayscale.p_value_table(pixels.bits_stored, inverted, lut, grayscale.Viewing.of(page, image))
        out = bits if bake else 8
        table = np.array(grayscale.codes(values, out), np.uint16)
        return table.take(planes[0] & full, mode="clip"), out, bake

    # -- asking -------------------------------------------------------------------------------------------------

    def _create_with_less(self, what: str, sop_class: str, uid: str, full: Any, plain: Any) -> Any:
        """N-CREATE with everything, and where that is refused for an attribute, with the least."""
        try:
            return self._done(what, *self._association.send_n_create(full, sop_class, uid, meta_uid=self._meta))
        except _Refused as refused:
            if refused.status not in NOT_TAKEN:
                raise
        made = self._done(what, *self._association.send_n_create(plain, sop_class, uid, meta_uid=self._meta))
        missing = sorted(element.keyword for element in full if element.tag not in plain)
        self.warnings.append(f"the imager does not take all of {', '.join(missing)}: printed without")
        return made

    def _done(self, what: str, status: Any, data: Any) -> Any:
        from pydicom.dataset import Dataset

        if not status or "Status" not in status:
            raise _Broken(f"no answer to the {what}")
        code = int(status.Status)
        if code and code not in WARNINGS and code & 0xF000 != 0xB000:
            raise _Refused(what, code, str(status.get("ErrorComment", "")))
        if code:
            self.warnings.append(f"the imager warns of the {what}: {code:04X}")
        return data if data is not None else Dataset()


def _reference(sop_class: str, uid: str) -> Any:
    from pydicom.dataset import Dataset

    one = Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = sop_class, uid
    return one


class _Note:
    """How many films of a document are out, and whether one is on its way; on stable storage before it is."""

    def __init__(self, file: Path, said: str) -> None:
        self._file = file
        self._said = said
        try:
            found: Mapping[str, Any] = json.loads(file.read_bytes())
        except (OSError, ValueError):
            found = {}
        self.done = int(found.get("done", 0))
        # With new words of a person, a film that was on its way may be sent once more.
        self.acting = found.get("acting") is not None and found.get("said") == said

    def write(self, *, done: int | None = None, acting: int | None = None) -> None:
        """Note where it stands."""
        self.done = self.done if done is None else done
        self.acting = acting is not None
        unfinished = self._file.with_name(f".{self._file.name}")
        with unfinished.open("w") as out:
            json.dump({"done": self.done, "acting": acting, "said": self._said}, out)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(self._file)
