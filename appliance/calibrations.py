"""Calibrations of this appliance: files below the state folder, one a measurement, and one for each chart printed.

Nothing is ever overwritten: what a film was printed with last year can be looked up. The newest one of a printer and a
medium is in force from the next film on, and consoles read its date from their next association on.
"""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.config import PrinterTable
from appliance.files import FileOwner, publish
from printing.calibration import Calibration, Unusable
from printing.chart import Chart, UnknownChart
from printing.grayscale import Viewing
from printing.page import plain
from printing.printer import Printer
from printing.tone import PAPER as NOMINAL_PAPER

log = logging.getLogger("gravure.print")

FOLDER = "calibrations"
PAPER_MEDIUM = "PAPER"
"""Medium Type (2000,0030) of what is looked at by reflected light; all others hang on a viewbox."""
NOT_CALIBRATED = "the printer has no calibration: printed with tone {}; run gravure calibrate {} --chart"
OTHER_MEDIUM = "the printer has no calibration for {}: that for {} was used"


@dataclass(slots=True)
class Calibrations:
    """The folder of calibrations.

    Attributes:
        state: the state folder.
        owner: mode and group of the files.
    """

    state: Path
    owner: FileOwner = field(default_factory=FileOwner)
    _seen: tuple[int, tuple[Calibration, ...]] = (-1, ())

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.state / FOLDER

    def all(self) -> tuple[Calibration, ...]:
        """Every calibration, the oldest first. Reads the folder again only when something came into it."""
        try:
            changed = self.folder.stat().st_mtime_ns
        except OSError:
            return ()
        if changed != self._seen[0]:
            found = filter(None, map(_read, sorted(self.folder.glob("measured-*.json"))))
            self._seen = changed, tuple(sorted(found, key=lambda one: datetime.fromisoformat(one.measured)))
        return self._seen[1]

    def newest(self, printer: str, medium: str = "") -> Calibration | None:
        """The calibration in force: of this medium, if there is one, else of the medium that was measured last."""
        own = [one for one in self.all() if one.printer == printer]
        return next((one for one in reversed(own) if one.medium == medium), own[-1] if own else None)

    def chart(self, chart_id: str) -> Chart | None:
        """A chart that was printed."""
        file = self.folder / f"chart-{chart_id}.json"
        try:
            return Chart.from_json(file.read_bytes())
        except (OSError, UnknownChart):
            return None

    def charts(self, printer: str) -> list[Chart]:
        """The charts of a printer, the oldest first."""
        found = (self.chart(file.stem.removeprefix("chart-")) for file in self.folder.glob("chart-*.json"))
        return sorted((one for one in found if one and one.printer == printer), key=lambda one: one.made)

    def keep(self, made: Calibration | Chart) -> Path:
        """Keep one, durably.

        Raises:
            OSError: the folder cannot be written.
        """
        if isinstance(made, Chart):
            name = f"chart-{made.id}.json"
        else:
            name = f"measured-{datetime.fromisoformat(made.measured):%Y%m%d-%H%M%S}-{made.chart}.json"
        self.folder.mkdir(exist_ok=True, mode=0o750)
        unfinished = self.folder / f".{name}.new"
        unfinished.write_text(made.to_json() + "\n")
        _give(self.state, self.folder)
        _give(self.state, unfinished)
        return publish(unfinished, self.folder / name, self.owner)


def _read(file: Path) -> Calibration | None:
    try:
        made = Calibration.from_json(file.read_bytes())
        datetime.fromisoformat(made.measured)
    except (OSError, Unusable, ValueError) as failure:
        log.error("a calibration cannot be read", extra={"file": file, "reason": str(failure)})
        return None
    return made


