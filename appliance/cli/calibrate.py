"""`gravure calibrate`: print a step chart, read it, keep the curve, report."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.common import NOT_RUNNING, OutFile, config_option, fail, load_config
from appliance.control import ControlProblem, NotRunning, ask

if TYPE_CHECKING:
    from appliance.calibrations import Calibrations
    from appliance.config import Config
    from printing.calibration import Calibration
    from printing.chart import Chart

NO_REFERENCE = """a scanner measures no densities by itself. One of these says what its values mean:
  --wedge FILE.csv                   a step wedge, scanned with the same settings: "scanner value, density" a line
  --white-od 0.08 --black-od 1.90    step 64 and step 1 of this chart, from a densitometer
  --white-od 0.08                    step 64 alone: the darkest greys are then as true as the scanner is"""
MOST_CSV_BYTES = 1024 * 1024


@click.command()
@config_option
@click.argument("printer")
@click.option("--chart", is_flag=True, help="Print a step chart through the printer's output; with -o, as a PDF.")
@click.option("--medium", default="", help="Medium Type of the chart: PAPER, BLUE FILM … Default: the printer's.")
@click.option("--film", default="", help="Film Size ID of the chart, such as A4. Default: the paper in the printer.")
@click.option("--scan", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Read a scan: PNG, TIFF.")
@click.option("--wedge", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV: scanner value, OD.")
@click.option("--white-od", type=click.FloatRange(-0.05, 2), help="Known density of the brightest step.")
@click.option("--black-od", type=click.FloatRange(0.1, 5), help="Known density of the darkest step.")
@click.option("--scanner-gamma", type=click.FloatRange(0.5, 4), help="Assumed without --wedge. Default: 2.2.")
@click.option(
    "--densities",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV from a densitometer: step, OD; or 64 lines of OD.",
)
@click.option("--type", "by_hand", is_flag=True, help="Type densities one by one.")
@click.option("--chart-id", default="", help="Chart of typed densities. Default: the printer's last one.")
@click.option("--by", default="", help="Who measured. Default: the user's name.")
@click.option("-o", "out", type=OutFile(), help="Write chart or report as a PDF.")
def calibrate(config_path: Path | None, printer: str, out: Path | None, **asked: Any) -> None:
    """Print a step chart on PRINTER, read it from a scan or a densitometer, and report; alone, report again."""
    from appliance.calibrations import Calibrations
    from appliance.pages import CannotDraw, table_of

    config = load_config(config_path)
    calibrations = Calibrations(config.state)
    try:
        table_of(config, printer)
    except CannotDraw as failure:
        fail(str(failure))
    if asked["chart"]:
        _print_chart(config, calibrations, printer, asked, out)
        return
    made: Calibration | None
    if asked["scan"] or asked["densities"] or asked["by_hand"]:
        made = _measured(calibrations, printer, asked)
        _keep(config, calibrations, made)
    else:
        made = calibrations.newest(printer, asked["medium"])
        if made is None:
            fail(f"{printer} has no calibration: gravure calibrate {printer} --chart prints the chart for one")
    _report(config, printer, made, out)


def _print_chart(
    config: Config, calibrations: Calibrations, printer: str, asked: dict[str, Any], out: Path | None
) -> None:
    from appliance.pages import CannotDraw, Order, chart_for, chart_request, draw_to_file

    if out is None:
        try:
            facts = {"printer": printer, "film": asked["film"], "medium": asked["medium"]}
            made = ask(config.state, "chart", timeout_s=180, **facts)
        except NotRunning as failure:
            fail(f"{failure}; -o FILE writes the chart without it", NOT_RUNNING)
        except ControlProblem as failure:
            fail(str(failure))
        click.echo(f"chart {made['chart']}, job {made['job']['id']}")
        return
    try:
        chart = chart_for(config, Order(printer, asked["film"], asked["medium"]), (), datetime.now().astimezone())
        calibrations.keep(chart)
        draw_to_file(config, printer, chart_request(chart), out, calibrations)
    except CannotDraw as failure:
        fail(str(failure))
    except OSError as failure:
        fail(f"{failure.filename or out}: {failure.strerror}")
    click.echo(f"chart {chart.id}: {out}")


# -- measuring ----------------------------------------------------------------------------------------------------


def _measured(calibrations: Calibrations, printer: str, asked: dict[str, Any]) -> Calibration:
    from printing.calibration import Calibration, Unusable
    from printing.chart import CODES
    from printing.reference import NotAReference, typed
    from printing.scan import Unreadable

    try:
        codes: tuple[int, ...] = CODES
        noise, remarks = 0.0, ()  # type: float, tuple[str, ...]
        if asked["scan"]:
            chart, reading, method = _scanned(calibrations, printer, asked)
            densities, noise, remarks = reading.densities, reading.noise_od, reading.remarks
        else:
            chart = _typed_chart(calibrations, printer, asked["chart_id"])
            text = _typed_by_hand(CODES) if asked["by_hand"] else _text(asked["densities"])
            codes, densities = typed(text, CODES)
            method = "densities typed from a densitometer"
        made = Calibration(
            printer,
            chart.medium,
            chart.id,
            datetime.now().astimezone().isoformat("T", "seconds"),
            asked["by"] or getpass.getuser(),
            method,
            codes,
            tuple(round(one, 4) for one in densities),
            round(noise, 4),
            remarks,
        )
        made.curve  # noqa: B018 - what makes no curve is refused here
    except (Unreadable, NotAReference, Unusable) as failure:
        fail(str(failure))
    return made


def _typed_chart(calibrations: Calibrations, printer: str, chart_id: str) -> Chart:
    own = calibrations.charts(printer)
    chart = next((one for one in own if one.id == chart_id.upper()), None) if chart_id else own[-1] if own else None
    if chart is None:
        named = f"no chart {chart_id}" if chart_id else "no chart"
        fail(f"{named} of {printer} was printed here: gravure calibrate {printer} --chart")
    return chart


def _typed_by_hand(codes: tuple[int, ...]) -> str:
    """One prompt a step; an empty line leaves it out."""
    click.echo("Density of each step, as 1.23; Enter alone leaves a step out.")
    lines = []
    for step, code in enumerate(codes, 1):
        while text := click.prompt(f"step {step} (code {code})", default="", show_default=False):
            try:
                lines.append(f"{step};{float(text.replace(',', '.'))}")
            except ValueError:
                click.echo("not a number")
                continue
            break
    return "\n".join(lines)


def _scanned(calibrations: Calibrations, printer: str, asked: dict[str, Any]) -> tuple[Chart, Any, str]:
    """(chart, reading, method) of a scan."""
    from printing.scan import find, read

    pixels = _pixels(asked["scan"])
    found = find(pixels)
    chart = calibrations.chart(found.id)
    if chart is None:
        fail(f"chart {found.id} was not printed by this appliance")
    if chart.printer != printer:
        fail(f"this is chart {chart.id} of {chart.printer}, not of {printer}")
    light = _reference(pixels, found, chart, asked)
    return chart, read(pixels, chart, light, found), light.words


def _reference(pixels: Any, found: Any, chart: Chart, asked: dict[str, Any]) -> Any:
    from printing.chart import STEPS
    from printing.reference import GAMMA, KnownDensities, wedge_of
    from printing.scan import values

    if asked["wedge"]:
        return wedge_of(_text(asked["wedge"]), 255 if pixels.dtype.itemsize == 1 else 65535)
    if asked["white_od"] is None:
        fail(NO_REFERENCE)
    gamma = asked["scanner_gamma"] or GAMMA
    seen: dict[int, list[float]] = {}
    for step, came in values(pixels, found, chart, lambda value: value**gamma):
        seen.setdefault(step, []).append(came)
    white, black = ((sum(seen[step]) / len(seen[step])) ** (1 / gamma) for step in (STEPS, 1))
    dark = None if asked["black_od"] is None else (black, asked["black_od"])
    return KnownDensities((white, asked["white_od"]), dark, gamma)


def _pixels(file: Path) -> Any:
    """The scan as an array. It is a technician's own file, read as he who asks."""
    import numpy as np
    from PIL import Image

    from printing.scan import MOST_PX, Unreadable

    Image.MAX_IMAGE_PIXELS = MOST_PX
    try:
        with Image.open(file, formats=("PNG", "TIFF")) as scan:
            if scan.width * scan.height > MOST_PX:
                raise Unreadable("the scan is too large: 300 dpi is enough")
            if scan.mode == "1":
                raise Unreadable("the scan is black and white: scan in grey")
            if scan.mode.startswith("I"):
                return np.asarray(scan).astype(np.uint16)
            return np.asarray(scan.convert("L"))
    except (OSError, Image.DecompressionBombError) as failure:
        raise Unreadable(f"{file}: not a PNG or TIFF that can be read ({failure})") from failure


