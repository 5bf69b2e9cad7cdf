"""Child work: render one print job to what its output takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from printing.calibration import Curve
from printing.grayscale import Viewing
from printing.job import render_document
from printing.page import DOCUMENT, FilmDocument
from printing.render.finish import Finish
from printing.render.formats import FORMATS
from printing.tone import PAPER, Tone


def perform(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """`{"folder", "media_types", "dpi", "color", "gray", "tone", "black_point", "measured", "paper", "bits", "fonts",
    "papers", "scaling", "configuration_information", "high_dpi"}` → `{"files", "pages", "warnings", "paper"}`.

    The files lie in the job's folder."""
    folder = Path(request["folder"])
    document = FilmDocument.from_json((folder / DOCUMENT).read_bytes())
    measured = request["measured"]
    finish = Finish(
        request["dpi"],
        Tone(
            request["tone"],
            request["black_point"],
            Curve.from_plain(measured) if measured else None,
            Viewing(**request["paper"]) if "paper" in request else PAPER,
        ),
        request["bits"],
        tuple(request["fonts"]),
        tuple((name, wide, high, margin) for name, wide, high, margin in request["papers"]),
        request["scaling"],
        request["color"],
        request["configuration_information"],
        request["high_dpi"],
        request["gray"],
    )
    media_types = request["media_types"]
    files: list[str] = []
    for number, media_type in enumerate(media_types):

        def told(done: float, number: int = number) -> None:
            progress((number + done) / len(media_types), "rendering")

        out = folder / f"film{FORMATS[media_type].suffix}"
        made = render_document(document, folder, finish, out, told, media_type)
        files += map(str, made.files)
    return {"files": files, "pages": len(document.pages), "warnings": list(made.warnings), "paper": made.paper}
