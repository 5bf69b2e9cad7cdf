"""Test pages: greys by PS3.14 D.2.4, geometry after the manner of SMPTE RP 133, and every display format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from printing.charts.drawing import BLACK, MM_PER_INCH, WHITE, Drawing
from printing.display_format import DisplayFormat
from printing.evaluation import P_VALUES
from printing.layout import Formats, cells
from printing.printer_configuration import STANDARD_FORMATS
from printing.render.text import OWN_FONT

MARGIN_MM = 12.0
PALE, MIDDLE = 225, 128


@dataclass(frozen=True, slots=True)
class Subject:
    """What a test page is of.

    Attributes:
        printer: AE title.
        film_size_id: of the film.
        width_mm: of the film.
        height_mm: of the film.
        dpi: printer resolution.
        formats: display formats of the configuration.
        words: how the printer makes its greys, for the page to say.
    """

    printer: str
    film_size_id: str
    width_mm: float
    height_mm: float
    dpi: float
    formats: Formats = field(default_factory=Formats)
    words: str = ""


def _head(drawing: Drawing, subject: Subject, title: str, words: str) -> float:
    """Title and explanation; the height at which the page goes on."""
    drawing.letters(MARGIN_MM, MARGIN_MM, title, 5.0)
    size = f"{subject.width_mm:g} × {subject.height_mm:g} mm"
    right = drawing.width_mm - MARGIN_MM
    drawing.letters(right, MARGIN_MM, f"{subject.printer}  ·  {subject.film_size_id}  ·  {size}", 3.0, at="right")
    drawing.letters(right, MARGIN_MM + 3.4, f"{subject.dpi:g} dpi  ·  {subject.words}", 2.6, at="right")
    drawing.letters(MARGIN_MM, MARGIN_MM + 6.4, words, 2.6)
    return MARGIN_MM + 11.0


# -- greys --------------------------------------------------------------------------------------------------------

CONTRAST = 3
"""8-bit P-values between a bar and the lines in it: on a printer that is right as visible in every bar."""


def gsdf(subject: Subject) -> Drawing:
    """Thirty-two bars of evenly spaced P-values, the darkest above, with two lines of low contrast in each."""
    drawing = Drawing(subject.width_mm, subject.height_mm)
    top = _head(
        drawing,
        subject,
        "Greys",
        f"Every pair of lines is {CONTRAST} P-values off its bar, and should be as visible as any other.",
    )
    left, right = MARGIN_MM + 13, subject.width_mm - MARGIN_MM
    high = (subject.height_mm - MARGIN_MM - top) / len(P_VALUES)
    for bar, p_value in enumerate(P_VALUES):
        y = top + bar * high
        drawing.fill(left, y, right - left, high, p_value)
        drawing.letters(left - 1.5, y + (high - 2.6) / 2, f"{bar + 1}: {p_value}", 2.6, at="right")
        darker = p_value - CONTRAST if p_value >= CONTRAST else p_value + 2 * CONTRAST
        lighter = p_value + CONTRAST if p_value + CONTRAST <= WHITE else p_value - 2 * CONTRAST
        wide, line = (right - left) * 0.16, min(1.2, high / 6)
        for at in (0.08, 0.76):  # the middle of the bar is left to the densitometer
            x = left + at * (right - left)
            drawing.fill(x, y + high / 2 - 1.5 * line, wide, line, darker)
            drawing.fill(x, y + high / 2 + 0.5 * line, wide, line, lighter)
    return drawing


# -- geometry -----------------------------------------------------------------------------------------------------

TRUE_MM = 100.0
PERCENT = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


def percent(value: float) -> int:
    """A percentage of the P-values as eight bits."""
    return int(value * 255 / 100 + 0.5)


def geometry(subject: Subject) -> Drawing:
    """Crosshatch, circle, lines of 100 mm, resolution bars, and the grey patches of SMPTE RP 133."""
    drawing = Drawing(subject.width_mm, subject.height_mm)
    width, height = subject.width_mm, subject.height_mm
    _circle(drawing, 0.42 * min(width, height))
    _hatch(drawing)
    panel = 22.0
    drawing.fill(0, 0, width, MARGIN_MM + panel - 11, WHITE)
    top = _head(
        drawing, subject, "Geometry", "Squares of 10 mm. The bars below are 100 mm: measure them. The circle is round."
    )
    edge = 6.0
    drawing.frame(edge, edge, width - 2 * edge, height - 2 * edge, 0.3, BLACK)
    _patches(drawing, width / 2, top + 6)
    _insets(drawing, width / 2, height / 2)
    bars = resolution_bars(subject.dpi)
    rows, columns = bars.shape
    wide, high = columns * MM_PER_INCH / subject.dpi, rows * MM_PER_INCH / subject.dpi
    corners = [(MARGIN_MM, top), (width - MARGIN_MM - wide, top), (MARGIN_MM, height - MARGIN_MM - high)]
    corners += [(width - MARGIN_MM - wide, height - MARGIN_MM - high), ((width - wide) / 2, height / 2 + 24)]
    for x, y in corners:
        x, y = (round(one * subject.dpi / MM_PER_INCH) * MM_PER_INCH / subject.dpi for one in (x, y))
        drawing.fill(x - 1, y - 1, wide + 2, high + 2, WHITE)
        drawing.picture(x, y, wide, high, bars)
    _lines(drawing)
    return drawing


def _circle(drawing: Drawing, radius_mm: float) -> None:
    px = round(2 * radius_mm * 200 / MM_PER_INCH)
    picture = Image.new("L", (px, px), WHITE)
    ImageDraw.Draw(picture).ellipse((0, 0, px - 1, px - 1), outline=BLACK, width=4)
    x, y = drawing.width_mm / 2 - radius_mm, drawing.height_mm / 2 - radius_mm
    drawing.picture(x, y, 2 * radius_mm, 2 * radius_mm, np.asarray(picture))


def _hatch(drawing: Drawing) -> None:
    """Lines every 10 mm from the middle outwards; every fifth is stronger."""
    for across in (True, False):
        long, wide = (drawing.width_mm, drawing.height_mm) if across else (drawing.height_mm, drawing.width_mm)
        for at in range(-int(wide / 20), int(wide / 20) + 1):
            line, grey = (0.35, 90) if at % 5 == 0 else (0.2, 150)
            place = wide / 2 + 10 * at - line / 2
            if across:
                drawing.fill(0, place, long, line, grey)
            else:
                drawing.fill(place, 0, line, long, grey)


def _patches(drawing: Drawing, middle: float, y: float) -> None:
    """The eleven patches of 0 to 100 %."""
    side = min(13.0, (drawing.width_mm - 2 * MARGIN_MM - 64) / len(PERCENT))
    left = middle - len(PERCENT) / 2 * side
    drawing.fill(left - 2, y - 2, len(PERCENT) * side + 4, 14 + 8, WHITE)
    for at, value in enumerate(PERCENT):
        drawing.fill(left + at * side, y, side, 14, percent(value))
        drawing.letters(left + (at + 0.5) * side, y + 15, f"{value} %", 2.6, at="center")
    drawing.frame(left - 0.2, y - 0.2, len(PERCENT) * side + 0.4, 14.4, 0.2, BLACK)


def _insets(drawing: Drawing, x: float, y: float) -> None:
    """0 with 5 %, and 100 with 95 %: both inner squares must be seen."""
    side, inner = 30.0, 13.0
    drawing.fill(x - side - 3, y - side / 2 - 3, 2 * side + 6, side + 11, WHITE)
    drawing.frame(x - side - 0.3, y - side / 2 - 0.3, 2 * side + 0.6, side + 0.6, 0.3, BLACK)
    for left, ground, value in ((x - side, 0, 5), (x, 100, 95)):
        drawing.fill(left, y - side / 2, side, side, percent(ground))
        drawing.fill(left + (side - inner) / 2, y - inner / 2, inner, inner, percent(value))
        drawing.letters(left + side / 2, y + side / 2 + 1.5, f"{value} % in {ground} %", 2.8, at="center")


def resolution_bars(dpi: float) -> NDArray[Any]:
    """Lines of one to four printer pixels, as far apart as they are wide: upright above, lying below."""
    groups = (1, 2, 3, 4)
    long, gap = round(6 * dpi / MM_PER_INCH), round(1.2 * dpi / MM_PER_INCH)
    lines = 5
    sizes = [(2 * lines - 1) * group for group in groups]
    wide = max(sum(sizes) + (len(groups) - 1) * gap, long * len(groups) + (len(groups) - 1) * gap)
    picture = np.full((long + gap + max(sizes), wide), WHITE, np.uint8)
    at = 0
    for group, size in zip(groups, sizes, strict=True):
        for line in range(lines):
            picture[:long, at + 2 * line * group : at + (2 * line + 1) * group] = BLACK
        at += size + gap
    at = 0
    for group in groups:
        for line in range(lines):
            start = long + gap + 2 * line * group
            picture[start : start + group, at : at + long] = BLACK
        at += long + gap
    return picture


def true_lines(subject_width_mm: float, subject_height_mm: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the bars of 100 mm begin: (x, y) of the lying one, of the upright one."""
    y = subject_height_mm - MARGIN_MM - 24
    return ((subject_width_mm - TRUE_MM) / 2, y), (0.27 * subject_width_mm, (subject_height_mm - TRUE_MM) / 2)


