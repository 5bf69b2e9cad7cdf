"""One document, several sizes of film: a printer's job has one medium."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from printing.job import render_document
from printing.page import FilmDocument
from printing.render.finish import Finish
from tests.printing.render.films import film

pytestmark = pytest.mark.peers("poppler-utils")

A4, A3 = ("A4", 210.0, 297.0, 4.0), ("A3", 297.0, 420.0, 4.0)
SMALL, LARGE = (120.0, 150.0), (280.0, 400.0)


@pytest.mark.parametrize(
    ("films", "paper", "size"),
    [((SMALL,), A4, (210, 297)), ((LARGE,), A3, (297, 420)), ((SMALL, LARGE, SMALL), A3, (297, 420))],
)
def test_all_films_of_a_document_lie_on_one_paper(
    tmp_path: Path,
    films: tuple[tuple[float, float], ...],
    paper: tuple[str, float, float, float],
    size: tuple[int, int],
) -> None:
    document = FilmDocument(tuple(film([], *one) for one in films))
    made = render_document(document, tmp_path, Finish(25.4, papers=(A4, A3)), tmp_path / "out.pdf")
    assert made.paper == paper[0]
    info = subprocess.run(["pdfinfo", "-l", "9", made.files[0]], capture_output=True, text=True, check=True).stdout
    sizes = re.findall(r"Page\s+\d+ size:\s+([\d.]+) x ([\d.]+)", info)
    assert [tuple(round(float(side) / 72 * 25.4) for side in one) for one in sizes] == [size] * len(films)
