"""Directory records as data: which record a SOP Class gets and which keys each record has (PS3.3 §F.4, §F.5).

Adding a storage class is adding its UID to a row of `_CLASSES`; adding a key is adding a row to `RECORD_KEYS`.
The keys of application profiles (PS3.11 tables D.3-2 and H.3-2) stand in `PROFILE_KEYS` and are added to a record's
own. Everything that some record may need of an instance is recorded once, when the instance arrives: `wanted` says
what that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

KeyType: TypeAlias = Literal["1", "1C", "2", "3"]
"""PS3.5 §7.4: 1 must have a value, 2 must stand there, 3 may; 1C "if the instance has it"."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a directory record."""

    tag: int
    vr: bytes
    type: KeyType
    keyword: str


# Tags that the code names.
SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
RELATED_GENERAL_SOP_CLASS_UID = 0x0008001A
STUDY_DATE, SERIES_DATE, ACQUISITION_DATE, CONTENT_DATE = 0x00080020, 0x00080021, 0x00080022, 0x00080023
STUDY_TIME, SERIES_TIME, ACQUISITION_TIME, CONTENT_TIME = 0x00080030, 0x00080031, 0x00080032, 0x00080033
ACQUISITION_DATETIME = 0x0008002A
MODALITY = 0x00080060
REFERENCED_SERIES_SEQUENCE = 0x00081115
PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID, PATIENT_BIRTH_DATE = 0x00100010, 0x00100020, 0x00100021, 0x00100030
STUDY_INSTANCE_UID, SERIES_INSTANCE_UID = 0x0020000D, 0x0020000E
STUDY_ID, SERIES_NUMBER, INSTANCE_NUMBER = 0x00200010, 0x00200011, 0x00200013
IMAGE_POSITION, IMAGE_ORIENTATION, PIXEL_SPACING = 0x00200032, 0x00200037, 0x00280030
VERIFICATION_DATETIME, CONCEPT_NAME_CODE_SEQUENCE = 0x0040A030, 0x0040A043
VERIFYING_OBSERVER_SEQUENCE, CONTENT_SEQUENCE = 0x0040A073, 0x0040A730
BLENDING_SEQUENCE = 0x00700402
ICON_IMAGE_SEQUENCE = 0x00880200
SHARED_FUNCTIONAL_GROUPS_SEQUENCE = 0x52009229


def _key(tag: int, vr: str, type_: KeyType, keyword: str) -> Key:
    return Key(tag, vr.encode("ascii"), type_, keyword)


_INSTANCE_NUMBER = _key(INSTANCE_NUMBER, "IS", "1", "InstanceNumber")
_CONTENT_DATE_TIME = (
    _key(CONTENT_DATE, "DA", "1", "ContentDate"),
    _key(CONTENT_TIME, "TM", "1", "ContentTime"),
)
_CONTENT_IDENTIFICATION = (  # PS3.3 table 10-12
    _INSTANCE_NUMBER,
    _key(0x00700080, "CS", "1", "ContentLabel"),
    _key(0x00700081, "LO", "2", "ContentDescription"),
    _key(0x00700084, "PN", "2", "ContentCreatorName"),
)
_PRESENTATION_CREATION = (
    _key(0x00700082, "DA", "1", "PresentationCreationDate"),
    _key(0x00700083, "TM", "1", "PresentationCreationTime"),
)
_DOCUMENT = (
    _key(CONCEPT_NAME_CODE_SEQUENCE, "SQ", "1", "ConceptNameCodeSequence"),
    _key(CONTENT_SEQUENCE, "SQ", "1C", "ContentSequence"),
)

