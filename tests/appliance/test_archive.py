"""Films in an archive: storescp and Orthanc take them, dciodvfy finds no error, and every sample is what it was."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pynetdicom import AE, evt

from bench.process import free_port, storescp, wait_for
from printing.job import Pixels, render_document
from printing.outputs import NotDelivered, RenderedFilm, Undecided
from printing.outputs.archive import instances
from printing.outputs.archive.archive import ArchiveOutput
from printing.page import DOCUMENT, FilmDocument, FilmPage, PageImage, PageText, PatientClue, Rectangle, plain
from printing.render.finish import Finish
from printing.render.raster import rasterise
from printing.tone import Tone
from tests.appliance.print_rig import NetworkConsole
from tests.printing.console import image
from tests.printing.render.films import Heap
from tests.serving import serving

pytestmark = pytest.mark.peers("dcmtk", "dicom3tools", "libgdcm-tools")

CLUE = PatientClue("film session", "Müller^Ä", "4711", "19700102", "F", "A17", "1.2.840.99.5")


def document(folder: Path, *, bits: int = 12, color: bool = False, films: int = 1, **more: Any) -> FilmDocument:
    """Films of noise with an annotation, their pixels in the folder."""
    heap = Heap()
    pages = []
    for number in range(films):
        shape = (40, 30, 3) if color else (40, 30)
        noise = np.random.default_rng(number).integers(0, 1 << (8 if color else bits), shape)
        pixels = heap.put(noise, 8 if color else bits)
        box = PageImage(1, Rectangle(0, 0, 203.2, 254.0), pixels)
        texts = (PageText(1, "4711", "LABEL"),)
        pages.append(FilmPage("8INX10IN", "PORTRAIT", 203.2, 254.0, r"STANDARD\1,1", (box,), texts, color=color))
    for name, data in heap.data.items():
        (folder / name).write_bytes(data)
    made = FilmDocument(tuple(pages), patient_clues=(CLUE,), **more)
    (folder / DOCUMENT).write_text(made.to_json())
    return made


def rendered(folder: Path, made: FilmDocument, output: ArchiveOutput, bits: int, said: str = "") -> RenderedFilm:
    """What the daemon hands to the output."""
    target = output.target()
    tone = Tone(target.tone or "film")  # type: ignore[arg-type]
    out = render_document(made, folder, Finish(31.0, tone, bits), folder / "film.out", media_type=target.media_type)
    record = {
        "film": plain(made),
        "job": "0123456789ab",
        "print_job_uid": "2.25.7",
        "received": "2026-05-03T08:00:01+02:00",
    }
    return RenderedFilm("20260503-080001-0123456789ab", folder, out.files, record, said)


def checked(file: Path) -> None:
    """dciodvfy has nothing to say but that a film has no physician."""
    done = subprocess.run(["/usr/bin/dciodvfy", "-new", file], capture_output=True, text=True, check=False)
    assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    subprocess.run(["/usr/bin/dcmdump", "-q", file], check=True, capture_output=True)


def the_samples(made: FilmDocument, folder: Path, bits: int) -> list[np.ndarray]:
    with Pixels(folder) as read:
        return [rasterise(page, read, Finish(31.0, Tone("pvalue"), bits)).samples for page in made.pages]


@pytest.mark.parametrize(
    ("bits", "color", "films", "sop_class"),
    [(8, False, 1, 2), (8, False, 3, 2), (16, False, 2, 3), (8, True, 2, 4), (16, True, 1, 4)],
)
def test_a_film_is_a_secondary_capture_of_its_p_values(
    tmp_path: Path, bits: int, color: bool, films: int, sop_class: int
) -> None:
    made = document(tmp_path, color=color, films=films)
    with storescp(tmp_path / "archive") as port:
        output = ArchiveOutput("127.0.0.1", port, "ARCHIVE", institution="Clinique du Lac")
        film = rendered(tmp_path, made, output, bits)
        assert output.deliver(film).warnings == ()
        assert output.deliver(film).warnings == (), "asked again, as after a crash"
    (file,) = (tmp_path / "archive").iterdir()
    checked(file)
    found = pydicom.dcmread(file)
    assert found.SOPClassUID == f"1.2.840.10008.5.1.4.1.1.7.{sop_class}"
    assert (found.PatientName, found.PatientID, found.PatientSex) == ("Müller^Ä", "4711", "F")
    assert (found.StudyInstanceUID, found.AccessionNumber) == ("1.2.840.99.5", "A17")
    assert found.StudyDate == "20260503" and found.BurnedInAnnotation == "YES"
    expected = np.stack(the_samples(made, tmp_path, bits))
    if color and bits == 16:
        expected = ((expected.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    assert int(found.NumberOfFrames) == films
    assert np.array_equal(found.pixel_array.reshape(expected.shape), expected)
    height_mm, width_mm = (
        float(one) * many
        for one, many in zip(found.NominalScannedPixelSpacing, (found.Rows, found.Columns), strict=True)
    )
    assert abs(height_mm - 254.0) < 0.001 and abs(width_mm - 203.2) < 0.001
    assert "PixelSpacing" not in found, "a distance in the patient is not known"
    if not color:
        assert found.PresentationLUTShape == "IDENTITY" and found.Illumination == 2000
    raw = tmp_path / "frames.raw"
    subprocess.run(["gdcmraw", "-i", file, "-o", raw], check=True, capture_output=True)
    assert raw.read_bytes()[: expected.nbytes] == expected.astype(expected.dtype.newbyteorder("<")).tobytes()
    if bits == 8:  # dcm2pnm makes eight bits of sixteen by rules of its own
        subprocess.run(["/usr/bin/dcm2pnm", "+Fa", file, tmp_path / "shown"], check=True)
        shown = [one.read_bytes() for one in sorted(tmp_path.glob("shown*"))]
        assert [one.endswith(frame.tobytes()) for one, frame in zip(shown, expected, strict=True)] == [True] * films


def test_a_film_is_an_encapsulated_pdf(tmp_path: Path) -> None:
    made = document(tmp_path, films=2)
    with storescp(tmp_path / "archive") as port:
        output = ArchiveOutput("127.0.0.1", port, "ARCHIVE", archive_as="pdf")
        film = rendered(tmp_path, made, output, 8)
        output.deliver(film)
    (file,) = (tmp_path / "archive").iterdir()
    checked(file)
    found = pydicom.dcmread(file)
    pdf = film.files[0].read_bytes()
    assert found.EncapsulatedDocument[: len(pdf)] == pdf and found.EncapsulatedDocumentLength == len(pdf)
    assert found.MIMETypeOfEncapsulatedDocument == "application/pdf" and found.PatientID == "4711"


def test_a_film_of_nobody_waits_for_a_person_and_goes_under_a_patient_id_of_its_own(tmp_path: Path) -> None:
    made = replace(document(tmp_path), patient_clues=())
    (tmp_path / DOCUMENT).write_text(made.to_json())
    with storescp(tmp_path / "archive") as port:
        output = ArchiveOutput("127.0.0.1", port, "ARCHIVE")
        with pytest.raises(Undecided, match="whose film is it"):
            output.deliver(rendered(tmp_path, made, output, 8))
        assert list((tmp_path / "archive").iterdir()) == []
        found = output.deliver(rendered(tmp_path, made, output, 8, said="send it"))
    assert found.warnings == ("archived as FILM-0123456789ab: the console names no Patient ID",)
    (file,) = (tmp_path / "archive").iterdir()
    checked(file)
    stored = pydicom.dcmread(file)
    assert (stored.PatientID, stored.PatientName) == ("FILM-0123456789ab", "UNIDENTIFIED^FILM")


def test_many_films_are_several_instances_of_one_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "MOST_BYTES", 200_000)
    made = document(tmp_path, films=5)
    with storescp(tmp_path / "archive") as port:
        output = ArchiveOutput("127.0.0.1", port, "ARCHIVE")
        output.deliver(rendered(tmp_path, made, output, 8))
    found = sorted(map(pydicom.dcmread, (tmp_path / "archive").iterdir()), key=lambda one: one.InstanceNumber)
    assert [int(one.NumberOfFrames) for one in found] == [2, 2, 1]
    assert len({one.SeriesInstanceUID for one in found}) == 1 and len({one.SOPInstanceUID for one in found}) == 3
    assert list(found[1].PageNumberVector) == [3, 4]


@contextmanager
def archive(status: int, *syntaxes: str) -> Iterator[tuple[int, list[Dataset]]]:
    """An archive that answers so: pynetdicom as SCP."""
    entity, kept = AE("ARCHIVE"), []
    for number in (2, 3, 4) if syntaxes else ():
        entity.add_supported_context(f"1.2.840.10008.5.1.4.1.1.7.{number}", list(syntaxes))
    entity.add_supported_context("1.2.840.10008.1.1")

    def store(event: Any) -> Dataset:
        kept.append(event.dataset)
        answer = Dataset()
        answer.Status = status
        if status:
            answer.ErrorComment = "words of the archive"
        return answer

    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield server.server_address[1], kept
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "stored", "passing"),
    [
        (0x0000, True, None),
        (0xB000, True, None),
        (0xB006, True, None),
        (0xB007, True, None),
        (0x0111, True, None),
        (0xA700, False, True),
        (0xA900, False, False),
        (0xC001, False, False),
        (0x0124, False, False),
    ],
)
def test_what_an_archive_answers(tmp_path: Path, status: int, stored: bool, passing: bool | None) -> None:
    made = document(tmp_path)
    with archive(status, "1.2.840.10008.1.2") as (port, kept):
        output = ArchiveOutput("127.0.0.1", port, "ARCHIVE")
        film = rendered(tmp_path, made, output, 16)
        if stored:
            warnings = output.deliver(film).warnings
            assert len(warnings) == (1 if status else 0)
            assert all(f"{status:04X} words of the archive" in warning for warning in warnings)
        else:
            with pytest.raises(NotDelivered, match=f"{status:04X} words of the archive") as failure:
                output.deliver(film)
            assert failure.value.passing is passing
    (one,) = kept  # in Implicit VR Little Endian, as this archive takes no other
    assert np.frombuffer(one.PixelData, "<u2").tolist() == the_samples(made, tmp_path, 16)[0].ravel().tolist()
    assert not (tmp_path / "instance.dcm").exists()


def test_an_archive_that_is_off_or_does_not_take_films_is_told(tmp_path: Path) -> None:
    made = document(tmp_path)
    output = ArchiveOutput("127.0.0.1", free_port(), "ARCHIVE")
    film = rendered(tmp_path, made, output, 8)
    with pytest.raises(NotDelivered, match="does not answer") as failure:
        output.deliver(film)
    assert failure.value.passing
    with archive(0) as (port, _):
        output.port = port
        with pytest.raises(NotDelivered, match="does not take Multi-frame Grayscale Byte") as failure:
            output.deliver(film)
        assert not failure.value.passing


@contextmanager
def orthanc(folder: Path) -> Iterator[tuple[int, int]]:
    """A private Orthanc as archive: its DICOM and HTTP ports."""
    ports = free_port(), free_port()
    (folder / "orthanc.json").write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "orthanc"),
                "IndexDirectory": str(folder / "orthanc"),
                "HttpPort": ports[1],
                "HttpBindAddresses": ["127.0.0.1"],
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomPort": ports[0],
                "DicomAet": "ORTHANC",
                "DicomAlwaysAllowStore": True,
                "Plugins": [],
            }
        )
    )
    process = subprocess.Popen(
        ["Orthanc", folder / "orthanc.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for port in ports:
            wait_for(port)
        yield ports
    finally:
        process.kill()
        process.wait(20)


def ask(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        found = answer.read()
    assert isinstance(found, bytes)
    return found


TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
institution = "Clinique du Lac"
[listen]
port = 0
[access]
unknown_peers = "accept"
[printers.FILM]
output = "archive"
peer = "PACS"
dpi = 50
tone = "paper"
{more}
"""


