"""`gravure testpage`."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.common import NOT_RUNNING, OutFile, config_option, fail, load_config
from appliance.control import ControlProblem, NotRunning, ask


@click.command()
@config_option
@click.argument("printer")
@click.option(
    "--page",
    default="geometry",
    show_default=True,
    type=click.Choice(["gsdf", "geometry", "layouts"]),
    help="32 grey bars (PS3.14 D.2.4); lines, circle, rulers and patches; every display format.",
)
@click.option("--film", default="", help="Film Size ID, such as A4. Default: the paper in the printer, or its film.")
@click.option("-o", "out", type=OutFile(), help="Write a PDF instead of printing.")
def testpage(config_path: Path | None, printer: str, page: str, film: str, out: Path | None) -> None:
    """Print a test page through the output of PRINTER, as any film; status 3 if no daemon runs."""
    from appliance.calibrations import Calibrations
    from appliance.pages import CannotDraw, Order, draw_to_file, page_request

    config = load_config(config_path)
    if out is None:
        try:
            made = ask(config.state, "testpage", printer=printer, page=page, film=film, timeout_s=180)
        except NotRunning as failure:
            fail(f"{failure}; -o FILE writes the page without it", NOT_RUNNING)
        except ControlProblem as failure:
            fail(str(failure))
        click.echo(f"job {made['job']['id']}")
        return
    calibrations = Calibrations(config.state)
    try:
        draw_to_file(
            config, printer, page_request(config, Order(printer, film), page, (), calibrations), out, calibrations
        )
    except CannotDraw as failure:
        fail(str(failure))
    except OSError as failure:
        fail(f"{failure.filename or out}: {failure.strerror}")
    click.echo(str(out))
