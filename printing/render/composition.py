"""Whole sheets of paper as pixels, for formats that know nothing but pixels: the film, the words below it, the marks.

A sheet is one more page of layers, and the film is one of them, so it costs the memory of a strip, as a film does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from printing.page import Rectangle
from printing.render.placement import MM_PER_INCH, Box, round_half_up, to_pixels
from printing.render.raster import STRIP_ROWS, Draw, Layer, RasterPage
from printing.render.sheet import Sheet
from printing.render.text import set_text


def composed(page: RasterPage, sheet: Sheet, dpi: float) -> RasterPage:
    """A sheet with a film on it, pixel on pixel: nothing is resampled here.

    Args:
        page: the film, rastered at `dpi` times the scale of the sheet.
        sheet: where it lies.
        dpi: of the sheet.

    Returns:
        A page as large as the sheet, or less by a part of a pixel. Paper is white.
    """
    k = dpi / MM_PER_INCH
    whole = Box(0, 0, int(sheet.width_mm * k + 1e-6), int(sheet.height_mm * k + 1e-6))
    left, top = round_half_up(sheet.left_mm * k), round_half_up(sheet.top_mm * k)
    box = Box(left, top, left + page.width, top + page.height).clipped(whole)
    if sheet.window is not None:
        box = box.clipped(to_pixels(Rectangle(*sheet.window), dpi))
    marks = [to_pixels(Rectangle(*mark), dpi) for mark in sheet.marks]
    return replace(
        page,
        width=whole.right,
        height=whole.bottom,
        width_mm=sheet.width_mm,
        height_mm=sheet.height_mm,
        border=(1 << page.bits) - 1,
        layers=(
            Layer(box, _film(page, top, box.left - left, box.right - left)),
            *(Layer(_seen(mark).clipped(whole), _black) for mark in marks),
            *_caption(sheet, page, whole, dpi),
        ),
        texts=(),
        dpi=dpi,
    )


def _film(page: RasterPage, top: int, first: int, last: int) -> Draw:
    def draw(target: NDArray[Any], row: int) -> None:
        target[...] = page.strip(row - top, row - top + len(target))[:, first:last]

    return draw


def _black(target: NDArray[Any], row: int) -> None:
    target[...] = 0


def _seen(mark: Box) -> Box:
    """A line has one pixel at least."""
    return replace(mark, right=max(mark.right, mark.left + 1), bottom=max(mark.bottom, mark.top + 1))


def _caption(sheet: Sheet, page: RasterPage, whole: Box, dpi: float) -> Iterator[Layer]:
    if not sheet.caption:
        return
    text = set_text(sheet.caption, "bottom left", whole.width, whole.height, dpi)
    rows, columns = text.coverage.shape
    k, (x, y) = dpi / MM_PER_INCH, sheet.baseline_mm(page.height_mm)
    left, top = round_half_up(x * k), round_half_up(y * k - rows * 0.75)
    full = (1 << page.bits) - 1
    box = Box(left, top, left + columns, top + rows).clipped(whole)

    def draw(target: NDArray[Any], row: int) -> None:
        covered = text.coverage[row - top :][: len(target), : box.width].astype(np.float32) / 255
        ink = (full * (1 - covered) + 0.5).astype(target.dtype)
        target[...] = ink[..., None] if target.ndim == 3 else ink

    yield Layer(box, draw)


def turned(page: RasterPage, work: Path) -> RasterPage:
    """A page turned by a quarter, counter-clockwise, as a sheet lies in the printer that hangs across.

    Every strip of the one is a column of the other, so the page waits in a file, strip by strip, each turned already.

    Args:
        page: the page.
        work: folder for that file; it has no name any more when this returns.
    """
    kind = np.dtype(np.uint8 if page.bits == 8 else np.uint16)
    colors = () if page.colors == 1 else (page.colors,)
    row_bytes = page.colors * kind.itemsize
    waiting = work / "turned"
    file = waiting.open("w+b", buffering=0)
    waiting.unlink()
    columns: list[tuple[int, int]] = []  # (offset, number) of the columns that each strip became
    for strip in page.strips(STRIP_ROWS):
        columns.append((file.tell(), len(strip)))
        file.write(np.ascontiguousarray(strip[:, ::-1].swapaxes(0, 1)).data.cast("B"))

    def draw(target: NDArray[Any], row: int) -> None:
        left = 0
        for offset, number in columns:
            size = number * row_bytes
            data = os.pread(file.fileno(), len(target) * size, offset + row * size)
            target[:, left : left + number] = np.frombuffer(data, kind).reshape(len(target), number, *colors)
            left += number

    box = Box(0, 0, page.height, page.width)
    return replace(
        page,
        width=box.right,
        height=box.bottom,
        width_mm=page.height_mm,
        height_mm=page.width_mm,
        layers=(Layer(box, draw),),
    )