RECORD_KEYS: dict[str, tuple[Key, ...]] = {
    "PATIENT": (  # F.5.1
        _key(PATIENT_ID, "LO", "1", "PatientID"),
        _key(PATIENT_NAME, "PN", "2", "PatientName"),
    ),
    "STUDY": (  # F.5.2
        _key(STUDY_DATE, "DA", "1", "StudyDate"),
        _key(STUDY_TIME, "TM", "1", "StudyTime"),
        _key(0x00081030, "LO", "2", "StudyDescription"),
        _key(STUDY_INSTANCE_UID, "UI", "1", "StudyInstanceUID"),
        _key(STUDY_ID, "SH", "1", "StudyID"),
        _key(0x00080050, "SH", "2", "AccessionNumber"),
    ),
    "SERIES": (  # F.5.3
        _key(MODALITY, "CS", "1", "Modality"),
        _key(SERIES_INSTANCE_UID, "UI", "1", "SeriesInstanceUID"),
        _key(SERIES_NUMBER, "IS", "1", "SeriesNumber"),
    ),
    "IMAGE": (_INSTANCE_NUMBER,),  # F.5.4
    "RT DOSE": (  # F.5.19
        _INSTANCE_NUMBER,
        _key(0x3004000A, "CS", "1", "DoseSummationType"),
        _key(0x30040006, "LO", "3", "DoseComment"),
    ),
    "RT STRUCTURE SET": (  # F.5.20
        _INSTANCE_NUMBER,
        _key(0x30060002, "SH", "1", "StructureSetLabel"),
        _key(0x30060008, "DA", "2", "StructureSetDate"),
        _key(0x30060009, "TM", "2", "StructureSetTime"),
    ),
    "RT PLAN": (  # F.5.21
        _INSTANCE_NUMBER,
        _key(0x300A0002, "SH", "1", "RTPlanLabel"),
        _key(0x300A0006, "DA", "2", "RTPlanDate"),
        _key(0x300A0007, "TM", "2", "RTPlanTime"),
    ),
    "RT TREAT RECORD": (  # F.5.22
        _INSTANCE_NUMBER,
        _key(0x30080250, "DA", "2", "TreatmentDate"),
        _key(0x30080251, "TM", "2", "TreatmentTime"),
    ),
    "PRESENTATION": (  # F.5.23
        *_PRESENTATION_CREATION,
        *_CONTENT_IDENTIFICATION,
        _key(REFERENCED_SERIES_SEQUENCE, "SQ", "1C", "ReferencedSeriesSequence"),
        _key(BLENDING_SEQUENCE, "SQ", "1C", "BlendingSequence"),
    ),
    "WF PRESENTATION": (
        *_PRESENTATION_CREATION,
        *_CONTENT_IDENTIFICATION,
        _key(REFERENCED_SERIES_SEQUENCE, "SQ", "1C", "ReferencedSeriesSequence"),
    ),
    "WAVEFORM": (_INSTANCE_NUMBER, *_CONTENT_DATE_TIME),  # F.5.24
    "SR DOCUMENT": (  # F.5.25
        _INSTANCE_NUMBER,
        _key(0x0040A491, "CS", "1", "CompletionFlag"),
        _key(0x0040A493, "CS", "1", "VerificationFlag"),
        *_CONTENT_DATE_TIME,
        _key(VERIFICATION_DATETIME, "DT", "1C", "VerificationDateTime"),
        *_DOCUMENT,
    ),
    "KEY OBJECT DOC": (_INSTANCE_NUMBER, *_CONTENT_DATE_TIME, *_DOCUMENT),  # F.5.26
    "SPECTROSCOPY": (  # F.5.27
        _key(0x00080008, "CS", "1", "ImageType"),
        *_CONTENT_DATE_TIME,
        _INSTANCE_NUMBER,
        _key(0x00089092, "SQ", "1C", "ReferencedImageEvidenceSequence"),
        _key(0x00280008, "IS", "1", "NumberOfFrames"),
        _key(0x00280010, "US", "1", "Rows"),
        _key(0x00280011, "US", "1", "Columns"),
        _key(0x00289001, "UL", "1", "DataPointRows"),
        _key(0x00289002, "UL", "1", "DataPointColumns"),
    ),
    "RAW DATA": (*_CONTENT_DATE_TIME, _key(INSTANCE_NUMBER, "IS", "2", "InstanceNumber")),  # F.5.28
    "REGISTRATION": (*_CONTENT_DATE_TIME, *_CONTENT_IDENTIFICATION),  # F.5.29
    "FIDUCIAL": (*_CONTENT_DATE_TIME, *_CONTENT_IDENTIFICATION),  # F.5.30
    "ENCAP DOC": (  # F.5.32
        _key(CONTENT_DATE, "DA", "2", "ContentDate"),
        _key(CONTENT_TIME, "TM", "2", "ContentTime"),
        _INSTANCE_NUMBER,
        _key(0x00420010, "ST", "2", "DocumentTitle"),
        _key(0x0040E001, "ST", "1C", "HL7InstanceIdentifier"),
        _key(CONCEPT_NAME_CODE_SEQUENCE, "SQ", "2", "ConceptNameCodeSequence"),
        _key(0x00420012, "LO", "1", "MIMETypeOfEncapsulatedDocument"),
    ),
    "VALUE MAP": (*_CONTENT_DATE_TIME, *_CONTENT_IDENTIFICATION),  # F.5.34
    "STEREOMETRIC": (  # F.5.35: DCMTK asks for nothing here, dicom3tools for what every such object has; so give it
        _key(INSTANCE_NUMBER, "IS", "1C", "InstanceNumber"),
        _key(0x00700080, "CS", "1C", "ContentLabel"),
        _key(0x00700081, "LO", "2", "ContentDescription"),
        _key(0x00700084, "PN", "2", "ContentCreatorName"),
    ),
    "PLAN": (),  # F.5.40
    "MEASUREMENT": (*_CONTENT_DATE_TIME, *_CONTENT_IDENTIFICATION),  # F.5.41
    "SURFACE": (*_CONTENT_DATE_TIME, *_CONTENT_IDENTIFICATION),  # F.5.42
    "SURFACE SCAN": _CONTENT_DATE_TIME,  # F.5.43
    "TRACT": (*_CONTENT_DATE_TIME, *_CONTENT_IDENTIFICATION),  # F.5.44
    "ASSESSMENT": (  # F.5.45
        _INSTANCE_NUMBER,
        _key(0x00080012, "DA", "1", "InstanceCreationDate"),
        _key(0x00080013, "TM", "2", "InstanceCreationTime"),
    ),
    "RADIOTHERAPY": (  # F.5.46
        _INSTANCE_NUMBER,
        _key(0x30100033, "SH", "1C", "UserContentLabel"),
        _key(0x30100034, "LO", "1C", "UserContentLongLabel"),
        _key(0x00700081, "LO", "2", "ContentDescription"),
        _key(0x00700084, "PN", "2", "ContentCreatorName"),
    ),
    "ANNOTATION": (*_CONTENT_DATE_TIME, *_CONTENT_IDENTIFICATION),
    "PRIVATE": (),  # F.6.1: Private Record UID, which the writer adds
}
"""Record type → its own keys; (0008,0005) is 1C in every one of them and stands here for none."""

