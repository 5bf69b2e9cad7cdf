"""Films measured on rastered PDFs, by programs that are not ours: millimetres, greys, densities.

What is expected is computed here from the standard's own words, without the code that is measured.
"""

from __future__ import annotations

import math
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from printing import layout
from printing.display_format import DisplayFormat
from printing.film_size import FILM_SIZES
from printing.layout import CustomFormat, Formats
from printing.page import FilmDocument, FilmPage, PageImage, Rectangle
from printing.render.finish import Finish
from printing.tone import Tone
from tests.printing.render.films import Heap, box, film
from tests.printing.render.test_pdf import pdf_of

pytestmark = pytest.mark.peers("poppler-utils", "ghostscript", "mupdf-tools")
Image.MAX_IMAGE_PIXELS = None

READERS: dict[str, Callable[[Path, int, Path], list[str | Path]]] = {
    "poppler": lambda pdf, dpi, out: ["pdftoppm", "-gray", "-r", str(dpi), pdf, out / "page"],
    "ghostscript": lambda pdf, dpi, out: [
        *("gs", "-q", "-dSAFER", "-dNOPAUSE", "-dBATCH", "-sDEVICE=tiffgray", f"-r{dpi}"),
        *(f"-sOutputFile={out}/page-%02d.tiff", pdf),
    ],
    "mupdf": lambda pdf, dpi, out: [
        "mutool",
        "draw",
        "-q",
        "-r",
        str(dpi),
        "-c",
        "gray",
        "-o",
        out / "page-%d.pgm",
        pdf,
    ],
}


def pages_of(pdf: Path, reader: str, dpi: int, folder: Path) -> Iterator[np.ndarray]:
    """Every page as a reader shows it, 8 bits."""
    out = folder / reader
    out.mkdir(exist_ok=True)
    subprocess.run(READERS[reader](pdf, dpi, out), check=True, capture_output=True)
    for file in sorted(out.iterdir()):
        yield np.asarray(Image.open(file))
        file.unlink()


# -- millimetres -----------------------------------------------------------------------------------------------------

DPI = 600
MM = 25.4 / DPI
CUSTOM = {
    3: CustomFormat(((0.0, 0.0, 0.61, 0.5), (0.61, 0.0, 0.39, 0.27), (0.61, 0.27, 0.39, 0.73), (0.1, 0.55, 0.4, 0.4)))
}


