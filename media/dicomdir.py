"""DICOMDIR: the directory of a File-set, written in one pass (PS3.3 Annex F, PS3.10 §8.6).

Records stand in the file depth first: a patient, its first study, that study's first series, its instances, the next
series. So the first lower-level record of any record begins where the record itself ends, and the next record of the
same level begins where its whole branch ends. Sizes are known before anything is written, hence every offset is, and
the file is written from front to back. The same entries, clock and UID give the same bytes.

What an instance says stands in its directory keys (`media.instance`); `media.record_bodies` makes records of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from . import records
from .directory_reader import DirectoryRecord, DirectoryTree, read_dicomdir
from .elements import Item, encode_element, encode_items
from .file_ids import FILE_SET_ID, legal
from .identity import same_name
from .record_bodies import RecordBodies, parse_keys, text_of, where_of
from .records import KeyTable, record_type
from .store import file_head
from .supply import Supplied

__all__ = [
    "DirectoryEntry",
    "DirectoryRecord",
    "DirectoryTree",
    "Icon",
    "Supplied",
    "parse_keys",
    "read_dicomdir",
    "write_dicomdir",
]

_ITEM = struct.Struct("<HHL HH2sHL HH2sHH HH2sHL")
"""Item header, (0004,1400), (0004,1410), (0004,1420): what every record begins with."""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One file of the File-set that the directory refers to."""

    file_id: tuple[str, ...]
    keys: bytes
    """Directory keys of the instance, as `scan_header` made them."""
    transfer_syntax_uid: str
    """Of the file as it lies on the medium."""


@dataclass(frozen=True, slots=True)
class Icon:
    """A small picture of a series: 8-bit samples, one a pixel, row by row (PS3.3 §F.7)."""

    rows: int
    columns: int
    pixels: bytes
    palette: bytes | None = None
    """Red, green and blue of 256 entries, 8 bit each; None for grey (0 is black)."""

    def __post_init__(self) -> None:
        if len(self.pixels) != self.rows * self.columns or not 0 < self.rows * self.columns <= 256 * 256:
            raise ValueError("an icon is rows × columns bytes, at most 256 × 256")
        if self.palette is not None and len(self.palette) != 768:
            raise ValueError("an icon's palette is 256 entries of 3 bytes")


@dataclass(slots=True)
class _Branch:
    """A record above the instances, and what stands below it."""

    body: bytes
    branches: list[_Branch] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    names: set[str] | None = None
    size: int = 0


def write_dicomdir(
    entries: Iterable[DirectoryEntry],
    *,
    file_set_id: str,
    file_set_uid: str,
    out: BinaryIO,
    now: datetime,
    icons: Mapping[str, Icon] | None = None,
    key_table: KeyTable = "D.3-2",
) -> tuple[Supplied, ...]:
    """Write the DICOMDIR of a File-set.

    Args:
        entries: the files, in the order in which patients, studies, series and instances shall stand.
        file_set_id: (0004,1130), up to 16 of A-Z 0-9 _; may be empty.
        file_set_uid: becomes the SOP Instance UID of the DICOMDIR.
        now: for dates that nothing else supplies.
        icons: by Series Instance UID.
        key_table: the table of PS3.11 that the profile of the medium names.

    Returns:
        Every value of the directory that is not an instance's own, in the order of the records.

    Raises:
        ValueError: a File ID or File-set ID that PS3.10 §8.2 forbids, the same File ID or SOP Instance UID twice, or
            an object of no patient.
        Unparsable: damaged directory keys.
    """
    if not FILE_SET_ID.fullmatch(file_set_id):
        raise ValueError("a File-set ID is up to 16 of A-Z 0-9 _")
    builder = _Builder(now, icons or {}, key_table)
    for entry in entries:
        builder.add(entry)
    # A patient whose only study stands under another patient already has nothing below it: no record.
    _write([patient for patient in builder.patients if patient.branches], file_set_id, file_set_uid, out)
    return builder.supplied


