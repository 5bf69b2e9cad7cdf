"""Where things lie on a film, in printer pixels: cells, and the images in them (PS3.3 C.13.3, C.13.5).

The film's edges and every cell's edges are rounded to printer pixels once, from millimetres, so that no rounding adds
up and every edge is within half a printer pixel of its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from printing.layout import has_more_pixels, is_in
from printing.page import PageImage, PixelReference, Rectangle

MM_PER_INCH = 25.4
NOT_TO_SCALE = "image {}: larger than its cell at the requested size, printed at {:.0f} % of it: not to scale"
MARK = "not to scale: {:.0f} %"
"""On the film, at an image that is smaller than it was asked for."""


ACROSS = "image {}: {} by {} pixels, {} in a {} cell, fills {:.0f} % of it: Film Orientation may not be what was meant"
LEAST_FILLED = 0.5
"""Of a cell; what lies across it and fills less is told. A square image in a 14×17 in cell fills 82 %."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in printer pixels: [left, right) × [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def clipped(self, other: Box) -> Box:
        """The part of this box inside of another one."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one image goes: the box of the whole image, which may be larger than what is printed of it."""

    image: Box
    visible: Box
    warnings: tuple[str, ...] = ()
    mark: str = ""
    """What the film itself says about it."""


def to_pixels(rectangle: Rectangle, dpi: float) -> Box:
    """A rectangle with its edges on the nearest printer pixels."""
    k = dpi / MM_PER_INCH
    return Box(
        round_half_up(rectangle.x_mm * k),
        round_half_up(rectangle.y_mm * k),
        round_half_up((rectangle.x_mm + rectangle.width_mm) * k),
        round_half_up((rectangle.y_mm + rectangle.height_mm) * k),
    )


def round_half_up(value: float) -> int:
    """The nearest whole number."""
    return math.floor(value + 0.5)


def place(image: PageImage, pixels: PixelReference, dpi: float) -> Placement:
    """Where an image goes in its cell (PS3.3 C.13.5: Requested Image Size, Magnification Type, Decimate/Crop).

    An image fills its cell as far as its aspect lets it. Magnification NONE prints one image pixel on one printer
    pixel, Requested Image Size the asked width in millimetres; what is then too large for the cell is cropped around
    its middle where CROP was asked for, and made to fit otherwise. An image that has more pixels than its cell is
    cropped at one image pixel on one printer pixel; where its pixels are not square, that is their shorter side.
    """
    cell = image.cell
    vertical, horizontal = pixels.pixel_aspect_ratio
    aspect = (pixels.columns * horizontal) / (pixels.rows * vertical)
    fit_mm = min(cell.width_mm, cell.height_mm * aspect)
    crop = image.requested_decimate_crop_behavior == "CROP"
    warnings: tuple[str, ...] = ()
    mark = ""
    if image.requested_image_size_mm:
        width_mm = image.requested_image_size_mm
        if not crop and not is_in(width_mm, width_mm / aspect, cell):
            percent = 100 * fit_mm / width_mm
            mark, warnings = MARK.format(percent), (NOT_TO_SCALE.format(image.position, percent),)
        if not crop:
            width_mm = min(width_mm, fit_mm)
    elif image.magnification_type == "NONE":
        width_mm = pixels.columns * MM_PER_INCH / dpi
        aspect = pixels.columns / pixels.rows
        fit_mm = min(cell.width_mm, cell.height_mm * aspect)
        if width_mm > fit_mm + MM_PER_INCH / dpi and not crop:
            width_mm = fit_mm
    elif crop and has_more_pixels(pixels.columns, pixels.rows, cell, dpi):
        # No pixel is lost but to the edges of the cell, and none is another shape than it was.
        width_mm = pixels.columns * max(1.0, horizontal / vertical) * MM_PER_INCH / dpi
    else:
        width_mm = fit_mm
        warnings = _across(image, pixels, aspect)
    height_mm = width_mm / aspect
    whole = to_pixels(
        Rectangle(
            cell.x_mm + (cell.width_mm - width_mm) / 2,
            cell.y_mm + (cell.height_mm - height_mm) / 2,
            width_mm,
            height_mm,
        ),
        dpi,
    )
    if image.magnification_type == "NONE" and not image.requested_image_size_mm and _same_size(whole, pixels):
        whole = Box(whole.left, whole.top, whole.left + pixels.columns, whole.top + pixels.rows)
    return Placement(whole, whole.clipped(to_pixels(cell, dpi)), warnings, mark)


def _across(image: PageImage, pixels: PixelReference, aspect: float) -> tuple[str, ...]:
    """Of an image that comes out small because it and its cell lie in different ways: both are what was asked for, so
    nothing is turned, but somebody may look for the reason."""
    of_cell = image.cell.width_mm / image.cell.height_mm
    filled = min(aspect, of_cell) / max(aspect, of_cell)
    if (aspect > 1) == (of_cell > 1) or filled >= LEAST_FILLED:
        return ()
    ways = "landscape" if aspect > 1 else "portrait", "landscape" if of_cell > 1 else "portrait"
    return (ACROSS.format(image.position, pixels.columns, pixels.rows, *ways, 100 * filled),)


def _same_size(box: Box, pixels: PixelReference) -> bool:
    return abs(box.width - pixels.columns) <= 1 and abs(box.height - pixels.rows) <= 1
