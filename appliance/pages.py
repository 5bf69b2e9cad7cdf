"""Pages of our own: step charts and test pages go the way of every film, through the printer's own output."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.calibrations import Calibrations, calibrated, tone_of
from appliance.children import ChildFailed, Children
from appliance.config import Config, PrinterTable
from appliance.control import ControlProblem
from appliance.films import Films, NotSpooled
from appliance.orders import FilmOrder
from appliance.performers import rendering
from appliance.services.print import medium_of, new_uid, printer_of
from printing import film_size
from printing.calibration import Calibration, Unusable
from printing.chart import Chart, UnknownChart
from printing.outputs import NotDelivered, Output, Paper, Target
from printing.page import DOCUMENT, FilmDocument

MIB = 1024 * 1024
MEMORY_BYTES, CPU_S, WALL_S = 512 * MIB, 60, 120.0
NO_CHART = (
    "films of {} go to an imager as P-values, and the imager has a calibration of its own: print gravure testpage {}"
    " --page gsdf to see how near it comes"
)


@dataclass(frozen=True, slots=True)
class Order:
    """A page that is wanted.

    Attributes:
        printer: AE title.
        film: Film Size ID; empty takes what the printer prints on.
        medium: Medium Type of a chart; empty takes the printer's.
    """

    printer: str
    film: str = ""
    medium: str = ""


class CannotDraw(Exception):
    """There is no such printer, film or page; the text says which there are."""


def table_of(config: Config, printer: str) -> PrinterTable:
    """The configuration of a printer.

    Raises:
        CannotDraw: there is none.
    """
    if printer not in config.printers:
        known = ", ".join(sorted(config.printers)) or "none"
        raise CannotDraw(f"the configuration has no printer {printer} (there are: {known})")
    return config.printers[printer]


def size_of(table: PrinterTable, film: str, papers: tuple[Paper, ...]) -> tuple[str, float, float]:
    """(name, width, height in mm) of the sheet: the one that is asked for, else the printer's paper, else its film.

    Raises:
        CannotDraw: no film is called that.
    """
    if not film and papers:
        wide, high = sorted((papers[0].width_mm, papers[0].height_mm))
        return papers[0].name, wide, high
    found = film_size.parse(film or table.film_size_id)
    if found is None:
        raise CannotDraw(f"there is no film size {film} (there are: {', '.join(film_size.FILM_SIZES)})")
    return found.film_size_id, found.width_mm, found.height_mm


def chart_for(config: Config, order: Order, papers: tuple[Paper, ...], now: datetime) -> Chart:
    """A new chart.

    Raises:
        CannotDraw: the printer cannot be calibrated.
    """
    table = table_of(config, order.printer)
    if table.output == "dicom":
        raise CannotDraw(NO_CHART.format(order.printer, order.printer))
    name, wide, high = size_of(table, order.film, papers)
    medium = order.medium or medium_of(table)
    try:
        return Chart(
            secrets.token_hex(3).upper(), order.printer, medium, name, wide, high, now.isoformat("T", "seconds")
        )
    except UnknownChart as failure:
        raise CannotDraw(str(failure)) from failure


def chart_request(chart: Chart) -> dict[str, Any]:
    """What `work_pages` draws a chart of."""
    return {"chart": chart.to_json(), "film": {}, "document": {"medium_type": chart.medium}}


def page_request(
    config: Config, order: Order, page: str, papers: tuple[Paper, ...], calibrations: Calibrations
) -> dict[str, Any]:
    """What `work_pages` draws a test page of; it asks for the densities and the light that the printer is set to.

    Raises:
        CannotDraw: no such printer or film.
    """
    table = table_of(config, order.printer)
    name, wide, high = size_of(table, order.film, papers)
    printer = calibrated(printer_of(order.printer, table), table, calibrations.newest(order.printer))
    formats = printer.formats
    return {
        "page": page,
        "subject": {
            "printer": order.printer,
            "film_size_id": name,
            "width_mm": wide,
            "height_mm": high,
            "dpi": table.dpi,
            "formats": {
                "custom": {str(number): {"cells": one.cells} for number, one in formats.custom.items()},
                "slides": formats.slides,
                "superslides": formats.superslides,
            },
            "words": f"tone {table.tone}",
        },
        "film": {
            "min_density_centi_od": printer.min_density_centi_od,
            "max_density_centi_od": printer.max_density_centi_od,
            "illumination_cd_m2": printer.illumination_cd_m2,
            "reflected_ambient_light_cd_m2": printer.reflected_ambient_light_cd_m2,
        },
        "document": {"medium_type": printer.medium_type if printer.calibrated else ""},
        "flat_dpi": table.dpi if table.output == "dicom" else 0,
    }


@dataclass(slots=True)
class Pages:
    """Prints them for whoever asks at the control socket."""

    config: Config
    children: Children
    films: Films
    output: Callable[[str], Output]
    calibrations: Calibrations
    wall: Callable[[], float]

    async def chart(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`printer`, `film`, `medium` → the job that prints a step chart, and the chart's identifier."""
        order = self._order(request)
        now = datetime.fromtimestamp(self.wall()).astimezone()
        try:
            table_of(self.config, order.printer)
            chart = chart_for(self.config, order, await self._papers(order), now)
        except CannotDraw as failure:
            raise ControlProblem(str(failure), "error") from failure
        await asyncio.to_thread(self.calibrations.keep, chart)
        return {"job": await self._print(order, chart_request(chart)), "chart": chart.id}

    async def test_page(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`printer`, `film`, `page` → the job that prints it."""
        order = self._order(request)
        try:
            table_of(self.config, order.printer)
            papers = await self._papers(order)
            wanted = page_request(self.config, order, str(request.get("page")), papers, self.calibrations)
        except CannotDraw as failure:
            raise ControlProblem(str(failure), "error") from failure
        return {"job": await self._print(order, wanted)}

    async def calibrate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`calibration`: keep one that was measured; it is in force from the next film on."""
        try:
            made = Calibration.from_json(str(request.get("calibration")))
            table_of(self.config, made.printer)
        except (Unusable, CannotDraw) as failure:
            raise ControlProblem(str(failure), "error") from failure
        return {"file": str(await asyncio.to_thread(self.calibrations.keep, made))}

    @staticmethod
    def _order(request: Mapping[str, Any]) -> Order:
        return Order(*(str(request.get(key) or "") for key in ("printer", "film", "medium")))

    async def _papers(self, order: Order) -> tuple[Paper, ...]:
        """What lies in the printer; where the film is named, it need not be asked."""
        if order.film:
            return ()
        try:
            return (await asyncio.to_thread(self.output(order.printer).target)).papers
        except NotDelivered as failure:
            raise CannotDraw(f"{failure}: it cannot be asked for its paper; name it, as in --film A4") from failure

    async def _print(self, order: Order, request: dict[str, Any]) -> dict[str, Any]:
        folder = await asyncio.to_thread(self.films.open)
        try:
            await self.children.run(
                "page",
                {**request, "folder": str(folder)},
                memory_bytes=MEMORY_BYTES,
                cpu_s=CPU_S,
                wall_s=WALL_S,
            )
            return await asyncio.to_thread(self._submit, order, folder)
        except ChildFailed as failure:
            raise ControlProblem(f"the page could not be drawn: {failure.detail}", "error") from failure
        except NotSpooled as failure:
            raise ControlProblem(f"the page was not printed: {failure}", "error") from failure
        finally:
            await asyncio.to_thread(self.films.close, folder)

    def _submit(self, order: Order, folder: Path) -> dict[str, Any]:
        document = FilmDocument.from_json((folder / DOCUMENT).read_bytes())
        ours = self.config.appliance.ae_title
        return self.films.submit(FilmOrder(document, folder, new_uid(), order.printer, ours)).to_dict()


def draw_to_file(config: Config, printer: str, request: dict[str, Any], out: Path, calibrations: Calibrations) -> None:
    """A page as a PDF, without a daemon: what the printer would be sent, were its paper the page.

    Raises:
        OSError: it cannot be written.
    """
    import tempfile

    from appliance import work_film, work_pages

    table = table_of(config, printer)
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".gravure-") as name:
        folder = Path(name)
        work_pages.perform({**request, "folder": name}, lambda _done, _step: None)
        tone, _ = tone_of(table, printer, request["document"]["medium_type"], calibrations)
        wanted = rendering(config, table, folder, Target(), tone)
        (made,) = work_film.perform(wanted, lambda _done, _step: None)["files"]
        shutil.copyfile(folder / made, out)