class _Builder:
    """Gathers entries under their patients, studies and series."""

    def __init__(self, now: datetime, icons: Mapping[str, Icon], key_table: KeyTable) -> None:
        self.patients: list[_Branch] = []
        self._bodies = RecordBodies(now, key_table)
        self._icons = icons
        self._by_patient: dict[str, _Branch] = {}
        self._by_study: dict[bytes, tuple[_Branch, _Branch]] = {}
        self._by_series: dict[bytes, tuple[_Branch, _Branch]] = {}
        self._seen: set[bytes] = set()
        self._prefixes: dict[tuple[bytes, str], tuple[str, bytes, bytes]] = {}

    @property
    def supplied(self) -> tuple[Supplied, ...]:
        return tuple(self._bodies.supplied)

    def add(self, entry: DirectoryEntry) -> None:
        source = parse_keys(entry.keys)
        record, head, syntax = self._prefix(source.get(records.SOP_CLASS_UID, b""), entry.transfer_syntax_uid)
        instance_uid = source.get(records.SOP_INSTANCE_UID, b"")
        file_id = "\\".join(entry.file_id).encode("ascii", "replace")
        if not legal(entry.file_id):
            raise ValueError(f"{file_id!r} is not a File ID")
        if instance_uid in self._seen or file_id in self._seen:
            raise ValueError(f"{file_id!r}: this File ID or its instance stands in the directory already")
        self._seen.add(instance_uid)
        self._seen.add(file_id)
        # PS3.3 table F.3-3: where the instance names general classes, for readers that do not know its own.
        general = source.get(records.RELATED_GENERAL_SOP_CLASS_UID, b"")
        series = self._series(source, entry)
        own = self._bodies.body(record, source, entry.file_id, len(series.leaves) + 1)
        series.leaves.append(
            b"".join(
                (
                    head,
                    encode_element(0x00041500, b"CS", file_id),
                    encode_element(0x00041510, b"UI", source[records.SOP_CLASS_UID]),
                    encode_element(0x00041511, b"UI", instance_uid),
                    syntax,
                    encode_element(0x0004151A, b"UI", general) if general else b"",
                    own,
                )
            )
        )

    def _prefix(self, sop_class: bytes, transfer_syntax_uid: str) -> tuple[str, bytes, bytes]:
        """Record type of a class, and the elements that are the same in all its records of one transfer syntax."""
        known = self._prefixes.get((sop_class, transfer_syntax_uid))
        if known is None:
            uid = sop_class.rstrip(b"\0 ").decode("ascii", "replace")
            record = record_type(uid)
            if not records.for_patient_discs(uid):
                raise ValueError(f"objects of class {uid} belong to no patient")
            head = _record_type_element(record)
            if record == "PRIVATE":
                head += encode_element(0x00041432, b"UI", records.PRIVATE_RECORD_UID.encode("ascii"))
            known = (record, head, encode_element(0x00041512, b"UI", transfer_syntax_uid.encode("ascii")))
            self._prefixes[sop_class, transfer_syntax_uid] = known
        return known

    def _series(self, source: Mapping[int, bytes], entry: DirectoryEntry) -> _Branch:
        """The SERIES branch of an instance, made with what stands above it if this is its first."""
        patient_id = text_of(source, records.PATIENT_ID)
        name = text_of(source, records.PATIENT_NAME)
        key = patient_id or "\0" + same_name(name)  # no Patient ID: as many patients as there are names
        patient = self._by_patient.get(key)
        if patient is None:
            patient = self._branch("PATIENT", source, entry, len(self.patients) + 1)
            patient.names = {name}
            self._by_patient[key] = patient
            self.patients.append(patient)
        elif patient.names is not None and name not in patient.names:
            self._other_name(patient.names, name, entry)
        return self._below(source, entry, patient)

    def _other_name(self, names: set[str], name: str, entry: DirectoryEntry) -> None:
        if all(same_name(name) != same_name(known) for known in names):
            rule = "another name under the same Patient ID; the directory shows the first"
            self._bodies.supplied.append(Supplied("PatientName", where_of("PATIENT", entry.file_id), "", rule))
        if len(names) < 16:
            names.add(name)

    def _below(self, source: Mapping[int, bytes], entry: DirectoryEntry, patient: _Branch) -> _Branch:
        study_uid = source.get(records.STUDY_INSTANCE_UID, b"")
        series_uid = source.get(records.SERIES_INSTANCE_UID, b"")
        owner, study = self._by_study.get(study_uid, (None, None))
        if study is None:
            owner, study = patient, self._branch("STUDY", source, entry, len(patient.branches) + 1)
            patient.branches.append(study)
            self._by_study[study_uid] = owner, study
        elif owner is not patient:
            self._misplaced("StudyInstanceUID", "another patient", entry)
        owner, series = self._by_series.get(series_uid, (None, None))
        if series is None:
            owner, series = study, self._branch("SERIES", source, entry, len(study.branches) + 1)
            uid = series_uid.rstrip(b"\0 ").decode("ascii", "replace")
            if (icon := self._icons.get(uid)) is not None:
                series.body += _icon_element(icon)
            study.branches.append(series)
            self._by_series[series_uid] = owner, series
        elif owner is not study:
            self._misplaced("SeriesInstanceUID", "another study", entry)
        return series

    def _misplaced(self, keyword: str, owner: str, entry: DirectoryEntry) -> None:
        rule = f"stands under {owner} already; listed there"
        self._bodies.supplied.append(Supplied(keyword, "/".join(entry.file_id), "", rule))

    def _branch(self, record: str, source: Mapping[int, bytes], entry: DirectoryEntry, position: int) -> _Branch:
        return _Branch(_record_type_element(record) + self._bodies.body(record, source, entry.file_id, position))


