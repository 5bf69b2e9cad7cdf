"""Films as a console prints them and as poppler sees them: geometry, grey and colour, computed from the standard.

Every image is four flat patches, so that cells, orientation, polarity and grey can be measured on the rasterised page
away from edges. Layouts, sizes and depths are drawn from a seed.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from printing.outputs.scu import associate
from tests.serving import DEFAULT, Serving, serving

pytestmark = pytest.mark.peers("poppler-utils")

SEED = int(os.environ.get("GRAVURE_SEED", "0")) or random.randrange(1 << 30)
DPI = 200
GRAY, COLOR = "1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.18"
SESSION, FILM = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.2"
GRAY_BOX, COLOR_BOX = "1.2.840.10008.5.1.1.4", "1.2.840.10008.5.1.1.4.1"
PRINT_JOB = "1.2.840.10008.5.1.1.14"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"

SIZES = {  # PS3.3 C.13.3, mm
    "8INX10IN": (203.2, 254), "8_5INX11IN": (215.9, 279.4), "10INX12IN": (254, 304.8), "10INX14IN": (257, 364),
    "11INX14IN": (279.4, 355.6), "11INX17IN": (279.4, 431.8), "14INX14IN": (355.6, 355.6), "14INX17IN": (355.6, 431.8),
    "24CMX24CM": (240, 240), "24CMX30CM": (240, 300), "A4": (210, 297), "A3": (297, 420),
}  # fmt: skip


@dataclass
class Patches:
    """An image of four flat quarters, as stored values."""

    rows: int
    columns: int
    bits: int
    values: tuple[int, int, int, int]
    photometric: str = "MONOCHROME2"

    def samples(self) -> NDArray[Any]:
        samples = np.empty((self.rows, self.columns), "<u2" if self.bits > 8 else "u1")
        middle_row, middle_column = self.rows // 2, self.columns // 2
        samples[:middle_row, :middle_column], samples[:middle_row, middle_column:] = self.values[:2]
        samples[middle_row:, :middle_column], samples[middle_row:, middle_column:] = self.values[2:]
        return samples

    def data_set(self) -> Dataset:
        image = Dataset()
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, self.photometric
        image.Rows, image.Columns = self.rows, self.columns
        image.BitsAllocated = 16 if self.bits > 8 else 8
        image.BitsStored, image.HighBit, image.PixelRepresentation = self.bits, self.bits - 1, 0
        data = self.samples().tobytes()
        image.add_new(0x7FE00010, "OW", data + b"\0" * (len(data) % 2))
        return image

    def expected(self, polarity: str) -> list[int]:
        """8-bit P-values of the quarters, halves rounded up."""
        full = (1 << self.bits) - 1
        inverted = (self.photometric == "MONOCHROME1") != (polarity == "REVERSE")
        return [int((full - value if inverted else value) * 255 / full + 0.5) for value in self.values]


class Console:
    """A print console on pynetdicom's messages."""

    def __init__(self, port: int, *, meta: str = GRAY, syntax: str = EXPLICIT, events: list[int] | None = None) -> None:
        heard = [] if events is None else events
        classes = (meta,) if events is None else (meta, PRINT_JOB)
        self.meta = meta
        self.box = GRAY_BOX if meta == GRAY else COLOR_BOX
        self.association = associate(  # the library's own requestor loses answers between events
            ("127.0.0.1", port, "FILM", "CONSOLE"),
            [(one, (syntax,)) for one in classes],
            60.0,
            hear_event=lambda _class, _uid, event_type, _information: heard.append(event_type),
        )
        assert self.association.is_established
        self.session = generate_uid()

    def create_session(self, **attributes: Any) -> int:
        data_set = Dataset()
        for keyword, value in attributes.items():
            setattr(data_set, keyword, value)
        status, _ = self.association.send_n_create(
            data_set if len(data_set) else None, SESSION, self.session, meta_uid=self.meta
        )
        return int(status.Status)

    def create_film(self, form: str, **attributes: Any) -> tuple[str, list[str]]:
        uid = generate_uid()
        film = Dataset()
        film.add_new(0x20100010, "ST", form)
        for keyword, value in attributes.items():
            setattr(film, keyword, value)
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = SESSION, self.session
        film.ReferencedFilmSessionSequence = [reference]
        status, created = self.association.send_n_create(film, FILM, uid, meta_uid=self.meta)
        assert status.Status == 0x0000, f"{status.Status:04X} {status.get('ErrorComment')}"
        return uid, [str(item.ReferencedSOPInstanceUID) for item in created.ReferencedImageBoxSequence]

    def set_image(self, box: str, position: int, image: Dataset, **attributes: Any) -> int:
        data_set = Dataset()
        data_set.add_new(0x20200010, "US", position)
        data_set.add_new(0x20200110 if self.meta == GRAY else 0x20200111, "SQ", [image])
        for keyword, value in attributes.items():
            setattr(data_set, keyword, value)
        status, _ = self.association.send_n_set(data_set, self.box, box, meta_uid=self.meta)
        return int(status.Status)

    def act(self, sop_class: str, uid: str) -> tuple[int, Dataset | None]:
        status, reply = self.association.send_n_action(None, 1, sop_class, uid, meta_uid=self.meta)
        return int(status.Status), reply

    def leave(self) -> None:
        self.association.release()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    toml = DEFAULT.replace("dpi = 100", f"dpi = {DPI}")
    with serving(tmp_path_factory.mktemp("films"), toml=toml) as running:
        yield running