ROOT_RECORD_KEYS: dict[str, tuple[Key, ...]] = {
    "HANGING PROTOCOL": (  # F.5.31
        _key(0x00720002, "SH", "1", "HangingProtocolName"),
        _key(0x00720004, "LO", "1", "HangingProtocolDescription"),
        _key(0x00720006, "CS", "1", "HangingProtocolLevel"),
        _key(0x00720008, "LO", "1", "HangingProtocolCreator"),
        _key(0x0072000A, "DT", "1", "HangingProtocolCreationDateTime"),
        _key(0x0072000C, "SQ", "1", "HangingProtocolDefinitionSequence"),
        _key(0x00720014, "US", "1", "NumberOfPriorsReferenced"),
        _key(0x0072000E, "SQ", "2", "HangingProtocolUserIdentificationCodeSequence"),
    ),
    "PALETTE": (  # F.5.36
        _key(0x00700080, "CS", "1", "ContentLabel"),
        _key(0x00700081, "LO", "2", "ContentDescription"),
    ),
    "IMPLANT": (  # F.5.37
        _key(0x00080070, "LO", "1", "Manufacturer"),
        _key(0x00221095, "LO", "1", "ImplantName"),
        _key(0x00686210, "LO", "1C", "ImplantSize"),
        _key(0x00221097, "LO", "1", "ImplantPartNumber"),
    ),
    "IMPLANT ASSY": (  # F.5.38
        _key(0x00760001, "LO", "1", "ImplantAssemblyTemplateName"),
        _key(0x00080070, "LO", "1", "Manufacturer"),
        _key(0x00760020, "SQ", "1", "ProcedureTypeCodeSequence"),
    ),
    "IMPLANT GROUP": (  # F.5.39
        _key(0x00780001, "LO", "1", "ImplantTemplateGroupName"),
        _key(0x00780010, "ST", "3", "ImplantTemplateGroupDescription"),
        _key(0x00780020, "LO", "1", "ImplantTemplateGroupIssuer"),
    ),
    "INVENTORY": (),
}
"""The same of the records that stand beside PATIENT: checked on discs of others, never written."""

