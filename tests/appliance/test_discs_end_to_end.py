"""A study goes in by storescu, a disc comes out: the daemon, DCMTK and xorriso, nothing of ours in between."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom.fileset import FileSet

from tests.instances import instance, written
from tests.serving import Serving, serving, statuses

pytestmark = pytest.mark.peers("dcmtk", "xorriso", "libarchive-tools", "dicom3tools")


def unpacked(iso: str, folder: Path) -> Path:
    """The files of an image, as bsdtar reads them."""
    folder.mkdir()
    subprocess.run(["bsdtar", "-xf", iso, "-C", str(folder)], check=True)
    return folder


def the_disc(one: Serving) -> str:
    jobs = one.all_ended()
    assert [job["state"] for job in jobs] == ["DONE"], jobs
    (iso,) = jobs[0]["files"]
    return str(iso)


def test_a_study_becomes_a_disc_that_others_read(tmp_path: Path) -> None:
    sent = [instance(number, series=1 + number % 3) for number in range(1, 13)]
    with serving(tmp_path) as one:
        done = one.storescu(*written(tmp_path / "in", *sent))
        assert statuses(done) == ["Success"] * 12
        disc = unpacked(the_disc(one), tmp_path / "disc")
    found = {data_set.SOPInstanceUID: data_set for data_set in map(pydicom.dcmread, disc.glob("DICOM/**/IM*"))}
    assert found.keys() == {data_set.SOPInstanceUID for data_set in sent}
    for data_set in sent:
        assert found[data_set.SOPInstanceUID].PixelData == data_set.PixelData
        assert found[data_set.SOPInstanceUID] == data_set
    assert len(list(FileSet(disc / "DICOMDIR"))) == 12
    complaints = subprocess.run(["dciodvfy", str(disc / "DICOMDIR")], capture_output=True, text=True)
    assert "Error" not in complaints.stderr + complaints.stdout
    assert (disc / "README.TXT").read_bytes().count(b"\r\n") > 5
    assert b"DOE" in (disc / "INDEX.HTM").read_bytes()
    report = one.gravure("jobs", "--json")
    assert "DOE" not in report.stdout + one.log.read_text(), "patient data in the job list or the log"


def test_the_volume_identifier_is_the_file_set_id(tmp_path: Path) -> None:
    with serving(tmp_path) as one:
        one.storescu(*written(tmp_path / "in", instance()))
        iso = the_disc(one)
    told = subprocess.run(["xorriso", "-indev", iso, "-pvd_info"], capture_output=True, text=True, check=True).stdout
    file_set_id = pydicom.dcmread(unpacked(iso, tmp_path / "disc") / "DICOMDIR").FileSetID
    assert f"Volume Id    : {file_set_id}" in told
    assert "System Id    : \n" in told or "System Id    :\n" in told


def test_late_images_make_an_addendum_and_the_same_ones_again_one_copy(tmp_path: Path) -> None:
    first, late = written(tmp_path / "in", instance(1), instance(2))
    with serving(tmp_path) as one:
        one.storescu(first)
        one.all_ended(1)
        one.storescu(late)
        jobs = one.all_ended(2)
        assert jobs[1]["payload"]["addendum_to"] == [jobs[0]["id"]]
        one.storescu(first, first)
        jobs = one.all_ended(3)
        assert jobs[2]["payload"]["instances"] == 1, "sent again after its job ended: a new disc, with one copy"
        again = unpacked(jobs[2]["files"][0], tmp_path / "again")
    assert len(list(again.glob("DICOM/**/IM*"))) == 1
    assert len(list((tmp_path / "state" / "store").glob("??/*"))) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PatientName": "ROE^RICHARD"}, "different names"),
        ({"PatientBirthDate": "19800101"}, "birth dates"),
        ({"PatientID": "4712"}, "two Patient IDs"),
    ],
)
def test_a_doubtful_patient_holds_the_disc_until_released(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with serving(tmp_path) as one:
        one.storescu(*written(tmp_path / "in", instance(1), instance(2, **change)))
        (job,) = one.until(lambda jobs: len(jobs) == 1)
        assert (job["state"], job["held"]) == ("PENDING", True)
        assert words in job["hold_reason"]
        assert one.gravure("release", job["id"], check=False).returncode == 2, "a release wants a reason"
        one.gravure("release", job["id"], "--reason", "checked with the ward")
        (job,) = one.all_ended()
        assert job["state"] == "DONE"
        assert job["release_reason"] == "checked with the ward"


def test_no_patient_id_and_two_names_hold(tmp_path: Path) -> None:
    with serving(tmp_path) as one:
        one.storescu(
            *written(
                tmp_path / "in", instance(1, PatientID=""), instance(1, study=2, PatientID="", PatientName="ROE^R")
            )
        )
        (job,) = one.until(lambda jobs: len(jobs) == 1)
        assert job["held"]
        assert "no Patient ID" in job["hold_reason"]


def test_the_same_uid_with_other_pixels_holds_and_the_first_is_kept(tmp_path: Path) -> None:
    original = instance(1)
    other = instance(1, PixelData=b"\1\2" * 1024)
    first, second = written(tmp_path / "in", original, other)
    with serving(tmp_path) as one:
        assert statuses(one.storescu(first)) == ["Success"]
        assert statuses(one.storescu(second)) == ["Success"]
        (job,) = one.until(lambda jobs: len(jobs) == 1)
        assert job["held"]
        assert "different content" in job["hold_reason"]
        one.gravure("release", job["id"], "--reason", "the first one")
        (job,) = one.all_ended()
        disc = unpacked(job["files"][0], tmp_path / "disc")
    (kept,) = disc.glob("DICOM/**/IM*")
    assert pydicom.dcmread(kept).PixelData == original.PixelData


def test_a_second_content_that_comes_while_the_disc_waits_holds_it_too_and_once(tmp_path: Path) -> None:
    original, other = instance(1), instance(1, PixelData=b"\1\2" * 1024)
    first, second = written(tmp_path / "in", original, other)
    (stranger,) = written(tmp_path / "more", instance(2, PatientName="ROE^RICHARD"))
    with serving(tmp_path) as one:
        one.storescu(first, stranger)
        (job,) = one.until(lambda jobs: len(jobs) == 1)
        assert job["held"] and "different names" in job["hold_reason"]
        assert statuses(one.storescu(second)) == ["Success"]
        one.gravure("release", job["id"], "--reason", "one patient")
        (job,) = one.until(lambda jobs: "different content" in jobs[0]["hold_reason"])
        assert job["held"], "whoever released it did not know"
        one.gravure("release", job["id"], "--reason", "the first one")
        (job,) = one.all_ended()
        assert job["state"] == "DONE"
        disc = unpacked(job["files"][0], tmp_path / "disc")
    kept = {pydicom.dcmread(file).SOPInstanceUID: pydicom.dcmread(file) for file in disc.glob("DICOM/**/IM*")}
    assert kept[original.SOPInstanceUID].PixelData == original.PixelData and len(kept) == 2


def test_the_same_instance_in_another_lossless_syntax_is_no_conflict(tmp_path: Path) -> None:
    (first,) = written(tmp_path / "in", instance(1))
    again = tmp_path / "again.dcm"
    subprocess.run(["/usr/bin/dcmcrle", str(first), str(again)], check=True)
    with serving(tmp_path) as one:
        assert statuses(one.storescu(first)) == ["Success"]
        assert statuses(one.storescu("-xr", again)) == ["Success"]
        (job,) = one.all_ended()
        assert (job["state"], job["held"]) == ("DONE", False)


def test_private_storage_classes_are_carried(tmp_path: Path) -> None:
    private = instance(1, SOPClassUID="1.3.46.670589.11.0.0.12.1")
    (file,) = written(tmp_path / "in", private)
    with serving(tmp_path) as one:
        done = subprocess.run(
            [
                *("/usr/bin/dcmsend", "-v", "-aec", "BURN_CD", "127.0.0.1", str(one.port), str(file)),
                "--no-uid-checks",
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "TCP_NODELAY": "1"},
        )
        assert "with status SUCCESS  : 1" in done.stdout + done.stderr, done.stdout + done.stderr
        disc = unpacked(the_disc(one), tmp_path / "disc")
    records = pydicom.dcmread(disc / "DICOMDIR").DirectoryRecordSequence
    assert records[-1].DirectoryRecordType == "PRIVATE"


def test_files_on_the_disc_and_the_disc_s_readers_have_a_mode(tmp_path: Path) -> None:
    with serving(tmp_path, more='[peers.A]\nae_title="A"\n') as one:
        one.storescu(*written(tmp_path / "in", instance()))
        iso = Path(the_disc(one))
    assert iso.stat().st_mode & 0o777 == 0o640
    stored = next((tmp_path / "state" / "store").glob("??/*"))
    assert stored.stat().st_mode & 0o777 == 0o600
