"""A film drawn from numbers: flat rectangles, letters and small pictures, as image boxes of one page.

Every rectangle is an image box of one pixel, so its edges are where the renderer puts the edges of any cell, at
whatever resolution, and its grey goes the way of every grey. What is drawn later lies above.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from printing.page import FilmPage, PageImage, PixelReference, Rectangle
from printing.render.text import OWN_FONT

PIXELS = "drawing.raw"
"""Name of the file of the pixels: first the 256 code values, which all rectangles share."""
MM_PER_INCH = 25.4
WHITE, BLACK = 255, 0
LETTERS_DPI = 600
"""Letters are drawn once, finely; the renderer brings them to the printer's resolution."""


@dataclass(slots=True)
class Drawing:
    """A page on its way. Lengths in mm from the top left corner, greys as 8-bit P-values (0 is the darkest)."""

    width_mm: float
    height_mm: float
    ground: int = WHITE
    boxes: list[PageImage] = field(default_factory=list)
    pixels: bytearray = field(default_factory=lambda: bytearray(range(256)))

    def __post_init__(self) -> None:
        self.fill(0, 0, self.width_mm, self.height_mm, self.ground)

    def fill(self, x: float, y: float, width: float, height: float, grey: int) -> None:
        """A flat rectangle."""
        self._add(x, y, width, height, grey, 1, 1, "REPLICATE")

    def frame(self, x: float, y: float, width: float, height: float, line: float, grey: int) -> None:
        """The outline of a rectangle; the line lies inside of it."""
        self.fill(x, y, width, line, grey)
        self.fill(x, y + height - line, width, line, grey)
        self.fill(x, y, line, height, grey)
        self.fill(x + width - line, y, line, height, grey)

    def picture(self, x: float, y: float, width: float, height: float, samples: NDArray[Any]) -> None:
        """Samples as an image, uint8 (rows, columns)."""
        rows, columns = samples.shape
        offset = len(self.pixels)
        self.pixels += np.ascontiguousarray(samples, np.uint8).tobytes()
        self._add(x, y, width, height, offset, rows, columns, "CUBIC")

    def letters(
        self,
        x: float,
        y: float,
        text: str,
        height_mm: float,
        *,
        ink: int = BLACK,
        ground: int = WHITE,
        at: str = "left",
    ) -> None:
        """One line of text.

        Args:
            x: of its left end, its middle or its right end, as `at` says.
            y: of the top of its line.
            text: what it says.
            height_mm: of the line, from the top of a capital to the bottom of a tail.
            ink: grey of the letters.
            ground: grey of what they stand on.
            at: left, center or right.
        """
        size_px = max(8, round(height_mm * LETTERS_DPI / MM_PER_INCH / 1.2))
        font = ImageFont.truetype(str(OWN_FONT), size_px)
        columns, rows = max(1, round(font.getlength(text))), round(size_px * 1.2)
        picture = Image.new("L", (columns, rows), ground)
        ImageDraw.Draw(picture).text((0, round(size_px * 0.95)), text, fill=ink, font=font, anchor="ls")
        width_mm = columns * height_mm / rows
        left = x - {"left": 0.0, "center": width_mm / 2, "right": width_mm}[at]
        self.picture(left, y, width_mm, height_mm, np.asarray(picture))

    def _add(
        self, x: float, y: float, width: float, height: float, offset: int, rows: int, columns: int, by: str
    ) -> None:
        # A pixel's aspect as micrometres of its height and width: the image then fills its cell to the edges.
        aspect = (max(1, round(height * 1000 * columns)), max(1, round(width * 1000 * rows)))
        reference = PixelReference(
            PIXELS, offset, rows * columns, rows, columns, 1, "MONOCHROME2", 0, 8, 8, 7, pixel_aspect_ratio=aspect
        )
        cell = Rectangle(x, y, width, height)
        self.boxes.append(PageImage(len(self.boxes) + 1, cell, reference, magnification_type=by))

    def flattened(self, dpi: float) -> Drawing:
        """The same page as one image box of a printer's pixels, for imagers: they know no boxes of any place."""
        k = dpi / MM_PER_INCH
        canvas = np.empty((round(self.height_mm * k), round(self.width_mm * k)), np.uint8)
        for box in self.boxes:
            cell, at = box.cell, box.pixels
            assert at is not None  # every box here has pixels
            left, top = math.floor(cell.x_mm * k + 0.5), math.floor(cell.y_mm * k + 0.5)
            right = math.floor((cell.x_mm + cell.width_mm) * k + 0.5)
            bottom = math.floor((cell.y_mm + cell.height_mm) * k + 0.5)
            if right <= left or bottom <= top:
                continue
            samples = np.frombuffer(self.pixels, np.uint8, at.length, at.offset).reshape(at.rows, at.columns)
            scaled = Image.fromarray(samples).resize((right - left, bottom - top), Image.Resampling.BICUBIC)
            part = canvas[max(0, top) : bottom, max(0, left) : right]
            part[...] = np.asarray(scaled)[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
        made = Drawing(self.width_mm, self.height_mm)
        made.boxes.clear()
        made.picture(0, 0, self.width_mm, self.height_mm, canvas)
        return made

    def page(self, film_size_id: str, **more: Any) -> FilmPage:
        """The page; `more` are attributes of the film."""
        return FilmPage(
            film_size_id=film_size_id,
            film_orientation="LANDSCAPE" if self.width_mm > self.height_mm else "PORTRAIT",
            width_mm=self.width_mm,
            height_mm=self.height_mm,
            image_display_format="STANDARD\\1,1",
            images=tuple(self.boxes),
            border_density="WHITE",
            **more,
        )
