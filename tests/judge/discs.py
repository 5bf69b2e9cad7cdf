"""What a disc must hold, from the bytes that were sent, and what foreign readers find on it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pydicom
from pydicom.fileset import FileSet

from tests.judge.films import run
from tests.judge.part10 import file_body
from tests.judge.tap import Stored
from tests.judge.wire import EXPLICIT, IMPLICIT, Elements, encoded

FILE_ID = re.compile(r"[A-Z0-9_]{1,8}")
PIXELS = {0x00280006, 0x7FE00001, 0x7FE00002, 0x7FE00010}
"""What may change when pixels are decompressed: their encoding, and how colours are laid out in it."""


def unpacked(iso: Path, folder: Path) -> tuple[Path, list[str]]:
    """The tree of an image, and in words where its three readers do not agree."""
    readers = {
        "bsdtar": ["bsdtar", "-xf", str(iso), "-C", str(folder / "bsdtar")],
        "7z": ["7z", "x", "-bd", f"-o{folder / '7z'}", str(iso)],
        "xorriso": ["xorriso", "-osirrox", "on", "-indev", str(iso), "-extract", "/", str(folder / "xorriso")],
    }
    trees = {}
    for name, command in readers.items():
        (folder / name).mkdir(parents=True)
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        root = folder / name
        trees[name] = {str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()}
    differing = [f"{name} reads another tree than bsdtar" for name in readers if trees[name] != trees["bsdtar"]]
    return folder / "bsdtar", differing


def instances_on(disc: Path) -> dict[str, Path]:
    """SOP Instance UID → file, of all that the DICOMDIR refers to; twice the same is an error."""
    found: dict[str, Path] = {}
    directory = pydicom.dcmread(disc / "DICOMDIR")
    for record in directory.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            uid = str(record.ReferencedSOPInstanceUIDInFile)
            assert uid not in found, f"{uid} has two records"
            found[uid] = disc.joinpath(*record.ReferencedFileID)
    return found


def differences(disc: Path, sent: Iterable[Stored], pixels: Mapping[str, bytes], work: Path) -> Iterator[str]:
    """In words, everything in which a disc is not what was sent.

    `pixels` are the little-endian samples of each instance as its modality made them, colour by pixel.
    """
    files = instances_on(disc)
    below = {one for one in (disc / "DICOM").rglob("*") if one.is_file()}
    if below != set(files.values()):
        yield f"files and records: {sorted(below ^ set(files.values()))}"
    for file in below:
        if not all(FILE_ID.fullmatch(part) for part in file.relative_to(disc).parts):
            yield f"{file} is no File ID"
    wanted = {one.uid: one for one in sent if one.status == 0}
    if wanted.keys() != files.keys():
        yield f"missing {sorted(wanted.keys() - files.keys())}, nobody sent {sorted(files.keys() - wanted.keys())}"
    for uid in wanted.keys() & files.keys():
        yield from (f"{uid}: {words}" for words in file_differences(files[uid], wanted[uid], pixels[uid], work))


def file_differences(file: Path, sent: Stored, pixels: bytes, work: Path) -> Iterator[str]:
    """One file against what came over the wire."""
    if file.read_bytes()[:128] != bytes(128):
        yield "its preamble is not empty"
    transfer, body = file_body(file)
    if transfer != EXPLICIT:
        yield f"its transfer syntax is {transfer}"
    if sent.transfer == EXPLICIT and body != sent.data:
        yield "its data set is not what was sent, bit for bit"
    original = as_file(sent, work / "sent.dcm")
    if sent.transfer in (EXPLICIT, IMPLICIT):
        if dumped(file) != dumped(original):
            yield "dcmdump sees other elements"
    else:
        yield from changed(pydicom.dcmread(file), pydicom.dcmread(original))
    found = pydicom.dcmread(file)
    samples = found.pixel_array.astype("<u2" if found.BitsAllocated == 16 else "u1").tobytes()
    if samples + b"\0" * (len(samples) % 2) != pixels:
        yield "its pixels are not the modality's"


def changed(found: pydicom.Dataset, original: pydicom.Dataset) -> Iterator[str]:
    """Elements other than those of the pixels that are not the same; icons in sequences have pixels of their own."""
    for tag in sorted(set(found.keys()) | set(original.keys())):
        if int(tag) in PIXELS or tag.element == 0:
            continue  # group lengths are retired, and nobody may rely on them
        one, other = found.get(tag), original.get(tag)
        if one is not None and other is not None and one.VR == other.VR == "SQ" and len(one.value) == len(other.value):
            for item, item_before in zip(one.value, other.value, strict=True):
                yield from changed(item, item_before)
        elif one != other:
            yield f"{tag} was {other}, is {one}"


def as_file(sent: Stored, file: Path) -> Path:
    """What came over the wire as a file that other programs read."""
    meta: Elements = {
        0x00020001: ("OB", b"\0\1"),
        0x00020002: ("UI", "1.2.840.10008.5.1.4.1.1.7"),
        0x00020003: ("UI", sent.uid),
        0x00020010: ("UI", sent.transfer),
        0x00020012: ("UI", "2.25.77001122"),
    }
    body = encoded(meta, True)
    file.write_bytes(bytes(128) + b"DICM" + encoded({0x00020000: ("UL", len(body))}, True) + body + sent.data)
    return file


def dumped(file: Path) -> list[str]:
    """Elements as dcmdump tells them: tag and value, whole.

    Left out is what says nothing: VR, lengths, how sequences end, retired group lengths, spaces around numbers.
    """
    told = subprocess.run(
        ["/usr/bin/dcmdump", "-q", "+L", "-Un", str(file)], capture_output=True, check=True, timeout=60
    )
    lines = told.stdout.decode("latin-1").split("# Dicom-Data-Set")[1].splitlines()[2:]
    kept = []
    for line in lines:
        element = re.match(r"( *\([0-9a-f]{4},[0-9a-f]{4}\)) (?:\w\w|\?\?|--) (.*?) *#", line)
        if element and "fffe,e0" not in element[1] and not element[1].endswith(",0000)"):
            value = re.sub(r"\(Sequence with .*\)", "(Sequence)", element[2])
            kept.append(element[1] + " " + re.sub(r"([\[\\]) +(?=[-+.0-9])", r"\1", value))
    return kept


Tree = dict[tuple[str, ...], str]
"""Path of (type and key) of each record from its patient down → File ID, or nothing."""

KEYS = {"PATIENT": "PatientID", "STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID"}


def tree(directory: Path) -> Tree:
    """Records of a DICOMDIR as a tree, along its offsets."""
    data = pydicom.dcmread(directory)
    records: dict[int, Any] = {record.seq_item_tell: record for record in data.DirectoryRecordSequence}
    found: Tree = {}

    def walk(offset: int, above: tuple[str, ...]) -> None:
        while offset:
            record = records[offset]
            kind = str(record.DirectoryRecordType)
            key = record.get(KEYS.get(kind, "ReferencedSOPInstanceUIDInFile"))
            path = (*above, f"{kind} {key}")
            assert path not in found, path
            found[path] = "/".join(record.get("ReferencedFileID", []))
            walk(record.OffsetOfReferencedLowerLevelDirectoryEntity, path)
            offset = record.OffsetOfTheNextDirectoryRecord

    walk(data.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, ())
    return found


def directory_complaints(disc: Path, work: Path) -> Iterator[str]:
    """What dcdirdmp, dciodvfy, dcmdump, dcmmkdir and pydicom have to say against a DICOMDIR."""
    directory = disc / "DICOMDIR"
    for program in ("dcdirdmp", "dciodvfy"):
        done = subprocess.run([program, str(directory)], capture_output=True, text=True, errors="replace", timeout=60)
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        if said or done.returncode != 0:
            yield f"{program} ended with {done.returncode}: {said}"
    run("/usr/bin/dcmdump", "-q", "+P", "DirectoryRecordType", str(directory))
    theirs = work / "THEIRS"
    options = ["-Pgp", "+I", "-Nxc", "-Nec", "-Nrc", "-W", "+r"]
    built = subprocess.run(
        ["/usr/bin/dcmmkdir", *options, "+D", str(theirs), "+id", str(disc), "DICOM"], capture_output=True, timeout=60
    )
    if built.returncode != 0:
        yield f"dcmmkdir: {built.stderr.decode('latin-1')}"
    elif tree(theirs) != tree(directory):
        yield "dcmmkdir builds another tree"
    listed = {str(Path(one.path).relative_to(disc)) for one in FileSet(directory)}
    if listed != {file for file in tree(directory).values() if file}:
        yield "pydicom's FileSet lists other files"


def volume_complaints(iso: Path, disc: Path) -> Iterator[str]:
    """Volume ID = File-set ID; names of ISO 9660 level 1, without Rock Ridge, as isoinfo lists them."""
    told = run("isoinfo", "-d", "-i", str(iso))
    file_set = pydicom.dcmread(disc / "DICOMDIR").FileSetID
    if f"Volume id: {file_set}\n" not in told.replace(" \n", "\n"):
        yield f"the volume is not called {file_set}"
    for line in run("isoinfo", "-f", "-i", str(iso)).splitlines():
        for part in line.strip("/").split("/"):
            if not re.fullmatch(r"[A-Z0-9_]{1,8}|[A-Z0-9_]{1,8}\.[A-Z0-9_]{0,3};1", part):
                yield f"{line} is no name of level 1"
