"""Child work: render one print job to a PDF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from printing.job import render_document
from printing.page import DOCUMENT, FilmDocument


def perform(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """`{"folder", "dpi", "tone"}` → `{"file", "pages", "warnings"}`; the PDF lies in the job's folder."""
    folder = Path(request["folder"])
    document = FilmDocument.from_json((folder / DOCUMENT).read_bytes())
    out = folder / "film.pdf"
    warnings = render_document(
        document, folder, request["dpi"], out, lambda done: progress(done, "rendering"), request["tone"]
    )
    return {"file": str(out), "pages": len(document.pages), "warnings": list(warnings)}
