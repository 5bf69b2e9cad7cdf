"""JPEG: one sheet, for printers that read neither PDF nor PWG Raster. The only format here that loses something."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

from printing.render.raster import RasterPage

QUALITY = 95


def write_jpeg(page: RasterPage, out: BinaryIO) -> None:
    """Write one sheet, with as little lost as JPEG can: no chroma subsampling.

    The whole sheet is in memory while it is encoded, so outputs ask for a moderate resolution.

    Args:
        page: the sheet; 8 bits.
        out: takes the file.
    """
    picture = Image.new("L" if page.colors == 1 else "RGB", (page.width, page.height))
    top = 0
    for strip in page.strips():
        picture.paste(Image.fromarray(strip), (0, top))
        top += len(strip)
    dpi = round(page.dpi)
    picture.save(out, "JPEG", quality=QUALITY, subsampling=0, dpi=(dpi, dpi), icc_profile=page.profile)
