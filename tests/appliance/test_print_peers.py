"""Foreign consoles print to the service: DCMTK's dcmprscu and CTN's print_client, over TCP, as they are."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from printing.page import FilmDocument, PresentationLUT
from printing.terms import PRESENTATION_LUT
from tests.appliance.print_rig import Rig, wait_for
from tests.corpus import CORPUS, needs_corpus
from tests.printing.console import encode, image

CT = CORPUS / "ct" / "CTImage.dcm"
ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}

# What dcmpsprt and dcmprscu want to know of a printer. MODERN has all that Print Management has, OLD what an old
# modality knows.
DCMPSTAT = r"""
[[GENERAL]]
[PRINT]
Directory = {folder}/spool
DefaultIllumination = 2000
DefaultReflection = 10
[DATABASE]
Directory = {folder}/database
[LUT]
Directory = {folder}/lut
[NETWORK]
aetitle = CONSOLE
[[LUT]]
[DARK]
description = darker mid-tones
filename = dark.dcm
[[COMMUNICATION]]
[MODERN]
Type = PRINTER
Aetitle = FILM
Hostname = 127.0.0.1
Port = {port}
Annotation = 2\ANNOTATION
BorderDensity = 150\20\BLACK\WHITE
DisplayFormat = 1,1\2,2\3,5\4,5
EmptyImageDensity = 20\BLACK\WHITE
FilmSizeID = 8INX10IN\14INX17IN
MagnificationType = REPLICATE\BILINEAR\CUBIC\NONE
MaxDensity = 320\310
MaxPDU = 131072
MediumType = PAPER\CLEAR FILM\BLUE FILM
MinDensity = 20\25
PresentationLUTPreferSCPRendering = true
ResolutionID = STANDARD\HIGH
SmoothingType = NONE
Supports12Bit = true
SupportsDecimateCrop = true
SupportsImageSize = true
SupportsPresentationLUT = true
SupportsTrim = true
Timeout = 10
[OLD]
Type = PRINTER
Aetitle = FILM
Hostname = 127.0.0.1
Port = {port}
ImplicitOnly = true
DisableNewVRs = true
DisplayFormat = 1,1\2,2\3,5\4,5
FilmSizeID = 8INX10IN\14INX17IN
MagnificationType = REPLICATE
MaxPDU = 16384
Supports12Bit = false
SupportsPresentationLUT = false
Timeout = 10
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def documents(rig: Rig) -> list[tuple[FilmDocument, Path]]:
    folders = [rig.job_folder(job.folder) for job in rig.jobs.list()]
    return [(FilmDocument.from_json((folder / "document.json").read_bytes()), folder) for folder in folders]


