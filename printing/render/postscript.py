"""PostScript, language level 3: sheets for printers that read it on port 9100.

Each page sets its size and is one image, Flate with the PNG "up" predictor as in our PDFs. ASCII85 is put around it:
it costs a quarter more bytes, but on a byte stream some printers take 04 and 1B for the end of the job or a command.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from printing.render.pdf import POINTS_PER_MM, compress
from printing.render.raster import RasterPage
from printing.render.sheet import Sheet

HEAD = """%!PS-Adobe-3.0
%%Creator: Gravure
%%LanguageLevel: 3
%%DocumentData: Clean7Bit
%%Pages: (atend)
%%EndComments
"""
PAGE = """%%Page: {number} {number}
%%PageBoundingBox: 0 0 {right} {top}
%%BeginPageSetup
<< /PageSize [{width:.3f} {height:.3f}] >> setpagedevice
%%EndPageSetup
gsave
0 {bottom:.3f} translate
{across:.3f} {down:.3f} scale
{space} setcolorspace
<< /ImageType 1 /Width {columns} /Height {rows} /BitsPerComponent {bits} /Decode [{decode}]
/ImageMatrix [{columns} 0 0 -{rows} 0 {rows}] /Interpolate false
/DataSource currentfile /ASCII85Decode filter
<< /Predictor 15 /Colors {colors} /BitsPerComponent {bits} /Columns {columns} >> /FlateDecode filter
>> image
"""
LINE_BYTES = 60
"""Of the data on one line."""


def write_postscript(pages: Iterable[tuple[RasterPage, tuple[Sheet, ...]]], out: BinaryIO, work: Path) -> None:
    """Write sheets, one page each.

    Args:
        pages: the sheets; 8 bits.
        out: takes the file.
        work: not needed.
    """
    out.write(HEAD.encode("ascii"))
    number = 0
    for number, (page, _) in enumerate(pages, 1):
        width, height = page.width_mm * POINTS_PER_MM, page.height_mm * POINTS_PER_MM
        across, down = (
            page.width * 72 / page.dpi,
            page.height * 72 / page.dpi,
        )  # less than the page by a part of a pixel
        words = PAGE.format(
            number=number,
            right=round(width),
            top=round(height),
            width=width,
            height=height,
            bottom=height - down,
            across=across,
            down=down,
            columns=page.width,
            rows=page.height,
            bits=page.bits,
            colors=page.colors,
            space="/DeviceGray" if page.colors == 1 else "/DeviceRGB",
            decode=" ".join(["0 1"] * page.colors),
        )
        out.write(words.encode("ascii"))
        encoded = Ascii85(out)
        compress(page.strips(), encoded)
        encoded.end()
        out.write(b"grestore\nshowpage\n")
    out.write(f"%%Trailer\n%%Pages: {number}\n%%EOF\n".encode("ascii"))


class Ascii85:
    """Bytes as ASCII85 (PLRM §3.13.3), in lines."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._rest = b""

    def write(self, data: bytes) -> int:
        """Encode what makes whole lines; keep the rest."""
        held = self._rest + data
        whole = len(held) - len(held) % LINE_BYTES
        self._rest = held[whole:]
        # Before each line a blank, so that none looks like a comment.
        signs = _encoded(held[:whole]).reshape(-1, LINE_BYTES // 4 * 5)
        self._out.write(np.pad(signs, ((0, 0), (1, 1)), constant_values=((0, 0), (ord(" "), ord("\n")))).tobytes())
        return len(data)

    def end(self) -> None:
        """What is left, and the end of the data."""
        missing = -len(self._rest) % 4
        last = _encoded(self._rest + bytes(missing)).tobytes()
        self._out.write(b" " + last[: len(last) - missing] + b"~>\n")


def _encoded(data: bytes) -> NDArray[np.uint8]:
    """Five signs for four bytes; the short form of four zeros is not used, as then every line has its length."""
    values = np.frombuffer(data, ">u4").astype(np.uint32)
    signs = np.empty((len(values), 5), np.uint8)
    for place in range(4, -1, -1):
        values, rest = np.divmod(values, 85)
        signs[:, place] = rest + 33
    return signs.reshape(-1)