def _lines(drawing: Drawing) -> None:
    """Two bars of 100 mm with a ruler of millimetres beside each."""
    (x, y), (side_x, side_y) = true_lines(drawing.width_mm, drawing.height_mm)
    drawing.fill(x - 5, y - 7, TRUE_MM + 10, 17, WHITE)
    drawing.fill(x, y, TRUE_MM, 1.0, BLACK)
    drawing.fill(side_x - 9, side_y - 5, 18, TRUE_MM + 10, WHITE)
    drawing.fill(side_x, side_y, 1.0, TRUE_MM, BLACK)
    for at in range(101):
        long = 4.0 if at % 10 == 0 else 3.0 if at % 5 == 0 else 2.0
        drawing.fill(x + at - 0.1, y + 1.0, 0.2, long, BLACK)
        drawing.fill(side_x + 1.0, side_y + at - 0.1, long, 0.2, BLACK)
        if at % 10 == 0:
            drawing.letters(x + at, y + 5.4, f"{at}", 2.4, at="center")
            drawing.letters(side_x - 1.2, side_y + at - 1.2, f"{at}", 2.4, at="right")
    drawing.letters(x + TRUE_MM / 2, y - 4.6, "100 mm", 3.2, at="center")


# -- layouts ------------------------------------------------------------------------------------------------------

