"""Directories over every storable file of the corpus, judged by DCMTK, dicom3tools and pydicom.

Files are staged as the appliance stages them: the data set as received behind a file meta of ours. `dcmmkdir` builds
its own directory over the same files, and both must be the same tree with the same keys and values; where it has no
rule to invent a missing value, it gets a copy of the instance with the value that our directory reported.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.fileset import FileSet

from media.dicomdir import DirectoryEntry, DirectoryTree, Icon, Supplied, read_dicomdir, write_dicomdir
from media.file_ids import FileIDs
from media.instance import InstanceHeader, Unparsable
from media.part10 import scan_file
from media.records import KeyTable
from media.store import file_head
from media.validate import validate
from tests.corpus import CORPUS, require_corpus
from tests.media.builders import instance
from tests.media.test_dicomdir import BY_RECORD, directory

require_corpus()
pytestmark = pytest.mark.peers("dcmtk", "dicom3tools")

NOW = datetime(2026, 3, 4, 5, 6, 7)
NO_INSTANCE = {"color/HTJ2K_08_RGB.dcm": "the data set has no Study Instance UID"}
"""Storable by its SOP Class, but nothing that may stand on a disc."""


@dataclass
class File:
    path: Path
    data: bytes
    syntax: str
    header: InstanceHeader


def storable() -> dict[str, list[File]]:
    """Every storable file of the corpus by its patient, one of each instance."""
    groups: dict[str, dict[str, File]] = defaultdict(dict)
    with (CORPUS / "manifest.csv").open() as manifest:
        rows = [row for row in csv.DictReader(manifest) if row["storable"] == "yes"]
    refused = {}
    for row in rows:
        path = CORPUS / row["path"]
        try:
            header, meta = scan_file(path)
        except Unparsable as failure:
            refused[row["path"]] = str(failure)
            continue
        name = f"{header.patient_id or 'no-id'} {header.patient_name}"
        file = File(path, path.read_bytes()[meta.data_offset :], meta.transfer_syntax_uid, header)
        groups[name].setdefault(header.sop_instance_uid, file)
    assert refused == NO_INSTANCE
    return {name: list(files.values()) for name, files in sorted(groups.items())}


GROUPS = storable()


def test_every_storable_file_is_judged() -> None:
    assert len(GROUPS) > 40
    assert sum(map(len, GROUPS.values())) > 125


@dataclass
class Disc:
    folder: Path
    supplied: tuple[Supplied, ...]
    tree: DirectoryTree


def make(folder: Path, files: list[File], table: KeyTable) -> Disc:
    ids = FileIDs()
    entries = []
    for file in files:
        header = file.header
        file_id = ids.of(header.patient_id, header.study_instance_uid, header.series_instance_uid)
        place = folder.joinpath(*file_id)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file_head(header.sop_class_uid, header.sop_instance_uid, file.syntax) + file.data)
        entries.append(DirectoryEntry(file_id, header.keys, file.syntax))
    with (folder / "DICOMDIR").open("wb") as out:
        supplied = write_dicomdir(
            entries, file_set_id="CORPUS", file_set_uid="1.2.826.0.1", out=out, now=NOW, key_table=table
        )
    return Disc(folder, supplied, read_dicomdir((folder / "DICOMDIR").read_bytes()))


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("latin-1")


TABLES = pytest.mark.parametrize("table", ["D.3-2", "H.3-2"])
EVERYONE = pytest.mark.parametrize("patient", GROUPS)

TOLERATED = re.compile(
    "|".join(
        (
            # dciodvfy knows the keys of the Basic Directory IOD, not those that PS3.11 D.3-2 and H.3-2 add.
            "Attribute is not present in standard DICOM IOD",
            "Dicom dataset contains attributes not present in standard DICOM IOD",
            # What the instance says, word for word.
            "Retired Person Name form",
            "Illegal root for UID",
            "Leading zeroes in embedded numeric component",
            "Unrecognized defined term <TEST>",
            "Dicom dataset contains invalid data values for Value Representations",
        )
    )
)


@TABLES
@EVERYONE
def test_dicom3tools_and_dcmdump_find_nothing(patient: str, table: KeyTable, tmp_path: Path) -> None:
    disc = make(tmp_path, GROUPS[patient], table)
    assert disc.tree.problems == ()
    for tool in ("dciodvfy", "dcdirdmp"):
        _, said = run(f"/usr/bin/{tool}", tmp_path / "DICOMDIR")
        complaints = [line for line in said.splitlines() if re.match("(Error|Warning)", line)]
        assert [line for line in complaints if not TOLERATED.search(line)] == []
        errors = [line for line in complaints if line.startswith("Error") and "Illegal root" not in line]
        assert not errors or any("eading zeroes" in line for line in errors)
    code, said = run("/usr/bin/dcmdump", "-q", tmp_path / "DICOMDIR")
    assert code == 0


DCENTVFY_CANNOT_READ = {"123456 Dog^AVeryGood", "id11111 Lastname^Firstname"}
"""Pixel data of an odd length, and pixels of 32 bits as OW: it stops at the files as they were received, too."""


@EVERYONE
def test_dcentvfy_finds_patients_studies_and_series_that_agree(patient: str, tmp_path: Path) -> None:
    if patient in DCENTVFY_CANNOT_READ:
        assert run("/usr/bin/dcentvfy", *(file.path for file in GROUPS[patient]))[0] != 0
        return
    make(tmp_path, GROUPS[patient], "D.3-2")
    code, said = run("/usr/bin/dcentvfy", *(file for file in tmp_path.glob("DICOM/**/*") if file.is_file()))
    assert (code, [line for line in said.splitlines() if "Error" in line]) == (0, [])


@EVERYONE
def test_pydicom_reads_the_file_set(patient: str, tmp_path: Path) -> None:
    make(tmp_path, GROUPS[patient], "D.3-2")
    read = list(FileSet(tmp_path / "DICOMDIR"))
    assert {found.SOPInstanceUID for found in read} == {file.header.sop_instance_uid for file in GROUPS[patient]}
    for found in read:
        assert found.load().SOPInstanceUID == found.SOPInstanceUID


@EVERYONE
def test_our_own_validation_agrees(patient: str, tmp_path: Path) -> None:
    make(tmp_path, GROUPS[patient], "H.3-2")
    report = validate(tmp_path)
    assert report.ok, [str(finding) for finding in report.findings]
    assert report.instances == len(GROUPS[patient])


PROFILE = {"D.3-2": "--general-purpose", "H.3-2": "--general-dvd-jpeg"}
CANNOT_INVENT = {"INTEROP-1435 INTEROP^SYNTHETIC", "PARITY-1224-KOS PARITY^KOS", "cookie-47 nameless waterfall"}
"""Patients with instances that lack a Type 1 value for which dcmmkdir has no rule."""


def judge(disc: Disc, table: KeyTable, out: Path) -> tuple[int, str]:
    command = ["/usr/bin/dcmmkdir", "+D", str(out), "+F", "CORPUS", PROFILE[table], "-Nxc", "-Nec", "-Nrc", "-W", "+I"]
    done = subprocess.run(
        [*command, "+r", "+id", str(disc.folder), "DICOM"],
        capture_output=True,
        env={**os.environ, "TCP_NODELAY": "1"},
        check=False,
    )
    return done.returncode, done.stderr.decode("latin-1")


def lend(disc: Disc) -> None:
    """Give the staged copies the values that our directory supplied."""
    for row in disc.supplied:
        record, _, place = row.where.partition(" of ")
        if record not in ("PATIENT", "STUDY"):
            data = dcmread(disc.folder / place)
            setattr(data, row.what, row.value)
            data.save_as(disc.folder / place)


def content(tree: DirectoryTree, ignored: set[str], patients: bool) -> dict[tuple[str, ...], dict[str, Any]]:
    """Every record by its place, with its keys as text."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for record, above in tree.walk():
        if record.record_type == "PATIENT" and not patients:
            continue
        place = [one.text(0x0020000D) or one.text(0x0020000E) for one in (*above[1:], record)]
        place += [record.record_type, *record.file_id, record.sop_class_uid, record.sop_instance_uid]
        keys = {f"{tag:08X}": record.text(tag) for tag in record.elements if tag >> 16 != 4 and tag != 0x00080005}
        found[(*place, record.transfer_syntax_uid)] = {
            tag: "" if tag in ignored else text for tag, text in keys.items()
        }
    return found


