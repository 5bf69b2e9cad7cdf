"""Printer Configuration Retrieval: what a printer can do, as one N-GET answer (PS3.4 H.4.11, PS3.3 C.13.13).

Everything here is computed from the printer that renders: a pixel matrix that a console reads here is the one that its
image boxes have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from printing import configuration_information, terms
from printing.display_format import FREE_KINDS, DisplayFormat
from printing.elements import Value
from printing.film_size import FilmSize, parse
from printing.hierarchy import MOST_FILM_BOXES
from printing.layout import cells
from printing.page import Rectangle
from printing.printable import laid, printable
from printing.printer import Medium, Printer
from printing.render.sheet import Sheet

PRINTER_CONFIGURATION_SEQUENCE = 0x2000001E
SOP_CLASSES_SUPPORTED = 0x0008115A
MAXIMUM_MEMORY_ALLOCATION, MEMORY_BIT_DEPTH, PRINTING_BIT_DEPTH = 0x20000061, 0x200000A0, 0x200000A1
MEDIA_INSTALLED_SEQUENCE, OTHER_MEDIA_AVAILABLE_SEQUENCE = 0x200000A2, 0x200000A4
SUPPORTED_IMAGE_DISPLAY_FORMATS_SEQUENCE = 0x200000A8
ITEM_NUMBER, MEDIUM_TYPE, FILM_SIZE_ID = 0x00200019, 0x20000030, 0x20100050
MIN_DENSITY, MAX_DENSITY = 0x20100120, 0x20100130
ROWS, COLUMNS, IMAGE_DISPLAY_FORMAT, FILM_ORIENTATION = 0x00280010, 0x00280011, 0x20100010, 0x20100040
PRINTER_RESOLUTION_ID, PRINTER_PIXEL_SPACING, REQUESTED_IMAGE_SIZE_FLAG = 0x20100052, 0x20100376, 0x202000A0
DEFAULT_PRINTER_RESOLUTION_ID = 0x20100054
DEFAULT_MAGNIFICATION_TYPE, OTHER_MAGNIFICATION_TYPES = 0x201000A6, 0x201000A7
DEFAULT_SMOOTHING_TYPE, OTHER_SMOOTHING_TYPES = 0x201000A8, 0x201000A9
CONFIGURATION_INFORMATION_DESCRIPTION, MAXIMUM_COLLATED_FILMS = 0x20100152, 0x20100154
DECIMATE_CROP_RESULT = 0x202000A2
MANUFACTURER, MODEL_NAME, PRINTER_NAME = 0x00080070, 0x00081090, 0x21100030

VRS: Mapping[int, str] = {
    PRINTER_CONFIGURATION_SEQUENCE: "SQ",
    SOP_CLASSES_SUPPORTED: "UI",
    MAXIMUM_MEMORY_ALLOCATION: "IS",
    MEMORY_BIT_DEPTH: "US",
    PRINTING_BIT_DEPTH: "US",
    MEDIA_INSTALLED_SEQUENCE: "SQ",
    OTHER_MEDIA_AVAILABLE_SEQUENCE: "SQ",
    SUPPORTED_IMAGE_DISPLAY_FORMATS_SEQUENCE: "SQ",
    ITEM_NUMBER: "IS",
    MEDIUM_TYPE: "CS",
    FILM_SIZE_ID: "CS",
    MIN_DENSITY: "US",
    MAX_DENSITY: "US",
    ROWS: "US",
    COLUMNS: "US",
    IMAGE_DISPLAY_FORMAT: "ST",
    FILM_ORIENTATION: "CS",
    PRINTER_RESOLUTION_ID: "CS",
    PRINTER_PIXEL_SPACING: "DS",
    REQUESTED_IMAGE_SIZE_FLAG: "CS",
    DEFAULT_PRINTER_RESOLUTION_ID: "CS",
    DEFAULT_MAGNIFICATION_TYPE: "CS",
    OTHER_MAGNIFICATION_TYPES: "CS",
    DEFAULT_SMOOTHING_TYPE: "CS",
    OTHER_SMOOTHING_TYPES: "CS",
    CONFIGURATION_INFORMATION_DESCRIPTION: "LT",
    MAXIMUM_COLLATED_FILMS: "IS",
    DECIMATE_CROP_RESULT: "CS",
    MANUFACTURER: "LO",
    MODEL_NAME: "LO",
    PRINTER_NAME: "LO",
}

STANDARD_FORMATS = (
    "1,1",
    "1,2",
    "2,1",
    "2,2",
    "2,3",
    "3,2",
    "3,3",
    "3,4",
    "4,3",
    "3,5",
    "4,4",
    "4,5",
    "5,4",
    "4,6",
    "5,6",
)
"""Columns, rows of the STANDARD formats that are listed: those of film imagers. Others are printed as well; a list of
all of them would have no end."""

MEMBERS: Mapping[str, tuple[str, ...]] = {
    meta: (
        *(meta, terms.FILM_SESSION, terms.FILM_BOX, image_box),
        *(terms.PRINTER, terms.PRINT_JOB, terms.ANNOTATION_BOX, terms.PRINTER_CONFIGURATION),
        *((terms.PRESENTATION_LUT,) if meta == terms.GRAYSCALE_META else ()),
    )
    for meta, image_box in (
        (terms.GRAYSCALE_META, terms.GRAYSCALE_IMAGE_BOX),
        (terms.COLOR_META, terms.COLOR_IMAGE_BOX),
    )
}
"""SOP classes of one item, by its meta class."""


def configuration_values(printer: Printer) -> dict[int, Value]:
    """Every attribute of a Printer Configuration N-GET (PS3.4 H.4-26): one item for each meta class that the output
    prints as it is; colour that becomes grey is none."""
    metas = (terms.GRAYSCALE_META, *((terms.COLOR_META,) if printer.color else ()))
    formats = tuple(_formats(printer))
    return {PRINTER_CONFIGURATION_SEQUENCE: tuple(_item(printer, meta, formats) for meta in metas)}


def _item(printer: Printer, meta: str, formats: tuple[dict[int, Value], ...]) -> dict[int, Value]:
    others = [name for name in terms.MAGNIFICATION_TYPES if name != "CUBIC"]
    return {
        SOP_CLASSES_SUPPORTED: "\\".join(MEMBERS[meta]),
        MAXIMUM_MEMORY_ALLOCATION: 0,
        MEMORY_BIT_DEPTH: 12 if meta == terms.GRAYSCALE_META else 8,
        PRINTING_BIT_DEPTH: printer.printing_bit_depth,
        MEDIA_INSTALLED_SEQUENCE: _media(printer, True),
        OTHER_MEDIA_AVAILABLE_SEQUENCE: _media(printer, False),
        SUPPORTED_IMAGE_DISPLAY_FORMATS_SEQUENCE: formats,
        DEFAULT_PRINTER_RESOLUTION_ID: printer.default_resolution_id,
        DEFAULT_MAGNIFICATION_TYPE: "CUBIC",
        OTHER_MAGNIFICATION_TYPES: "\\".join(others),
        DEFAULT_SMOOTHING_TYPE: "",
        OTHER_SMOOTHING_TYPES: "",
        CONFIGURATION_INFORMATION_DESCRIPTION: configuration_information.description(),
        MAXIMUM_COLLATED_FILMS: MOST_FILM_BOXES,
        DECIMATE_CROP_RESULT: "DEF DECIMATE",
        MANUFACTURER: printer.manufacturer,
        MODEL_NAME: printer.model,
        PRINTER_NAME: printer.name,
    }


def _media(printer: Printer, installed: bool) -> tuple[dict[int, Value], ...]:
    """Media Installed Sequence: item 1 is the default. Other Media has no item numbers."""
    chosen = [medium for medium in printer.available_media() if medium.installed is installed]
    return tuple(
        {
            **({ITEM_NUMBER: number} if installed else {}),
            MEDIUM_TYPE: medium.medium_type,
            FILM_SIZE_ID: medium.film_size_id,
            MIN_DENSITY: _density(medium.min_density_centi_od, printer.min_density_centi_od),
            MAX_DENSITY: _density(medium.max_density_centi_od, printer.max_density_centi_od),
        }
        for number, medium in enumerate(chosen, 1)
    )


def _density(own: int | None, otherwise: int) -> int:
    return otherwise if own is None else own


def _formats(printer: Printer) -> Iterator[dict[int, Value]]:
    for resolution in printer.resolution_ids():
        for medium in _sizes(printer):
            size = parse(medium.film_size_id)
            if size is not None:
                for orientation in terms.FilmOrientation:
                    yield from _formats_of(printer, size, medium.film_size_id, orientation.value, resolution)


def _formats_of(
    printer: Printer, size: FilmSize, film_size_id: str, orientation: str, resolution: str
) -> Iterator[dict[int, Value]]:
    """Formats of one film. On paper, its pixels are as small as the scale makes them, and a size that is asked for
    comes out only at full scale."""
    sides = size.hung(orientation)
    sheet = laid(printer, *sides)
    scale = 1.0 if sheet is None else sheet.scale
    dpi = printer.resolution(resolution)
    spacing = f"{25.4 / dpi * scale:.8g}"
    for display in _displays(printer):
        yield {
            **_matrix(printer, sheet, cells(display, *sides, printer.formats), dpi),
            IMAGE_DISPLAY_FORMAT: str(display),
            FILM_ORIENTATION: orientation,
            FILM_SIZE_ID: film_size_id,
            PRINTER_RESOLUTION_ID: resolution,
            PRINTER_PIXEL_SPACING: f"{spacing}\\{spacing}",
            REQUESTED_IMAGE_SIZE_FLAG: "YES" if scale == 1.0 else "NO",
        }


def _sizes(printer: Printer) -> tuple[Medium, ...]:
    """One medium of each size."""
    return tuple({medium.film_size_id: medium for medium in printer.available_media()}.values())


def _displays(printer: Printer) -> Iterator[DisplayFormat]:
    for numbers in STANDARD_FORMATS:
        yield DisplayFormat.parse(f"STANDARD\\{numbers}")
    for kind in FREE_KINDS:
        yield DisplayFormat(kind)
    for number in sorted(printer.formats.custom):
        yield DisplayFormat("CUSTOM", (number,))


def _matrix(printer: Printer, sheet: Sheet | None, boxes: Sequence[Rectangle], dpi: float) -> dict[int, Value]:
    """Rows and Columns of an image box, where all boxes of the format are equal: of what comes out of each of them."""
    if len({(round(box.width_mm, 3), round(box.height_mm, 3)) for box in boxes}) != 1:
        return {}
    wide, high = (min(sides) for sides in zip(*printable(printer, sheet, boxes), strict=True))
    return {ROWS: round(high / 25.4 * dpi), COLUMNS: round(wide / 25.4 * dpi)}
