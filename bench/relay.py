"""Relay: films to dcmprscp, against DCMTK's own dcmprscu with the same images to the same imager."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset

from printing.outputs import RenderedFilm
from printing.outputs.dicom.imager import DicomOutput
from printing.page import DOCUMENT, FilmDocument, FilmPage, PageImage, PixelReference, Rectangle

from .films import PRINTER_CONFIGURATION, dcmprscp
from .process import MEMORY, PEER, folder
from .row import Measured, Row, timed

FILMS, SIDE = 4, 2048
HEADER = PRINTER_CONFIGURATION.partition("[[COMMUNICATION]]")[0]
PRINTER = """[[COMMUNICATION]]
[IMAGER]
Type = PRINTER
Hostname = 127.0.0.1
Aetitle = FILM
Description = for comparison
DisableNewVRs = false
MaxPDU = 131072
Port = {port}
Supports12Bit = true
SupportsPresentationLUT = true
DisplayFormat = 1,1
FilmSizeID = 14INX17IN
"""


def pictures(films: int, side: int) -> list[bytes]:
    """Noise of twelve bits, one image a film."""
    random = np.random.default_rng(7)
    return [random.integers(0, 4096, (side, side), dtype="<u2").tobytes() for _ in range(films)]


def stored_prints(here: Path, port: int, images: list[bytes], side: int) -> list[Path]:
    """The same images as DCMTK's spool has them, ready to be printed by dcmprscu."""
    for name in ("spool", "database", "lut"):
        (here / name).mkdir(parents=True)
    (here / "printer.cfg").write_text((HEADER + PRINTER).format(folder=here, port=port))
    for number, pixels in enumerate(images, 1):
        one, meta = Dataset(), FileMetaDataset()
        one.SOPClassUID, one.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", f"2.25.{number}"
        one.PatientName, one.PatientID = "Bench", "BENCH"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.Modality = "2.25.1000", "2.25.1001", "OT"
        one.Rows = one.Columns = side
        one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", 0
        one.BitsAllocated, one.BitsStored, one.HighBit = 16, 12, 11
        one.PixelData = pixels
        meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        one.file_meta = meta
        dcmwrite(here / "image.dcm", one, enforce_file_format=True)
        command = ["/usr/bin/dcmpsprt", "-q", "--nospool", "-c", here / "printer.cfg", "-p", "IMAGER"]
        subprocess.run([*command, here / "image.dcm"], env=PEER, check=True, capture_output=True, timeout=60)
    return sorted((here / "database").glob("SP_*.dcm"))


def film(here: Path, images: list[bytes], side: int) -> RenderedFilm:
    """The same images as our spool has them."""
    here.mkdir()
    pages = []
    for number, pixels in enumerate(images):
        (here / str(number)).write_bytes(pixels)
        reference = PixelReference(str(number), 0, len(pixels), side, side, 1, "MONOCHROME2", 0, 16, 12, 11)
        box = PageImage(1, Rectangle(0, 0, 355.6, 431.8), reference)
        pages.append(FilmPage("14INX17IN", "PORTRAIT", 355.6, 431.8, r"STANDARD\1,1", (box,), given=()))
    (here / DOCUMENT).write_text(FilmDocument(tuple(pages), given=()).to_json())
    return RenderedFilm("film", here, (), {})


@contextlib.contextmanager
def emptied(imager: Path, films: int) -> Iterator[None]:
    """Whoever comes next finds the imager as the one before did; both have printed every film."""
    yield
    printed = len(list((imager / "database").glob("SP_*.dcm")))
    if printed != films:
        raise RuntimeError(f"{printed} of {films} films were printed")
    for file in (imager / "database").glob("*.dcm"):
        file.unlink()


def relay(pairs: int, scale: float) -> Measured:
    """Seconds for a few films, from the first connection to the last answer."""
    measured = Measured("s")
    films, side = max(1, int(FILMS * scale)), max(64, int(SIDE * scale))
    images = pictures(films, side)
    with folder(MEMORY) as here, dcmprscp(here / "imager") as port:
        prints = stored_prints(here / "dcmtk", port, images, side)
        command = ["/usr/bin/dcmprscu", "-q", "-c", here / "dcmtk" / "printer.cfg", "-p", "IMAGER", *prints]
        output = DicomOutput("127.0.0.1", port, "FILM")
        for number in range(pairs + 1):
            with emptied(here / "imager", films), timed(measured.theirs if number else []):
                subprocess.run(command, env=PEER, check=True, capture_output=True, timeout=120)
            one = film(here / f"film{number}", images, side)
            with emptied(here / "imager", films), timed(measured.ours if number else []):
                output.deliver(one)
    measured.notes = {"films": films, "films a second": films / sorted(measured.ours)[len(measured.ours) // 2]}
    return measured


ROWS = (Row("relay", "4 films of one 2048² image, 12 bit, relayed", "dcmprscu", 1.2, relay),)
