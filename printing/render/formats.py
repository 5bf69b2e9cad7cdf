"""What films can be rendered to: media type → the function that writes it. To support a format, add a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from printing.render.pdf import write_pdf
from printing.render.raster import RasterPage
from printing.render.sheet import Sheet

Pages: TypeAlias = "Iterable[tuple[RasterPage, Sheet | None]]"
"""The films in order, each with the sheet that it lies on where the page is not the film itself."""
Writer: TypeAlias = "Callable[[Pages, Path, Path], tuple[Path, ...]]"
"""(pages, file, folder for what is needed in between) → the files that were written: `file` alone, or, where the media
type has no pages, one a film beside it. Each is whole or not there."""


def _pdf(pages: Pages, file: Path, work: Path) -> tuple[Path, ...]:
    unfinished = file.with_name(file.name + ".part")
    try:
        with unfinished.open("wb") as out:
            write_pdf(pages, out, work)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return (file,)


def _samples(pages: Pages, file: Path, work: Path) -> tuple[Path, ...]:
    written = []
    for number, (page, _) in enumerate(pages, 1):
        written.append(file.with_name(f"{file.stem}-{number}{file.suffix}"))
        unfinished = written[-1].with_name(written[-1].name + ".part")
        with unfinished.open("wb") as out:
            shape = (page.height, page.width) if page.colors == 1 else (page.height, page.width, page.colors)
            kind = "|u1" if page.bits == 8 else "<u2"
            header = {"descr": kind, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            for strip in page.strips():
                out.write(np.ascontiguousarray(strip, kind).data)
        unfinished.replace(written[-1])
    return tuple(written)


FORMATS: Mapping[str, tuple[str, Writer]] = {
    "application/pdf": (".pdf", _pdf),
    "application/x-npy": (".npy", _samples),
}
"""Media type → (suffix of its files, writer)."""