PRIVATE_RECORD_UID = "2.25.98219357043911526880411537292370431604"
"""(0004,1432) of our PRIVATE records: an instance of a storage class that no table knows, no keys of its own."""

_GENERAL = (  # PS3.11 table D.3-2
    _key(0x00080008, "CS", "1C", "ImageType"),
    _key(0x00081140, "SQ", "1C", "ReferencedImageSequence"),
)
_IMAGE_OR_SPECTROSCOPY = (  # PS3.11 table H.3-2
    _key(0x00280010, "US", "1", "Rows"),
    _key(0x00280011, "US", "1", "Columns"),
    _key(0x00081140, "SQ", "1C", "ReferencedImageSequence"),
    _key(0x00200052, "UI", "1C", "FrameOfReferenceUID"),
    _key(0x00200200, "UI", "1C", "SynchronizationFrameOfReferenceUID"),
    _key(0x00280008, "IS", "1C", "NumberOfFrames"),
    _key(0x00181800, "CS", "1C", "AcquisitionTimeSynchronized"),
    _key(ACQUISITION_DATETIME, "DT", "1C", "AcquisitionDateTime"),
    _key(IMAGE_POSITION, "DS", "1C", "ImagePositionPatient"),
    _key(IMAGE_ORIENTATION, "DS", "1C", "ImageOrientationPatient"),
    _key(PIXEL_SPACING, "DS", "1C", "PixelSpacing"),
)

KeyTable: TypeAlias = Literal["D.3-2", "H.3-2"]
PROFILE_KEYS: dict[str, dict[str, tuple[Key, ...]]] = {
    "D.3-2": {"IMAGE": _GENERAL},
    "H.3-2": {
        "PATIENT": (
            _key(PATIENT_BIRTH_DATE, "DA", "1C", "PatientBirthDate"),
            _key(0x00100040, "CS", "1C", "PatientSex"),
        ),
        "SERIES": (
            _key(0x00080080, "LO", "1C", "InstitutionName"),
            _key(0x00080081, "ST", "1C", "InstitutionAddress"),
            _key(0x00081050, "PN", "1C", "PerformingPhysicianName"),
        ),
        "IMAGE": (
            _key(0x00080008, "CS", "1C", "ImageType"),
            _key(0x00500004, "CS", "1C", "CalibrationImage"),
            _key(0x00282112, "DS", "1C", "LossyImageCompressionRatio"),
            *_IMAGE_OR_SPECTROSCOPY,
        ),
        "SPECTROSCOPY": _IMAGE_OR_SPECTROSCOPY,
    },
}
"""Extra keys by the table of PS3.11 that a profile names: D.3-2 for CD and the profiles without compression, H.3-2
for DVD, BD, USB and flash profiles with JPEG or JPEG 2000."""

_RECORDED_OF_ALL = (  # not keys, but what supplies missing keys, plans a disc or names a series in a list
    _key(SPECIFIC_CHARACTER_SET, "CS", "3", "SpecificCharacterSet"),
    _key(SOP_CLASS_UID, "UI", "3", "SOPClassUID"),
    _key(SOP_INSTANCE_UID, "UI", "3", "SOPInstanceUID"),
    _key(RELATED_GENERAL_SOP_CLASS_UID, "UI", "3", "RelatedGeneralSOPClassUID"),
    _key(SERIES_DATE, "DA", "3", "SeriesDate"),
    _key(ACQUISITION_DATE, "DA", "3", "AcquisitionDate"),
    _key(CONTENT_DATE, "DA", "3", "ContentDate"),
    _key(SERIES_TIME, "TM", "3", "SeriesTime"),
    _key(ACQUISITION_TIME, "TM", "3", "AcquisitionTime"),
    _key(CONTENT_TIME, "TM", "3", "ContentTime"),
    _key(0x0008103E, "LO", "3", "SeriesDescription"),
    _key(ISSUER_OF_PATIENT_ID, "LO", "3", "IssuerOfPatientID"),
    _INSTANCE_NUMBER,
)
_RECORDED_OF_IMAGES = (  # the size of a decoded image is known before it is decoded
    _key(0x00280002, "US", "3", "SamplesPerPixel"),
    _key(0x00280100, "US", "3", "BitsAllocated"),
    _key(SHARED_FUNCTIONAL_GROUPS_SEQUENCE, "SQ", "3", "SharedFunctionalGroupsSequence"),
)

