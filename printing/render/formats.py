"""What films can be rendered to: media type → how it is written. To support a format, add a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np

from printing.render.jpeg import write_jpeg
from printing.render.names import names
from printing.render.pdf import write_pdf
from printing.render.png import write_png
from printing.render.postscript import write_postscript
from printing.render.pwg import write_pwg
from printing.render.raster import RasterPage
from printing.render.sheet import Sheet
from printing.render.tiff import write_tiff

Pages: TypeAlias = "Iterable[tuple[RasterPage, tuple[Sheet, ...]]]"
"""The films in order, each with the sheets that it lies on where the page is not the film itself. For a format that
knows nothing but pixels the pages are the sheets, one by one."""
Writer: TypeAlias = "Callable[[Pages, Path, Path], tuple[Path, ...]]"
"""(pages, file, folder for what is needed in between) → the files that were written: `file` alone, or, where the media
type has no pages, one a page beside it. Each is whole or not there."""


class Format(NamedTuple):
    """One media type.

    Attributes:
        suffix: of its files.
        write: writes it.
        bits: the most that a sample may have.
        lays: whether the format itself lays a film on a sheet; where not, sheets are composed as pixels.
        turned: whether a sheet that hangs across is turned as it lies in the printer.
    """

    suffix: str
    write: Writer
    bits: int = 8
    lays: bool = False
    turned: bool = False


def _as_one(write: Callable[[Pages, BinaryIO, Path], object]) -> Writer:
    """Every page in one file."""

    def writer(pages: Pages, file: Path, work: Path) -> tuple[Path, ...]:
        unfinished = file.with_name(file.name + ".part")
        try:
            with unfinished.open("wb") as out:
                write(pages, out, work)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
        return (file,)

    return writer


def _one_a_page(write: Callable[[RasterPage, BinaryIO], None]) -> Writer:
    """Each page in a file of its own: film-1of2.png, film-2of2.png, or film.png alone."""

    def writer(pages: Pages, file: Path, work: Path) -> tuple[Path, ...]:
        unfinished: list[Path] = []
        try:
            for number, (page, _) in enumerate(pages):
                unfinished.append(file.with_name(f"{file.name}.{number}.part"))
                with unfinished[-1].open("wb") as out:
                    write(page, out)
            return tuple(one.replace(name) for one, name in zip(unfinished, names(file, len(unfinished)), strict=True))
        finally:
            for one in unfinished:
                one.unlink(missing_ok=True)

    return writer


def _samples(page: RasterPage, out: BinaryIO) -> None:
    """An array of numpy's, (rows, columns) of grey or (rows, columns, 3) of RGB."""
    shape = (page.height, page.width) if page.colors == 1 else (page.height, page.width, page.colors)
    kind = "|u1" if page.bits == 8 else "<u2"
    np.lib.format.write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": shape})
    for strip in page.strips():
        out.write(np.ascontiguousarray(strip, kind).data)


FORMATS: Mapping[str, Format] = {
    "application/pdf": Format(".pdf", _as_one(write_pdf), bits=16, lays=True),
    "image/png": Format(".png", _one_a_page(write_png), bits=16),
    "image/tiff": Format(".tif", _one_a_page(write_tiff), bits=16),
    "image/pwg-raster": Format(".pwg", _as_one(write_pwg), turned=True),
    "image/jpeg": Format(".jpg", _one_a_page(write_jpeg), turned=True),
    "application/postscript": Format(".ps", _as_one(write_postscript)),
    "application/x-npy": Format(".npy", _one_a_page(_samples), bits=16),
}
"""Media type → format."""
