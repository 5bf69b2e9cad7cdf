"""PWG Raster (PWG 5102.4): sheets as an IPP Everywhere printer takes them, sgray_8 and srgb_8.

A page is a header of 1796 bytes and its lines. Equal lines are counted, and each line is packed: a count and a pixel
that repeats, or a count and pixels as they are (PWG 5102.4 §4.3). Many lines are packed at once, by numpy: pixel by
pixel Python would take minutes for a sheet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from printing.render.raster import RasterPage
from printing.render.sheet import Sheet

SYNC = b"RaS2"
HEADER_BYTES = 1796
SGRAY, SRGB = 18, 19
POINTS_PER_MM = 72 / 25.4
LINES = 64
"""Packed at once; a count of equal lines could say 256, but the memory needed is thirty times that of the lines."""
MOST_PIXELS = 128
"""Of one count."""
WORTH = 3
"""Equal pixels that are counted; fewer stay among the others."""


def write_pwg(pages: Iterable[tuple[RasterPage, tuple[Sheet, ...]]], out: BinaryIO, work: Path) -> None:
    """Write sheets, one page each.

    Args:
        pages: the sheets; 8 bits.
        out: takes the file.
        work: not needed.
    """
    out.write(SYNC)
    for page, sheets in pages:
        out.write(header(page, sheets[0].name if sheets else ""))
        for strip in page.strips():
            for first in range(0, len(strip), LINES):
                out.write(pack(strip[first : first + LINES]))


def header(page: RasterPage, name: str = "") -> bytes:
    """The header of one page (PWG 5102.4 §4.3.1): what is not named here is 0, the printer's own choice.

    Args:
        page: the sheet.
        name: of its paper (PWG 5101.1).
    """
    dpi, bits = round(page.dpi), 8 * page.colors
    numbers = {
        276: (dpi, dpi),  # HWResolution: cross feed, feed
        352: (int(page.width_mm * POINTS_PER_MM), int(page.height_mm * POINTS_PER_MM)),  # PageSize, whole points
        372: (page.width, page.height),
        384: (8, bits, page.width * page.colors),  # BitsPerColor, BitsPerPixel, BytesPerLine
        396: (0, SGRAY if page.colors == 1 else SRGB),  # ColorOrder chunky, ColorSpace
        420: (page.colors,),  # NumColors
        456: (1, 1),  # CrossFeedTransform, FeedTransform: the page lies as it is
        464: (0, 0, page.width, page.height),  # ImageBoxLeft, Top, Right, Bottom
    }
    made = bytearray(HEADER_BYTES)
    made[0:9] = b"PwgRaster"
    made[1732 : 1732 + 63] = name.encode("ascii", "replace")[:63].ljust(63, b"\0")  # PageSizeName
    for offset, values in numbers.items():
        struct.pack_into(f">{len(values)}L", made, offset, *values)
    return bytes(made)


def pack(strip: NDArray[Any]) -> bytes:
    """The packed lines of a strip.

    Args:
        strip: uint8, (lines, pixels) or (lines, pixels, 3); 256 lines at most, what a count of equal lines can say.
    """
    lines = strip.reshape(strip.shape[0], strip.shape[1], -1)
    new = np.ones(len(lines), bool)
    new[1:] = (lines[1:] != lines[:-1]).any(axis=(1, 2))
    first = np.flatnonzero(new)
    repeats = np.diff(first, append=len(lines)) - 1
    return _packed(lines[first], repeats)


def _packed(lines: NDArray[np.uint8], repeats: NDArray[Any]) -> bytes:
    """Lines, each of which is there once and `repeats` times more."""
    width, colors = lines.shape[1:]
    pixels = lines.reshape(-1, colors)
    # Runs of equal pixels; a line's first pixel begins one.
    begins = np.ones(len(pixels), bool)
    begins[1:] = (pixels[1:] != pixels[:-1]).any(axis=1)
    begins[::width] = True
    starts = np.flatnonzero(begins)
    counted = np.diff(starts, append=len(pixels)) >= WORTH
    # Segments: a run that is counted, or all others between two such.
    opens = np.ones(len(starts), bool)
    opens[1:] = counted[1:] | counted[:-1]
    opens |= starts % width == 0
    starts, counted = starts[opens], counted[opens]
    starts, counted = _pieces(starts, np.diff(starts, append=len(pixels)), counted)
    lengths = np.diff(starts, append=len(pixels))
    # Where each goes: a count, and one pixel or all; at the start of a line the line's own count before it.
    heads = starts % width == 0
    sizes = 1 + np.where(counted, 1, lengths) * colors + heads
    ends = np.cumsum(sizes)
    out = np.empty(int(ends[-1]), np.uint8)
    at = ends - sizes
    out[at[heads]] = repeats
    at = at + heads
    # 0 to 127: the next pixel so many times more; 129 to 255: 257 less the number of pixels, two at least, that follow.
    out[at] = np.where(counted | (lengths == 1), lengths - 1, 257 - lengths)
    kept = np.where(counted, 1, lengths)
    source = np.repeat(starts - (np.cumsum(kept) - kept), kept) + np.arange(kept.sum())
    target = np.repeat(at + 1 - colors * (np.cumsum(kept) - kept), kept) + colors * np.arange(kept.sum())
    for color in range(colors):
        out[target + color] = pixels[source, color]
    return out.tobytes()


def _pieces(starts: NDArray[Any], lengths: NDArray[Any], counted: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Segments cut into pieces of what one count can say."""
    parts = -(-lengths // MOST_PIXELS)
    order = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    return np.repeat(starts, parts) + MOST_PIXELS * order, np.repeat(counted, parts)
