"""The instances of a film: Multi-frame Secondary Capture (PS3.3 A.8.3 to A.8.5) and Encapsulated PDF (PS3.3 A.45.1).

A film page is a frame, as large as the film. To the archive it is digitized film that never was one: its samples are
P-values, with the light of its viewbox, and its pixel spacing is that of the film (Nominal Scanned Pixel Spacing), not
of the patient. The large value of an instance, pixels or PDF, is not in the data set: it is written from its files.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from pydicom.dataset import Dataset

from printing.outputs.archive.identity import Identity
from printing.page import FilmDocument, FilmPage
from printing.render.icc import is_rgb_profile

GRAYSCALE_BYTE, GRAYSCALE_WORD, TRUE_COLOR = (f"1.2.840.10008.5.1.4.1.1.7.{number}" for number in (2, 3, 4))
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
PIXEL_DATA, ENCAPSULATED_DOCUMENT = 0x7FE00010, 0x00420011
MOST_BYTES = 1 << 30
"""Pixels of one instance: archives and viewers hold it in memory. More films are more instances of the series."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One film page as samples: (rows, columns), whether in colour, bits of a sample (8 or 16)."""

    rows: int
    columns: int
    color: bool
    bits: int

    @property
    def length(self) -> int:
        """Bytes."""
        return self.rows * self.columns * (3 if self.color else 1) * (self.bits // 8)


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of a film beside its patient.

    Attributes:
        seed: unique to the job; the UIDs follow from it.
        created: when it was printed.
        job: short name of the job, for people.
        institution, manufacturer, model, software: who made the instance.
    """

    seed: str
    created: datetime
    job: str
    institution: str = ""
    manufacturer: str = "Gravure"
    model: str = "Gravure"
    software: str = ""

    def uid(self, what: str) -> str:
        """A UID of this job (PS3.5 B.2)."""
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.seed} {what}').int}"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance.

    Attributes:
        data_set: all of it but the large value.
        tag: of the large value.
        parts: numbers from 0 of the frames that it is made of; none of a PDF, which is the large value as it is.
        warnings: what a technician should know.
    """

    data_set: Dataset
    tag: int
    parts: tuple[int, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def anonymous(origin: Origin) -> Identity:
    """A film of nobody: under a Patient ID that no other film has, so that an archive never takes two for one."""
    return Identity("UNIDENTIFIED^FILM", f"FILM-{origin.job}")


def secondary_captures(
    document: FilmDocument, frames: Sequence[Frame], identity: Identity, origin: Origin
) -> Iterator[Instance]:
    """The instances of a document: films of one size, depth and light together, in order."""

    def alike(number: int) -> object:
        page = document.pages[number]
        light = (page.illumination_cd_m2, page.reflected_ambient_light_cd_m2)
        return frames[number], page.width_mm, page.height_mm, light, page.icc_profile

    made = 0
    for _, same in groupby(range(len(frames)), alike):
        for part in _bounded(list(same), frames):
            made += 1
            yield Instance(_secondary_capture(document, frames, part, made, identity, origin), PIXEL_DATA, part)


def _bounded(numbers: Sequence[int], frames: Sequence[Frame]) -> Iterator[tuple[int, ...]]:
    most = max(1, MOST_BYTES // frames[numbers[0]].length)
    for at in range(0, len(numbers), most):
        yield tuple(numbers[at : at + most])


def _secondary_capture(
    document: FilmDocument,
    frames: Sequence[Frame],
    part: tuple[int, ...],
    number: int,
    identity: Identity,
    origin: Origin,
) -> Dataset:
    frame, page = frames[part[0]], document.pages[part[0]]
    sop_class = TRUE_COLOR if frame.color else GRAYSCALE_WORD if frame.bits > 8 else GRAYSCALE_BYTE
    made = _common(sop_class, number, identity, origin, "HC", "Films")
    made.Laterality, made.PatientOrientation = "", ""
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.ConversionType = "DF"
    made.DerivationDescription = "Rendered from a DICOM print; no film was digitized"
    made.LossyImageCompression = "00"
    # Whatever a console burnt into its pixels cannot be known, and most print the patient's name.
    made.BurnedInAnnotation = "YES"
    made.SamplesPerPixel = 3 if frame.color else 1
    made.PhotometricInterpretation = "RGB" if frame.color else "MONOCHROME2"
    if frame.color:
        made.PlanarConfiguration = 0
    made.NumberOfFrames = len(part)
    made.Rows, made.Columns = frame.rows, frame.columns
    made.BitsAllocated = made.BitsStored = frame.bits
    made.HighBit, made.PixelRepresentation = frame.bits - 1, 0
    if len(part) > 1:  # C.8.6.4
        made.FrameIncrementPointer = 0x00182001
        made.add_new(0x00182001, "IS", [str(one + 1) for one in part])
    made.NominalScannedPixelSpacing = [_ds(page.height_mm / frame.rows), _ds(page.width_mm / frame.columns)]
    if not frame.color:
        made.PresentationLUTShape = "IDENTITY"
        made.RescaleIntercept, made.RescaleSlope, made.RescaleType = "0", "1", "US"
        made.Illumination = page.illumination_cd_m2
        made.ReflectedAmbientLight = page.reflected_ambient_light_cd_m2
    elif profile := _profile(page):
        made.ICCProfile = profile
    return made


def encapsulated_pdf(document: FilmDocument, length: int, identity: Identity, origin: Origin) -> Instance:
    """A document's PDF, of so many bytes."""
    made = _common(ENCAPSULATED_PDF, 1, identity, origin, "DOC", "Films as PDF")
    made.ConversionType = "WSD"
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"
    made.DocumentTitle = "Film" if len(document.pages) == 1 else "Films"
    made.ConceptNameCodeSequence = []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = length
    return Instance(made, ENCAPSULATED_DOCUMENT)


def _common(sop_class: str, number: int, identity: Identity, origin: Origin, modality: str, series: str) -> Dataset:
    """Patient, study, series, equipment, SOP common."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = sop_class
    made.SOPInstanceUID = origin.uid(f"instance {number}")
    made.PatientName, made.PatientID = identity.patient_name, identity.patient_id
    made.PatientBirthDate, made.PatientSex = identity.patient_birth_date, identity.patient_sex
    made.StudyInstanceUID = identity.study_instance_uid or origin.uid("study")
    made.AccessionNumber = identity.accession_number
    made.ReferringPhysicianName = ""
    made.StudyID = origin.job[:16]
    made.SeriesInstanceUID = origin.uid("series")
    made.Modality, made.SeriesNumber, made.SeriesDescription = modality, 1, series
    made.InstanceNumber = number
    for what in ("Study", "Content", "InstanceCreation"):
        setattr(made, f"{what}Date", f"{origin.created:%Y%m%d}")
        setattr(made, f"{what}Time", f"{origin.created:%H%M%S}")
    made.Manufacturer, made.ManufacturerModelName = origin.manufacturer, origin.model
    if origin.software:
        made.SoftwareVersions = origin.software
    if origin.institution:
        made.InstitutionName = origin.institution[:64]
    return made


def _profile(page: FilmPage) -> bytes:
    sent = base64.b64decode(page.icc_profile)
    return sent if sent and is_rgb_profile(sent) else b""


def _ds(value: float) -> str:
    return f"{value:.8g}"
