"""Child work: draw one page from numbers, as a film document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from printing.chart import Chart
from printing.charts.drawing import PIXELS, Drawing
from printing.charts.pages import PAGES, Subject
from printing.charts.step_chart import draw
from printing.layout import CustomFormat, Formats
from printing.page import DOCUMENT, FilmDocument


def perform(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """`{"folder", "chart"}` or `{"folder", "page", "subject"}`, with `"film"` and `"document"`, attributes of both,
    and `"flat_dpi"` where the page must be one image box → `{}`. The document and its pixels lie in the folder."""
    folder = Path(request["folder"])
    drawing, film_size_id = _drawn(request)
    if request.get("flat_dpi"):
        drawing = drawing.flattened(request["flat_dpi"])
    page = drawing.page(film_size_id, **request["film"])
    document = FilmDocument((page,), code_values="chart" in request, **request["document"])
    (folder / PIXELS).write_bytes(drawing.pixels)
    (folder / DOCUMENT).write_text(document.to_json())
    return {}


def _drawn(request: dict[str, Any]) -> tuple[Drawing, str]:
    if "chart" in request:
        chart = Chart.from_json(request["chart"])
        return draw(chart), chart.film_size_id
    subject = Subject(**request["subject"] | {"formats": _formats(request["subject"]["formats"])})
    return PAGES[request["page"]](subject), subject.film_size_id


def _formats(data: dict[str, Any]) -> Formats:
    """Formats, from what JSON knows of them: keys are text there."""
    custom = {
        int(number): CustomFormat(tuple(tuple(cell) for cell in one["cells"])) for number, one in data["custom"].items()
    }
    return Formats(custom, tuple(data["slides"]), tuple(data["superslides"]))
