"""Printers that read no PDF get PWG Raster or JPEG: what they were sent is read by others, pixel by pixel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from appliance.performers import no_finer
from printing.terms import PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE, Command
from tests.appliance.print_rig import NetworkConsole
from tests.ipp_printer import IppPrinter, until
from tests.printing.console import image
from tests.printing.render.pwg_reader import read_pwg
from tests.serving import Serving

pytestmark = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]
PWG, JPEG = "image/pwg-raster", "image/jpeg"
LETTER = "na_letter_8.5x11in"
GRAYS = (0, 80, 160, 240)
"""Of the quarters of the film."""
TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
output = "ipp"
tone = "pvalue"
{more}
[inboxes.STORE]
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IppPrinter]:
    one = IppPrinter(tmp_path_factory.mktemp("printer"))
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture
def printing(machine: IppPrinter, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Serving, Any]]:
    """An appliance before the printer, which reads `request.param` alone."""
    machine.off()
    for file in (machine.folder / "out").iterdir():
        file.unlink()
    machine.let_go()
    machine.formats, more = request.param
    machine.on()
    one = Serving(tmp_path, f'url = "{machine.url}"\n{more}', TOML).start()
    yield one, machine
    assert one.process is not None
    if one.process.poll() is None:
        one.kill()


def quarters() -> Any:
    """An image of four greys."""
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4, :4], pixels[:4, 4:], pixels[4:, :4], pixels[4:, 4:] = GRAYS
    return image(8, 8, pixels=pixels.tobytes())


def film(one: Serving, size: str, count: int = 1, copies: int = 1, **more: Any) -> None:
    """A film, or several in one print."""
    console = NetworkConsole(None, one.port)
    assert console.film_session(NumberOfCopies=copies).status == 0
    for _ in range(count):
        console.film_box(FilmSizeID=size, MagnificationType="REPLICATE", BorderDensity="BLACK", **more)
        assert console.image_box(1, quarters()).status == 0
    assert (console.print_film() if count == 1 else console.print_session()).status == 0
    console.close()


def check_quarters(pixels: NDArray[Any], width: int, height: int, slack: int = 0) -> None:
    """A film of this size in pixels, its square image of four greys in the middle of black."""
    assert pixels.shape == (height, width)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    for number, gray in enumerate(GRAYS):
        row, column = divmod(number, 2)
        part = pixels[top + row * side // 2 :, left + column * side // 2 :][: side // 2, : side // 2]
        inner = part[4:-4, 4:-4].astype(int)
        assert np.abs(inner - gray).max() <= slack
    around = pixels.astype(int).copy()
    around[max(0, top - 3) : top + side + 3, max(0, left - 3) : left + side + 3] = 0
    assert around.max() <= slack, "the border is black"


@pytest.mark.parametrize("printing", [(PWG, "dpi = 300")], indirect=True)
def test_pwg_raster_is_the_sheet_at_the_printers_resolution(printing: tuple[Serving, IppPrinter]) -> None:
    one, printer = printing
    film(one, "8INX10IN", copies=3)
    (job,) = one.all_ended()
    assert job["state"] == "DONE"
    assert "3 copies were asked for, the printer makes 1" in job["warnings"]
    (sheet,) = printer.sheets
    (page,) = read_pwg(sheet)
    assert (page.resolution, page.size, page.paper) == ((300, 300), (2550, 3300), LETTER)
    left, top = 75, 150  # 6.35 and 12.7 mm: the film in the middle of the paper, in its own size
    check_quarters(page.pixels[top : top + 3000, left : left + 2400], 2400, 3000)
    around = page.pixels.copy()
    around[top : top + 3000, left : left + 2400] = 255
    assert (around == 255).all()
    said = sheet.with_suffix(".env").read_text()
    assert f"IPP_MEDIA={LETTER}\n" in said and "IPP_COPIES=1\n" in said


@pytest.mark.parametrize("printing", [(PWG, 'dpi = 300\nscaling = "poster"')], indirect=True)
def test_the_sheets_of_a_poster_that_was_printed_make_the_film(printing: tuple[Serving, IppPrinter]) -> None:
    one, printer = printing
    film(one, "14INX17IN")
    (job,) = one.all_ended()
    assert f"printed in true size on 4 sheets of {LETTER}" in job["warnings"]
    (sheet,) = printer.sheets
    pages = read_pwg(sheet)
    parts = [part_of(page.pixels) for page in pages]
    whole = np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])
    assert whole.shape == pytest.approx((5100, 4200), abs=2), "within 0.2 mm"
    check_quarters(whole[:5098, :4198], 4198, 5098)


def part_of(pixels: NDArray[Any]) -> NDArray[Any]:
    """What a person cuts out of a sheet of a poster: the film, and where a side has marks, no more than up to them."""
    dark = pixels < 250
    rows, columns = np.flatnonzero(dark.mean(axis=1) > 0.5), np.flatnonzero(dark.mean(axis=0) > 0.5)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    # Two millimetres outside of the film there are marks, and nothing else.
    across = np.flatnonzero(dark[top - 24])
    down = np.flatnonzero(dark[:, left - 24])
    x, y = round(across.mean()), round(down.mean())
    assert set(across) <= set(range(x - 2, x + 3)) and set(down) <= set(range(y - 2, y + 3))
    left, right = (left, x) if x - left > right - x else (x, right)
    top, bottom = (top, y) if y - top > bottom - y else (y, bottom)
    return pixels[top:bottom, left:right]


@pytest.mark.parametrize("printing", [(JPEG, "dpi = 150")], indirect=True)
def test_jpeg_is_a_job_a_sheet_and_after_kill_9_each_comes_out_once(printing: tuple[Serving, IppPrinter]) -> None:
    one, printer = printing
    printer.hold()
    film(one, "14INX17IN", 2)
    until(lambda: '"whole": true' in "".join(note.read_text() for note in notes(one)), "no note")
    one.kill()
    one.start()
    printer.let_go()
    (job,) = one.all_ended(seconds=60)
    assert job["state"] == "DONE" and len(printer.sheets) == 2
    names = [line for sheet in printer.sheets for line in said(sheet) if line.startswith("IPP_JOB_NAME=")]
    assert [name.rpartition("-")[2] for name in names] == ["1of2", "2of2"]
    for sheet in printer.sheets:
        with Image.open(sheet) as opened:
            assert (opened.format, opened.mode, opened.size) == ("JPEG", "L", (1275, 1650))
            assert opened.info["dpi"] == (150, 150)
            pixels = np.asarray(opened)
        # 14×17 in on letter: as wide as can be printed, 8 in less the margins, and words below it.
        dark = pixels < 250
        columns, rows = np.flatnonzero(dark.mean(axis=0) > 0.5), np.flatnonzero(dark.mean(axis=1) > 0.5)
        width, height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
        assert width == pytest.approx(8 * 150, abs=1) and height == pytest.approx(8 * 150 * 17 / 14, abs=1)
        film_pixels = pixels[rows[0] : rows[0] + height, columns[0] : columns[0] + width]
        check_quarters(film_pixels, width, height, slack=12)
        assert (pixels[rows[-1] + 2 :] < 128).any(), "the scale stands below"


def notes(one: Serving) -> list[Path]:
    return list((one.state / "spool" / "films").glob("*/*sent.json"))


def said(sheet: Path) -> list[str]:
    return sheet.with_suffix(".env").read_text().splitlines()


@pytest.mark.parametrize("printing", [(PWG, "dpi = 300"), (JPEG, "dpi = 300")], indirect=True)
def test_high_is_neither_told_nor_made_where_the_printer_has_one_resolution(
    printing: tuple[Serving, IppPrinter],
) -> None:
    one, _ = printing
    console = NetworkConsole(None, one.port, more=(PRINTER_CONFIGURATION,))

    def told() -> set[str]:
        found = console.exchange(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE).data
        assert found is not None
        (item, *_) = found.PrinterConfigurationSequence
        return {form.PrinterResolutionID for form in item.SupportedImageDisplayFormatsSequence}

    until(lambda: told() == {"STANDARD"}, "HIGH is told")
    later = NetworkConsole(None, one.port)  # what is known when a console comes
    assert later.film_session().status == 0
    assert later.film_box(FilmSizeID="8INX10IN", RequestedResolutionID="HIGH").status == 0x0116
    assert later.image_box(1, quarters()).status == 0 and later.print_film().status == 0
    (job,) = one.all_ended()
    assert job["state"] == "DONE" and not any("HIGH" in warning for warning in job["warnings"][1:])


def test_what_is_said_of_high_that_was_accepted_before_anybody_knew() -> None:
    document = {"pages": [{"requested_resolution_id": "STANDARD"}, {"requested_resolution_id": "HIGH"}]}
    assert no_finer(document, 300.0, 600.0) == "HIGH resolution was asked for; the printer has one, 300 dpi"
    assert no_finer(document, None, 600.0) == no_finer(document, 600.0, 600.0) == ""
    assert no_finer({"pages": document["pages"][:1]}, 300.0, 600.0) == ""
