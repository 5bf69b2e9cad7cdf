"""Child work: render one print job to a PDF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from printing.job import render_document
from printing.page import DOCUMENT, FilmDocument
from printing.render.finish import Finish
from printing.tone import Tone


def perform(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """`{"folder", "dpi", "tone", "black_point", "bits", "fonts", "papers", "scaling"}` →
    `{"file", "pages", "warnings", "paper"}`.

    The PDF lies in the job's folder."""
    folder = Path(request["folder"])
    document = FilmDocument.from_json((folder / DOCUMENT).read_bytes())
    out = folder / "film.pdf"
    finish = Finish(
        request["dpi"],
        Tone(request["tone"], request["black_point"]),
        request["bits"],
        tuple(request["fonts"]),
        tuple((name, wide, high, margin) for name, wide, high, margin in request["papers"]),
        request["scaling"],
    )
    made = render_document(document, folder, finish, out, lambda done: progress(done, "rendering"))
    return {
        "file": str(out),
        "pages": len(document.pages),
        "warnings": list(made.warnings),
        "paper": made.paper,
    }