@TABLES
@EVERYONE
def test_dcmmkdir_builds_the_same_tree(patient: str, table: KeyTable, tmp_path: Path) -> None:
    (tmp_path / "disc").mkdir()
    disc = make(tmp_path / "disc", GROUPS[patient], table)
    code, said = judge(disc, table, tmp_path / "THEIRS")
    if patient in CANNOT_INVENT:
        assert code == 1 and "no good files" in said
        lend(disc)
        code, said = judge(disc, table, tmp_path / "THEIRS")
    if "Rows" in {row.what for row in disc.supplied}:
        assert table == "H.3-2" and code == 1 and "required attribute Rows" in said
        return
    assert code == 0, said
    theirs = read_dicomdir((tmp_path / "THEIRS").read_bytes())
    ours_alone = {f"{tag_for_keyword(row.what) or 0:08X}" for row in disc.supplied}
    no_id = patient.startswith("no-id")  # dcmmkdir makes a patient of every file without Patient ID
    ours, others = (content(tree, ours_alone, not no_id) for tree in (disc.tree, theirs))
    left_out = ours_alone - {tag for keys in ours.values() for tag in keys}  # a birth date of 00000000
    for keys in others.values():
        for tag in left_out & set(keys):
            del keys[tag]
    assert ours == others


UNKNOWN_TO_DCIODVFY = {"ANNOTATION", "ASSESSMENT", "PLAN", "SURFACE SCAN", "TRACT", "WF PRESENTATION"}
"""Record types of later editions than the checker's."""


