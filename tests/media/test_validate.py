"""Discs that are right, and discs that are wrong in one way each (PS3.10 §8, PS3.12, IHE PDI)."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.dicomdir import DirectoryEntry, write_dicomdir
from media.file_ids import FileIDs
from media.folder import build_disc
from media.instance import scan_header
from media.iso_reader import IsoReader, NotIso
from media.store import file_head
from media.validate import Report, validate
from tests.instances import instance as made_instance
from tests.instances import written
from tests.media.builders import CT, EXPLICIT, encode, instance

NOW = datetime(2026, 3, 4, 5, 6, 7)


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A good disc as a folder: two studies of one patient, README.TXT."""
    root = tmp_path / "disc"
    root.mkdir()
    (root / "README.TXT").write_text("hello")
    ids = FileIDs()
    entries = []
    for number in range(6):
        study = number // 3
        data = instance(
            StudyInstanceUID=f"1.2.{study}",
            SeriesInstanceUID=f"1.2.{study}.1",
            SOPInstanceUID=f"1.9.{number}",
            Rows=4,
            PatientComments="x" * 2000,
        )
        raw = encode(data)
        file_id = ids.of("P", study, 1)
        file = root.joinpath(*file_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(file_head(CT, f"1.9.{number}", EXPLICIT) + raw)
        entries.append(DirectoryEntry(file_id, scan_header(raw, EXPLICIT).keys, EXPLICIT))
    with (root / "DICOMDIR").open("wb") as out:
        write_dicomdir(entries, file_set_id="DISC1", file_set_uid="1.2.99", out=out, now=NOW)
    return root


def with_pixels(file: Path) -> bytes:
    return file.read_bytes() + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 2048) + bytes(2048)


FIRST = "DICOM/PA000001/ST000001/SE000001/IM000001"


def iso_of(disc: Path, *options: str, volume: str = "DISC1") -> Path:
    """An ISO image by genisoimage: level 1, names as they stand."""
    image = disc.with_suffix(".iso")
    tool = shutil.which("genisoimage") or shutil.which("xorrisofs")
    assert tool is not None, "genisoimage or xorriso is needed"
    command = [tool, "-quiet", "-iso-level", "1", "-V", volume, "-sysid", "", *options, "-o", str(image), str(disc)]
    subprocess.run(command, check=True, capture_output=True)
    return image


def zip_of(disc: Path) -> Path:
    archive = disc.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(disc.rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(disc).as_posix())
    return archive


def texts(report: Report, severity: str = "error") -> list[str]:
    return [finding.text for finding in report.findings if finding.severity == severity]


@pytest.mark.parametrize("form", ["folder", "iso", "zip"])
def test_a_good_disc_has_no_finding(disc: Path, form: str) -> None:
    path = {"folder": lambda: disc, "iso": lambda: iso_of(disc), "zip": lambda: zip_of(disc)}[form]()
    fractions: list[float] = []
    report = validate(path, fractions.append)
    assert report.findings == ()
    assert report.ok
    assert (report.kind, report.files, report.instances, report.patients) == (form, 8, 6, 1)
    assert fractions[-1] == 1.0
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def test_pycdlib_images_are_read_too(disc: Path, tmp_path: Path) -> None:
    import pycdlib

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=1, vol_ident="DISC1", sys_ident="", joliet=3)
    for folder in sorted(entry for entry in disc.rglob("*") if entry.is_dir()):
        name = "/" + folder.relative_to(disc).as_posix()
        iso.add_directory(name, joliet_path=name)
    for file in sorted(entry for entry in disc.rglob("*") if entry.is_file()):
        name = file.relative_to(disc).as_posix()
        iso.add_file(str(file), f"/{name}{'' if '.' in name else '.'};1", joliet_path=f"/{name}")
    iso.write(str(tmp_path / "p.iso"))
    iso.close()
    assert validate(tmp_path / "p.iso").findings == ()


def edit(file: Path, old: bytes, new: bytes, count: int = 1) -> None:
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, count))


def add_stray(disc: Path) -> None:
    shutil.copy(disc / FIRST, disc / "STRAY")


def add_lower(disc: Path) -> None:
    (disc / FIRST).rename(disc / FIRST.replace("IM000001", "im000001"))


def add_extension(disc: Path) -> None:
    (disc / FIRST).rename(disc / f"{FIRST}.dcm")


def program(disc: Path) -> None:
    data = (disc / FIRST).read_bytes()
    (disc / FIRST).write_bytes(b"MZ" + data[2:])


def nested(disc: Path) -> None:
    (disc / "SUB").mkdir()
    (disc / "DICOMDIR").rename(disc / "SUB" / "DICOMDIR")
    (disc / "DICOM").rename(disc / "SUB" / "DICOM")


def web_content(disc: Path) -> None:
    (disc / "IHE_PDI").mkdir()
    (disc / "IHE_PDI" / "A.HTM").write_text("x")


def deep(disc: Path) -> None:
    folder = disc.joinpath(*"ABCDEFGH")
    folder.mkdir(parents=True)
    (folder / "X").write_text("x")


