"""Films: a print session against dcmprscp's, and rendering against the same steps by Pillow and zlib alone."""

from __future__ import annotations

import contextlib
import subprocess
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from printing.job import Pixels, render_document
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference, Rectangle
from printing.render.finish import Finish
from printing.render.pdf import compress
from printing.render.placement import place
from printing.render.raster import STRIP_ROWS, rasterise
from printing.render.resample import FILTERS, Resampled, Source
from printing.tone import Tone

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


def image_box(samples: np.ndarray, position: int = 1) -> bytes:
    """An N-SET of one square image, 12 bits, encoded once: the console's time is not measured."""
    side = len(samples)
    pixels = Dataset()
    pixels.SamplesPerPixel, pixels.PhotometricInterpretation = 1, "MONOCHROME2"
    pixels.Rows = pixels.Columns = side
    pixels.BitsAllocated, pixels.BitsStored, pixels.HighBit, pixels.PixelRepresentation = 16, 12, 11, 0
    pixels.add_new(0x7FE00010, "OW", samples.astype("<u2").tobytes())
    box = Dataset()
    box.ImageBoxPosition = position
    box.BasicGrayscaleImageSequence = Items([pixels])
    return encoded(box)


def expect(status: int) -> None:
    """Success, or a warning."""
    if status and status & 0xF000 != 0xB000 and status not in (0x0107, 0x0116):
        raise RuntimeError(f"status {status:04X}")


def film_session(port: int, images: Sequence[bytes], readings: list[float], display: str = "STANDARD\\1,1") -> None:
    """From the first N-CREATE to the last N-DELETE, one image for each image box."""
    console = Console(port, "FILM", [GRAYSCALE])
    session_attributes = Dataset()
    session_attributes.NumberOfCopies = "1"
    with timed(readings, 1000):
        session = console.ask(0x0140, FILM_SESSION, data=encoded(session_attributes))
        expect(session.status)
        film = Dataset()
        film.ImageDisplayFormat, film.FilmOrientation, film.FilmSizeID = display, "PORTRAIT", "14INX17IN"
        reference = Dataset()
        reference.ReferencedSOPClassUID = FILM_SESSION
        reference.ReferencedSOPInstanceUID = session.sop_instance_uid
        film.ReferencedFilmSessionSequence = Items([reference])
        box = console.ask(0x0140, FILM_BOX, data=encoded(film))
        expect(box.status)
        for place, image in zip(referenced_image_boxes(box.data), images, strict=True):
            expect(console.ask(0x0120, IMAGE_BOX, place, image).status)
        expect(console.ask(0x0130, FILM_BOX, box.sop_instance_uid, action=1).status)
        expect(console.ask(0x0150, FILM_BOX, box.sop_instance_uid).status)
        expect(console.ask(0x0150, FILM_SESSION, session.sop_instance_uid).status)
    console.release()


def session(pairs: int, scale: float, side: int) -> Measured:
    """Milliseconds of one film, spooled and promised."""
    measured = Measured("ms")
    image = [image_box(np.random.default_rng(side).integers(0, 4096, (side, side)))]
    rounds = pairs * max(1, int((20 if side < 512 else 4) * scale))
    with folder(MEMORY) as here, appliance(here / "state", dpi=50) as one, dcmprscp(here / "peer") as peer:
        for number in range(rounds + 2):
            film_session(one.port, image, measured.ours if number > 1 else [])
            # The film that was just promised is being rendered on the other core: the peer gets a quiet machine too.
            wait_until_printed(here / "state", number + 1)
            film_session(peer, image, measured.theirs if number > 1 else [])
    return measured


def printed(state: Path) -> int:
    """Films that lie in the folder."""
    return sum(1 for _ in (state / "films").glob("*.pdf"))


def wait_until_printed(state: Path, count: int, seconds: float = 60) -> None:
    """Until there are so many."""
    end_s = time.perf_counter() + seconds
    while printed(state) < count:
        if time.perf_counter() > end_s:
            raise RuntimeError("a film was not printed")
        time.sleep(0.01)


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
    side, dpi = size_of(scale)
    smooth = pictures(side)
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
        measured.notes = stages(film, here, dpi)
    return measured


def size_of(scale: float) -> tuple[int, float]:
    """(rows and columns of an image, pixels per inch)."""
    return max(64, int(SIDE * scale)), max(50.0, DPI * scale)


def pictures(side: int) -> list[np.ndarray]:
    """Twelve images of 12 bits, smooth as real ones are."""
    random = np.random.default_rng(5)
    coarse = [Image.fromarray(random.integers(0, 4096, (64, 64)).astype(np.float32)) for _ in range(12)]
    return [np.clip(np.asarray(one.resize((side, side))), 0, 4095).astype(np.uint16) for one in coarse]


def finish(dpi: float) -> Finish:
    """As a printer has it by default."""
    return Finish(dpi, Tone("film"))


def stages(film: FilmDocument, here: Path, dpi: float) -> dict[str, float | str]:
    """Milliseconds of each stage of one film, the best of three."""
    rounds = [stage_readings(film, here, dpi) for _ in range(3)]
    resampling, raster, compression, whole = map(min, zip(*rounds, strict=True))
    return {
        "read and resample, ms": resampling,
        "table and strips": raster - resampling,
        "compress": compression,
        "document": whole - raster - compression,
    }


def stage_readings(film: FilmDocument, here: Path, dpi: float) -> list[float]:
    """Resampling alone, the strips with it, compression alone, and all of it."""
    took: list[float] = []
    (page,) = film.pages
    with Pixels(here) as read:
        with timed(took, 1000):
            for image in page.images:
                assert image.pixels is not None
                box = place(image, image.pixels, dpi).image
                resampled = Resampled(Source(image.pixels, read), box, box, FILTERS["CUBIC"])
                for top in range(box.top, box.bottom, STRIP_ROWS):
                    list(resampled.strips(top, min(top + STRIP_ROWS, box.bottom)))
        with timed(took, 1000):
            strips = list(rasterise(page, read, finish(dpi)).strips())
    with timed(took, 1000), (here / "strips").open("wb") as out:
        compress(strips, out)
    with timed(took, 1000):
        run_render(film, here, dpi)
    return took


def run_render(film: FilmDocument, here: Path, dpi: float) -> None:
    """What the rendering child does for a folder of PDFs."""
    render_document(film, here, finish(dpi), here / "film.pdf")


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
