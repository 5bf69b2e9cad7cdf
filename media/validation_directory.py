"""Is the directory itself right: its records, their order and their keys? (PS3.3 Annex F)"""

from __future__ import annotations

from collections import Counter

from . import records
from .dicomdir import DirectoryRecord, DirectoryTree
from .directory_reader import EXPECTED_PARENT
from .file_ids import FILE_SET_ID
from .records import DISPUTED_KEYS, RECORD_KEYS, RETIRED, ROOT_RECORD_KEYS, Key
from .validation_report import Findings, printable
from .validation_sources import Severity
from .values import GOOD

_KEYS = RECORD_KEYS | ROOT_RECORD_KEYS
_UNIQUE = {
    "PATIENT": records.PATIENT_ID,
    "STUDY": records.STUDY_INSTANCE_UID,
    "SERIES": records.SERIES_INSTANCE_UID,
    "": 0x00041511,
}
_TWICE = {"PATIENT": "one Patient ID", "STUDY": "one study", "SERIES": "one series", "file": "one instance"}
_CHECKED = frozenset({b"CS", b"DA", b"DT", b"IS", b"TM", b"UI"})


def where(record: DirectoryRecord) -> str:
    return "/".join(record.file_id) or f"{record.record_type} record at byte {record.offset}"


def _words(key: Key) -> str:
    return f"{key.keyword} ({key.tag >> 16:04X},{key.tag & 0xFFFF:04X})"


def check_directory(tree: DirectoryTree, volume_id: str | None, found: Findings) -> None:
    """Check a directory without looking at the files that it refers to.

    Args:
        volume_id: Volume Identifier of the ISO image that it lies on; None where there is none.
    """
    _file_set(tree, volume_id, found)
    _tree(tree, found)


def _file_set(tree: DirectoryTree, volume: str | None, found: Findings) -> None:
    if not FILE_SET_ID.fullmatch(tree.file_set_id):
        found.add("error", "the File-set ID is not up to 16 of A-Z 0-9 _", "PS3.3 §F.3.2.1", "DICOMDIR")
    if not GOOD[b"UI"](tree.file_set_uid.encode("ascii", "replace")):
        found.add("error", "the DICOMDIR has no File-set UID", "PS3.3 §F.3.2.1", "DICOMDIR")
    if volume is not None and volume != tree.file_set_id:
        words = "the Volume Identifier of the image is not the File-set ID"
        found.add("error", words, "PS3.12 §F.1.1", "volume descriptor")
    if not tree.records:
        found.add("warning", "the directory is empty", "PS3.3 §F.3", "DICOMDIR")


def _tree(tree: DirectoryTree, found: Findings) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for record, above in tree.walk():
        location = where(record)
        _place_in_tree(record, above, location, found)
        _keys(record, location, found)
        if record.value(0x00041410) not in (b"\xff\xff", b""):
            found.add("error", "a record's in-use flag is not FFFFH", "PS3.3 §F.3.2.2", location)
        for kind, tag in _UNIQUE.items():
            if record.record_type == kind or (kind == "" and record.file_id):
                seen[kind or "file", record.text(tag)] += 1
    for (kind, _), count in seen.items():
        if count > 1:
            words = f"{_TWICE[kind]} has more than one record"
            found.add("error", words, "PS3.3 §F.3.2.2", f"{count} records")


def _place_in_tree(record: DirectoryRecord, above: tuple[DirectoryRecord, ...], location: str, found: Findings) -> None:
    if record.record_type not in _KEYS:
        severity: Severity = "warning" if record.record_type in RETIRED else "error"
        words = "a retired record type" if record.record_type in RETIRED else "an unknown record type"
        found.add(severity, f"{words}: {printable(record.record_type)}", "PS3.3 §F.4", location)
    parent = above[-1].record_type if above else None
    if record.record_type == "PRIVATE" or record.record_type in RETIRED:
        return  # may stand anywhere
    expected = EXPECTED_PARENT.get(record.level)
    if parent != expected:
        words = f"a {record.record_type} record stands under {parent or 'the root'}, not {expected or 'the root'}"
        found.add("error", words, "PS3.3 §F.4", location)


def _keys(record: DirectoryRecord, location: str, found: Findings) -> None:
    if record.record_type in DISPUTED_KEYS:
        return
    for key in _KEYS.get(record.record_type, ()):
        entry = record.elements.get(key.tag)
        value = entry[1] if entry else b""
        plain = value.strip(b"\0 ") if isinstance(value, bytes) and key.vr not in (b"US", b"UL") else value
        name = f"{record.record_type}: {_words(key)}"
        if key.type == "1" and not plain:
            found.add("error", f"{name} is missing or empty", "PS3.3 §F.5", location)
        elif key.type == "2" and entry is None:
            found.add("error", f"{name} is missing", "PS3.3 §F.5", location)
        elif isinstance(plain, bytes) and plain and key.vr in _CHECKED and not GOOD[key.vr](plain):
            found.add("warning", f"{name} breaks the rules of its kind ({key.vr.decode()})", "PS3.5 §6.2", location)
