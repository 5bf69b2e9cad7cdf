"""PWG Raster as libcups reads it: the reference reader, called as it is."""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 1796
READ = 0
NAMES = {
    "resolution": (276, 2),
    "page_size": (352, 2),
    "size": (372, 2),
    "bits_per_color": (384, 1),
    "bits_per_pixel": (388, 1),
    "bytes_per_line": (392, 1),
    "color_space": (400, 1),
    "colors": (420, 1),
    "image_box": (464, 4),
}
"""Where libcups keeps them (cups_page_header2_t)."""


@dataclass(frozen=True)
class PwgPage:
    """One page: its header and its pixels."""

    header: bytes
    pixels: NDArray[np.uint8]

    def __getattr__(self, name: str) -> tuple[int, ...]:
        offset, count = NAMES[name]
        return struct.unpack_from(f"={count}L", self.header, offset)

    @property
    def paper(self) -> str:
        """PageSizeName."""
        return self.header[1732:1796].split(b"\0")[0].decode()


def read_pwg(file: Path) -> list[PwgPage]:
    """Every page of a file."""
    cups = ctypes.CDLL("libcups.so.2")
    cups.cupsRasterOpen.restype = ctypes.c_void_p
    for function in (cups.cupsRasterReadHeader2, cups.cupsRasterReadPixels):
        function.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint][
            : 2 if function.__name__[-1] == "2" else 3
        ]
        function.restype = ctypes.c_uint
    cups.cupsRasterClose.argtypes = [ctypes.c_void_p]
    fd = os.open(file, os.O_RDONLY)
    try:
        raster = cups.cupsRasterOpen(fd, READ)
        assert raster, "libcups does not take it for a raster"
        pages = []
        header = ctypes.create_string_buffer(HEADER_BYTES)
        while cups.cupsRasterReadHeader2(raster, header):
            columns, rows, line = (struct.unpack_from("=L", header, at)[0] for at in (372, 376, 392))
            pixels = ctypes.create_string_buffer(rows * line)
            read = sum(
                cups.cupsRasterReadPixels(raster, ctypes.cast(ctypes.byref(pixels, row * line), ctypes.c_char_p), line)
                for row in range(rows)
            )
            assert read == rows * line, "the file ends too early"
            shape = (rows, columns) if line == columns else (rows, columns, line // columns)
            pages.append(PwgPage(bytes(header.raw), np.frombuffer(pixels.raw[: rows * line], np.uint8).reshape(shape)))
        assert os.read(fd, 1) == b"", "there is more than its pages"
        cups.cupsRasterClose(raster)
        return pages
    finally:
        os.close(fd)
