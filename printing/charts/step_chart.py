"""The step chart, drawn (PS3.14 D.2.1)."""

from __future__ import annotations

from printing.chart import BITS, BITS_FROM, BITS_TO, LABEL_MM, MARGIN_MM, MARK_MM, MODULE_MM, STEPS, Chart, bits_of
from printing.charts.drawing import BLACK, WHITE, Drawing

PALE = 240
"""Code values that a person would not find on white paper: their patches have a hairline around them."""


def draw(chart: Chart) -> Drawing:
    """The chart. Its greys are code values: it must go out with the tone `device`."""
    drawing = Drawing(chart.width_mm, chart.height_mm)
    for x, y in chart.marks:
        for modules, grey in ((7, BLACK), (5, WHITE), (3, BLACK)):
            side = modules * MODULE_MM
            drawing.fill(x - side / 2, y - side / 2, side, side, grey)
    _words(drawing, chart)
    _identifier(drawing, chart)
    for patch in chart.patches():
        place = patch.place
        drawing.fill(place.x_mm, place.y_mm, place.width_mm, place.height_mm, patch.code)
        if patch.code > PALE:
            drawing.frame(place.x_mm, place.y_mm, place.width_mm, place.height_mm, 0.2, 200)
        middle = place.x_mm + place.width_mm / 2
        drawing.letters(middle, place.y_mm - LABEL_MM, f"{patch.step}", LABEL_MM, at="center")
    return drawing


def _words(drawing: Drawing, chart: Chart) -> None:
    middle, top = chart.width_mm / 2, MARGIN_MM
    drawing.letters(middle, top, f"Step chart {chart.id}", 5.4, at="center")
    what = f"printer {chart.printer}  ·  medium {chart.medium}  ·  {chart.film_size_id}"
    drawing.letters(middle, top + 5.8, what, 3.4, at="center")
    when = chart.made[:16].replace("T", " ")
    drawing.letters(middle, top + 9.8, f"{when}  ·  step 1 is the darkest, {STEPS} the brightest", 2.8, at="center")


def _identifier(drawing: Drawing, chart: Chart) -> None:
    (left, y), (right, _) = chart.marks[3], chart.marks[2]
    start, width = left + BITS_FROM * (right - left), (BITS_TO - BITS_FROM) * (right - left)
    for at, bit in enumerate(bits_of(chart.id)):
        if bit:
            drawing.fill(start + at * width / BITS, y - MODULE_MM, width / BITS, 2 * MODULE_MM, BLACK)
    drawing.letters(
        chart.width_mm / 2,
        y + MARK_MM / 2 - 3.2,
        f"Scan the whole sheet in grey, 150 to 300 dpi, corrections off: gravure calibrate {chart.printer} --scan …",
        2.4,
        at="center",
    )