DARK = tuple(value * value // 4095 for value in range(4096))


def write_lut(file: Path) -> None:
    """A Presentation LUT as DCMTK keeps one: a file with its sequence (PS3.3 C.11.4)."""
    item = Dataset()
    item.add_new(0x00283002, "US", [4096, 0, 12])
    item.add_new(0x00283006, "OW", struct.pack("<4096H", *DARK))
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = PRESENTATION_LUT, "1.2.3.4"
    data.PresentationLUTSequence = [item]
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(file, data, enforce_file_format=True)


def dcmtk(*command: str, folder: Path) -> str:
    done = subprocess.run(
        [f"/usr/bin/{command[0]}", "-d", *command[1:]],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


def print_with_dcmtk(rig: Rig, folder: Path, printer: str, *composing: str, sending: tuple[str, ...] = ()) -> str:
    for name in ("database", "spool", "lut"):
        (folder / name).mkdir(parents=True)
    write_lut(folder / "lut" / "dark.dcm")
    config = folder / "dcmpstat.cfg"
    config.write_text(DCMPSTAT.format(folder=folder, port=rig.listen()))
    dcmtk("dcmpsprt", "-c", str(config), "-p", printer, *composing, folder=folder)
    (stored,) = (folder / "database").glob("SP_*.dcm")
    return dcmtk("dcmprscu", "-c", str(config), "-p", printer, *sending, str(stored), folder=folder)


@needs_corpus
@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize(("printer", "bits"), [("MODERN", 12), ("OLD", 8)])
@pytest.mark.parametrize("layout", ["1 1", "2 2", "4 5"])
def test_dcmprscu_prints(rig: Rig, tmp_path: Path, printer: str, bits: int, layout: str) -> None:
    images = [str(CT)] * (1 if layout == "1 1" else 3)
    film = ("--layout", *layout.split(), "--filmsize", "14INX17IN")
    said = print_with_dcmtk(rig, tmp_path / "scu", printer, *film, *images, sending=("--copies", "2"))
    assert "DIMSE Status" in said and said.count("0x0000: Success") == said.count("DIMSE Status"), said[-3000:]
    ((document, folder),) = documents(rig)
    (page,) = document.pages
    assert (document.number_of_copies, document.collated) == (2, False)
    assert (page.film_size_id, page.image_display_format) == ("14INX17IN", "STANDARD\\" + layout.replace(" ", ","))
    assert len(document.references()) == len(images)
    for pixels in document.references():
        assert (pixels.rows, pixels.columns, pixels.bits_stored) == (512, 512, bits)
        assert pixels.offset + pixels.length <= (folder / pixels.file).stat().st_size


@needs_corpus
@pytest.mark.peers("dcmtk")
def test_dcmprscu_asks_for_everything(rig: Rig, tmp_path: Path) -> None:
    asked = (
        *("--lin-od", "--landscape", "--trim", "--layout", "2", "2", "--filmsize", "8INX10IN"),
        *("--border", "150", "--empty-image", "WHITE", "--max-density", "310", "--min-density", "25"),
        *("--magnification", "BILINEAR", "--resolution", "HIGH", "--request-crop", "--img-request-size", "50"),
        *("--img-polarity", "REVERSE", "--annotation", "text"),
    )
    said = print_with_dcmtk(rig, tmp_path / "scu", "MODERN", *asked, str(CT), sending=("--session-print",))
    assert said.count("0x0000: Success") == said.count("DIMSE Status"), said[-3000:]
    ((document, _),) = documents(rig)
    (page,) = document.pages
    assert document.collated
    assert (page.film_orientation, page.width_mm, page.height_mm, page.trim) == ("LANDSCAPE", 254.0, 203.2, True)
    assert (page.border_density, page.empty_image_density) == ("150", "WHITE")
    assert (page.min_density_centi_od, page.max_density_centi_od) == (25, 310)
    assert page.requested_resolution_id == "HIGH"
    box = page.images[0]
    assert (box.magnification_type, box.polarity) == ("BILINEAR", "REVERSE")
    assert (box.requested_decimate_crop_behavior, box.requested_image_size_mm) == ("CROP", 50.0)
    assert box.presentation_lut == PresentationLUT("LIN OD")
    (annotation,) = page.annotations
    assert (annotation.format_id, annotation.position) == ("ANNOTATION", 2) and annotation.text.endswith("text")


@needs_corpus
@pytest.mark.peers("dcmtk")
def test_dcmprscu_sends_a_presentation_lut(rig: Rig, tmp_path: Path) -> None:
    said = print_with_dcmtk(rig, tmp_path / "scu", "MODERN", "--layout", "1", "2", "--plut", "DARK", str(CT))
    assert said.count("0x0000: Success") == said.count("DIMSE Status"), said[-3000:]
    ((document, _),) = documents(rig)
    assert {box.presentation_lut for box in document.pages[0].images} == {PresentationLUT(None, DARK, 12)}


@pytest.mark.peers("ctn")
def test_print_client_prints_several_films(rig: Rig, tmp_path: Path) -> None:
    port = rig.listen()
    files = []
    for number in range(4):
        file = tmp_path / f"image{number}"
        file.write_bytes(encode(image(64, 32 + number), explicit=False))
        files.append(str(file))
    called = ["print_client", "-c", "FILM", "-t", "CTN", "-f", "2", "-i", r"STANDARD\1,2", "127.0.0.1", str(port)]
    done = subprocess.run([*called, *files], cwd=tmp_path, capture_output=True, timeout=60)
    assert b"N-ACTION Response, status success" in done.stdout, done.stdout[-2000:]
    wait_for(lambda: len(rig.jobs.list()) == 2, "two films")
    columns = [[pixels.columns for pixels in document.references()] for document, _ in documents(rig)]
    assert columns == [[32, 33], [34, 35]]