def standard(columns: int, rows: int, wide: float, high: float) -> list[tuple[float, float, float, float]]:
    w, h = wide / columns, high / rows
    return [(at % columns * w, at // columns * h, w, h) for at in range(columns * rows)]


def stacked(counts: list[int], wide: float, high: float) -> list[tuple[float, float, float, float]]:
    """ROW; turned, it is COL."""
    h = high / len(counts)
    return [(at * wide / count, row * h, wide / count, h) for row, count in enumerate(counts) for at in range(count)]


def layouts(seed: int) -> Iterator[tuple[str, float, float, list[tuple[float, float, float, float]]]]:
    """(format, film width, height, cells in mm) of random layouts, one of each kind."""
    chance = random.Random(seed)
    for kind in ("STANDARD", "ROW", "COL", "SLIDE", "CUSTOM"):
        # Slides need a real film; the others may be small, as 600 dpi is many pixels for a reader.
        wide, high = FILM_SIZES["8INX10IN"] if kind == "SLIDE" else chance.choice([(120.0, 150.0), (180.5, 130.3)])
        numbers = [chance.randint(1, 4) for _ in range(2 if kind == "STANDARD" else 3)]
        if kind == "STANDARD":
            yield f"STANDARD\\{numbers[0]},{numbers[1]}", wide, high, standard(*numbers, wide, high)
        elif kind == "ROW":
            yield f"ROW\\{','.join(map(str, numbers))}", wide, high, stacked(numbers, wide, high)
        elif kind == "COL":
            turned = stacked(numbers, high, wide)
            yield f"COL\\{','.join(map(str, numbers))}", wide, high, [(y, x, h, w) for x, y, w, h in turned]
        elif kind == "SLIDE":
            mounts = standard(5, 6, wide, high)
            yield kind, wide, high, [(x + (w - 36) / 2, y + (h - 24) / 2, 36.0, 24.0) for x, y, w, h in mounts]
        else:
            parts = CUSTOM[3].cells
            yield "CUSTOM\\3", wide, high, [(x * wide, y * high, w * wide, h * high) for x, y, w, h in parts]


def pictured(heap: Heap, cells: list[tuple[float, float, float, float]], chance: random.Random) -> list[PageImage]:
    """Flat images, each of its own grey: in turn as wide as the cell, of any shape, and of an asked size."""
    images = []
    for number, (x, y, w, h) in enumerate(cells):
        rows, columns = (8, 8) if number % 3 == 0 else (chance.randint(5, 60), chance.randint(5, 60))
        ratio = (round(h * 100), round(w * 100)) if number % 3 == 0 else (1, 1)
        pixels = heap.put(np.full((rows, columns), 40 + 5 * number), pixel_aspect_ratio=ratio)
        fitting = min(w, h * columns * ratio[1] / (rows * ratio[0]))
        size = round(chance.uniform(0.2, 0.95) * fitting, 1) if number % 3 == 2 else None
        images.append(PageImage(number + 1, Rectangle(x, y, w, h), pixels, requested_image_size_mm=size))
    return images


def expected(image: PageImage) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) in mm: as large as the cell lets it be or as wide as asked, in the middle."""
    assert image.pixels is not None
    vertical, horizontal = image.pixels.pixel_aspect_ratio
    aspect = image.pixels.columns * horizontal / (image.pixels.rows * vertical)
    wide = image.requested_image_size_mm or min(image.cell.width_mm, image.cell.height_mm * aspect)
    left = image.cell.x_mm + (image.cell.width_mm - wide) / 2
    top = image.cell.y_mm + (image.cell.height_mm - wide / aspect) / 2
    return left, top, left + wide, top + wide / aspect


def measured(shown: np.ndarray, image: PageImage) -> tuple[float, float, float, float]:
    """The same, of the patch of the image's grey that is in and around its cell; edges may be half a pixel of it."""
    cell, around = image.cell, 1.0
    left, top = (max(0, round((edge - around) / MM)) for edge in (cell.x_mm, cell.y_mm))
    right, bottom = (round((edge + around) / MM) for edge in (cell.x_mm + cell.width_mm, cell.y_mm + cell.height_mm))
    mask = shown[top:bottom, left:right] == 40 + 5 * (image.position - 1)
    across, down = (np.flatnonzero(mask.sum(axis) > 0.5 * mask.sum(axis).max()) for axis in (0, 1))
    assert mask[down[0] : down[-1] + 1, across[0] : across[-1] + 1].all(), "in one piece"
    return (left + across[0]) * MM, (top + down[0]) * MM, (left + across[-1] + 1) * MM, (top + down[-1] + 1) * MM


@pytest.mark.parametrize("seed", [1, 2])
def test_every_edge_is_within_a_tenth_of_a_millimetre(tmp_path: Path, seed: int) -> None:
    heap, chance = Heap(), random.Random(seed)
    pages = []
    for name, wide, high, cells in layouts(seed):
        found = layout.cells(DisplayFormat.parse(name), wide, high, Formats(CUSTOM))
        for ours, wanted in zip(found, cells, strict=True):
            assert (ours.x_mm, ours.y_mm, ours.width_mm, ours.height_mm) == pytest.approx(wanted, abs=1e-6)
        pages.append(FilmPage(name, "PORTRAIT", wide, high, name, tuple(pictured(heap, cells, chance))))
    pdf = pdf_of(tmp_path, FilmDocument(tuple(pages)), heap, Finish(DPI))
    asked = 0
    reader = ("poppler", "ghostscript")[seed % 2]
    for page, shown in zip(pages, pages_of(pdf, reader, DPI, tmp_path), strict=True):
        assert shown.shape[1] * MM == pytest.approx(page.width_mm, abs=0.1)
        assert shown.shape[0] * MM == pytest.approx(page.height_mm, abs=0.1)
        for image in page.images:
            edges = measured(shown, image)
            assert edges == pytest.approx(expected(image), abs=0.1), (page.image_display_format, image.position)
            if image.requested_image_size_mm:
                assert edges[2] - edges[0] == pytest.approx(image.requested_image_size_mm, abs=0.1)
                asked += 1
    assert asked > 10


# -- greys -----------------------------------------------------------------------------------------------------------

P_VALUES = (0, 64, 128, 192, 255)
CODES = [
    (Tone("film", black_point=False), (25, 56, 100, 163, 255)),
    (Tone("film"), (0, 49, 96, 162, 255)),
    (Tone("paper", black_point=False), (24, 65, 115, 177, 255)),
    (Tone("paper"), (0, 60, 113, 176, 255)),
    (Tone("pvalue"), (0, 64, 128, 192, 255)),
]
LIGHT, AMBIENT, LOWEST, HIGHEST = 2000, 10, 0.20, 3.00


def code_of_density(density: float, black_point: bool) -> float:
    """The 8-bit sRGB of a density's relative luminance on the film of these tests: no GSDF is in it."""
    white, black = (AMBIENT + LIGHT * 10**-one for one in (LOWEST, HIGHEST))
    floor = black if black_point else 0.0
    share = max(AMBIENT + LIGHT * 10**-density - floor, 0.0) / (white - floor)
    return 255 * (12.92 * share if share <= 0.0031308 else 1.055 * share ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("reader", READERS)
def test_greys_and_densities_on_rastered_pages(tmp_path: Path, reader: str, bits: int) -> None:
    heap = Heap()
    steps = heap.put(np.array([[round(p / 255 * 4095) for p in P_VALUES]]).repeat(4, 0), 12)
    for number, (tone, codes) in enumerate(CODES):
        # Five steps, an empty cell, and a border to the right of both.
        page = film(
            [box(steps, 0, 0, 50, 40, magnification_type="REPLICATE"), box(None, 0, 40, 50, 20)],
            *(60, 60),
            border_density="150",
            empty_image_density="87",
            min_density_centi_od=20,
            max_density_centi_od=300,
        )
        pdf = pdf_of(tmp_path, FilmDocument((page,)), heap, Finish(100, tone, bits), f"{number}.pdf")
        (shown,) = pages_of(pdf, reader, 100, tmp_path)
        k = 100 / 25.4
        found = [int(shown[int(20 * k), int((10 * at + 5) * k)]) for at in range(5)]
        assert found == pytest.approx(codes, abs=1), tone
        for x in range(5):
            patch = shown[int(2 * k) : int(38 * k), int((10 * x + 1) * k) : int((10 * x + 9) * k)]
            assert int(patch.max()) - int(patch.min()) == 0, "flat"
        border, empty = int(shown[int(30 * k), int(55 * k)]), int(shown[int(50 * k), int(20 * k)])
        if tone.name == "film":
            wanted = [code_of_density(density, tone.black_point) for density in (1.50, 0.87)]
            assert [border, empty] == pytest.approx(wanted, abs=1)
        assert empty > border


def test_a_grey_ramp_in_twelve_bits_has_every_density_of_the_film(tmp_path: Path) -> None:
    """The densities that a rastered 16-bit film shows, from black to white, are those of the GSDF."""
    heap = Heap()
    ramp = heap.put(np.arange(4096).reshape(64, 64), 12)
    page = film([box(ramp, 0, 0, 64, 64)], 64, 64, min_density_centi_od=20, max_density_centi_od=300)
    pdf = pdf_of(tmp_path, FilmDocument((page,)), heap, Finish(25.4, Tone("film", False), 16))
    subprocess.run(["pdftoppm", "-gray", "-r", "25.4", pdf, tmp_path / "ramp"], check=True)
    (file,) = tmp_path.glob("ramp*")
    shown = np.asarray(Image.open(file)).ravel().astype(int)
    assert len(shown) == 4096 and (np.diff(shown) >= 0).all()
    for code, p_value in [(25, 0), (56, 64), (100, 128), (163, 192), (255, 255)]:
        assert shown[round(p_value / 255 * 4095)] == pytest.approx(code, abs=1)
    white = AMBIENT + LIGHT * 10**-LOWEST
    for density, index in [(LOWEST, 4095), (HIGHEST, 0)]:
        light = (AMBIENT + LIGHT * 10**-density) / white
        assert math.isclose(shown[index] / 255, 1.055 * light ** (1 / 2.4) - 0.055, abs_tol=1 / 255)
