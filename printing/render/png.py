"""PNG (ISO/IEC 15948): one film, lossless, in its true size, strip by strip."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from printing.render.pdf import compress
from printing.render.raster import RasterPage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB = 0, 2
PERCEPTUAL = 0
SRGB_GAMMA = 45455
INCHES_PER_METRE = 1 / 0.0254


def write_png(page: RasterPage, out: BinaryIO) -> None:
    """Write one film.

    What its samples mean stands in it: an ICC profile where they are P-values or the console sent one, else sRGB for
    grey. Colour without a profile says nothing, as the console said nothing.

    Args:
        page: the film.
        out: takes the file.
    """
    out.write(SIGNATURE)
    kind = GRAY if page.colors == 1 else RGB
    _chunk(out, b"IHDR", struct.pack(">LLBBBBB", page.width, page.height, page.bits, kind, 0, 0, 0))
    if profile := page.profile or page.intent:
        _chunk(out, b"iCCP", b"film\0\0" + zlib.compress(profile, 9))
    elif page.colors == 1:
        _chunk(out, b"gAMA", struct.pack(">L", SRGB_GAMMA))
        _chunk(out, b"sRGB", bytes([PERCEPTUAL]))
    per_metre = round(page.dpi * INCHES_PER_METRE)
    _chunk(out, b"pHYs", struct.pack(">LLB", per_metre, per_metre, 1))
    compress(page.strips(), _ImageData(out))
    _chunk(out, b"IEND", b"")


def _chunk(out: BinaryIO, name: bytes, data: bytes) -> None:
    out.write(struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(data, zlib.crc32(name))))


class _ImageData:
    """What is written here becomes IDAT chunks."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, data: bytes) -> int:
        if data:
            _chunk(self._out, b"IDAT", data)
        return len(data)