ROOT_LEVEL = frozenset(ROOT_RECORD_KEYS)
"""Record types that stand beside PATIENT and belong to no patient: read, never written on a patient's disc."""
DISPUTED_KEYS = frozenset({"STEREOMETRIC"})
"""Record types about whose keys the known implementations disagree: written in full, never demanded of others."""
NOT_FOR_PATIENTS = ROOT_LEVEL | {"PROTOCOL"}
"""What non-patient objects (PS3.4 Annex GG) are called here. PROTOCOL is no record type of the standard."""
RETIRED = frozenset(
    {"CURVE", "FILM BOX", "FILM SESSION", "HL7 STRUC DOC", "IMAGE BOX", "INTERPRETATION", "MODALITY LUT", "MRDR"}
    | {"OVERLAY", "PRINT QUEUE", "RESULTS", "STORED PRINT", "STUDY COMPONENT", "TOPIC", "VISIT", "VOI LUT"}
)
"""Record types of earlier editions: read, never written."""

_ROOT = "1.2.840.10008.5.1.4.1.1."
_CLASSES: dict[str, str] = {
    "IMAGE": """1 1.1 1.1.1 1.2 1.2.1 1.3 1.3.1 2 2.1 2.2 3 3.1 4 4.1 4.3 4.4 5 6 6.1 6.2 6.3 7 7.1 7.2 7.3 7.4
        12.1 12.1.1 12.2 12.2.1 12.3 13.1.1 13.1.2 13.1.3 13.1.4 13.1.5 14.1 14.2 20 30 66.4 66.7 66.8
        77.1 77.1.1 77.1.1.1 77.1.2 77.1.2.1 77.1.3 77.1.4 77.1.4.1 77.1.5.1 77.1.5.2 77.1.5.4 77.1.5.5 77.1.5.6
        77.1.5.7 77.1.5.8 77.1.6 77.1.7 77.1.8 77.1.9 77.2 81.1 82.1 128 128.1 130 481.1 481.23 481.24
        501.1 501.2.1 501.2.2 501.4 501.5 601.1 601.2 601.3 601.4
        1.2.840.10008.5.1.1.29 1.2.840.10008.5.1.1.30""",
    "RT DOSE": "481.2",
    "RT STRUCTURE SET": "481.3",
    "RT PLAN": "481.5 481.8",
    "RT TREAT RECORD": "481.4 481.6 481.7 481.9",
    "RADIOTHERAPY": "481.10 481.11 481.12 481.13 481.14 481.15 481.16 481.17 481.18 481.19 481.20 481.21 481.22",
    "PLAN": "481.25 1.2.840.10008.5.1.4.34.1 1.2.840.10008.5.1.4.34.7 1.2.840.10008.5.1.4.34.10",
    "PRESENTATION": "11.1 11.2 11.3 11.4 11.5 11.6 11.7 11.8 11.9 11.10 11.11 11.12 131",
    "WF PRESENTATION": "9.100.1 9.100.2",
    "WAVEFORM": """9.1 9.1.1 9.1.2 9.1.3 9.1.4 9.2.1 9.3.1 9.4.1 9.4.2 9.5.1 9.6.1 9.6.2 9.7.1 9.7.2 9.7.3 9.7.4
        9.8.1 601.5""",
    "SR DOCUMENT": """88.1 88.2 88.3 88.4 88.11 88.22 88.33 88.34 88.35 88.40 88.50 88.65 88.67 88.68 88.69 88.70
        88.71 88.72 88.73 88.74 88.75 88.76 88.77 78.6 79.1""",
    "KEY OBJECT DOC": "88.59",
    "SPECTROSCOPY": "4.2",
    "REGISTRATION": "66.1 66.3",
    "FIDUCIAL": "66.2",
    "ENCAP DOC": "104.1 104.2 104.3 104.4 104.5",
    "VALUE MAP": "67",
    "STEREOMETRIC": "77.1.5.3",
    "MEASUREMENT": "78.1 78.2 78.3 78.4 78.5 78.7 78.8 80.1",
    "SURFACE": "66.5",
    "SURFACE SCAN": "68.1 68.2",
    "TRACT": "66.6",
    "ASSESSMENT": "90.1",
    "ANNOTATION": "91.1",
    # 200.2 and 200.8: performed protocols belong to a patient and have no record type of their own.
    # 1.3.12.2.1107.5.9.1: Siemens CSA Non-Image, the raw data that scanners send along.
    "RAW DATA": "66 200.2 200.8 501.6 1.3.12.2.1107.5.9.1",
    # Retired standalone overlays, curves, LUTs and stored prints: their record types may no more be written.
    "PRIVATE": "8 9 10 11 129 501.3 1.2.840.10008.5.1.1.27",
    "HANGING PROTOCOL": "1.2.840.10008.5.1.4.38.1",
    "PALETTE": "1.2.840.10008.5.1.4.39.1",
    "IMPLANT": "1.2.840.10008.5.1.4.43.1",
    "IMPLANT ASSY": "1.2.840.10008.5.1.4.44.1",
    "IMPLANT GROUP": "1.2.840.10008.5.1.4.45.1",
    "PROTOCOL": "200.1 200.3 200.7",
    "INVENTORY": "201.1",
}

