"""Printer: what it can do, who it is, how it is (PS3.3 C.13.9, PS3.4 H.4.6); and the Print Job as N-GET shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from printing import terms
from printing.annotation import FORMATS
from printing.elements import Value
from printing.film_size import FILM_SIZES, FilmSize, parse
from printing.layout import Formats
from printing.render.sheet import Scaling
from printing.terms import ExecutionStatus, PrinterStatus

PRINTER_STATUS, PRINTER_STATUS_INFO = 0x21100010, 0x21100020
PRINTER_NAME = 0x21100030
EXECUTION_STATUS, EXECUTION_STATUS_INFO = 0x21000020, 0x21000030
FILM_SESSION_LABEL, FILM_DESTINATION, PRINT_PRIORITY = 0x20000050, 0x20000040, 0x20000020

VRS: Mapping[int, str] = {
    0x00080070: "LO",  # Manufacturer
    0x00081090: "LO",  # Manufacturer's Model Name
    0x00181000: "LO",  # Device Serial Number
    0x00181020: "LO",  # Software Versions
    0x00181200: "DA",  # Date of Last Calibration
    0x00181201: "TM",  # Time of Last Calibration
    PRINTER_STATUS: "CS",
    PRINTER_STATUS_INFO: "CS",
    PRINTER_NAME: "LO",
    EXECUTION_STATUS: "CS",
    EXECUTION_STATUS_INFO: "CS",
    0x21000040: "DA",  # Creation Date
    0x21000050: "TM",  # Creation Time
    0x21000070: "AE",  # Originator
    FILM_SESSION_LABEL: "LO",
    FILM_DESTINATION: "CS",
    PRINT_PRIORITY: "CS",
}


HIGHEST_DPI = 600.0
"""Of what we render: 14×17 in has 86 million pixels then."""


@dataclass(frozen=True, slots=True)
class Medium:
    """Film or paper that the output of a printer can take."""

    medium_type: str
    film_size_id: str
    installed: bool = True
    """Whether it lies in a tray now; else a person has to put it there."""
    min_density_centi_od: int | None = None
    """The lowest density on it; None is the printer's."""
    max_density_centi_od: int | None = None


@dataclass(frozen=True, slots=True)
class Takes:
    """What an output takes, as its device says."""

    media: tuple[Medium, ...] = ()
    """The default first; none named: every film size of the standard."""
    color: bool = True
    """Whether it prints colour as colour."""
    bit_depth: int = 8
    """Grey levels, as bits."""
    dpi: float | None = None
    """The resolution that films come out in; None is that of the configuration."""
    high_dpi: float | None = None
    """That of films that ask for HIGH, where it is the device's to say."""
    resolution_id: str = "STANDARD"
    """The Requested Resolution ID of films that ask for none, where it is the device's to say."""
    finest_dpi: float | None = None
    """The most that it resolves; None where nobody knows."""
    papers: tuple[tuple[str, float, float, float], ...] = ()
    """(name, width, height, margin) in mm of what films are laid on; none: a page is as large as its film."""


@dataclass(frozen=True, slots=True)
class Printer:
    """A virtual film printer: its capabilities and its identity, as data."""

    name: str = "FILM"
    """Its AE title; Printer Name (2110,0030) too."""
    dpi: float = 300.0
    high_dpi: float | None = None
    """Of films whose Requested Resolution ID is HIGH; None: twice as fine, as the standard has it."""
    resolution_id: str = "STANDARD"
    """Of films that ask for no resolution, where the printer has this one."""
    film_size_id: str = "14INX17IN"
    """Film where the dialogue names none."""
    medium_type: str = "BLUE FILM"
    min_density_centi_od: int = 20
    max_density_centi_od: int = 300
    densities_end: bool = False
    """Whether it prints none beyond these two, as paper does; a film that is a file has any density."""
    illumination_cd_m2: int = 2000
    reflected_ambient_light_cd_m2: int = 10
    border_density: str = "BLACK"
    empty_image_density: str = "BLACK"
    formats: Formats = field(default_factory=Formats)
    manufacturer: str = "Gravure"
    model: str = "Gravure film printer"
    serial_number: str = ""
    software_versions: str = ""
    calibrated: datetime | None = None
    media: tuple[Medium, ...] = ()
    """What the output takes, the default first; none named: every film size of the standard, for the output is a file.
    """
    color: bool = True
    """Whether the output prints colour as colour."""
    printing_bit_depth: int = 8
    """Grey levels of the output, as bits."""
    finest_dpi: float | None = None
    """The most that the output resolves; None where nobody knows."""
    papers: tuple[tuple[str, float, float, float], ...] = ()
    """(name, width, height, margin) in mm of what the output lays films on; none: a page is as large as its film."""
    scaling: Scaling = "fit"
    """How a film lies on paper of another size."""
    annotation_formats: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: FORMATS)
    """Places by Annotation Position of each Annotation Display Format ID."""

    def resolution(self, resolution_id: str) -> float:
        """Pixels per inch of a Requested Resolution ID (2020,0050)."""
        high = min(2 * self.dpi, HIGHEST_DPI) if self.high_dpi is None else self.high_dpi
        return max(self.dpi, high) if resolution_id == "HIGH" else self.dpi

    def resolution_ids(self) -> tuple[str, ...]:
        """Requested Resolution IDs, the default first; HIGH where it is finer, and the output resolves it."""
        high = self.resolution("HIGH")
        finest = high if self.finest_dpi is None else self.finest_dpi
        if not self.dpi < high <= finest:
            return terms.RESOLUTIONS[:1]
        return tuple(sorted(terms.RESOLUTIONS, key=lambda one: one != self.resolution_id))

    @property
    def default_resolution_id(self) -> str:
        """Default Printer Resolution ID (2010,0054): that of films that ask for none."""
        return self.resolution_ids()[0]

    def taking(self, takes: Takes) -> Printer:
        """This printer with what its output takes. Of a medium that was measured the calibration knows better."""
        return replace(
            self,
            medium_type=takes.media[0].medium_type if takes.media and self.calibrated is None else self.medium_type,
            media=takes.media,
            color=takes.color,
            printing_bit_depth=takes.bit_depth,
            dpi=takes.dpi or self.dpi,
            high_dpi=(takes.high_dpi or takes.dpi) if takes.dpi else self.high_dpi,
            finest_dpi=takes.finest_dpi,
            resolution_id=takes.resolution_id,
            papers=takes.papers,
        )

    def available_media(self) -> tuple[Medium, ...]:
        """What the output takes, the default first."""
        if self.media:
            return self.media
        sizes = dict.fromkeys((self.film_size_id, *FILM_SIZES))
        return tuple(Medium(self.medium_type, size) for size in sizes)

    def film_size(self) -> FilmSize:
        """The film where the dialogue names none.

        Raises:
            ValueError: the printer was made with a film size that says no millimetres.
        """
        film = parse(self.film_size_id)
        if film is None:
            raise ValueError(f"{self.film_size_id} is no film size")
        return film


