"""TIFF 6.0: one film, lossless, in its true size, strip by strip.

One file a film, never pages: many viewers show the first page of a TIFF and do not say that there are more, and a film
that nobody sees is worse than a file more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from printing.render.raster import STRIP_ROWS, RasterPage

SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
_SIZES = {SHORT: "H", LONG: "L", RATIONAL: "L", UNDEFINED: "B"}
DEFLATE, HORIZONTAL, BLACK_IS_ZERO, RGB, INCH = 8, 2, 1, 2, 2
LEVEL = 1


def write_tiff(page: RasterPage, out: BinaryIO) -> None:
    """Write one film; 16-bit samples keep all their bits.

    Args:
        page: the film.
        out: takes the file; it is sought in once, for the place of the directory.
    """
    out.write(b"II*\0\0\0\0\0")
    offsets, counts = [], []
    for strip in page.strips(STRIP_ROWS):
        data = zlib.compress(_differences(strip), LEVEL)
        offsets.append(out.tell())
        counts.append(out.write(data))
    resolution = (round(page.dpi * 10000), 10000)
    profile = page.profile or page.intent
    tags: list[tuple[int, int, Sequence[int]]] = [
        (256, LONG, [page.width]),
        (257, LONG, [page.height]),
        (258, SHORT, [page.bits] * page.colors),
        (259, SHORT, [DEFLATE]),
        (262, SHORT, [BLACK_IS_ZERO if page.colors == 1 else RGB]),
        (273, LONG, offsets),
        (277, SHORT, [page.colors]),
        (278, LONG, [STRIP_ROWS]),
        (279, LONG, counts),
        (282, RATIONAL, resolution),
        (283, RATIONAL, resolution),
        (284, SHORT, [1]),  # samples of a pixel beside each other
        (296, SHORT, [INCH]),
        (317, SHORT, [HORIZONTAL]),
        *([(34675, UNDEFINED, profile)] if profile else []),
    ]
    out.write(bytes(out.tell() % 2))
    directory = out.tell()
    out.write(_directory(tags, directory))
    out.seek(4)
    out.write(struct.pack("<L", directory))


def _differences(strip: NDArray[Any]) -> bytes:
    """Each sample less the one of its colour to the left (TIFF 6.0 §14)."""
    samples = strip if strip.dtype == np.uint8 else strip.astype("<u2")
    made = samples.copy()
    made[:, 1:] -= samples[:, :-1]
    return made.tobytes()


def _directory(tags: Sequence[tuple[int, int, Sequence[int]]], at: int) -> bytes:
    """The image file directory, and behind it the values that have no room in it."""
    entries, beside = struct.pack("<H", len(tags)), b""
    free = at + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        data = struct.pack(f"<{len(values)}{_SIZES[kind]}", *values)
        count = len(values) // 2 if kind == RATIONAL else len(values)
        entries += struct.pack("<HHL", tag, kind, count)
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<L", free + len(beside))
            beside += data + bytes(len(data) % 2)
    return entries + bytes(4) + beside
