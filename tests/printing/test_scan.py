"""The step chart, printed by a model of a printer and scanned, is read back to that printer's curve, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from printing.calibration import curve_of
from printing.chart import BITS, CODES, STEPS, Chart, UnknownChart, bits_of, id_of
from printing.charts.drawing import PIXELS
from printing.charts.step_chart import draw
from printing.job import render_document
from printing.page import FilmDocument
from printing.reference import KnownDensities, NotAReference, Wedge, typed, wedge_of
from printing.render.finish import Finish
from printing.scan import Unreadable, find, read, values
from printing.tone import Tone
from tests.printer_model import PRINTERS, Densities, rastered, scanned

pytestmark = pytest.mark.peers("poppler-utils")

DPI = 130
CHART = Chart("3F2A91", "FILM", "PAPER", "A4", 210, 297, "2026-10-09T10:15:00+02:00")
PAPER = PRINTERS["halftone on paper"][0]


def printed(chart: Chart, folder: Path) -> NDArray[np.uint8]:
    """The chart as the printer gets it: nothing may have changed its codes, whatever tone the printer has."""
    drawing = draw(chart)
    (folder / PIXELS).write_bytes(drawing.pixels)
    document = FilmDocument((drawing.page(chart.film_size_id),), code_values=True)
    render_document(document, folder, Finish(DPI, Tone("film")), folder / "chart.pdf")
    return rastered(folder / "chart.pdf", DPI)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    return printed(CHART, tmp_path_factory.mktemp("chart"))


def reference(pixels: NDArray[Any], chart: Chart, printer: Densities, gamma: float = 2.2) -> KnownDensities:
    """What a technician knows: the densities of the darkest and the brightest step."""
    seen = dict(values(pixels, find(pixels), chart, lambda value: value**gamma))
    white, black = seen[STEPS] ** (1 / gamma), seen[1] ** (1 / gamma)
    ends = printer(np.array((1.0, 0.0)))
    return KnownDensities((white, float(ends[0])), (black, float(ends[1])), gamma)


@pytest.mark.parametrize(
    ("lying", "tolerance"),
    [
        ({"bits": 16}, 0.004),
        ({"turns": 1, "askew": 1.7, "noise": 0.01}, 0.02),
        ({"turns": 2, "askew": -3.0, "noise": 0.02, "bits": 16}, 0.02),
        ({"turns": 3, "askew": 4.0, "noise": 0.02, "mirrored": True}, 0.02),
        ({"shade": 0.06, "bits": 16, "askew": 0.4}, 0.02),
    ],
)
def test_a_scan_gives_the_curve_of_the_printer(
    page: NDArray[np.uint8], lying: dict[str, Any], tolerance: float
) -> None:
    scan = scanned(page, PAPER, **lying)
    found = find(scan)
    assert found.id == CHART.id
    reading = read(scan, CHART, reference(scan, CHART, PAPER), found)
    true = PAPER(np.array(CODES) / 255)
    assert np.abs(np.array(reading.densities) - true).max() < tolerance
    curve = curve_of(CODES, reading.densities, reading.noise_od)
    between = np.linspace(0.02, 1, 300)
    assert np.abs([curve.density(one) for one in between] - PAPER(between)).max() < tolerance + 0.01


def test_every_printer_is_read_by_a_wedge(page: NDArray[np.uint8]) -> None:
    """A wedge knows nothing of gammas: the scanner of this one is linear."""
    steps = np.arange(0.0, 3.2, 0.15)
    wedge = Wedge(
        tuple(float(0.98 * 10**-one) for one in reversed(steps)), tuple(float(one) for one in reversed(steps))
    )
    for printer, _ in PRINTERS.values():
        scan = scanned(page, printer, bits=16, gamma=1.0, askew=0.7)
        reading = read(scan, CHART, wedge)
        off = np.abs(np.array(reading.densities) - printer(np.array(CODES) / 255))
        assert off.max() < 0.03


@pytest.mark.parametrize("size", [("14INX17IN", 355.6, 431.8), ("8INX10IN", 203.2, 254.0), ("A4", 297.0, 210.0)])
def test_other_sheets_are_read_as_well(tmp_path: Path, size: tuple[str, float, float]) -> None:
    chart = Chart("00BEEF", "FILM", "BLUE FILM", *size, CHART.made)
    printer = PRINTERS["s-curve"][0]
    scan = scanned(printed(chart, tmp_path), printer, bits=16, askew=-1.2, noise=0.005, gamma=1.5)
    reading = read(scan, chart, reference(scan, chart, printer, 1.5))
    assert np.abs(np.array(reading.densities) - printer(np.array(CODES) / 255)).max() < 0.06
    assert sorted(patch.code for patch in chart.patches()) == sorted(CODES * 2)


def test_dust_and_a_scratch_fall_out(page: NDArray[np.uint8]) -> None:
    scan = scanned(page, PAPER, bits=16).copy()
    known = reference(scan, CHART, PAPER)
    for seed in range(400):
        at = np.random.default_rng(seed).integers(200, 1200, 2)
        scan[at[0] : at[0] + 3, at[1] - 100 : at[1] - 98] = 3000
    scan[600:602] = 60000
    reading = read(scan, CHART, known)
    assert np.abs(np.array(reading.densities) - PAPER(np.array(CODES) / 255)).max() < 0.04


def test_the_dots_of_a_halftone_mix_in_light(page: NDArray[np.uint8]) -> None:
    """A scan fine enough to see dots: a patch's density is that of its mean light, not its mean density."""
    dots = np.array(((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))) * 16 + 8
    screened = np.where(
        page > np.tile(dots, (page.shape[0] // 4 + 1, page.shape[1] // 4 + 1))[: page.shape[0], : page.shape[1]], 255, 0
    )
    printer = PRINTERS["halftone on paper"][0]
    scan = scanned(screened.astype(np.uint8), printer, bits=16)
    reading = read(scan, CHART, reference(scan, CHART, printer))
    dots_of = np.array([np.mean(code > dots) for code in CODES])
    light = dots_of * 10**-0.08 + (1 - dots_of) * 10**-1.9
    assert np.abs(np.array(reading.densities) + np.log10(light)).max() < 0.06


def refused(pixels: NDArray[Any], words: str, chart: Chart = CHART) -> None:
    with pytest.raises(Unreadable, match=words):
        read(pixels, chart, KnownDensities((0.95, 0.08), (0.15, 1.9)))


def test_what_cannot_be_measured_is_refused_in_words(page: NDArray[np.uint8]) -> None:
    scan = scanned(page, PAPER)
    refused(np.full((900, 900), 200, np.uint8), "the chart is not on it")
    refused(np.random.default_rng(0).integers(0, 255, (900, 900)).astype(np.uint8), "corner marks")
    refused(scan[: scan.shape[0] * 2 // 3], "2 of the 4 corner marks")
    refused(scanned(page, PAPER, askew=15), "askew")
    refused(scan[::4, ::4], "pixels: scan at")
    refused(scan.astype(np.float64), "8 or 16 bits")
    refused(scanned(page, PAPER, brightness=1.3), "saturated.*white")
    refused(np.clip(scan.astype(np.int16) - 80, 0, 255).astype(np.uint8), "saturated.*black")
    refused(scan, "chart 3F2A91, not of chart 123456", Chart("123456", "FILM", "PAPER", "A4", 210, 297, ""))
    refused(scan, "out of shape", Chart("3F2A91", "FILM", "PAPER", "A4", 210, 260, ""))
    blotted = scan.copy()
    rows = slice(scan.shape[0] - 200, scan.shape[0] - 100)
    blotted[rows, 300:800] = 250
    refused(blotted, "identifier")


def test_an_identifier_is_read_whole_or_not() -> None:
    bits = bits_of("3F2A91")
    assert len(bits) == BITS and id_of(bits) == "3F2A91"
    for at in range(BITS):
        assert id_of((*bits[:at], 1 - bits[at], *bits[at + 1 :])) is None
    for wrong in ("3F2A9", "3f2a91", "../etc", "3F2A91A"):
        with pytest.raises(UnknownChart):
            Chart(wrong, "FILM", "PAPER", "A4", 210, 297, "")
    assert Chart.from_json(CHART.to_json()) == CHART
    for text in ("", "[]", '{"version": 2}', '{"version": 1, "id": "3F2A91"}'):
        with pytest.raises(UnknownChart):
            Chart.from_json(text)


def test_tables_of_people_are_read_with_their_habits() -> None:
    assert typed("step;OD\n1;3,02\n64;0,21\n2;2,95\n", CODES) == ((0, 4, 255), (3.02, 2.95, 0.21))
    assert typed("\n".join(f"{3 - at / 25}" for at in range(64)), CODES)[0] == CODES
    for text, words in (
        ("1,2\n1,3", "twice"),
        ("65,1.0", "no step 65"),
        ("1,2,3", "2 numbers"),
        ("1,2\na,b", "no numb"),
    ):
        with pytest.raises(NotAReference, match=words):
            typed(text, CODES)
    wedge = wedge_of("value,od\n250,0.05\n120,0.5\n60,1.0\n20,1.6\n", 255)
    assert wedge(np.array([60 / 255])) == pytest.approx([0.1])
    for text in ("250,0.05\n120,0.5", "250,0.5\n120,0.05\n60,1\n20,1.6", "300,0.05\n120,0.5\n60,1\n20,1.6"):
        with pytest.raises(NotAReference):
            wedge_of(text, 255)


def test_a_sheet_that_is_too_small_has_no_chart() -> None:
    with pytest.raises(UnknownChart, match="at least 150"):
        Chart("3F2A91", "FILM", "PAPER", "card", 105, 148, "")