def _record_type_element(record: str) -> bytes:
    return encode_element(0x00041430, b"CS", record.encode("ascii"))


def _icon_element(icon: Icon) -> bytes:
    def us(value: int) -> bytes:
        return struct.pack("<H", value)

    item: Item = {
        0x00280002: (b"US", us(1)),
        0x00280004: (b"CS", b"MONOCHROME2" if icon.palette is None else b"PALETTE COLOR"),
        0x00280010: (b"US", us(icon.rows)),
        0x00280011: (b"US", us(icon.columns)),
        0x00280100: (b"US", us(8)),
        0x00280101: (b"US", us(8)),
        0x00280102: (b"US", us(7)),
        0x00280103: (b"US", us(0)),
        0x7FE00010: (b"OW", icon.pixels),
    }
    if icon.palette is not None:
        for at in range(3):
            item[0x00281101 + at] = (b"US", us(256) + us(0) + us(16))
            spread = bytes(byte for value in icon.palette[at::3] for byte in (value, value))
            item[0x00281201 + at] = (b"OW", spread)
    return encode_element(records.ICON_IMAGE_SEQUENCE, b"SQ", encode_items([item]))


def _write(patients: list[_Branch], file_set_id: str, file_set_uid: str, out: BinaryIO) -> None:
    for patient in patients:
        for study in patient.branches:
            for series in study.branches:
                series.size = _ITEM.size + len(series.body) + sum(map(len, series.leaves))
                series.size += _ITEM.size * len(series.leaves)
            study.size = _ITEM.size + len(study.body) + sum(series.size for series in study.branches)
        patient.size = _ITEM.size + len(patient.body) + sum(study.size for study in patient.branches)
    head = file_head(records.MEDIA_STORAGE_DIRECTORY, file_set_uid, "1.2.840.10008.1.2.1")
    head += encode_element(0x00041130, b"CS", file_set_id.encode("ascii"))
    first = len(head) + 12 + 12 + 10 + 12  # after both root offsets, the consistency flag and the sequence header
    size = sum(patient.size for patient in patients)
    last = first + size - patients[-1].size if patients else 0
    head += encode_element(0x00041200, b"UL", struct.pack("<L", first if patients else 0))
    head += encode_element(0x00041202, b"UL", struct.pack("<L", last))
    head += encode_element(0x00041212, b"US", b"\0\0")
    head += struct.pack("<HH2sHL", 0x0004, 0x1220, b"SQ", 0, size)
    out.write(head)
    _write_branches(patients, first, out)


def _write_branches(branches: list[_Branch], offset: int, out: BinaryIO) -> None:
    """One level of records with all that stands below, from `offset` on; three levels deep and no more."""
    for number, branch in enumerate(branches, 1):
        following = offset + branch.size if number < len(branches) else 0
        below = offset + _ITEM.size + len(branch.body)
        out.write(_links(len(branch.body), following, below) + branch.body)
        if branch.leaves:
            _write_leaves(branch.leaves, below, out)
        else:
            _write_branches(branch.branches, below, out)
        offset += branch.size


def _write_leaves(leaves: list[bytes], offset: int, out: BinaryIO) -> None:
    parts: list[bytes] = []
    for body in leaves:
        offset += _ITEM.size + len(body)
        parts += (_links(len(body), offset, 0), body)
    parts[-2] = _links(len(leaves[-1]), 0, 0)
    out.write(b"".join(parts))


def _links(body_bytes: int, following: int, below: int) -> bytes:
    """Item header and the three elements that tie a record to the others; its keys follow."""
    length = _ITEM.size - 8 + body_bytes
    return _ITEM.pack(
        *(0xFFFE, 0xE000, length),
        *(0x0004, 0x1400, b"UL", 4, following),
        *(0x0004, 0x1410, b"US", 2, 0xFFFF),
        *(0x0004, 0x1420, b"UL", 4, below),
    )
