"""A printer on port 9100: what it was sent is read by poppler, Ghostscript and libcups, and a broken line is told."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.appliance.print_rig import NetworkConsole
from tests.printing.console import image
from tests.printing.render.pwg_reader import read_pwg
from tests.raw_printer import RawPrinter
from tests.serving import Serving

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
output = "raw"
tone = "pvalue"
dpi = 100
{more}
[inboxes.STORE]
"""


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[RawPrinter]:
    one = RawPrinter(tmp_path / "printer").on()
    yield one
    one.stop()


@pytest.fixture
def appliance(tmp_path: Path, printer: RawPrinter, request: pytest.FixtureRequest) -> Iterator[Serving]:
    url = f'url = "socket://127.0.0.1:{printer.port}"\n'
    one = Serving(tmp_path, url + getattr(request, "param", ""), TOML).start()
    yield one
    assert one.process is not None
    if one.process.poll() is None:
        one.kill()


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def printed(one: Serving, printer: RawPrinter, size: str = "8INX10IN") -> Path:
    assert NetworkConsole(None, one.port).whole_film(FilmSizeID=size).status == 0
    (job,) = one.all_ended()
    assert job["state"] == "DONE" and job["files"] == []
    (sheet,) = printer.until_sheets(1)
    return sheet


@pytest.mark.peers("poppler-utils")
def test_a_pdf_is_as_large_as_its_film(appliance: Serving, printer: RawPrinter) -> None:
    said = run("pdfinfo", printed(appliance, printer))
    assert re.search(r"Page size:\s+576 x 720 pts", said) and re.search(r"Pages:\s+1\n", said)


@pytest.mark.peers("ghostscript")
@pytest.mark.parametrize(
    "appliance", ['format = "postscript"\nmedia = "iso_a4_210x297mm"\nmargin_mm = 4.0'], indirect=True, ids=["a4"]
)
def test_postscript_on_a4_keeps_the_margins(appliance: Serving, printer: RawPrinter, tmp_path: Path) -> None:
    sheet = printed(appliance, printer, "14INX17IN")
    page = tmp_path / "page.png"
    assert run("gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pnggray", "-r100", f"-o{page}", sheet) == ""
    with Image.open(page) as opened:
        pixels = np.asarray(opened)
    assert pixels.shape == (1169, 827)
    columns = np.flatnonzero((pixels < 250).any(axis=0))
    assert (columns[0] / 100 * 25.4, (826.77 - columns[-1] - 1) / 100 * 25.4) == pytest.approx((4, 4), abs=0.3)


@pytest.mark.parametrize("appliance", ['format = "pwg"\nmedia = "iso_a4_210x297mm"\nscaling = "poster"'], indirect=True)
def test_pwg_raster_of_a_poster(appliance: Serving, printer: RawPrinter) -> None:
    pages = read_pwg(printed(appliance, printer, "14INX17IN"))
    assert [(page.paper, page.size, page.resolution) for page in pages] == 4 * [
        ("iso_a4_210x297mm", (826, 1169), (100, 100))
    ]


@pytest.mark.parametrize(
    "appliance",
    ['format = "pwg"\nmedia = "iso_a4_210x297mm"\nempty_image_density = "WHITE"'],
    indirect=True,
    ids=["a4"],
)
def test_a_film_that_hangs_across_is_turned_as_its_paper_lies(appliance: Serving, printer: RawPrinter) -> None:
    console = NetworkConsole(None, appliance.port)
    console.film_session()
    console.film_box(r"STANDARD\2,1", FilmSizeID="14INX17IN", FilmOrientation="LANDSCAPE")
    assert console.image_box(1, image(2, 2, pixels=bytes(4))).status == 0  # black on the left, nothing on the right
    assert console.print_film().status == 0
    (page,) = read_pwg(printer.until_sheets(1)[0])
    assert page.size == (826, 1169)
    dark = np.flatnonzero((page.pixels < 128).mean(axis=1) > 0.5)
    assert len(dark) > 400 and dark[0] > 1169 // 2 - 5, "what was on the left is below: a quarter counter-clockwise"


def test_films_wait_for_a_printer_that_is_off_and_one_that_broke_off_is_held(
    appliance: Serving, printer: RawPrinter
) -> None:
    printer.off()
    console = NetworkConsole(None, appliance.port)
    assert console.whole_film().status == 0
    (job,) = appliance.until(lambda jobs: bool(jobs[0]["error"]))
    assert job["state"] == "PENDING" and "does not answer" in job["error"]
    printer.breaks_after = 1000
    printer.on()
    (job,) = appliance.until(lambda jobs: jobs[0]["held"], seconds=60)
    assert "possibly printed" in job["hold_reason"] and printer.sheets == []
    appliance.gravure("release", job["id"], "--reason", "nothing came out")
    assert appliance.all_ended()[0]["state"] == "DONE" and len(printer.until_sheets(1)) == 1
