"""From a FilmPage to its pixels (PS3.4 H.2.1.2, PS3.3 C.13.3 and C.13.5).

The film's edges and every cell's edges are rounded to printer pixels once, from millimetres, so that no rounding adds
up and every edge is within half a printer pixel of its place. Each image is brought to its size in its own bits, and
only then through the table that makes P-values of stored values: 12 bits stay 12 bits until the last step. Images are
taken one by one, so a page needs the memory of the film and of one image.
"""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from printing import grayscale
from printing.page import FilmPage, PageImage, PixelReference, Rectangle
from printing.render.finish import Finish
from printing.render.icc import gray_profile, is_rgb_profile
from printing.render.text import SetText, set_text
from printing.tone import luminances_of

MM_PER_INCH = 25.4

ReadPixels = Callable[[PixelReference], "memoryview | bytes"]
"""The pixel bytes of a reference: `length` bytes, little endian."""

# Magnification Type (2010,0060), PS3.3 C.13.3: defined terms; one that nobody knows is printed as CUBIC.
RESAMPLING = {
    "REPLICATE": Image.Resampling.NEAREST,
    "BILINEAR": Image.Resampling.BILINEAR,
    "CUBIC": Image.Resampling.BICUBIC,
}

OUTSIDE_GSDF = "densities and viewing light lie outside of the Grayscale Standard Display Function: greys are clamped"
NO_FONT = "an annotation has characters that no font here has: install fonts, or name them in appliance.fonts"
NOT_TO_SCALE = "image {}: larger than its cell at the requested size, printed smaller: not to scale"


@dataclass(frozen=True, slots=True)
class RasterPage:
    """One film as printer pixels.

    Attributes:
        samples: uint8 or uint16, (rows, columns) of grey or (rows, columns, 3) of RGB; 0 is the darkest.
        width_mm: film width.
        height_mm: film height.
        warnings: what a technician should know.
        texts: the annotations, which are drawn, for outputs that can be searched too.
        profile: ICC profile that a console sent with its colours; empty where it sent none.
        intent: ICC profile that says what grey samples mean; empty where they are what every program takes them for.
    """

    samples: NDArray[Any]
    width_mm: float
    height_mm: float
    warnings: tuple[str, ...] = ()
    texts: tuple[SetText, ...] = ()
    profile: bytes = b""
    intent: bytes = b""


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
    return math.floor(value + 0.5)


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


@dataclass(frozen=True, slots=True)
class _Painter:
    """One film's way from P-values to samples."""

    page: FilmPage
    finish: Finish
    film: grayscale.Viewing

    @property
    def kind(self) -> type[np.unsignedinteger[Any]]:
        return np.uint8 if self.finish.bits == 8 else np.uint16

    @property
    def full(self) -> int:
        return (1 << self.finish.bits) - 1

    def code(self, density: str) -> int:
        """The sample of a density, as the border's or an empty cell's."""
        p_value = grayscale.density_p_value(density, self.page)
        return int(self.finish.tone.curve(self.film, self.film)(p_value) * self.full + 0.5)

    def table(self, image: PageImage, pixels: PixelReference) -> NDArray[Any]:
        """Stored value → sample. Colour is what it is: the console's RGB."""
        color = pixels.samples_per_pixel == 3
        viewing = grayscale.Viewing.of(self.page, image)
        inverted = grayscale.inverts(pixels.photometric_interpretation, image.polarity)
        values = grayscale.p_value_table(
            pixels.bits_stored, inverted, None if color else image.presentation_lut, viewing
        )
        if not color:
            values = self.finish.tone.table(viewing, self.film)(values)
        return np.frombuffer(grayscale.codes(values, self.finish.bits), self.kind)

    def gray_of_color(self, planes: list[NDArray[Any]]) -> NDArray[Any]:
        """Colour sent to a grey film: ITU-R BT.601 luma as the P-value, as every grey printer does."""
        luma = np.stack(planes, axis=-1) @ np.array([0.299, 0.587, 0.114], np.float32)
        steps = array("d", (value / self.full for value in range(self.full + 1)))
        table = np.frombuffer(
            grayscale.codes(self.finish.tone.table(self.film, self.film)(steps), self.finish.bits), self.kind
        )
        return table.take((luma + 0.5).astype(self.kind), mode="clip")

    def profile(self) -> bytes:
        """The console's ICC profile of a colour film."""
        if not self.page.color or not self.page.icc_profile:
            return b""
        sent = base64.b64decode(self.page.icc_profile)
        return sent if is_rgb_profile(sent) else b""

    def intent(self) -> bytes:
        """What grey samples mean. Those of film and paper are sRGB, which they are taken for everywhere."""
        return b"" if self.page.color or self.finish.tone.name != "pvalue" else _gsdf_profile(self.film)


@lru_cache(maxsize=16)
def _gsdf_profile(film: grayscale.Viewing) -> bytes:
    dark, bright = luminances_of(film)
    steps = range(1024)
    lowest, highest = grayscale.index(dark), grayscale.index(bright)
    curve = [grayscale.luminance(lowest + step / 1023 * (highest - lowest)) / bright for step in steps]
    return gray_profile(curve, "P-values of a film (DICOM PS3.14)")


