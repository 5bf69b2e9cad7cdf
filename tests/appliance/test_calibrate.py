"""`gravure calibrate` and `gravure testpage`, as a technician uses them: chart, scan, curve, films, report."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from printing.evaluation import P_VALUES
from printing.grayscale import Viewing, p_value_density
from printing.terms import PRINTER, PRINTER_INSTANCE, Command
from tests.appliance.print_rig import NetworkConsole
from tests.appliance.test_relay import PERMISSIVE, Imager, samples
from tests.appliance.test_relay import TOML as RELAY
from tests.printer_model import halftone, rastered, scanned
from tests.printing.console import image
from tests.serving import Serving

pytestmark = pytest.mark.peers("poppler-utils")

DPI = 130
TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
dpi = 130
film_size_id = "A4"
tone = "calibrated"
{more}
[printers.OTHER]
film_size_id = "A4"
dpi = 100
[printers.RELAY]
output = "dicom"
peer = "IMAGER"
[peers.IMAGER]
ae_title = "IMAGER"
address = "127.0.0.1"
port = 1
"""
WHITE, BLACK = 0.08, 1.9
PAPER = halftone(WHITE, BLACK, 0.2)
"""The printer of these tests."""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    running = Serving(tmp_path_factory.mktemp("calibrate"), toml=TOML).start()
    yield running
    assert running.process is not None
    if running.process.poll() is None:
        running.kill()


def job(one: Serving, said: str) -> dict[str, Any]:
    """The job that a command spoke of, when it has ended."""
    match = re.search(r"job (\w+)", said)
    assert match, said
    return next(row for row in one.all_ended() if row["id"] == match[1])


def pdf(row: dict[str, Any]) -> Path:
    assert row["state"] == "DONE", row
    return next(Path(file) for file in row["files"] if file.endswith(".pdf"))


def printer_says(one: Serving) -> Any:
    console = NetworkConsole(None, one.port)
    return console.exchange(Command.N_GET, PRINTER, PRINTER_INSTANCE).data


def film(one: Serving, **attributes: object) -> dict[str, Any]:
    """A film of all 256 P-values, printed by a console."""
    before = {row["id"] for row in one.jobs()}
    console = NetworkConsole(None, one.port)
    console.film_session()
    console.film_box(MagnificationType="REPLICATE", **attributes)
    console.image_box(1, image(16, 16, pixels=bytes(range(256))))
    assert console.print_film().status == 0
    (row,) = [row for row in one.all_ended(len(before) + 1) if row["id"] not in before]
    return row


def densities(file: Path) -> np.ndarray[Any, Any]:
    """Of the 256 patches of a film on A4, as the printer prints them."""
    page = rastered(file, DPI)
    side = 210 / 16
    at = [(43.5 + (row + 0.5) * side, (column + 0.5) * side) for row in range(16) for column in range(16)]
    codes = np.array([page[round(y * DPI / 25.4), round(x * DPI / 25.4)] for y, x in at])
    return PAPER(codes / 255)


