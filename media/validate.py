"""Is this disc right, and if not, what is wrong with it? (PS3.10 §8, PS3.3 Annex F, PS3.11, PS3.12, IHE PDI)

`validate` looks at a folder, an ISO image or a ZIP archive as an importer would, and says in plain words what an
importer may stumble over. An error breaks a "shall" of the standard or loses an instance; a warning breaks a
recommendation or what IHE PDI asks for; a note is worth knowing. Words never hold what stands in a patient's data:
a finding is located by file, File ID or byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import records
from .dicomdir import DirectoryRecord, DirectoryTree, read_dicomdir
from .directory_reader import MAX_DIRECTORY_BYTES
from .elements import NeedMore, Unparsable
from .file_ids import COMPONENT, COMPONENTS_MAX, legal
from .instance import InstanceHeader, check_fragments, check_rest, scan_header
from .part10 import HEAD_BYTES, FileMeta, file_meta
from .validation_directory import check_directory
from .validation_report import Finding, Findings, Report, printable
from .validation_sources import Place, Severity, Source, Unreadable, open_source
from .values import mend_text

__all__ = ["Finding", "Report", "validate"]

MAX_HEADER_BYTES = 64 * 1024 * 1024

EXECUTABLE = {b"MZ": "Windows", b"\x7fELF": "Linux", b"#!": "script", b"\xca\xfe\xba\xbe": "macOS", b"PK": "archive"}
"""How programs begin: a preamble that begins so makes a file that is an instance and a program (CVE-2019-11687)."""
TIFF = (b"II*\0", b"MM\0*")
"""A preamble may make the file a TIFF too (PS3.10 §7.1)."""

GENERAL_PROFILE_SYNTAXES = frozenset(
    {"1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.70"}
    | {f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, *range(100, 107))}
)
"""Transfer syntaxes of any general purpose profile (PS3.11 Annexes D, H, J)."""


def validate(path: Path | str, progress: Callable[[float], None] | None = None) -> Report:
    """Check a disc.

    Args:
        path: a folder, an ISO image or a ZIP archive.
        progress: called with the fraction done, 0 to 1.
    """
    found = Findings()
    try:
        source = open_source(Path(path), found.add)
    except Unreadable as failure:
        found.add("error", str(failure), "PS3.12", str(path))
        return Report(str(path), "unknown", found.sorted())
    try:
        return _Check(source, found, progress or (lambda fraction: None)).report(str(path))
    finally:
        source.close()


@dataclass
class _Check:
    """The check of one open disc."""

    source: Source
    found: Findings
    progress: Callable[[float], None]
    root: Place = ()
    """Where the DICOMDIR lies: () where it belongs."""
    referenced: set[Place] = field(default_factory=set)

    def report(self, path: str) -> Report:
        self._names()
        tree = self._directory()
        references = list(tree.references()) if tree else []
        if tree:
            check_directory(tree, self.source.volume_id, self.found)
            for number, (record, above) in enumerate(references):
                self._reference(record, above)
                if number % 64 == 0:
                    self.progress(number / len(references))
        self._others()
        self._pdi(references)
        self.progress(1.0)
        return Report(
            path,
            self.source.kind,
            self.found.sorted(),
            files=len(self.source.files),
            instances=len(references),
            patients=sum(root.record_type == "PATIENT" for root in tree.roots) if tree else 0,
        )

    # Names (PS3.10 §8.2, PS3.12)

    def _names(self) -> None:
        for place in self.source.files:
            location = "/".join(place)
            if len(place) > COMPONENTS_MAX:
                self.found.add("error", "more than 8 folder levels", "PS3.12 §F.1.2.1", location)
            if self.source.kind == "iso" and not all(map(COMPONENT.fullmatch, place[:-1])):
                words = "a folder name is not 1 to 8 of A-Z 0-9 _"
                self.found.add("error", words, "PS3.12 §F.1.2", location)
            if self.source.kind == "iso" and not _level_one(place[-1]):
                self.found.add("error", "a file name is not ISO 9660 level 1", "PS3.12 §F.1.2", location)

    # The directory

    def _directory(self) -> DirectoryTree | None:
        place = self._find_directory()
        if place is None:
            return None
        size = self.source.files[place]
        try:
            data = self.source.read(place, 0, min(size, MAX_DIRECTORY_BYTES + 1))
            self._preamble(data[:132], "/".join(place))
            tree = read_dicomdir(data)
        except OSError as failure:
            self.found.add("error", f"the DICOMDIR cannot be read: {failure}", "PS3.10 §8.6", "DICOMDIR")
            return None
        except Unparsable as failure:
            self.found.add("error", f"the DICOMDIR is no directory: {failure}", "PS3.10 §8.6", "DICOMDIR")
            return None
        for problem in tree.problems:
            self.found.add("error", f"DICOMDIR: {problem}", "PS3.3 §F.3", "DICOMDIR")
        return tree

    def _find_directory(self) -> Place | None:
        named = sorted((place for place in self.source.files if place[-1].upper() == "DICOMDIR"), key=len)
        if not named:
            self.found.add("error", "there is no DICOMDIR", "PS3.10 §8.6", "/")
            return None
        place = named[0]
        if len(place) > 1:
            self.found.add("error", "the DICOMDIR is not in the root", "PS3.12 §F.1.2.2", "/".join(place))
        if place[-1] != "DICOMDIR":
            severity: Severity = "warning" if self.source.kind == "folder" else "error"
            words = "the DICOMDIR's name is not in upper case"  # a mounted disc may show it so
            self.found.add(severity, words, "PS3.10 §8.6", "/".join(place))
        for other in named[1:]:
            self.found.add("error", "there is a second DICOMDIR", "PS3.10 §8.6", "/".join(other))
        self.root = place[:-1]
        self.referenced.add(place)
        return place

    # References

    def _reference(self, record: DirectoryRecord, above: tuple[DirectoryRecord, ...]) -> None:
        file_id = record.file_id
        location = "/".join(file_id)
        if not legal(file_id):
            words = "a File ID is not 1 to 8 parts of 1 to 8 of A-Z 0-9 _"
            if any(part in ("", ".", "..") or set(part) & set("/\\:") for part in file_id):
                words = "a File ID leads out of the File-set; it was not followed"
            self.found.add("error", words, "PS3.10 §8.2", location)
        place = self._file_of(file_id)
        if place is None:
            self.found.add("error", "a referenced file is not there", "PS3.10 §8.6", location)
            return
        if place in self.referenced:
            self.found.add("error", "a file is referenced by two records", "PS3.3 §F.3.2.2", location)
        self.referenced.add(place)
        self._instance(record, above, place, location)

    def _file_of(self, file_id: Place) -> Place | None:
        """The file of a File ID; names that a mount or a careless copy changed are found and reported."""
        place = (*self.root, *file_id)
        if place in self.source.files:
            return place
        for words, candidate in (
            ("the file's name is in lower case", self._folded.get(tuple(part.upper() for part in place))),
            (
                "the file has an extension",
                self._folded.get((*(part.upper() for part in place[:-1]), f"{place[-1]}.DCM")),
            ),
        ):
            if candidate is not None:
                severity: Severity = "warning" if self.source.kind == "folder" else "error"
                self.found.add(severity, f"{words}, unlike its File ID", "PS3.10 §8.2", "/".join(candidate))
                return candidate
        return None

    @property
    def _folded(self) -> dict[Place, Place]:
        if self._folded_names is None:
            self._folded_names = {tuple(part.upper() for part in place): place for place in self.source.files}
        return self._folded_names

    _folded_names: dict[Place, Place] | None = None

    def _instance(
        self, record: DirectoryRecord, above: tuple[DirectoryRecord, ...], place: Place, location: str
    ) -> None:
        try:
            head = self.source.read(place, 0, HEAD_BYTES)
        except OSError as failure:
            self.found.add("error", f"a referenced file cannot be read: {failure}", "PS3.10 §8.6", location)
            return
        self._preamble(head[:132], location)
        try:
            meta = file_meta(head)
        except Unparsable as failure:
            self.found.add("error", f"a referenced file is not a DICOM file: {failure}", "PS3.10 §7.1", location)
            return
        for said, listed, words in (
            (meta.sop_class_uid, record.sop_class_uid, "SOP Class UID"),
            (meta.sop_instance_uid, record.sop_instance_uid, "SOP Instance UID"),
            (meta.transfer_syntax_uid, record.transfer_syntax_uid, "Transfer Syntax UID"),
        ):
            if said != listed:
                self.found.add("error", f"{words} differs between record and file", "PS3.3 §F.3.2.2", location)
        syntax = meta.transfer_syntax_uid
        if syntax not in GENERAL_PROFILE_SYNTAXES:
            words = f"transfer syntax {printable(syntax)} is in no general purpose profile; many importers refuse it"
            self.found.add("warning", words, "PS3.11 §D.3, §H.3", location)
        try:
            header = self._header(place, head, meta)
            self._rest(place, meta, header)
        except (Unparsable, OSError) as failure:
            self.found.add("error", f"a referenced file is damaged: {failure}", "PS3.10 §7", location)
            return
        self._same(header, record, above, location)

    def _header(self, place: Place, head: bytes, meta: FileMeta) -> InstanceHeader:
        size = self.source.files[place]
        try:
            return scan_header(head[meta.data_offset :], meta.transfer_syntax_uid, complete=size <= len(head))
        except NeedMore:
            if size <= len(head):
                raise
            data = self.source.read(place, meta.data_offset, MAX_HEADER_BYTES)
            complete = meta.data_offset + len(data) >= size
            return scan_header(data, meta.transfer_syntax_uid, complete=complete)

    def _rest(self, place: Place, meta: FileMeta, header: InstanceHeader) -> None:
        """What stands behind the header must be there too: of a copy that broke off, the pixels are missing."""

        def read(position: int, count: int) -> bytes:
            return self.source.read(place, meta.data_offset + position, count)

        size = self.source.files[place] - meta.data_offset
        check_rest(read, header.read_bytes, size, meta.transfer_syntax_uid)
        check_fragments(read, header.read_bytes, size, meta.transfer_syntax_uid)

    def _same(
        self, header: InstanceHeader, record: DirectoryRecord, above: tuple[DirectoryRecord, ...], location: str
    ) -> None:
        upper = {one.record_type: one for one in above}
        pairs = [("SOP Instance UID", header.sop_instance_uid, record.sop_instance_uid)]
        pairs.append(("SOP Class UID", header.sop_class_uid, record.sop_class_uid))
        if "SERIES" in upper:
            own = upper["SERIES"].text(records.SERIES_INSTANCE_UID)
            pairs.append(("Series Instance UID", header.series_instance_uid, own))
        if "STUDY" in upper and upper["STUDY"].text(records.STUDY_INSTANCE_UID):
            own = upper["STUDY"].text(records.STUDY_INSTANCE_UID)
            pairs.append(("Study Instance UID", header.study_instance_uid, own))
        if "PATIENT" in upper and header.patient_id:
            own = mend_text(b"LO", header.patient_id).value  # as long, and with such signs, as a directory may have it
            pairs.append(("Patient ID", own, mend_text(b"LO", upper["PATIENT"].text(records.PATIENT_ID)).value))
        for words, found, listed in pairs:
            if found != listed:
                self.found.add("error", f"{words} differs between directory and data set", "PS3.3 §F.5", location)
        expected = records.record_type(header.sop_class_uid)
        if expected != record.record_type and header.sop_class_uid in records.STORAGE_CLASSES:
            words = f"a {record.record_type} record refers to an object that needs {expected}"
            self.found.add("warning", words, "PS3.3 §F.4", location)

    def _preamble(self, head: bytes, location: str) -> None:
        preamble = head[:128]
        if head[128:132] != b"DICM" or not any(preamble) or preamble.startswith(TIFF):
            return
        program = next((name for start, name in EXECUTABLE.items() if preamble.startswith(start)), "")
        if program:
            words = f"the preamble makes this file a program too ({program}); do not open it"
            self.found.add("error", words, "PS3.10 §7.5", location)
        else:
            self.found.add("warning", "the preamble is neither zero nor TIFF", "PS3.10 §7.1", location)

    # What no record refers to, and IHE PDI

    def _others(self) -> None:
        for place in self._unreferenced():
            try:
                head = self.source.read(place, 0, 132)
            except OSError as failure:
                self.found.add("error", f"a file cannot be read: {failure}", "PS3.12", "/".join(place))
                continue
            if head[128:132] == b"DICM":
                words = "a DICOM file that no record refers to: importers will not see it"
                self.found.add("error", words, "PS3.11 §D.3.3", "/".join(place))
                self._preamble(head, "/".join(place))

    def _unreferenced(self) -> Iterator[Place]:
        return (place for place in self.source.files if place not in self.referenced)

    def _pdi(self, references: Iterable[tuple[DirectoryRecord, tuple[DirectoryRecord, ...]]]) -> None:
        top = {place[len(self.root)].upper() for place in self.source.files if place[: len(self.root)] == self.root}
        pdi = "IHE RAD TF-3 §4.47"
        if "README.TXT" not in top:
            self.found.add("warning", "there is no README.TXT", pdi, "/")
        if "IHE_PDI" in top and "INDEX.HTM" not in top:
            self.found.add("error", "there is web content (IHE_PDI) but no INDEX.HTM", pdi, "/")
        if "AUTORUN.INF" in top:
            self.found.add("warning", "there is an AUTORUN.INF: nobody may rely on it", pdi, "AUTORUN.INF")
        if "IHE_PDI" in {record.file_id[0] for record, _ in references}:
            self.found.add("error", "instances lie in IHE_PDI", pdi, "IHE_PDI")
        folders = {(*self.root, *record.file_id[:-1]) for record, _ in references if len(record.file_id) > 1}
        for place in self._unreferenced():
            if place[:-1] in folders:
                words = "a file that is no instance lies in a folder of instances"
                self.found.add("warning", words, pdi, "/".join(place))


def _level_one(name: str) -> bool:
    """True for eight characters, a dot and three (ISO 9660 level 1), version left out."""
    stem, dot, extension = name.partition(".")
    return bool(COMPONENT.fullmatch(stem)) and (
        not dot or (len(extension) <= 3 and bool(COMPONENT.fullmatch(extension)))
    )
