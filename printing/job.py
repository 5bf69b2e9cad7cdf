"""A print job's rendering: from the folder that N-ACTION made to a PDF or what else its output takes. Runs in a child
process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from printing.grayscale import Viewing
from printing.page import FilmDocument, PixelReference
from printing.render.composition import composed, turned
from printing.render.finish import Finish
from printing.render.formats import FORMATS
from printing.render.raster import RasterPage, rasterise
from printing.render.sheet import Sheet, sheets_for
from printing.tone import Tone


class Pixels:
    """Reads pixel bytes of a job's files, a part at a time: no image is held as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, int] = {}

    def __enter__(self) -> Pixels:
        return self

    def __exit__(self, *_: object) -> None:
        while self._files:
            os.close(self._files.popitem()[1])

    def __call__(self, pixels: PixelReference, first: int = 0, count: int | None = None) -> bytes:
        """Pixel bytes of one image box.

        Args:
            pixels: where they lie.
            first: of the bytes that are wanted.
            count: how many; None is all that follow.

        Raises:
            ValueError: the reference leads out of the folder or beyond the end of its file.
        """
        if pixels.file not in self._files:
            if Path(pixels.file).name != pixels.file:
                raise ValueError("a pixel reference leads out of the job's folder")
            self._files[pixels.file] = os.open(self._folder / pixels.file, os.O_RDONLY | os.O_CLOEXEC)
        count = pixels.length - first if count is None else count
        if pixels.offset < 0 or first < 0 or first + count > pixels.length:
            raise ValueError("fewer pixel bytes than rows and columns need")
        data = os.pread(self._files[pixels.file], count, pixels.offset + first)
        if len(data) < count:
            raise ValueError("a pixel reference leads beyond the end of its file")
        return data


class Rendered(NamedTuple):
    """What became of a document.

    Attributes:
        files: what was written, in the order of the films.
        warnings: what a technician should know.
        paper: what the first film was laid on; empty where the pages are the films.
    """

    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    paper: str


def render_document(
    document: FilmDocument,
    folder: Path,
    finish: Finish,
    out: Path,
    progress: Callable[[float], None] = lambda _: None,
    media_type: str = "application/pdf",
) -> Rendered:
    """Render every film of a document.

    Args:
        document: the films.
        folder: where their pixel files lie; also takes the compressed pages while they are made.
        finish: what the printer adds.
        out: the file to write; a media type without pages has one a film beside it.
        progress: hears 0 to 1.
        media_type: a key of `formats.FORMATS`.

    Returns:
        What the film's record says of it.

    Raises:
        ValueError: a film that cannot be rendered as it is described.
        OSError: the disk is full or a file is missing.
    """
    if document.code_values:
        finish = replace(finish, tone=Tone("device"))
    warnings: list[str] = []
    paper = ""

    form = FORMATS[media_type]
    finish = replace(finish, bits=min(finish.bits, form.bits), papers=_one_paper(document, finish))

    def pages(read: Pixels) -> Iterator[tuple[RasterPage, tuple[Sheet, ...]]]:
        nonlocal paper
        for number, page in enumerate(document.pages):
            sheets = sheets_for(page.width_mm, page.height_mm, finish.papers, finish.scaling)
            # Sheets of pixels: the film has the resolution that is the printer's once it is made smaller.
            scale = 1.0 if form.lays or not sheets else sheets[0].scale
            dpi = finish.resolution(page.requested_resolution_id)
            raster = rasterise(page, read, replace(finish, dpi=dpi * scale, high_dpi=None))
            prefix = f"film {number + 1}: " if len(document.pages) > 1 else ""
            told = (*raster.warnings, finish.tone.remark(Viewing.of(page)), *(sheet.warning for sheet in sheets))
            warnings.extend(prefix + warning for warning in told if warning)
            paper = paper or (sheets[0].name if sheets else "")
            if form.lays or not sheets:
                yield raster, sheets
            for sheet in () if form.lays else sheets:
                made = composed(raster, sheet, dpi)
                yield turned(made, folder) if sheet.turned and form.turned else made, (sheet,)
            progress((number + 1) / (len(document.pages) + 1))

    with Pixels(folder) as read:
        files = form.write(pages(read), out, folder)
    return Rendered(files, tuple(warnings), paper)


def _one_paper(document: FilmDocument, finish: Finish) -> tuple[tuple[str, float, float, float], ...]:
    """The papers that the films of one document may have. A printer's job has one: where they would lie on several, all
    of them lie on the largest of those."""
    chosen = {
        sheet.name
        for page in document.pages
        for sheet in sheets_for(page.width_mm, page.height_mm, finish.papers, finish.scaling)
    }
    if len(chosen) < 2:
        return finish.papers
    return (max((one for one in finish.papers if one[0] in chosen), key=lambda one: one[1] * one[2]),)
