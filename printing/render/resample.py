"""Images at their printed size, a few rows at a time, with the pixels that the whole image would have.

An image is brought to another size in two steps: along its rows, then along its columns. The first is Pillow's, as it
knows nothing of the rows above and below. The second needs a few rows of the first for each row, and is done here by
Pillow's own arithmetic: Pillow itself takes the edges of a part in single precision, which would move the rows of a
strip by a little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from printing.page import PixelReference
from printing.render.placement import Box

Numbers = NDArray[Any]
ReadPixels = Callable[[PixelReference, int, int], bytes]
"""(reference, first byte, bytes) of an image box's pixels: little endian, as sent."""

CHUNK_PX = 1 << 19
"""Pixels of an image that are held at once as floats, or one row of it: they stay in the processor's cache."""
SOURCE_ROWS = 512
"""Rows of an image that are brought to their width at once, about."""
BLOCK_ROWS = 16
"""Printed rows of one multiplication (by trial: fewer cost calls, more multiply zeros)."""
GRID = 1 << 24
"""Parts of a step of a pixel that sums are rounded to: far above their noise, far below what is seen of them."""
SUM_BITS = 22
"""Of a weight, where Pillow resamples eight bits in whole numbers."""


def planes_of(pixels: PixelReference, data: memoryview | bytes, rows: int | None = None) -> list[Numbers]:
    """An image's samples as (rows, columns) arrays: one of grey, three of RGB.

    Args:
        pixels: its shape.
        data: its bytes, or those of some rows of it.
        rows: how many; None is all.

    Raises:
        ValueError: fewer bytes than the shape needs.
    """
    rows = pixels.rows if rows is None else rows
    count = rows * pixels.columns * pixels.samples_per_pixel
    kind = np.dtype("<u2") if pixels.bits_allocated > 8 else np.dtype("u1")
    if len(data) < count * kind.itemsize:
        raise ValueError("fewer pixel bytes than rows and columns need")
    samples = np.frombuffer(data, kind, count)
    if pixels.samples_per_pixel == 1:
        return [samples.reshape(rows, pixels.columns)]
    if pixels.planar_configuration == 1:
        return list(samples.reshape(3, rows, pixels.columns))
    return [samples.reshape(rows, pixels.columns, 3)[..., channel] for channel in range(3)]


@dataclass(frozen=True, slots=True)
class Source:
    """The pixels of an image box where they lie."""

    pixels: PixelReference
    read: ReadPixels

    def rows(self, first: int, last: int) -> list[Numbers]:
        """The planes of some rows; bits above Bits Stored are no pixels (PS3.5 §8.1.1)."""
        one = self.pixels
        planar = one.samples_per_pixel > 1 and one.planar_configuration == 1
        row_bytes = one.columns * (one.bits_allocated // 8) * (1 if planar else one.samples_per_pixel)
        parts = [
            self.read(one, (plane * one.rows + first) * row_bytes, (last - first) * row_bytes)
            for plane in range(one.samples_per_pixel if planar else 1)
        ]
        planes = planes_of(one, parts[0] if len(parts) == 1 else b"".join(parts), last - first)
        if one.bits_stored < one.bits_allocated:
            return [plane & ((1 << one.bits_stored) - 1) for plane in planes]
        return planes


@dataclass(frozen=True, slots=True)
class Filter:
    """One way of weighing the pixels around a place, as Pillow has it."""

    pillow: Image.Resampling
    support: float
    weight: Callable[[Numbers], Numbers]


def _triangle(x: Numbers) -> Numbers:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: Numbers, a: float = -0.5) -> Numbers:
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


# Magnification Type (2010,0060), PS3.3 C.13.3: defined terms; one that nobody knows is printed as CUBIC. REPLICATE has
# no weights.
FILTERS: Mapping[str, Filter | None] = {
    "REPLICATE": None,
    "BILINEAR": Filter(Image.Resampling.BILINEAR, 1.0, _triangle),
    "CUBIC": Filter(Image.Resampling.BICUBIC, 2.0, _cubic),
}


def _nearest(first: int, last: int, pixels: int, printed: int) -> Numbers:
    """The pixel in which the middle of each printed one lies."""
    return (2 * np.arange(first, last) + 1) * pixels // (2 * printed)


def _taps(first: int, last: int, pixels: int, printed: int, by: Filter) -> tuple[Numbers, Numbers]:
    """The first row that each printed row needs, and the weights of that one and those after it (Resample.c)."""
    scale = pixels / printed
    wide = max(scale, 1.0)
    reach, inverse = by.support * wide, 1.0 / wide
    middles = (np.arange(first, last) + 0.5) * scale
    rows = np.maximum((middles - reach + 0.5).astype(np.int64), 0)
    counts = np.minimum((middles + reach + 0.5).astype(np.int64), pixels) - rows
    places = np.arange(counts.max())
    weights = by.weight((places + rows[:, None] - middles[:, None] + 0.5) * inverse)
    weights[places >= counts[:, None]] = 0.0
    return rows, weights / np.cumsum(weights, axis=1)[:, -1:]


