"""Child work: render one print job to what its output takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from printing.job import render_document
from printing.page import DOCUMENT, FilmDocument
from printing.render.finish import Finish
from printing.render.formats import FORMATS
from printing.tone import Tone


def perform(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """`{"folder", "media_type", "dpi", "color", "tone", "black_point", "bits", "fonts", "papers", "scaling",
    "configuration_information", "high_dpi"}` → `{"files", "pages", "warnings", "paper"}`.

    The files lie in the job's folder."""
    folder = Path(request["folder"])
    document = FilmDocument.from_json((folder / DOCUMENT).read_bytes())
    media_type = request["media_type"]
    out = folder / f"film{FORMATS[media_type].suffix}"
    finish = Finish(
        request["dpi"],
        Tone(request["tone"], request["black_point"]),
        request["bits"],
        tuple(request["fonts"]),
        tuple((name, wide, high, margin) for name, wide, high, margin in request["papers"]),
        request["scaling"],
        request["color"],
        request["configuration_information"],
        request["high_dpi"],
    )
    made = render_document(document, folder, finish, out, lambda done: progress(done, "rendering"), media_type)
    return {
        "files": list(map(str, made.files)),
        "pages": len(document.pages),
        "warnings": list(made.warnings),
        "paper": made.paper,
    }