def test_from_chart_to_scan_to_films_with_the_greys_of_the_standard(one: Serving, tmp_path: Path) -> None:
    assert (printer_says(one).DateOfLastCalibration, printer_says(one).TimeOfLastCalibration) == ("", "")
    warned = film(one)
    assert any("no calibration" in words for words in warned["warnings"])
    assert "no calibration" in one.gravure("check").stdout
    assert "no calibration" in one.gravure("status", check=False).stdout
    assert one.gravure("calibrate", "FILM", check=False).returncode == 1

    said = one.gravure("calibrate", "FILM", "--chart", "--medium", "PAPER").stdout
    printed = job(one, said)
    assert printed["warnings"] == [] and printed["calling_ae_title"] == "GRAVURE"
    scan = tmp_path / "scan.png"
    Image.fromarray(scanned(rastered(pdf(printed), DPI), PAPER, turns=1, askew=1.5, noise=0.01)).save(scan)

    missing = one.gravure("calibrate", "FILM", "--scan", str(scan), check=False)
    assert missing.returncode == 1 and "--wedge" in missing.stderr and "--white-od" in missing.stderr
    wrong = one.gravure("calibrate", "OTHER", "--scan", str(scan), "--white-od", "0.08", check=False)
    assert wrong.returncode == 1 and "of FILM, not of OTHER" in wrong.stderr
    assert printer_says(one).DateOfLastCalibration == ""

    known = ("--white-od", f"{WHITE}", "--black-od", f"{BLACK}", "--by", "M. Dupont")
    report = tmp_path / "report.pdf"
    said = one.gravure("calibrate", "FILM", "--scan", str(scan), *known, "-o", str(report)).stdout
    assert "JNDs per P-value" in said and "assumed to have a gamma of 2.2" in said and "by M. Dupont" in said
    words = subprocess.run(["pdftotext", "-layout", report, "-"], capture_output=True, text=True, check=True).stdout
    assert "Calibration of FILM on PAPER" in words and "printed OD" in words
    assert subprocess.run(["pdfinfo", report], capture_output=True, text=True, check=True).stdout.count("Pages:")

    (kept,) = (one.state / "calibrations").glob("measured-*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    made = json.loads(kept.read_text())
    assert re.fullmatch(r"\d{8}", printer_says(one).DateOfLastCalibration)
    assert printer_says(one).DateOfLastCalibration == made["measured"][:10].replace("-", "")
    assert printer_says(one).TimeOfLastCalibration == made["measured"][11:19].replace(":", "")
    assert "measured" in one.gravure("check").stdout and "calibrated" in one.gravure("status", check=False).stdout

    calibrated = film(one)
    assert calibrated["warnings"] == []
    # Paper hangs under office light: 150 cd/m², and none reflected (PS3.14 D.3).
    target = Viewing(made["densities"][-1] * 100, made["densities"][0] * 100, 150, 0)
    wanted = np.array([p_value_density(p / 255, target) for p in range(256)])
    off = np.abs(densities(pdf(calibrated)) - wanted)
    assert off.max() < 0.08 and np.sqrt(np.mean(off**2)) < 0.015  # 8-bit codes are up to 0.1 OD apart near black
    before = np.abs(densities(pdf(warned)) - wanted)
    assert before.max() > 0.25

    asked = film(one, MaxDensity=140)
    assert densities(pdf(asked))[0] == pytest.approx(1.40, abs=0.04)
    assert densities(pdf(asked))[-1] == pytest.approx(WHITE, abs=0.01)


def test_typed_densities_and_a_second_measurement(one: Serving, tmp_path: Path) -> None:
    from printing.chart import CODES

    chart = tmp_path / "chart.pdf"
    said = one.gravure("calibrate", "OTHER", "--chart", "--medium", "BLUE FILM", "-o", str(chart)).stdout
    assert chart.read_bytes().startswith(b"%PDF") and re.match(r"chart [0-9A-F]{6}: ", said)
    table = tmp_path / "typed.csv"
    table.write_text("step;OD\n" + "".join(f"{at};{3.0 - 2.8 * code / 255:.3f}\n" for at, code in enumerate(CODES, 1)))
    said = one.gravure("calibrate", "OTHER", "--densities", str(table)).stdout
    assert "typed from a densitometer" in said and 'tone = "calibrated"' in said and "Dmax 3.00" in said
    table.write_text(table.read_text().replace("\n30;", "\n30;9"))
    refused = one.gravure("calibrate", "OTHER", "--densities", str(table), check=False)
    assert refused.returncode == 1 and "outside" in refused.stderr
    assert "Dmax 3.00" in one.gravure("calibrate", "OTHER").stdout


def test_an_imager_is_not_calibrated_here_and_says_so(one: Serving) -> None:
    refused = one.gravure("calibrate", "RELAY", "--chart", check=False)
    assert refused.returncode == 1 and "--page gsdf" in refused.stderr
    unknown = one.gravure("calibrate", "NOBODY", "--chart", check=False)
    assert unknown.returncode == 1 and "FILM, OTHER, RELAY" in unknown.stderr


@pytest.mark.parametrize("page", ["gsdf", "geometry", "layouts"])
def test_test_pages_are_ordinary_films(one: Serving, tmp_path: Path, page: str) -> None:
    row = job(one, one.gravure("testpage", "OTHER", "--page", page).stdout)
    record = json.loads(next(Path(file) for file in row["files"] if file.endswith(".json")).read_text())
    assert record["film"]["pages"][0]["film_size_id"] == "A4"
    out = tmp_path / "page.pdf"
    one.gravure("testpage", "OTHER", "--page", page, "-o", str(out))
    assert np.array_equal(rastered(out, 40), rastered(pdf(row), 40))


def test_without_a_daemon_pages_go_to_files_alone(tmp_path: Path) -> None:
    idle = Serving(tmp_path, toml=TOML)
    assert idle.gravure("testpage", "OTHER", check=False).returncode == 3
    assert idle.gravure("calibrate", "OTHER", "--chart", check=False).returncode == 3
    assert idle.gravure("testpage", "OTHER", "--film", "B9", "-o", str(tmp_path / "x.pdf"), check=False).returncode == 1
    idle.gravure("testpage", "OTHER", "--film", "8INX10IN", "-o", str(tmp_path / "x.pdf"))
    said = subprocess.run(["pdfinfo", tmp_path / "x.pdf"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Page size:\s+576 x 720 pts", said)


@pytest.mark.peers("dcmtk")
def test_a_test_page_reaches_an_imager_as_one_image_box_of_p_values(tmp_path: Path) -> None:
    imager = Imager(tmp_path / "imager", PERMISSIVE)
    imager.on()
    peer = f'dpi = 100\n[peers.DRYPIX]\nae_title = "IMAGER"\naddress = "127.0.0.1"\nport = {imager.port}'
    one = Serving(tmp_path, peer, RELAY).start()
    try:
        row = job(one, one.gravure("testpage", "FILM", "--page", "gsdf").stdout)
        assert row["state"] == "DONE", row["error"]
        (found,) = imager.images()
        page = samples(found)
        assert page.shape == (1700, 1400)
        seen = np.unique(page[::20, 700])
        assert set(P_VALUES) <= set(seen.tolist())
    finally:
        one.kill()
        imager.off()