def _give(state: Path, path: Path) -> None:
    """What root wrote belongs to the service, whose state folder it is in."""
    if os.geteuid() == 0:
        owner = state.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def calibrated(printer: Printer, table: PrinterTable, calibration: Calibration | None) -> Printer:
    """A printer as its calibration makes it: date, medium, and the densities and the light of what was measured; on
    paper that nobody measured, those of the nominal one, which films are rendered with.

    What stands in the configuration wins, as far as the printer reaches it.
    """
    if tone_in_force(table, calibration) == "paper":
        nominal = nominal_paper(table)
        return replace(
            printer,
            min_density_centi_od=int(nominal.min_density_centi_od),
            max_density_centi_od=int(nominal.max_density_centi_od),
            densities_end=True,
            illumination_cd_m2=nominal.illumination_cd_m2,
            reflected_ambient_light_cd_m2=nominal.reflected_ambient_light_cd_m2,
        )
    if table.tone != "calibrated" or calibration is None:
        return printer
    curve, given = calibration.curve, table.model_fields_set
    lowest, highest = int(curve.min_density_od * 100), int(curve.max_density_od * 100 + 0.999)
    paper = calibration.medium == PAPER_MEDIUM
    if paper and "illumination" not in given:
        printer = replace(printer, illumination_cd_m2=NOMINAL_PAPER.illumination_cd_m2)
    if paper and "reflected_ambient_light" not in given:
        printer = replace(printer, reflected_ambient_light_cd_m2=NOMINAL_PAPER.reflected_ambient_light_cd_m2)
    return replace(
        printer,
        medium_type=calibration.medium,
        min_density_centi_od=max(lowest, table.min_density) if "min_density" in given else max(0, lowest),
        max_density_centi_od=min(highest, table.max_density) if "max_density" in given else highest,
        densities_end=True,
        calibrated=datetime.fromisoformat(calibration.measured),
    )


def nominal_paper(table: PrinterTable) -> Viewing:
    """What paper that nobody measured reaches, and its light: the one place that rendering and consoles hear it from.

    What stands in the configuration wins, densities as far as paper reaches them.
    """
    given, paper = table.model_fields_set, NOMINAL_PAPER
    lowest, highest = paper.min_density_centi_od, paper.max_density_centi_od
    light = table.reflected_ambient_light
    if "min_density" in given and table.min_density < highest:
        lowest = max(lowest, table.min_density)
    if "max_density" in given and table.max_density > lowest:
        highest = min(highest, table.max_density)
    return Viewing(
        lowest,
        highest,
        table.illumination if "illumination" in given else paper.illumination_cd_m2,
        light if "reflected_ambient_light" in given else paper.reflected_ambient_light_cd_m2,
    )


def tone_in_force(table: PrinterTable, calibration: Calibration | None) -> str:
    """The tone that films are rendered with; imagers and Secondary Captures get P-values whatever it is."""
    if table.output == "dicom" or (table.output == "archive" and table.archive_as == "secondary-capture"):
        return "pvalue"
    return fallback(table) if table.tone == "calibrated" and calibration is None else table.tone


def tone_of(table: PrinterTable, printer: str, medium: str, calibrations: Calibrations) -> tuple[dict[str, Any], str]:
    """(the tone of a film, as the rendering child takes it, and what a technician should know of it).

    Args:
        table: the printer's configuration.
        printer: its AE title.
        medium: Medium Type of the film; empty where nobody asked for one.
        calibrations: those that there are.
    """
    paper = asdict(nominal_paper(table))
    asked: dict[str, Any] = {"tone": table.tone, "black_point": table.black_point, "measured": None, "paper": paper}
    if table.tone != "calibrated":
        return asked, ""
    found = calibrations.newest(printer, medium)
    if found is None:
        tone = tone_in_force(table, found)
        return asked | {"tone": tone}, NOT_CALIBRATED.format(tone, printer)
    other = OTHER_MEDIUM.format(medium, found.medium) if medium and medium != found.medium else ""
    return asked | {"measured": plain(found.curve)}, other


def fallback(table: PrinterTable) -> str:
    """The tone of a printer that should be calibrated and is not: the nominal one of what it prints on."""
    return "film" if table.output == "folder" else "paper"
