"""From a FilmPage to its pixels (PS3.4 H.2.1.2, PS3.3 C.13.3 and C.13.5).

The film's edges and every cell's edges are rounded to printer pixels once, from millimetres, so that no rounding adds
up and every edge is within half a printer pixel of its place. Each image is brought to its size in its own bits, and
only then through the table that makes P-values of stored values: 12 bits stay 12 bits until the last step. Images are
taken one by one, so a page needs the memory of the film and of one image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from printing import grayscale
from printing.page import FilmPage, PageImage, PixelReference, Rectangle

MM_PER_INCH = 25.4

ReadPixels = Callable[[PixelReference], "memoryview | bytes"]
"""The pixel bytes of a reference: `length` bytes, little endian."""

# Magnification Type (2010,0060), PS3.3 C.13.3: defined terms; one that nobody knows is printed as CUBIC.
RESAMPLING = {
    "REPLICATE": Image.Resampling.NEAREST,
    "BILINEAR": Image.Resampling.BILINEAR,
    "CUBIC": Image.Resampling.BICUBIC,
}

NOT_TO_SCALE = "image {}: larger than its cell at the requested size, printed smaller: not to scale"


@dataclass(frozen=True, slots=True)
class RasterPage:
    """One film as printer pixels.

    Attributes:
        samples: uint8, (rows, columns) of grey or (rows, columns, 3) of RGB; 0 is the darkest.
        width_mm: film width.
        height_mm: film height.
        warnings: what a technician should know.
    """

    samples: NDArray[np.uint8]
    width_mm: float
    height_mm: float
    warnings: tuple[str, ...] = ()


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
    warnings: tuple[str, ...] = field(default=())


def to_pixels(rectangle: Rectangle, dpi: float) -> Box:
    """A rectangle with its edges on the nearest printer pixels."""
    k = dpi / MM_PER_INCH
    return Box(
        _round(rectangle.x_mm * k),
        _round(rectangle.y_mm * k),
        _round((rectangle.x_mm + rectangle.width_mm) * k),
        _round((rectangle.y_mm + rectangle.height_mm) * k),
    )


def _round(value: float) -> int:
    return int(value + 0.5)


def place(image: PageImage, pixels: PixelReference, dpi: float) -> Placement:
    """Where an image goes in its cell (PS3.3 C.13.5: Requested Image Size, Magnification Type, Decimate/Crop).

    An image fills its cell as far as its aspect lets it. Magnification NONE prints one image pixel on one printer
    pixel, Requested Image Size the asked width in millimetres; what is then too large for the cell is cropped around
    its middle where CROP was asked for, and made to fit otherwise.
    """
    cell = image.cell
    vertical, horizontal = pixels.pixel_aspect_ratio
    aspect = (pixels.columns * horizontal) / (pixels.rows * vertical)
    fit_mm = min(cell.width_mm, cell.height_mm * aspect)
    crop = image.requested_decimate_crop_behavior == "CROP"
    warnings: tuple[str, ...] = ()
    if image.requested_image_size_mm:
        width_mm = image.requested_image_size_mm
        if width_mm > fit_mm + 1e-6 and not crop:
            width_mm = fit_mm
            warnings = (NOT_TO_SCALE.format(image.position),)
    elif image.magnification_type == "NONE" or (crop and pixels.columns > fit_mm * dpi / MM_PER_INCH):
        width_mm = pixels.columns * MM_PER_INCH / dpi
        aspect = pixels.columns / pixels.rows
        fit_mm = min(cell.width_mm, cell.height_mm * aspect)
        if width_mm > fit_mm + MM_PER_INCH / dpi and not crop:
            width_mm = fit_mm
    else:
        width_mm = fit_mm
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
    return Placement(whole, whole.clipped(to_pixels(cell, dpi)), warnings)


def _same_size(box: Box, pixels: PixelReference) -> bool:
    return abs(box.width - pixels.columns) <= 1 and abs(box.height - pixels.rows) <= 1


def rasterise(page: FilmPage, dpi: float, read: ReadPixels, tone: str = "pvalue") -> RasterPage:
    """Render one film.

    Args:
        page: the film.
        dpi: printer resolution, pixels per inch.
        read: gives the pixel bytes of an image box.
        tone: how P-values become samples; `pvalue`: the sample is the P-value in 8 bits, halves rounded up.

    Raises:
        ValueError: pixels that are not what their shape says, or a tone that is not known.
    """
    if tone != "pvalue":
        raise ValueError(f"there is no tone {tone}")
    film = to_pixels(Rectangle(0, 0, page.width_mm, page.height_mm), dpi)
    shape: tuple[int, ...] = (film.height, film.width, 3) if page.color else (film.height, film.width)
    border = _code(grayscale.density_p_value(page.border_density, page))
    canvas = np.full(shape, border, np.uint8)
    warnings: list[str] = []
    for image in page.images:
        cell = to_pixels(image.cell, dpi).clipped(film)
        if image.pixels is None:
            empty = _code(grayscale.density_p_value(page.empty_image_density, page))
            canvas[cell.top : cell.bottom, cell.left : cell.right] = empty
            frame = cell
        else:
            placement = place(image, image.pixels, dpi)
            frame = placement.visible.clipped(film)
            _draw(canvas, page, image, image.pixels, placement, frame, read)
            warnings.extend(placement.warnings)
        if page.trim and image.pixels is not None:
            _trim(canvas, frame, cell, dpi, border)
    return RasterPage(canvas, page.width_mm, page.height_mm, tuple(warnings))


def _code(p_value: float) -> int:
    return int(p_value * 255 + 0.5)


def _trim(canvas: NDArray[np.uint8], frame: Box, cell: Box, dpi: float, border: int) -> None:
    """A line around an image (2010,0140): outside of it where the cell has room; light on dark, dark on light."""
    width = max(1, _round(dpi / 150))
    line = 255 if border < 128 else 0
    outer = Box(frame.left - width, frame.top - width, frame.right + width, frame.bottom + width).clipped(cell)
    canvas[outer.top : outer.top + width, outer.left : outer.right] = line
    canvas[outer.bottom - width : outer.bottom, outer.left : outer.right] = line
    canvas[outer.top : outer.bottom, outer.left : outer.left + width] = line
    canvas[outer.top : outer.bottom, outer.right - width : outer.right] = line


def _draw(
    canvas: NDArray[np.uint8],
    page: FilmPage,
    image: PageImage,
    pixels: PixelReference,
    placement: Placement,
    visible: Box,
    read: ReadPixels,
) -> None:
    if visible.width <= 0 or visible.height <= 0:
        return
    planes = _planes(pixels, read(pixels))
    target = canvas[visible.top : visible.bottom, visible.left : visible.right]
    resampling = RESAMPLING.get(image.magnification_type, Image.Resampling.BICUBIC)
    table = _table(page, image, pixels)
    drawn = [_resampled(plane, placement.image, visible, resampling, table) for plane in planes]
    if page.color:
        for channel in range(3):
            target[..., channel] = drawn[channel if len(drawn) == 3 else 0]
    elif len(drawn) == 3:
        # Colour sent to a grey film: ITU-R BT.601 luma, as every grey printer does.
        weights = np.array([0.299, 0.587, 0.114], np.float32)
        target[...] = (np.stack(drawn, axis=-1) @ weights + 0.5).astype(np.uint8)
    else:
        target[...] = drawn[0]


def _table(page: FilmPage, image: PageImage, pixels: PixelReference) -> NDArray[np.uint8]:
    """Stored value → sample."""
    lut = image.presentation_lut
    shape = lut.shape if lut is not None else "IDENTITY"
    inverted = grayscale.inverts(pixels.photometric_interpretation, image.polarity)
    values = grayscale.p_value_table(
        pixels.bits_stored,
        inverted,
        "IDENTITY" if pixels.samples_per_pixel == 3 else shape,
        grayscale.Viewing.of(page, image),
    )
    return np.frombuffer(grayscale.codes(values, 8), np.uint8)


def _planes(pixels: PixelReference, data: memoryview | bytes) -> list[NDArray[Any]]:
    """The image's samples as (rows, columns) arrays: one of grey, three of RGB.

    Raises:
        ValueError: fewer bytes than the shape needs.
    """
    count = pixels.rows * pixels.columns * pixels.samples_per_pixel
    kind = np.dtype("<u2") if pixels.bits_allocated > 8 else np.dtype("u1")
    if len(data) < count * kind.itemsize:
        raise ValueError("fewer pixel bytes than rows and columns need")
    samples = np.frombuffer(data, kind, count)
    if pixels.samples_per_pixel == 1:
        return [samples.reshape(pixels.rows, pixels.columns)]
    if pixels.planar_configuration == 1:
        return list(samples.reshape(3, pixels.rows, pixels.columns))
    return [samples.reshape(pixels.rows, pixels.columns, 3)[..., channel] for channel in range(3)]


def _resampled(
    plane: NDArray[Any], whole: Box, visible: Box, resampling: Image.Resampling, table: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The visible part of a plane at its printed size, through the table."""
    full = len(table) - 1
    if plane.dtype != np.uint8 and full < 0xFFFF and int(plane.max(initial=0)) > full:
        plane = plane & full  # bits above Bits Stored are not pixels (PS3.5 §8.1.1)
    rows, columns = plane.shape
    if (whole.width, whole.height) == (columns, rows):
        part = plane[
            visible.top - whole.top : visible.bottom - whole.top, visible.left - whole.left : visible.right - whole.left
        ]
        return table.take(part, mode="clip")
    source = Image.fromarray(np.ascontiguousarray(plane))
    box = (
        (visible.left - whole.left) * columns / whole.width,
        (visible.top - whole.top) * rows / whole.height,
        (visible.right - whole.left) * columns / whole.width,
        (visible.bottom - whole.top) * rows / whole.height,
    )
    resized = source.resize((visible.width, visible.height), resampling, box=box)
    return table.take(np.asarray(resized), mode="clip")