@dataclass(frozen=True, slots=True)
class PrinterState:
    """How a printer is: Printer Status (2110,0010) and a Defined Term that says why."""

    status: PrinterStatus = PrinterStatus.NORMAL
    info: str = "NORMAL"


NORMAL = PrinterState()


def printer_values(printer: Printer, state: PrinterState) -> dict[int, Value]:
    """Every attribute of a Printer N-GET (PS3.4 H.4-17); what is not known has no value, and is never an error."""
    calibrated = printer.calibrated
    return {
        0x00080070: printer.manufacturer,
        0x00081090: printer.model,
        0x00181000: printer.serial_number,
        0x00181020: printer.software_versions,
        0x00181200: f"{calibrated:%Y%m%d}" if calibrated else "",
        0x00181201: f"{calibrated:%H%M%S}" if calibrated else "",
        PRINTER_STATUS: state.status.value,
        PRINTER_STATUS_INFO: state.info,
        PRINTER_NAME: printer.name,
    }


@dataclass(frozen=True, slots=True)
class PrintJobView:
    """A Print Job as N-GET and N-EVENT-REPORT show it (PS3.3 C.13.8)."""

    uid: str
    status: ExecutionStatus
    info: str
    print_priority: str
    created: datetime
    printer_name: str
    originator: str

    def values(self) -> dict[int, Value]:
        """Every attribute of a Print Job N-GET (PS3.4 H.4-15)."""
        return {
            EXECUTION_STATUS: self.status.value,
            EXECUTION_STATUS_INFO: self.info,
            0x21000040: f"{self.created:%Y%m%d}",
            0x21000050: f"{self.created:%H%M%S.%f}",
            PRINT_PRIORITY: self.print_priority,
            PRINTER_NAME: self.printer_name,
            0x21000070: self.originator,
        }

    def event(self, film_session_label: str) -> dict[int, Value]:
        """The data of a Print Job event (PS3.4 H.4-14)."""
        values: dict[int, Value] = {EXECUTION_STATUS_INFO: self.info, PRINTER_NAME: self.printer_name}
        if film_session_label:
            values[FILM_SESSION_LABEL] = film_session_label
        return values


def printer_event(printer: Printer, state: PrinterState) -> dict[int, Value] | None:
    """The data of a Printer event (PS3.4 H.4-16); Normal has none."""
    if state.status is PrinterStatus.NORMAL:
        return None
    return {PRINTER_STATUS_INFO: state.info, PRINTER_NAME: printer.name}


def asked_for(values: Mapping[int, Value], tags: tuple[int, ...]) -> tuple[dict[int, Value], tuple[int, ...]]:
    """The attributes that an N-GET asks for (none named is all of them), and the tags that there are none of."""
    if not tags:
        return dict(values), ()
    known = {tag: values[tag] for tag in tags if tag in values}
    return known, tuple(tag for tag in dict.fromkeys(tags) if tag not in values)


def reported(state: PrinterState, policy: str, accepts_work: bool) -> PrinterState:
    """What peers hear of a printer.

    A console that reads FAILURE sends nothing, though the film would wait safely in our spool. So `spooler` says NORMAL
    while we can take work, and `truthful` says how the output is.
    """
    if not accepts_work:
        return PrinterState(PrinterStatus.FAILURE, "PRINT BUFF FULL")
    return NORMAL if policy == "spooler" else state


def info_term(info: str) -> str:
    """Execution Status Info as the standard has it: an unknown word is UNKNOWN."""
    return info if info in terms.JOB_INFO_TERMS else "UNKNOWN"