@pytest.mark.parametrize("record", sorted(set(BY_RECORD) - UNKNOWN_TO_DCIODVFY))
def test_every_record_type_is_judged(record: str, tmp_path: Path) -> None:
    image, series = Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.7"
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.8", Sequence([image])
    extra = {
        "PRESENTATION": {"ReferencedSeriesSequence": Sequence([series])},
        "SPECTROSCOPY": {"Rows": 1, "Columns": 1, "ReferencedImageEvidenceSequence": Sequence([image])},
        "STEREOMETRIC": {"ContentLabel": "PAIRS"},
    }
    data, _ = directory(instance(BY_RECORD[record], **extra.get(record, {})))
    (tmp_path / "DICOMDIR").write_bytes(data)
    for tool in ("dciodvfy", "dcdirdmp"):
        _, said = run(f"/usr/bin/{tool}", tmp_path / "DICOMDIR")
        complaints = [line for line in said.splitlines() if re.match("(Error|Warning)", line)]
        assert [line for line in complaints if not TOLERATED.search(line)] == []


def test_icons_are_in_order(tmp_path: Path) -> None:
    (file,) = GROUPS["1CT1 CompressedSamples^CT1"][:1]
    for icon in (Icon(64, 64, bytes(4096)), Icon(128, 128, bytes(16384), bytes(n for n in range(256) for _ in "RGB"))):
        with (tmp_path / "DICOMDIR").open("wb") as out:
            entries = [DirectoryEntry(("A",), file.header.keys, file.syntax)]
            icons = {file.header.series_instance_uid: icon}
            write_dicomdir(entries, file_set_id="", file_set_uid="1.2.3", out=out, now=NOW, icons=icons)
        _, said = run("/usr/bin/dciodvfy", tmp_path / "DICOMDIR")
        complaints = [line for line in said.splitlines() if re.match("(Error|Warning)", line)]
        assert [line for line in complaints if not TOLERATED.search(line)] == []
        code, said = run("/usr/bin/dcmdump", "+P", "0088,0200", tmp_path / "DICOMDIR")
        assert code == 0 and "PixelData" in said