def _text(file: Path) -> str:
    if file.stat().st_size > MOST_CSV_BYTES:
        fail(f"{file}: too large for a table of densities")
    return file.read_bytes().decode("utf-8", "replace")


# -- keeping and telling ------------------------------------------------------------------------------------------


def _keep(config: Config, calibrations: Calibrations, made: Calibration) -> None:
    try:
        try:
            file = ask(config.state, "calibrate", calibration=made.to_json())["file"]
        except NotRunning:
            file = str(calibrations.keep(made))
    except ControlProblem as failure:
        fail(str(failure))
    except OSError as failure:
        fail(f"{failure.filename}: {failure.strerror}")
    click.echo(f"kept: {file}")
    if config.printers[made.printer].tone != "calibrated":
        click.echo(f'films use it once tone = "calibrated" stands in [printers.{made.printer}]')


def _report(config: Config, printer: str, made: Calibration, out: Path | None) -> None:
    from appliance.calibrations import PAPER_MEDIUM, calibrated
    from appliance.services.print import printer_of
    from printing.grayscale import Viewing
    from printing.report import report_of, to_pdf, to_text
    from printing.tone import Tone

    table = config.printers[printer]
    table = table.model_copy(update={"tone": "calibrated"})
    shown = calibrated(printer_of(printer, table), table, made)
    viewing = Viewing(
        shown.min_density_centi_od,
        shown.max_density_centi_od,
        shown.illumination_cd_m2,
        shown.reflected_ambient_light_cd_m2,
    )
    before = Tone("paper" if made.medium == PAPER_MEDIUM else "film")
    report = report_of(made, viewing, table.bits, before)
    click.echo(to_text(report))
    if out is not None:
        try:
            out.write_bytes(to_pdf(report))
        except OSError as failure:
            fail(f"{out}: {failure.strerror}")
        click.echo(str(out))