def in_directory(old: bytes, new: bytes) -> Callable[[Path], None]:
    return lambda disc: edit(disc / "DICOMDIR", old, new)


def in_first(old: bytes, new: bytes) -> Callable[[Path], None]:
    return lambda disc: edit(disc / FIRST, old, new)


WRONG: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no directory": (lambda disc: (disc / "DICOMDIR").unlink(), "error", "there is no DICOMDIR"),
    "no such file": (lambda disc: (disc / FIRST).unlink(), "error", "a referenced file is not there"),
    "a stray instance": (add_stray, "error", "a DICOM file that no record refers to: importers will not see it"),
    "lower case": (add_lower, "warning", "the file's name is in lower case, unlike its File ID"),
    "an extension": (add_extension, "warning", "the file has an extension, unlike its File ID"),
    "a program": (program, "error", "the preamble makes this file a program too (Windows); do not open it"),
    "in a folder": (nested, "error", "the DICOMDIR is not in the root"),
    "too deep": (deep, "error", "more than 8 folder levels"),
    "a link": (
        lambda disc: (disc / "L").symlink_to("/etc"),
        "error",
        "a link or device stands on the disc; it was not followed",
    ),
    "an escape": (
        in_directory(b"DICOM\\PA000001\\ST000001", b"..\\..\\..\\..\\..\\ETC00001"),
        "error",
        "a File ID leads out of the File-set; it was not followed",
    ),
    "a lower-case File ID": (
        in_directory(b"DICOM\\PA000001\\ST000001", b"dicom\\PA000001\\ST000001"),
        "error",
        "a File ID is not 1 to 8 parts of 1 to 8 of A-Z 0-9 _",
    ),
    "another instance": (
        in_directory(b"1.9.0\0", b"1.9.7\0"),
        "error",
        "SOP Instance UID differs between directory and data set",
    ),
    "another series": (
        in_first(b"1.2.0.1\0", b"1.2.0.2\0"),
        "error",
        "Series Instance UID differs between directory and data set",
    ),
    "another study": (
        in_first(b"1.2.0\0", b"1.2.9\0"),
        "error",
        "Study Instance UID differs between directory and data set",
    ),
    "another patient": (
        in_first(b"LO\2\0P1", b"LO\2\0P2"),
        "error",
        "Patient ID differs between directory and data set",
    ),
    "another syntax": (
        in_first(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"),
        "error",
        "Transfer Syntax UID differs between record and file",
    ),
    "a damaged file": (
        lambda disc: (disc / FIRST).write_bytes(b"x" * 400),
        "error",
        "a referenced file is not a DICOM file: no preamble and DICM prefix",
    ),
    "a cut file": (
        lambda disc: (disc / FIRST).write_bytes((disc / FIRST).read_bytes()[:900]),
        "error",
        "a referenced file is damaged: the data set ends in the middle of an element",
    ),
    "a file without its last pixels": (
        lambda disc: (disc / FIRST).write_bytes(with_pixels(disc / FIRST)[:-100]),
        "error",
        "a referenced file is damaged: the data set ends in the middle of an element",
    ),
    "a missing key": (
        in_directory(b"\x10\0\x20\0LO\2\0P1", b"\x10\0\x20\0LO\2\0  "),
        "error",
        "PATIENT: PatientID (0010,0020) is missing or empty",
    ),
    "a bad date": (
        in_directory(b"20260304", b"20261304"),
        "warning",
        "STUDY: StudyDate (0008,0020) breaks the rules of its kind (DA)",
    ),
    "a wrong record": (
        in_directory(b"CS\6\0IMAGE ", b"CS\6\0PLAN  "),
        "warning",
        "a PLAN record refers to an object that needs IMAGE",
    ),
    "an unknown record": (in_directory(b"CS\6\0IMAGE ", b"CS\6\0IMAGO "), "error", "an unknown record type: IMAGO"),
    "a misplaced record": (
        in_directory(b"CS\6\0SERIES", b"CS\6\0STUDY "),
        "error",
        "a STUDY record stands under STUDY, not PATIENT",
    ),
    "not in use": (in_directory(b"US\2\0\xff\xff", b"US\2\0\0\0"), "error", "a record's in-use flag is not FFFFH"),
    "a File-set ID": (in_directory(b"DISC1 ", b"disc1 "), "error", "the File-set ID is not up to 16 of A-Z 0-9 _"),
    "no README": (lambda disc: (disc / "README.TXT").unlink(), "warning", "there is no README.TXT"),
    "web content without a page": (
        web_content,
        "error",
        "there is web content (IHE_PDI) but no INDEX.HTM",
    ),
    "autorun": (
        lambda disc: (disc / "AUTORUN.INF").write_text("x"),
        "warning",
        "there is an AUTORUN.INF: nobody may rely on it",
    ),
    "a picture among instances": (
        lambda disc: (disc / FIRST).with_name("A.JPG").write_text("x"),
        "warning",
        "a file that is no instance lies in a folder of instances",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said(disc: Path, wrong: str) -> None:
    spoil, severity, words = WRONG[wrong]
    spoil(disc)
    report = validate(disc)
    assert words in texts(report, severity), [str(finding) for finding in report.findings]
    assert report.ok == (not texts(report))
    assert all(finding.section and finding.location for finding in report.findings)


def test_one_instance_twice(disc: Path) -> None:
    shutil.copy(disc / FIRST, disc / FIRST.replace("IM000001", "IM000002"))
    edit(disc / "DICOMDIR", b"1.9.1\0", b"1.9.0\0")
    assert "one instance has more than one record" in texts(validate(disc))


def test_the_same_finding_is_counted(disc: Path) -> None:
    shutil.rmtree(disc / "DICOM")
    (finding,) = [finding for finding in validate(disc).findings if finding.severity == "error"]
    assert finding.more == 5
    assert str(finding) == f"error: a referenced file is not there (PS3.10 §8.6): {FIRST} and 5 more"


def test_the_volume_is_named_as_the_file_set(disc: Path) -> None:
    assert "the Volume Identifier of the image is not the File-set ID" in texts(validate(iso_of(disc, volume="OTHER")))


def test_long_names_on_a_cd(disc: Path) -> None:
    (disc / "A_LONG_NAME.TXT").write_text("x")
    assert "a file name is not ISO 9660 level 1" in texts(validate(iso_of(disc, "-l")))


def test_a_cut_image(disc: Path) -> None:
    image = iso_of(disc)
    data = image.read_bytes()
    image.write_bytes(data[: len(data) - 302 * 1024])
    assert "the image is shorter than its file system says: it was cut off" in texts(validate(image))


def test_names_that_lead_out_of_an_archive(disc: Path) -> None:
    archive = zip_of(disc)
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr("../evil", "x")
        out.writestr("/etc/evil", "x")
    finding = next(finding for finding in validate(archive).findings if finding.severity == "error")
    assert finding.text == "a name in the archive leads out of it" and finding.more == 1


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4junk", bytes(40000)])
def test_what_is_no_disc(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    report = validate(tmp_path / "x")
    assert not report.ok and report.kind == "unknown"
    assert not validate(tmp_path / "missing").ok


def test_folders_that_contain_themselves(disc: Path) -> None:
    image = iso_of(disc)
    data = bytearray(image.read_bytes())
    with image.open("rb") as file:
        reader = IsoReader(file)
        folder = next(entry for entry in reader.entries() if entry.path == ("DICOM", "PA000001"))
        above = next(entry for entry in reader.entries() if entry.path == ("DICOM",))
    record = struct.pack("<L", folder.extents[0][0])
    start = above.extents[0][0] * 2048
    at = data.index(record, start + 60, start + 2048)
    data[at : at + 4] = struct.pack("<L", above.extents[0][0])
    image.write_bytes(data)
    assert "contains itself" in texts(validate(image))[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(16 * 2048, 30 * 2048), st.binary(min_size=1, max_size=4)), max_size=5))
def test_hostile_images_end(disc: Path, changes: list[tuple[int, bytes]]) -> None:
    image = disc.with_suffix(".iso")
    data = bytearray((image if image.exists() else iso_of(disc)).read_bytes())
    for at, new in changes:
        data[at : at + len(new)] = new
    spoilt = disc.with_suffix(".bad")
    spoilt.write_bytes(data)
    validate(spoilt)


def test_an_iso_reader_needs_a_descriptor() -> None:
    with pytest.raises(NotIso):
        IsoReader(io.BytesIO(bytes(2048 * 20)))


def test_pixels_that_are_all_there_are_no_fault(disc: Path) -> None:
    (disc / FIRST).write_bytes(with_pixels(disc / FIRST))
    assert validate(disc).ok


@pytest.mark.parametrize("patient_id", ["4711/" * 20, "A\\B"])
def test_a_patient_id_that_a_directory_may_not_have_is_no_difference(tmp_path: Path, patient_id: str) -> None:
    """The directory has as much of it as it may; the instance is its modality's."""
    made = made_instance(1)
    made.PatientID = patient_id
    written(tmp_path / "in", made)
    build_disc([tmp_path / "in"], tmp_path / "out.iso")
    assert not [one for one in validate(tmp_path / "out.iso").findings if one.severity == "error"]


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (0, ""),
        (8, "its pixel data are not ended by a Sequence Delimitation Item"),
        (18, "its pixel data end in the middle of a fragment"),
    ],
)
def test_ps3_5_a_4_compressed_pixels_that_break_off_are_named(disc: Path, cut: int, words: str) -> None:
    fragments = b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(one)) + one for one in (b"", b"x" * 40, b"y" * 40))
    stream = fragments + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    pixels = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + stream
    (disc / FIRST).write_bytes((disc / FIRST).read_bytes() + pixels[: len(pixels) - cut])
    expected = [f"a referenced file is damaged: {words}"] if words else []
    assert texts(validate(disc)) == expected