@pytest.mark.peers("orthanc")
def test_from_the_console_to_orthanc(tmp_path: Path) -> None:
    with orthanc(tmp_path) as (dicom, http):
        more = f'[peers.PACS]\nae_title = "ORTHANC"\naddress = "127.0.0.1"\nport = {dicom}'
        with serving(tmp_path, more, TOML) as one:
            console = NetworkConsole(None, one.port)
            study = Dataset()
            study.PatientName, study.PatientID, study.StudyInstanceUID = "Muster^Anna", "4711", "1.2.840.99.7"
            assert console.film_session(ProposedStudySequence=[study]).status == 0
            console.film_box(r"STANDARD\1,1", FilmSizeID="8INX10IN")
            console.image_box(1, image(64, 64, bits=12))
            assert console.print_film().status == 0
            nobody = NetworkConsole(None, one.port)
            assert nobody.whole_film(FilmSizeID="8INX10IN").status == 0
            jobs = one.until(lambda jobs: len(jobs) == 2 and jobs[0]["state"] == "DONE" and jobs[1]["held"])
            assert jobs[0]["warnings"] == [] and "whose film is it" in jobs[1]["hold_reason"]
            one.gravure("release", jobs[1]["id"], "--reason", "the ward says so")
            jobs = one.all_ended(2)
            assert jobs[1]["state"] == "DONE" and f"archived as FILM-{jobs[1]['id']}" in jobs[1]["warnings"][0]
        patients = {}
        for patient in json.loads(ask(http, "/patients")):
            tags = json.loads(ask(http, f"/patients/{patient}"))["MainDicomTags"]
            patients[tags["PatientID"]] = tags["PatientName"]
        assert patients == {"4711": "Muster^Anna", f"FILM-{jobs[1]['id']}": "UNIDENTIFIED^FILM"}
        (instance,) = (
            one
            for one in json.loads(ask(http, "/instances?expand"))
            if b"1.2.840.99.7" in ask(http, f"/instances/{one['ID']}/study")
        )
        (tmp_path / "back.dcm").write_bytes(ask(http, f"/instances/{instance['ID']}/file"))
    checked(tmp_path / "back.dcm")
    found = pydicom.dcmread(tmp_path / "back.dcm")
    assert (found.Rows, found.Columns, found.InstitutionName) == (500, 400, "Clinique du Lac")
    assert not re.search("Muster|4711", one.log.read_text())
