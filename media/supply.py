"""What stands in a directory where an instance has nothing (PS3.11 §D.3.3.1: the creator supplies Type 1 keys).

Patient ID, Study Date, Study Time, Study ID, Series and Instance Number may be empty in an instance and must not be
empty in a DICOMDIR. Each rule here says where the value comes from; it goes into the directory alone, never into the
instance, and is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from . import records
from .elements import Item, encode_items
from .values import GOOD


@dataclass(frozen=True, slots=True)
class Supplied:
    """One value of the directory that is not the instance's own."""

    what: str
    """The attribute, by keyword."""
    where: str
    """Record type and File ID of the first file below the record: "STUDY of DICOM/PA000001/…"."""
    value: str
    """What the directory says now; "" where it would show a patient's data."""
    rule: str
    """Where it came from, or what was done to it."""

    def in_words(self) -> str:
        """For a technician."""
        value = f" {self.value!r}" if self.value else ""
        return f"{self.what} of {self.where}:{value} ({self.rule})"


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may look at."""

    source: Mapping[int, bytes]
    """The instance's directory keys, by tag."""
    position: int
    """The record's place among its siblings, from 1."""
    sop_class_uid: str
    now: datetime


Rule: TypeAlias = Callable[[Context], tuple[bytes, str]]


def _from_other(vr: bytes, *others: tuple[int, str]) -> Callable[[Context], tuple[bytes, str]]:
    """The first of these attributes that has a good value; b"" where none has."""

    def rule(context: Context) -> tuple[bytes, str]:
        for tag, keyword in others:
            value = context.source.get(tag, b"").strip(b" \0")
            if value and GOOD[vr](value):
                return value, f"taken from {keyword}"
        return b"", ""

    return rule


_DATES = (
    (records.STUDY_DATE, "Study Date"),
    (records.SERIES_DATE, "Series Date"),
    (records.ACQUISITION_DATE, "Acquisition Date"),
    (records.CONTENT_DATE, "Content Date"),
)
_TIMES = (
    (records.STUDY_TIME, "Study Time"),
    (records.SERIES_TIME, "Series Time"),
    (records.ACQUISITION_TIME, "Acquisition Time"),
    (records.CONTENT_TIME, "Content Time"),
)


def _date(*order: int) -> Rule:
    other = _from_other(b"DA", *(_DATES[at] for at in order))

    def rule(context: Context) -> tuple[bytes, str]:
        value, why = other(context)
        return (value, why) if value else (context.now.strftime("%Y%m%d").encode(), "the day this directory was made")

    return rule


def _time(*order: int) -> Rule:
    other = _from_other(b"TM", *(_TIMES[at] for at in order))

    def rule(context: Context) -> tuple[bytes, str]:
        value, why = other(context)
        return (value, why) if value else (b"000000", "no time is known")

    return rule


def _counter(prefix: str, digits: int, words: str) -> Rule:
    def rule(context: Context) -> tuple[bytes, str]:
        return f"{prefix}{context.position:0{digits}d}".encode(), words

    return rule


def _constant(value: bytes, words: str = "the instance does not say") -> Rule:
    return lambda context: (value, words)


_MIME_TYPES = {  # PS3.3 §C.24.2: the media type follows from the class
    "1.2.840.10008.5.1.4.1.1.104.1": b"application/pdf",
    "1.2.840.10008.5.1.4.1.1.104.2": b"text/XML",
    "1.2.840.10008.5.1.4.1.1.104.3": b"model/stl",
    "1.2.840.10008.5.1.4.1.1.104.4": b"model/obj",
    "1.2.840.10008.5.1.4.1.1.104.5": b"model/mtl",
}


def _mime_type(context: Context) -> tuple[bytes, str]:
    return _MIME_TYPES.get(context.sop_class_uid, b"application/octet-stream"), "by the SOP Class"


_TITLE: Item = {  # LOINC, as CID 7000 has it for a document of any kind
    0x00080100: (b"SH", b"18748-4 "),
    0x00080102: (b"SH", b"LN"),
    0x00080104: (b"LO", b"Diagnostic imaging study"),
}

RULES: dict[int, Rule] = {
    records.PATIENT_ID: _counter("NOID", 4, "no Patient ID; counted within this directory"),
    records.STUDY_DATE: _date(1, 2, 3),
    records.STUDY_TIME: _time(1, 2, 3),
    records.STUDY_ID: _counter("ST", 6, "no Study ID; counted within this patient"),
    records.MODALITY: _constant(b"OT"),
    records.SERIES_NUMBER: _counter("", 1, "no Series Number; counted within this study"),
    records.INSTANCE_NUMBER: _counter("", 1, "no Instance Number; counted within this series"),
    records.CONTENT_DATE: _date(2, 1, 0),
    records.CONTENT_TIME: _time(2, 1, 0),
    0x00700082: _date(3, 1, 0),  # Presentation Creation Date
    0x00700083: _time(3, 1, 0),
    0x00080012: _date(3, 1, 0),  # Instance Creation Date
    0x00080008: _constant(b"ORIGINAL\\PRIMARY"),  # Image Type of a spectroscopy
    0x00700080: _constant(b"UNNAMED"),  # Content Label
    0x3004000A: _constant(b"UNKNOWN"),  # Dose Summation Type
    0x30060002: _constant(b"UNNAMED"),  # Structure Set Label
    0x300A0002: _constant(b"UNNAMED"),  # RT Plan Label
    0x0040A491: _constant(b"PARTIAL"),  # Completion Flag
    0x0040A493: _constant(b"UNVERIFIED"),  # Verification Flag
    records.CONCEPT_NAME_CODE_SEQUENCE: _constant(encode_items([_TITLE])),
    0x00420012: _mime_type,
    0x00280008: _constant(b"1"),  # Number of Frames of a spectroscopy
    0x00289001: _constant(b"\1\0\0\0"),  # Data Point Rows
    0x00289002: _constant(b"\1\0\0\0"),
}
"""Tag of a Type 1 key → the rule that supplies it. Rows and Columns have none: an image without them has no size, and
the key is left out and reported."""