@dataclass(frozen=True)
class Resampled:
    """One image at its printed size.

    Attributes:
        source: its pixels.
        whole: the box of the whole image on the film.
        visible: the part of it that is printed.
        by: how pixels are weighed; None takes the one in which a printed pixel's middle lies.
    """

    source: Source
    whole: Box
    visible: Box
    by: Filter | None

    def strips(self, top: int, bottom: int) -> Iterator[tuple[int, list[Numbers]]]:
        """Some rows of the film, within `visible`.

        Yields:
            (row, planes of stored values from that row on), in order; a few rows of a much larger image.
        """
        at_once = int(SOURCE_ROWS * self.whole.height / self.source.pixels.rows)
        at_once = max(at_once, 1 if self.by is None else BLOCK_ROWS)
        for start in range(top, bottom, at_once):
            end = min(start + at_once, bottom)
            yield start, self._rows(start - self.whole.top, end - self.whole.top)

    def _rows(self, first: int, last: int) -> list[Numbers]:
        pixels = self.source.pixels
        left, right = self.visible.left - self.whole.left, self.visible.right - self.whole.left
        if (self.whole.width, self.whole.height) == (pixels.columns, pixels.rows):
            return [plane[:, left:right] for plane in self.source.rows(first, last)]
        if self.by is None:
            rows = _nearest(first, last, pixels.rows, self.whole.height)
            columns = _nearest(left, right, pixels.columns, self.whole.width)
            planes = self.source.rows(int(rows[0]), int(rows[-1]) + 1)
            return [plane[rows - rows[0]][:, columns] for plane in planes]
        shift = self.visible.top - self.whole.top
        rows, weights = (values[first - shift : last - shift] for values in self._vertical)
        top, bottom = int(rows[0]), int(min(rows[-1] + weights.shape[1], pixels.rows))
        full = (1 << pixels.bits_stored) - 1
        return [_weighed(plane, rows - top, weights, full) for plane in self._wide(self.by, top, bottom)]

    @cached_property
    def _vertical(self) -> tuple[Numbers, Numbers]:
        assert self.by is not None
        top, bottom = self.visible.top - self.whole.top, self.visible.bottom - self.whole.top
        rows, weights = _taps(top, bottom, self.source.pixels.rows, self.whole.height, self.by)
        if self.source.pixels.bits_allocated <= 8:
            weights = np.trunc(weights * 2**SUM_BITS + np.copysign(0.5, weights)) / 2**SUM_BITS
        return rows, weights

    def _wide(self, by: Filter, top: int, bottom: int) -> Numbers:
        """Rows of the image at their printed width: (planes, rows, columns) of uint8 or float32.

        Sixteen bits go through single precision, which holds them exactly: Pillow's own way for them takes twice as
        long.
        """
        pixels = self.source.pixels
        kind = np.uint8 if pixels.bits_allocated <= 8 else np.float32
        made = np.empty((pixels.samples_per_pixel, bottom - top, self.visible.width), kind)
        left = (self.visible.left - self.whole.left) * pixels.columns / self.whole.width
        right = (self.visible.right - self.whole.left) * pixels.columns / self.whole.width
        at_once = max(1, CHUNK_PX // pixels.columns)
        for start in range(top, bottom, at_once):
            end = min(start + at_once, bottom)
            size, box = (self.visible.width, end - start), (left, 0, right, end - start)
            narrow = Image.new("L" if kind is np.uint8 else "F", (pixels.columns, end - start), None)
            for plane, wide in zip(self.source.rows(start, end), made, strict=True):
                narrow.frombytes(np.ascontiguousarray(plane, kind).data)
                wide[start - top : end - top] = np.asarray(narrow.resize(size, by.pillow, box))
        return made


def _weighed(wide: Numbers, rows: Numbers, weights: Numbers, full: int) -> Numbers:
    """Sums of rows, as whole numbers up to `full`. CUBIC shoots over the ends of an edge.

    The sums are exact for eight bits, and far closer than a float32 can tell for more.
    """
    eight = wide.dtype == np.uint8
    made = np.empty((len(rows), wide.shape[1]), np.uint8 if eight else np.uint16)
    taps = np.arange(weights.shape[1])
    for start in range(0, len(rows), BLOCK_ROWS):
        end = min(start + BLOCK_ROWS, len(rows))
        first = rows[start]
        last = min(rows[end - 1] + len(taps), len(wide))
        matrix = np.zeros((end - start, last - first + len(taps)))
        matrix[np.arange(end - start)[:, None], (rows[start:end] - first)[:, None] + taps] = weights[start:end]
        sums = matrix[:, : last - first] @ wide[first:last].astype(np.float64)
        if not eight:
            # Away with the noise of the sums, which depends on how many rows they are of: a half stays a half.
            np.rint(np.multiply(sums, GRID, out=sums), out=sums)
            sums = np.multiply(sums, 1 / GRID, out=sums).astype(np.float32)
        sums += 0.5
        made[start:end] = np.clip(sums, 0, full, out=sums)
    return made
