"""Test pages, measured as poppler rasters them: 100 mm are 100 mm, greys are their codes, every format is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from printing.charts.drawing import PIXELS
from printing.charts.pages import (
    CONTRAST,
    MARGIN_MM,
    PAGES,
    PERCENT,
    Subject,
    percent,
    resolution_bars,
    true_lines,
)
from printing.evaluation import P_VALUES
from printing.job import render_document
from printing.layout import CustomFormat, Formats
from printing.page import FilmDocument
from printing.render.finish import Finish
from printing.tone import Tone
from tests.printer_model import rastered

pytestmark = pytest.mark.peers("poppler-utils")

A4, LARGE = Subject("FILM", "A4", 210, 297, 300), Subject("FILM", "14INX17IN", 355.6, 431.8, 300)


def seen(name: str, subject: Subject, folder: Path, dpi: int, tone: Tone | None = None) -> NDArray[np.uint8]:
    drawing = PAGES[name](subject)
    (folder / PIXELS).write_bytes(drawing.pixels)
    document = FilmDocument((drawing.page(subject.film_size_id),))
    render_document(document, folder, Finish(subject.dpi, tone or Tone("pvalue")), folder / f"{name}.pdf")
    return rastered(folder / f"{name}.pdf", dpi)


def stored(pdf: Path) -> NDArray[np.uint8]:
    """The samples of the page as they stand in the file: rastering fits them to its own pixels."""
    subprocess.run(["pdfimages", "-png", pdf, pdf.with_suffix("")], check=True)
    return np.asarray(Image.open(pdf.with_name(f"{pdf.stem}-000.png")).convert("L"))


def length_mm(line: NDArray[np.uint8], dpi: int) -> float:
    """Of the longest dark run."""
    dark = np.concatenate(([False], line < 128, [False]))
    edges = np.flatnonzero(dark[1:] != dark[:-1])
    return float(np.diff(edges)[::2].max()) * 25.4 / dpi


@pytest.mark.parametrize("subject", [A4, LARGE], ids=["A4", "14x17"])
def test_a_hundred_millimetres_are_a_hundred_millimetres(subject: Subject, tmp_path: Path) -> None:
    dpi = 600
    page = seen("geometry", subject, tmp_path, dpi)
    k = dpi / 25.4
    (x, y), (side_x, side_y) = true_lines(subject.width_mm, subject.height_mm)
    lying = page[round((y + 0.5) * k), round((x - 4) * k) : round((x + 104) * k)]
    upright = page[round((side_y - 4) * k) : round((side_y + 104) * k), round((side_x + 0.5) * k)]
    assert length_mm(lying, dpi) == pytest.approx(100, abs=0.1)
    assert length_mm(upright, dpi) == pytest.approx(100, abs=0.1)
    ticks = page[round((y + 2.5) * k), round((x - 0.5) * k) : round((x + 100.5) * k)] < 128
    middles = np.flatnonzero(ticks[1:] != ticks[:-1]).reshape(-1, 2).mean(axis=1) / k - 0.5
    assert len(middles) == 101 and np.abs(middles - np.arange(101)).max() < 0.1


def test_the_grey_patches_have_their_codes(tmp_path: Path) -> None:
    dpi = 150
    page = seen("geometry", A4, tmp_path, dpi)
    k = dpi / 25.4
    row = page[round((MARGIN_MM + 11 + 6 + 7) * k)]
    side = min(13.0, (210 - 2 * MARGIN_MM - 64) / 11)
    codes = [int(row[round((105 + (at - 5) * side) * k)]) for at in range(11)]
    assert codes == [percent(value) for value in PERCENT] == [0, 26, 51, 77, 102, 128, 153, 179, 204, 230, 255]
    middle = page[round(148.5 * k)]
    found = [int(middle[round(x * k)]) for x in (77, 90, 107, 120)]
    assert found == [percent(value) for value in (0, 5, 100, 95)]


def test_resolution_bars_are_printer_pixels(tmp_path: Path) -> None:
    seen("geometry", A4, tmp_path, 50)
    page = stored(tmp_path / "geometry.pdf")
    bars = resolution_bars(300)
    top, left = (round(one * 300 / 25.4) for one in (MARGIN_MM + 11, MARGIN_MM))
    rows, columns = bars.shape
    assert np.array_equal(page[top : top + rows, left : left + columns], bars)


@pytest.mark.parametrize("tone", ["pvalue", "film"])
def test_the_bars_are_those_of_the_standard(tone: str, tmp_path: Path) -> None:
    seen("gsdf", LARGE, tmp_path, 50, Tone("film") if tone == "film" else Tone())
    page = stored(tmp_path / "gsdf.pdf")
    k = LARGE.dpi / 25.4
    top, high = MARGIN_MM + 11, (431.8 - 2 * MARGIN_MM - 11) / 32
    column = page[:, round(200 * k)]
    codes = [int(column[round((top + (bar + 0.5) * high) * k)]) for bar in range(32)]
    if tone == "pvalue":
        assert codes == list(P_VALUES)
        left, wide = MARGIN_MM + 13, 355.6 - 2 * MARGIN_MM - 13
        inside = page[:, round((left + 0.16 * wide) * k)]
        for bar, p_value in enumerate(P_VALUES):
            strip = inside[round((top + bar * high) * k) + 2 : round((top + (bar + 1) * high) * k) - 2]
            values, counts = np.unique(np.abs(strip.astype(int) - p_value), return_counts=True)
            lines = values[counts >= 6].tolist()
            assert lines in ([0, CONTRAST], [0, CONTRAST, 2 * CONTRAST])
    else:
        assert codes[16] == pytest.approx(100, abs=6) and codes == sorted(codes)


def test_every_format_is_on_the_layout_page(tmp_path: Path) -> None:
    halves = CustomFormat(((0, 0, 0.5, 1), (0.5, 0, 0.5, 1)))
    for subject in (A4, Subject("FILM", "A3", 420, 297, 150, Formats({1: halves, 7: halves}))):
        page = seen("layouts", subject, tmp_path, 100)
        ground = np.count_nonzero(page[100:-5, 5:-5] < 250, axis=0) > 0
        films = np.count_nonzero(np.diff(ground.astype(int)) == 1)
        assert films >= (5 if subject is A4 else 7)
        assert (np.abs(page.astype(int) - 225) < 3).mean() > 0.2


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_for_an_imager_is_one_image_box_of_the_same_pixels(name: str, tmp_path: Path) -> None:
    drawing = PAGES[name](A4)
    found = []
    for at, one in enumerate((drawing, drawing.flattened(A4.dpi))):
        (tmp_path / PIXELS).write_bytes(one.pixels)
        page = one.page("A4")
        assert at == 0 or (len(page.images) == 1 and page.image_display_format == "STANDARD\\1,1")
        render_document(FilmDocument((page,)), tmp_path, Finish(A4.dpi), tmp_path / f"{at}.pdf")
        found.append(stored(tmp_path / f"{at}.pdf").astype(int))
    differ = np.abs(found[0] - found[1])
    assert (differ > 8).mean() < 0.005  # letters are scaled by two filters
    assert np.median(differ) == 0