def rasterise(page: FilmPage, read: ReadPixels, finish: Finish | None = None) -> RasterPage:
    """Render one film.

    Args:
        page: the film.
        read: gives the pixel bytes of an image box.
        finish: what the printer adds.

    Raises:
        ValueError: pixels that are not what their shape says.
    """
    finish = finish or Finish()
    dpi = finish.dpi
    page = page if finish.color else replace(page, color=False)
    painter = _Painter(page, finish, grayscale.Viewing.of(page))
    film = to_pixels(Rectangle(0, 0, page.width_mm, page.height_mm), dpi)
    shape: tuple[int, ...] = (film.height, film.width, 3) if page.color else (film.height, film.width)
    border = painter.code(page.border_density)
    canvas: NDArray[Any] = np.full(shape, border, painter.kind)
    warnings: list[str] = [] if grayscale.within_gsdf(painter.film) else [OUTSIDE_GSDF]
    for image in page.images:
        cell = to_pixels(image.cell, dpi).clipped(film)
        if image.pixels is None:
            canvas[cell.top : cell.bottom, cell.left : cell.right] = painter.code(page.empty_image_density)
            continue
        placement = place(image, image.pixels, dpi)
        frame = placement.visible.clipped(film)
        _draw(canvas, painter, image, image.pixels, placement, frame, read)
        warnings.extend(placement.warnings)
        if page.trim:
            _trim(canvas, frame, cell, dpi, border, painter.full)
    texts = tuple(
        set_text(one.text, one.place, film.width, film.height, dpi, finish.fonts)
        for one in page.annotations
        if one.text.strip()
    )
    if not all(text.complete for text in texts):
        warnings.append(NO_FONT)
    for text in texts:
        _write(canvas, text, border, painter.full)
    return RasterPage(
        canvas, page.width_mm, page.height_mm, tuple(warnings), texts, painter.profile(), painter.intent()
    )


def _write(canvas: NDArray[Any], text: SetText, border: int, full: int) -> None:
    """Letters on a ground of the border's density: white on dark, black on light, whatever lies below."""
    rows, columns = text.coverage.shape
    target = canvas[text.top : text.top + rows, text.left : text.left + columns]
    ink = full if border <= full // 2 else 0
    covered = text.coverage[: target.shape[0], : target.shape[1]].astype(np.float32) / 255
    letters = (border + covered * (ink - border) + 0.5).astype(canvas.dtype)
    target[...] = letters[..., None] if canvas.ndim == 3 else letters


def _trim(canvas: NDArray[Any], frame: Box, cell: Box, dpi: float, border: int, full: int) -> None:
    """A line around an image (2010,0140): outside of it where the cell has room; light on dark, dark on light."""
    width = max(1, _round(dpi / 150))
    line = full if border <= full // 2 else 0
    outer = Box(frame.left - width, frame.top - width, frame.right + width, frame.bottom + width).clipped(cell)
    canvas[outer.top : outer.top + width, outer.left : outer.right] = line
    canvas[outer.bottom - width : outer.bottom, outer.left : outer.right] = line
    canvas[outer.top : outer.bottom, outer.left : outer.left + width] = line
    canvas[outer.top : outer.bottom, outer.right - width : outer.right] = line


def _draw(
    canvas: NDArray[Any],
    painter: _Painter,
    image: PageImage,
    pixels: PixelReference,
    placement: Placement,
    visible: Box,
    read: ReadPixels,
) -> None:
    if visible.width <= 0 or visible.height <= 0:
        return
    planes = planes_of(pixels, read(pixels))
    target = canvas[visible.top : visible.bottom, visible.left : visible.right]
    resampling = RESAMPLING.get(image.magnification_type, Image.Resampling.BICUBIC)
    table = painter.table(image, pixels)
    drawn = [_resampled(plane, placement.image, visible, resampling, table) for plane in planes]
    if painter.page.color:
        for channel in range(3):
            target[..., channel] = drawn[channel if len(drawn) == 3 else 0]
    elif len(drawn) == 3:
        target[...] = painter.gray_of_color(drawn)
    else:
        target[...] = drawn[0]


def planes_of(pixels: PixelReference, data: memoryview | bytes) -> list[NDArray[Any]]:
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
    plane: NDArray[Any], whole: Box, visible: Box, resampling: Image.Resampling, table: NDArray[Any]
) -> NDArray[Any]:
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
    # Sixteen bits go through single precision, which holds them exactly: Pillow's own way for them takes twice as long.
    source = Image.fromarray(np.ascontiguousarray(plane, np.uint8 if plane.dtype == np.uint8 else np.float32))
    box = (
        (visible.left - whole.left) * columns / whole.width,
        (visible.top - whole.top) * rows / whole.height,
        (visible.right - whole.left) * columns / whole.width,
        (visible.bottom - whole.top) * rows / whole.height,
    )
    resized = np.asarray(source.resize((visible.width, visible.height), resampling, box=box))
    if resized.dtype != np.uint8:
        resized = np.clip(resized + 0.5, 0, full).astype(np.uint16)  # CUBIC shoots over the ends of an edge
    return table.take(resized, mode="clip")
