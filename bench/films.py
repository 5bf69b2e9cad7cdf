"""Films: a print session against dcmprscp's, and rendering against the same steps by Pillow and zlib alone."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.sequence import Sequence

from printing.job import render_document
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference, Rectangle
from printing.render.finish import Finish

from .console import (
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE,
    IMAGE_BOX,
    Console,
    encoded,
    referenced_image_boxes,
)
from .process import MEMORY, PEER, appliance, ended, folder, free_port, wait_for
from .row import Measured, Row, timed

PRINTER_CONFIGURATION = """[[GENERAL]]
[PRINT]
Directory = {folder}/spool
Server = dcmprscp
[DATABASE]
Directory = {folder}/database
[LUT]
Directory = {folder}/lut
[NETWORK]
aetitle = DCMPRSCP
[[COMMUNICATION]]
[SCP]
Type = LOCALPRINTER
Aetitle = FILM
Description = for comparison
DisableNewVRs = false
MaxPDU = 131072
Port = {port}
Supports12Bit = true
SupportsPresentationLUT = true
SupportsTrim = true
SupportsImageSize = true
SupportsDecimateCrop = true
DisplayFormat = 1,1\\2,2\\3,4
FilmSizeID = 14INX17IN\\8INX10IN
MediumType = PAPER\\CLEAR FILM\\BLUE FILM
FilmDestination = MAGAZINE\\PROCESSOR
MagnificationType = NONE\\REPLICATE\\BILINEAR\\CUBIC
SmoothingType = NONE
BorderDensity = BLACK\\WHITE
EmptyImageDensity = BLACK\\WHITE
MinDensity = 20
MaxDensity = 300
ResolutionID = STANDARD
"""


@contextlib.contextmanager
def dcmprscp(where: Path) -> Iterator[int]:
    """DCMTK's print SCP: it stores what was printed, and renders nothing."""
    port = free_port()
    for name in ("spool", "database", "lut"):
        (where / name).mkdir(parents=True)
    (where / "printer.cfg").write_text(PRINTER_CONFIGURATION.format(folder=where, port=port))
    command = ["/usr/bin/dcmprscp", "-c", str(where / "printer.cfg"), "-p", "SCP"]
    process = subprocess.Popen(
        command, env=PEER, text=True, cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with ended(process):
        wait_for(port)
        yield port


def image_box(side: int) -> bytes:
    """An N-SET of one image, 12 bits, encoded once: the console's time is not measured."""
    pixels = Dataset()
    pixels.SamplesPerPixel, pixels.PhotometricInterpretation = 1, "MONOCHROME2"
    pixels.Rows = pixels.Columns = side
    pixels.BitsAllocated, pixels.BitsStored, pixels.HighBit, pixels.PixelRepresentation = 16, 12, 11, 0
    noise = np.random.default_rng(side).integers(0, 4096, (side, side), dtype="<u2")
    pixels.add_new(0x7FE00010, "OW", noise.tobytes())
    box = Dataset()
    box.ImageBoxPosition = 1
    box.BasicGrayscaleImageSequence = Sequence([pixels])
    return encoded(box)


def expect(status: int) -> None:
    """Success, or a warning."""
    if status and status & 0xF000 != 0xB000 and status not in (0x0107, 0x0116):
        raise RuntimeError(f"status {status:04X}")


def film_session(port: int, image: bytes, readings: list[float]) -> None:
    """From the first N-CREATE to the last N-DELETE."""
    console = Console(port, "FILM", [GRAYSCALE])
    session_attributes = Dataset()
    session_attributes.NumberOfCopies = "1"
    with timed(readings, 1000):
        session = console.ask(0x0140, FILM_SESSION, data=encoded(session_attributes))
        expect(session.status)
        film = Dataset()
        film.ImageDisplayFormat, film.FilmOrientation, film.FilmSizeID = "STANDARD\\1,1", "PORTRAIT", "14INX17IN"
        reference = Dataset()
        reference.ReferencedSOPClassUID = FILM_SESSION
        reference.ReferencedSOPInstanceUID = session.sop_instance_uid
        film.ReferencedFilmSessionSequence = Sequence([reference])
        box = console.ask(0x0140, FILM_BOX, data=encoded(film))
        expect(box.status)
        (place,) = referenced_image_boxes(box.data)
        expect(console.ask(0x0120, IMAGE_BOX, place, image).status)
        expect(console.ask(0x0130, FILM_BOX, box.sop_instance_uid, action=1).status)
        expect(console.ask(0x0150, FILM_BOX, box.sop_instance_uid).status)
        expect(console.ask(0x0150, FILM_SESSION, session.sop_instance_uid).status)
    console.release()


def session(pairs: int, scale: float, side: int) -> Measured:
    """Milliseconds of one film, spooled and promised."""
    measured = Measured("ms")
    image = image_box(side)
    rounds = pairs * max(1, int((20 if side < 512 else 4) * scale))
    with folder(MEMORY) as here, appliance(here / "state", dpi=50) as one, dcmprscp(here / "peer") as peer:
        for number in range(rounds + 2):
            film_session(one.port, image, measured.ours if number > 1 else [])
            # The film that was just promised is being rendered on the other core: the peer gets a quiet machine too.
            wait_until_printed(here / "state", number + 1)
            film_session(peer, image, measured.theirs if number > 1 else [])
    return measured


def wait_until_printed(state: Path, count: int) -> None:
    """Until so many films lie in the folder."""
    for _ in range(1200):
        if sum(1 for _ in (state / "films").glob("*.pdf")) >= count:
            return
        time.sleep(0.05)
    raise RuntimeError("a film was not printed")


DPI, COLUMNS, ROWS_OF_FILM, SIDE = 300, 3, 4, 2048


def document(images: int, side: int) -> FilmDocument:
    """A 14×17 in film of twelve images, as the daemon would freeze it."""
    width_mm, height_mm = 14 * 25.4, 17 * 25.4
    cells = [
        Rectangle(
            (number % COLUMNS) * width_mm / COLUMNS,
            (number // COLUMNS) * height_mm / ROWS_OF_FILM,
            width_mm / COLUMNS,
            height_mm / ROWS_OF_FILM,
        )
        for number in range(images)
    ]
    page = FilmPage(
        film_size_id="14INX17IN",
        film_orientation="PORTRAIT",
        width_mm=width_mm,
        height_mm=height_mm,
        image_display_format=f"STANDARD\\{COLUMNS},{ROWS_OF_FILM}",
        images=tuple(
            PageImage(
                position=number + 1,
                cell=cell,
                pixels=PixelReference(
                    file=f"{number}",
                    offset=0,
                    length=2 * side * side,
                    rows=side,
                    columns=side,
                    samples_per_pixel=1,
                    photometric_interpretation="MONOCHROME2",
                    planar_configuration=0,
                    bits_allocated=16,
                    bits_stored=12,
                    high_bit=11,
                ),
            )
            for number, cell in enumerate(cells)
        ),
    )
    return FilmDocument(pages=(page,))


def reference(pixels: list[np.ndarray], width_px: int, height_px: int) -> bytes:
    """The same pixels by Pillow and zlib: bicubic resize in 12 bit, a table, level 1 with the up predictor."""
    table = (np.arange(4096) * 255 + 2047) // 4095
    page = np.zeros((height_px, width_px), np.uint8)
    for number, image in enumerate(pixels):
        left, top = number % COLUMNS * width_px // COLUMNS, number // COLUMNS * height_px // ROWS_OF_FILM
        side = min(width_px // COLUMNS, height_px // ROWS_OF_FILM)
        resized = np.asarray(Image.fromarray(image.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC))
        page[top : top + side, left : left + side] = table[np.clip(np.rint(resized), 0, 4095).astype(np.uint16)]
    rows = np.empty((height_px, width_px + 1), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = page[0]
    np.subtract(page[1:], page[:-1], out=rows[1:, 1:])
    return zlib.compress(rows.tobytes(), 1)


def render(pairs: int, scale: float) -> Measured:
    """Seconds from a frozen film to a PDF, in the process that renders."""
    measured = Measured("s")
    side = max(64, int(SIDE * scale))
    dpi = max(50.0, DPI * scale)
    random = np.random.default_rng(5)
    smooth = [
        np.asarray(
            Image.fromarray(random.integers(0, 4096, (64, 64)).astype(np.float32)).resize((side, side)), np.uint16
        )
        for _ in range(12)
    ]
    film = document(12, side)
    with folder(MEMORY) as here:
        for number, pixels in enumerate(smooth):
            (here / str(number)).write_bytes(pixels.astype("<u2").tobytes())
        for number in range(pairs + 1):
            ours: list[float] = measured.ours if number else []
            theirs: list[float] = measured.theirs if number else []
            with timed(ours):
                run_render(film, here, dpi)
            with timed(theirs):
                read = [np.fromfile(here / str(one), "<u2").reshape(side, side) for one in range(12)]
                data = reference(read, round(14 * dpi), round(17 * dpi))
                (here / "reference").write_bytes(data)
    measured.notes = {"peak of both together, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    return measured


def run_render(film: FilmDocument, here: Path, dpi: float) -> None:
    """What the rendering child does for a folder of PDFs."""
    render_document(film, here, Finish(dpi), here / "film.pdf")


ROWS = (
    Row(
        "film-large",
        "film session, 2048² image, N-CREATE to N-DELETE",
        "dcmprscp",
        1.0,
        lambda p, s: session(p, s, 2048),
    ),
    Row("film-small", "the same, 64² image", "dcmprscp", 2.0, lambda p, s: session(p, s, 64)),
    Row("render", "14×17 in at 300 dpi, 12 × 2048² 12 bit → PDF", "Pillow and zlib", 1.2, render),
)