STORAGE_CLASSES: dict[str, str] = {
    (name if name.startswith("1.") and name.count(".") > 5 else _ROOT + name): record_type
    for record_type, names in _CLASSES.items()
    for name in names.split()
}
"""Storage SOP Class UID → record type (PS3.3 §F.4; PS3.4 §B.5 and Annex GG), retired classes included."""

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


def record_type(sop_class_uid: str) -> str:
    """The directory record type of a storage class; PRIVATE for one that no table knows."""
    return STORAGE_CLASSES.get(sop_class_uid, "PRIVATE")


def for_patient_discs(sop_class_uid: str) -> bool:
    """False for objects of no patient: hanging protocols, palettes, implants, defined protocols (PS3.4 Annex GG),
    and for a DICOMDIR itself."""
    return record_type(sop_class_uid) not in NOT_FOR_PATIENTS and sop_class_uid != MEDIA_STORAGE_DIRECTORY


def record_keys(record: str, table: KeyTable) -> tuple[Key, ...]:
    """The keys of a record under a profile's table, by ascending tag; the stricter type where both name a key."""
    merged: dict[int, Key] = {}
    for key in (*RECORD_KEYS[record], *PROFILE_KEYS[table].get(record, ())):
        if key.tag not in merged or key.type < merged[key.tag].type:
            merged[key.tag] = key
    return tuple(merged[tag] for tag in sorted(merged))


@cache
def wanted(record: str) -> dict[int, bytes]:
    """Tag → VR of all that is recorded of an instance with this record type."""
    keys = [*_RECORDED_OF_ALL, *RECORD_KEYS.get(record, ())]
    for level in ("PATIENT", "STUDY", "SERIES"):
        keys += [*RECORD_KEYS[level], *PROFILE_KEYS["H.3-2"].get(level, ())]
    for table in PROFILE_KEYS.values():
        keys += table.get(record, ())
    if record in ("IMAGE", "SPECTROSCOPY", "RT DOSE"):
        keys += _RECORDED_OF_IMAGES
    if record == "RT DOSE":
        keys += _IMAGE_OR_SPECTROSCOPY[:2]
    if record == "SR DOCUMENT":
        keys.append(_key(VERIFYING_OBSERVER_SEQUENCE, "SQ", "3", "VerifyingObserverSequence"))
    return {key.tag: key.vr for key in sorted(keys, key=lambda key: key.tag)}