def pdf_of(one: Serving, count: int) -> tuple[dict[str, Any], str]:
    """The newest job, when so many have ended."""
    job = one.all_ended(count)[-1]
    assert job["state"] == "DONE", job
    return job, next(file for file in job["files"] if file.endswith(".pdf"))


def jobs_so_far(one: Serving) -> int:
    return len(one.jobs())


def pages(pdf: str, folder: Path) -> list[NDArray[Any]]:
    """The printer pixels of every page, as poppler takes them out; and each page shows its pixels edge to edge."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["pdfimages", "-png", pdf, str(folder / "film")], check=True)
    subprocess.run(["pdftoppm", "-r", "20", "-png", pdf, str(folder / "page")], check=True)
    films = [np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.glob("film*.png"))]
    for film, shown in zip(films, sorted(folder.glob("page*.png")), strict=True):
        small = Image.open(shown).convert("RGB")
        reduced = Image.fromarray(film).resize(small.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(small, int) - np.asarray(reduced, int)).mean() < 6
    return films


def page_size_mm(pdf: str) -> tuple[float, float]:
    told = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    words = next(line for line in told.splitlines() if line.startswith("Page size")).split()
    return float(words[2]) / 72 * 25.4, float(words[4]) / 72 * 25.4


def fitted(cell: tuple[float, float, float, float], aspect: float) -> tuple[float, float, float, float]:
    """The largest rectangle of an aspect (width / height) in a cell, centred; all (x, y, width, height) in mm."""
    x, y, width, height = cell
    inner = min(width, height * aspect)
    return x + (width - inner) / 2, y + (height - inner / aspect) / 2, inner, inner / aspect


def at(page: NDArray[Any], x_mm: float, y_mm: float) -> NDArray[Any]:
    return page[int(y_mm / 25.4 * DPI), int(x_mm / 25.4 * DPI)].astype(int)


def check_image(page: NDArray[Any], place: tuple[float, float, float, float], greys: list[int]) -> None:
    """The middles of the quarters have their grey, and just inside of each edge is image, just outside is not."""
    x, y, width, height = place
    for quarter, grey in enumerate(greys):
        middle = at(page, x + width * (0.25 + 0.5 * (quarter % 2)), y + height * (0.25 + 0.5 * (quarter // 2)))
        assert np.abs(middle - grey).max() <= 1, (quarter, middle, grey)
    inside = 25.4 / DPI  # one printer pixel, the finest that a page of this resolution shows
    for edge_x, edge_y, grey in (
        (x + inside, y + height / 4, greys[0]),
        (x + width - inside, y + height / 4, greys[1]),
        (x + width / 4, y + inside, greys[0]),
        (x + width / 4, y + height - inside, greys[2]),
    ):
        assert np.abs(at(page, edge_x, edge_y) - grey).max() <= 2, (edge_x, edge_y)


def draw_image(draw: random.Random) -> Patches:
    bits = draw.choice([8, 12])
    full = (1 << bits) - 1
    values = tuple(draw.randint(full // 5, full) for _ in range(4))
    rows, columns = draw.randint(20, 200), draw.randint(20, 200)
    return Patches(rows * 2, columns * 2, bits, values, draw.choice(["MONOCHROME1", "MONOCHROME2"]))  # type: ignore[arg-type]


@pytest.mark.parametrize("number", range(6))
def test_standard_formats_sizes_depths_and_polarity(one: Serving, tmp_path: Path, number: int) -> None:
    print(f"GRAVURE_SEED={SEED}")
    draw = random.Random(SEED + number)
    columns, rows = draw.randint(1, 4), draw.randint(1, 5)
    size = draw.choice(sorted(SIZES))
    landscape = draw.random() < 0.4
    width, height = SIZES[size][::-1] if landscape else SIZES[size]
    console = Console(one.port, syntax=draw.choice([IMPLICIT, EXPLICIT]))
    before = jobs_so_far(one)
    assert console.create_session() == 0x0000
    film, boxes = console.create_film(
        f"STANDARD\\{columns},{rows}", FilmSizeID=size, FilmOrientation="LANDSCAPE" if landscape else "PORTRAIT"
    )
    assert len(boxes) == columns * rows
    sent: dict[int, tuple[Patches, str]] = {}
    order = list(range(1, len(boxes) + 1))
    draw.shuffle(order)  # by position, never by arrival
    for position in order[: max(1, len(order) - 1)]:  # the last one stays empty
        image, polarity = draw_image(draw), draw.choice(["NORMAL", "REVERSE"])
        assert console.set_image(boxes[position - 1], position, image.data_set(), Polarity=polarity) == 0x0000
        sent[position] = (image, polarity)
    assert console.act(FILM, film)[0] == 0x0000
    console.leave()
    _, pdf = pdf_of(one, before + 1)
    assert page_size_mm(pdf) == pytest.approx((width, height), abs=0.1)
    (page,) = pages(pdf, tmp_path / "pages")
    for position in range(1, len(boxes) + 1):
        column, row = (position - 1) % columns, (position - 1) // columns
        cell = (column * width / columns, row * height / rows, width / columns, height / rows)
        if position in sent:
            image, polarity = sent[position]
            check_image(page, fitted(cell, image.columns / image.rows), image.expected(polarity))
        else:
            assert at(page, cell[0] + cell[2] / 2, cell[1] + cell[3] / 2).max() == 0, "an empty cell is black"


def test_rows_and_columns_of_their_own_lengths(one: Serving, tmp_path: Path) -> None:
    width, height = SIZES["14INX17IN"]
    image = Patches(100, 100, 8, (60, 120, 180, 240))
    for form, cells in (
        (
            "ROW\\1,2",
            [
                (0, 0, width, height / 2),
                (0, height / 2, width / 2, height / 2),
                (width / 2, height / 2, width / 2, height / 2),
            ],
        ),
        (
            "COL\\2,1",  # positions run down the first column, then down the second
            [(0, 0, width / 2, height / 2), (0, height / 2, width / 2, height / 2), (width / 2, 0, width / 2, height)],
        ),
    ):
        console = Console(one.port)
        before = jobs_so_far(one)
        console.create_session()
        film, boxes = console.create_film(form, FilmSizeID="14INX17IN")
        for position, box in enumerate(boxes, 1):
            shades = Patches(100, 100, 8, tuple(value - 10 * position for value in image.values))  # type: ignore[arg-type]
            console.set_image(box, position, shades.data_set())
        assert console.act(FILM, film)[0] == 0x0000
        console.leave()
        _, pdf = pdf_of(one, before + 1)
        (page,) = pages(pdf, tmp_path / form[:3])
        for position, cell in enumerate(cells, 1):
            check_image(page, fitted(cell, 1.0), [value - 10 * position for value in image.values])


@pytest.mark.parametrize("planar", [0, 1])
def test_colour_in_both_planar_configurations(one: Serving, tmp_path: Path, planar: int) -> None:
    colours = np.array([[[200, 30, 30], [30, 200, 30]], [[30, 30, 200], [240, 220, 40]]], np.uint8)
    pixels = np.kron(colours, np.ones((40, 40, 1), np.uint8))
    image = Dataset()
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", planar
    image.Rows, image.Columns = pixels.shape[:2]
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    image.add_new(0x7FE00010, "OB", (np.moveaxis(pixels, 2, 0) if planar else pixels).tobytes())
    console = Console(one.port, meta=COLOR)
    before = jobs_so_far(one)
    console.create_session()
    film, (box,) = console.create_film("STANDARD\\1,1", FilmSizeID="24CMX24CM")
    assert console.set_image(box, 1, image) == 0x0000
    assert console.act(FILM, film)[0] == 0x0000
    console.leave()
    _, pdf = pdf_of(one, before + 1)
    (page,) = pages(pdf, tmp_path / "pages")
    for quarter in range(4):
        seen = at(page, 60 + 120 * (quarter % 2), 60 + 120 * (quarter // 2))
        assert np.abs(seen - colours[quarter // 2, quarter % 2]).max() <= 1


def p_value_of_density(od: float) -> float:
    """8-bit P-value of a density on a film of 0.20 to 3.00 OD at 2000 and 10 cd/m² (PS3.14 §7.1, §7.2)."""
    a, c, e, g, m = -1.3011877, 0.080242636, 0.13646699, -0.025468404, 0.0013635334
    b, d, f, h, k = -0.025840191, -0.10320229, 0.028745620, -0.0031978977, 0.00012992634
    j = np.linspace(1, 1023, 200_001)
    x = np.log(j)
    luminance = 10 ** (
        (a + c * x + e * x**2 + g * x**3 + m * x**4) / (1 + b * x + d * x**2 + f * x**3 + h * x**4 + k * x**5)
    )
    lowest, here, highest = (np.interp(10 + 2000 * 10**-one, luminance, j) for one in (3.00, od, 0.20))
    return float((here - lowest) / (highest - lowest) * 255)


def test_white_border_and_empty_cells(one: Serving, tmp_path: Path) -> None:
    console = Console(one.port)
    before = jobs_so_far(one)
    console.create_session()
    film, boxes = console.create_film(
        "STANDARD\\2,1", FilmSizeID="24CMX30CM", BorderDensity="WHITE", EmptyImageDensity="150"
    )
    console.set_image(boxes[0], 1, Patches(100, 100, 8, (0, 0, 0, 0)).data_set())
    console.act(FILM, film)
    console.leave()
    _, pdf = pdf_of(one, before + 1)
    (page,) = pages(pdf, tmp_path / "pages")
    assert at(page, 60, 30).min() == 255, "beside the image the border is white"
    assert at(page, 60, 150).max() == 0
    assert abs(int(at(page, 180, 150)[0]) - p_value_of_density(1.50)) <= 1


def test_requested_image_size_is_true(one: Serving, tmp_path: Path) -> None:
    console = Console(one.port)
    before = jobs_so_far(one)
    console.create_session()
    film, (box,) = console.create_film("STANDARD\\1,1", FilmSizeID="14INX17IN")
    image = Patches(300, 200, 8, (80, 120, 160, 200))
    assert console.set_image(box, 1, image.data_set(), RequestedImageSize="123.4") == 0x0000
    console.act(FILM, film)
    console.leave()
    _, pdf = pdf_of(one, before + 1)
    (page,) = pages(pdf, tmp_path / "pages")
    width, height = SIZES["14INX17IN"]
    place = ((width - 123.4) / 2, (height - 185.1) / 2, 123.4, 185.1)
    check_image(page, place, image.expected("NORMAL"))
    lit = np.flatnonzero(page[page.shape[0] // 2 - 20, :, 0])
    assert (lit[-1] - lit[0] + 1) / DPI * 25.4 == pytest.approx(123.4, abs=25.4 / DPI)


def test_pixel_aspect_ratio(one: Serving, tmp_path: Path) -> None:
    console = Console(one.port)
    before = jobs_so_far(one)
    console.create_session()
    film, (box,) = console.create_film("STANDARD\\1,1", FilmSizeID="24CMX24CM")
    image = Patches(100, 100, 8, (80, 120, 160, 200)).data_set()
    image.PixelAspectRatio = ["2", "1"]  # twice as high as wide
    assert console.set_image(box, 1, image) == 0x0000
    console.act(FILM, film)
    console.leave()
    _, pdf = pdf_of(one, before + 1)
    (page,) = pages(pdf, tmp_path / "pages")
    check_image(page, (60, 0, 120, 240), [80, 120, 160, 200])


def test_a_session_is_one_document_and_copies_are_recorded(one: Serving, tmp_path: Path) -> None:
    console = Console(one.port)
    before = jobs_so_far(one)
    assert console.create_session(NumberOfCopies=3, FilmSessionLabel="round") == 0x0000
    for grey in (50, 100, 150):
        _, (box,) = console.create_film("STANDARD\\1,1", FilmSizeID="8INX10IN")
        console.set_image(box, 1, Patches(40, 40, 8, (grey,) * 4).data_set())
    assert console.act(SESSION, console.session)[0] == 0x0000
    console.leave()
    job, pdf = pdf_of(one, before + 1)
    assert [int(at(page, 100, 120)[0]) for page in pages(pdf, tmp_path / "pages")] == [50, 100, 150]
    assert job["payload"]["number_of_copies"] == 3
    record = Path(next(file for file in job["files"] if file.endswith(".json"))).read_text()
    assert '"film_session_label": "round"' in record


def test_the_same_page_is_the_same_pdf(one: Serving) -> None:
    made = []
    for _ in range(2):
        console = Console(one.port)
        before = jobs_so_far(one)
        console.create_session()
        film, (box,) = console.create_film("STANDARD\\1,1")
        console.set_image(box, 1, Patches(300, 300, 12, (100, 900, 2000, 4000)).data_set())
        console.act(FILM, film)
        console.leave()
        made.append(Path(pdf_of(one, before + 1)[1]).read_bytes())
    assert made[0] == made[1]
    assert b"DCTDecode" not in made[0] and b"ASCII85" not in made[0]


def test_a_waiting_console_hears_pending_printing_done_while_it_keeps_asking(one: Serving) -> None:
    heard: list[int] = []
    console = Console(one.port, events=heard)
    console.create_session()
    film, (box,) = console.create_film("STANDARD\\1,1")
    console.set_image(box, 1, Patches(300, 300, 12, (100, 900, 2000, 4000)).data_set())
    status, reply = console.act(FILM, film)
    assert status == 0x0000 and reply is not None
    (reference,) = reply[0x21000500].value  # Referenced Print Job Sequence; (2120,0070) is another one
    assert reference.ReferencedSOPClassUID == PRINT_JOB
    job = str(reference.ReferencedSOPInstanceUID)
    seen: list[str] = []
    for _ in range(400):
        got, found = console.association.send_n_get([0x21000020], PRINT_JOB, job)
        assert got.Status == 0x0000
        if not seen or seen[-1] != found.ExecutionStatus:
            seen.append(str(found.ExecutionStatus))
        if heard[-1:] == [3]:
            break
    assert heard == [1, 2, 3]
    assert seen == [state for state in ("PENDING", "PRINTING", "DONE") if state in seen] and seen[-1] != "FAILURE"
    console.leave()
    later = Console(one.port, events=[])
    got, found = later.association.send_n_get([], PRINT_JOB, job)
    assert (got.Status, found.ExecutionStatus) == (0x0000, "DONE")
    later.leave()


def test_a_console_that_deletes_everything_at_once_still_gets_its_film(one: Serving) -> None:
    console = Console(one.port)
    before = jobs_so_far(one)
    console.create_session()
    film, (box,) = console.create_film("STANDARD\\1,1")
    console.set_image(box, 1, Patches(600, 600, 12, (100, 900, 2000, 4000)).data_set())
    assert console.act(FILM, film)[0] == 0x0000
    assert console.association.send_n_delete(FILM, film, meta_uid=GRAY).Status == 0x0000
    assert console.association.send_n_delete(SESSION, console.session, meta_uid=GRAY).Status == 0x0000
    console.association.abort()
    job, _ = pdf_of(one, before + 1)
    assert job["state"] == "DONE"
