"""What of a film comes out on paper: its scale, and how much of each cell the printer's margins leave."""

from __future__ import annotations

from collections.abc import Sequence

from printing.page import Rectangle
from printing.printer import Printer
from printing.render.sheet import Sheet, sheets_for


def laid(printer: Printer, width_mm: float, height_mm: float) -> Sheet | None:
    """Where a film lies on the printer's paper; None where its page is as large as the film, or its sheets together."""
    sheets = sheets_for(width_mm, height_mm, printer.papers, printer.scaling)
    return sheets[0] if len(sheets) == 1 else None


def printable(printer: Printer, sheet: Sheet | None, cells: Sequence[Rectangle]) -> tuple[tuple[float, float], ...]:
    """Width and height in mm of film, for each cell, of the largest image in its middle that comes out whole."""
    if sheet is None:
        return tuple((cell.width_mm, cell.height_mm) for cell in cells)
    margin = next(margin for name, _, _, margin in printer.papers if name == sheet.name)
    return tuple(
        (
            _room(sheet.left_mm, sheet.width_mm, margin, cell.x_mm, cell.width_mm, sheet.scale),
            _room(sheet.top_mm, sheet.height_mm, margin, cell.y_mm, cell.height_mm, sheet.scale),
        )
        for cell in cells
    )


def _room(film_mm: float, sheet_mm: float, margin_mm: float, at_mm: float, long_mm: float, scale: float) -> float:
    """Along one side: twice the way from the middle of a cell to its nearer edge, or to that of what can be printed."""
    middle = film_mm + (at_mm + long_mm / 2) * scale
    return max(0.0, 2 * min(middle - margin_mm, sheet_mm - margin_mm - middle, long_mm / 2 * scale)) / scale