SHOWN = (*(f"STANDARD\\{one}" for one in STANDARD_FORMATS), "ROW\\1,2", "ROW\\2,3,1", "COL\\1,2", "COL\\2,1,3")
THUMB_DPI = 300


def layouts(subject: Subject) -> Drawing:
    """Every display format as a small film, its cells numbered by Image Box Position."""
    drawing = Drawing(subject.width_mm, subject.height_mm)
    top = _head(
        drawing,
        subject,
        "Layouts",
        "Image Display Format (2010,0010): the numbers are Image Box Positions (2020,0010).",
    )
    forms = list(_formats(subject.formats))
    columns = 5 if subject.width_mm <= subject.height_mm else 7
    rows = -(-len(forms) // columns)
    wide = (subject.width_mm - 2 * MARGIN_MM) / columns
    high = (subject.height_mm - MARGIN_MM - top) / rows
    scale = min((wide - 5) / subject.width_mm, (high - 9) / subject.height_mm)
    for at, form in enumerate(forms):
        row, column = divmod(at, columns)
        x = MARGIN_MM + (column + 0.5) * wide - subject.width_mm * scale / 2
        y = top + row * high
        drawing.letters(MARGIN_MM + (column + 0.5) * wide, y, str(form), 2.8, at="center")
        picture = _thumb(subject, form, scale)
        drawing.picture(x, y + 4, subject.width_mm * scale, subject.height_mm * scale, picture)
    return drawing


def _formats(formats: Formats) -> Iterator[DisplayFormat]:
    yield from map(DisplayFormat.parse, SHOWN)
    yield DisplayFormat("SLIDE")
    yield DisplayFormat("SUPERSLIDE")
    for number in sorted(formats.custom):
        yield DisplayFormat("CUSTOM", (number,))


def _thumb(subject: Subject, form: DisplayFormat, scale: float) -> NDArray[Any]:
    k = scale * THUMB_DPI / MM_PER_INCH
    size = round(subject.width_mm * k), round(subject.height_mm * k)
    picture = Image.new("L", size, MIDDLE)
    draw = ImageDraw.Draw(picture)
    for number, cell in enumerate(cells(form, subject.width_mm, subject.height_mm, subject.formats), 1):
        left, top = cell.x_mm * k, cell.y_mm * k
        right, bottom = left + cell.width_mm * k, top + cell.height_mm * k
        draw.rectangle((left, top, right - 1, bottom - 1), PALE, BLACK, 2)
        letters = ImageFont.truetype(str(OWN_FONT), max(10, min(60, int(min(right - left, bottom - top) * 0.42))))
        draw.text(((left + right) / 2, (top + bottom) / 2), f"{number}", fill=BLACK, font=letters, anchor="mm")
    draw.rectangle((0, 0, size[0] - 1, size[1] - 1), None, BLACK, 2)
    return np.asarray(picture)


PAGES: Mapping[str, Callable[[Subject], Drawing]] = {"gsdf": gsdf, "geometry": geometry, "layouts": layouts}
"""Name → the function that draws it."""
