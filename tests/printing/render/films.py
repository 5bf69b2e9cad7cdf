"""Films of numbers for the tests of rendering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from printing.page import FilmPage, PageImage, PageText, PixelReference, PresentationLUT, Rectangle
from printing.render.resample import ReadPixels

DPI = 25.4
"""One printer pixel a millimetre."""


class Heap:
    """Pixel bytes by reference."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    def __call__(self, pixels: PixelReference, first: int, count: int) -> bytes:
        return self.data[pixels.file][first : first + count]

    def put(
        self, samples: NDArray[Any], bits: int = 8, *, planar: int = 0, photometric: str = "", **more: Any
    ) -> PixelReference:
        """Keep an image: (rows, columns) of grey or (rows, columns, 3) of RGB."""
        rows, columns = samples.shape[:2]
        color = samples.ndim == 3
        stored = np.moveaxis(samples, 2, 0) if planar else samples
        name = f"n{len(self.data)}"
        self.data[name] = stored.astype("<u2" if bits > 8 else "u1").tobytes()
        return PixelReference(
            name,
            0,
            len(self.data[name]),
            rows,
            columns,
            3 if color else 1,
            photometric or ("RGB" if color else "MONOCHROME2"),
            planar,
            16 if bits > 8 else 8,
            bits,
            bits - 1,
            **more,
        )


def film(images: Sequence[PageImage], width_mm: float = 60, height_mm: float = 40, **more: Any) -> FilmPage:
    """A film of these image boxes."""
    return FilmPage("8INX10IN", "PORTRAIT", width_mm, height_mm, r"STANDARD\1,1", tuple(images), **more)


def box(
    pixels: PixelReference | None, x: float = 0, y: float = 0, w: float = 60, h: float = 40, **more: Any
) -> PageImage:
    """An image box in a cell."""
    return PageImage(1, Rectangle(x, y, w, h), pixels, **more)


__all__ = ["DPI", "Heap", "PageText", "PresentationLUT", "ReadPixels", "box", "film"]
