"""From a FilmPage to its pixels, strip by strip (PS3.4 H.2.1.2, PS3.3 C.13.3 and C.13.5).

A film is a list of layers, each in its box: what lies in a cell, the line around it, letters. A strip is the border's
density with the part of every layer that crosses it drawn on, so a page needs the memory of a strip, however large it
is. Each image is brought to its size in its own bits, and only then through the table that makes P-values of stored
values: 12 bits stay 12 bits until the last step.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from printing import grayscale
from printing.configuration_information import Greys, greys
from printing.page import FilmPage, PageImage, PixelReference, PresentationLUT, Rectangle
from printing.render.finish import Finish
from printing.render.icc import gray_profile, is_rgb_profile
from printing.render.placement import Box, place, round_half_up, to_pixels
from printing.render.resample import FILTERS, ReadPixels, Resampled, Source
from printing.render.text import SetText, set_mark, set_texts
from printing.tone import Tone, luminances_of

STRIP_ROWS = 256
"""Rows of a strip (by trial: fewer read more rows of the images twice, more leave the processor's cache)."""

OUTSIDE_GSDF = "densities and viewing light lie outside of the Grayscale Standard Display Function: greys are clamped"
NO_FONT = "an annotation has characters that no font here has: install fonts, or name them in appliance.fonts"

LIN_OD = PresentationLUT("LIN OD")
ASKED, ASKED_IN_VAIN = "greys as Configuration Information asks: {}", "Configuration Information, not done: {}"

Draw = Callable[[NDArray[Any], int], None]
"""(the layer's part of a strip, row of the film on which it begins)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Something that is drawn on a film, over what came before."""

    box: Box
    draw: Draw


@dataclass(frozen=True, slots=True)
class RasterPage:
    """One film as printer pixels: grey, or red, green and blue; 0 is the darkest.

    Attributes:
        width: columns of pixels.
        height: rows of pixels.
        colors: samples of a pixel, 1 or 3.
        bits: of a sample, 8 or 16.
        width_mm: film width.
        height_mm: film height.
        border: sample of the border's density.
        layers: what is drawn on it, in order.
        warnings: what a technician should know.
        texts: annotations and marks, which are drawn, for outputs that can be searched too.
        profile: ICC profile that a console sent with its colours; empty where it sent none.
        intent: ICC profile that says what grey samples mean; empty where they are what every program takes them for.
        dpi: pixels per inch.
    """

    width: int
    height: int
    colors: int
    bits: int
    width_mm: float
    height_mm: float
    border: int = 0
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()
    texts: tuple[SetText, ...] = ()
    profile: bytes = b""
    intent: bytes = b""
    dpi: float = 300.0

    def strips(self, rows: int = STRIP_ROWS) -> Iterator[NDArray[Any]]:
        """The film from its top to its bottom.

        Yields:
            uint8 or uint16, (rows, width) of grey or (rows, width, 3); the last strip may have fewer rows.

        Raises:
            ValueError: pixels that are not what their shape says.
        """
        for top in range(0, self.height, rows):
            yield self.strip(top, min(top + rows, self.height))

    def strip(self, top: int, bottom: int) -> NDArray[Any]:
        """Rows of the film, as one of `strips`."""
        shape = (bottom - top, self.width) if self.colors == 1 else (bottom - top, self.width, self.colors)
        strip = np.full(shape, self.border, np.uint8 if self.bits == 8 else np.uint16)
        for layer in self.layers:
            first, last = max(top, layer.box.top), min(bottom, layer.box.bottom)
            if first < last and layer.box.width > 0:
                layer.draw(strip[first - top : last - top, layer.box.left : layer.box.right], first)
        return strip

    @property
    def samples(self) -> NDArray[Any]:
        """The whole film at once, for what is small."""
        return np.concatenate(list(self.strips()))


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
        p_value = grayscale.density_p_value(density, self.finish.tone.seen(self.film))
        return int(self.finish.tone.curve(self.film, self.film)(p_value) * self.full + 0.5)

    def greys(self, image: PageImage, pixels: PixelReference) -> Greys:
        """What the Configuration Information changes of an image. A Presentation LUT is stronger (PS3.4 H.4.9)."""
        wanted = image.configuration_information
        if not wanted or not self.finish.configuration_information:
            return Greys()
        found = greys(wanted, pixels.bits_stored, grayscale.Viewing.of(self.page, image))
        words = (*found.applied, *found.ignored)
        if words and (image.presentation_lut is not None or pixels.samples_per_pixel == 3):
            why = "a Presentation LUT is stronger" if pixels.samples_per_pixel == 1 else "colour stays as it is"
            return Greys(ignored=(f"{', '.join(words)}: {why}",))
        return found

    def table(self, image: PageImage, pixels: PixelReference, asked: Greys) -> NDArray[Any]:
        """Stored value → sample. Colour is what it is: the console's RGB."""
        inverted = grayscale.inverts(pixels.photometric_interpretation, image.polarity)
        film, bits = self.film, self.finish.bits
        if pixels.samples_per_pixel == 3:
            return _table(pixels.bits_stored, inverted, None, film, film, None, bits, Greys())
        viewing = asked.seen(grayscale.Viewing.of(self.page, image))
        lut = LIN_OD if asked.linear_od else image.presentation_lut
        return _table(pixels.bits_stored, inverted, lut, viewing, film, self.finish.tone, bits, asked)

    def luma_table(self) -> NDArray[Any]:
        """Brightness of a colour → sample, where a grey film shows it."""
        steps = array("d", (value / self.full for value in range(self.full + 1)))
        values = self.finish.tone.table(self.film, self.film)(steps)
        return np.frombuffer(grayscale.codes(values, self.finish.bits), self.kind)

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
def _table(
    stored: int,
    inverted: bool,
    lut: PresentationLUT | None,
    image: grayscale.Viewing,
    film: grayscale.Viewing,
    tone: Tone | None,
    bits: int,
    asked: Greys,
) -> NDArray[Any]:
    """Stored value → sample; the images of a film share it, and so do the next films."""
    shaped = asked.shaped if asked.applied else None
    seen = image if tone is None else tone.seen(image)
    values = grayscale.p_value_table(stored, inverted, lut, seen, shaped)
    if tone is not None:
        values = tone.table(image, film)(values)
    return np.frombuffer(grayscale.codes(values, bits), np.uint8 if bits == 8 else np.uint16)


@lru_cache(maxsize=16)
def _gsdf_profile(film: grayscale.Viewing) -> bytes:
    dark, bright = luminances_of(film)
    steps = range(1024)
    lowest, highest = grayscale.index(dark), grayscale.index(bright)
    curve = [grayscale.luminance(lowest + step / 1023 * (highest - lowest)) / bright for step in steps]
    return gray_profile(curve, "P-values of a film (DICOM PS3.14)")


def rasterise(page: FilmPage, read: ReadPixels, finish: Finish | None = None) -> RasterPage:
    """Lay out one film; its pixels are made as its strips are asked for.

    Args:
        page: the film.
        read: gives the pixel bytes of an image box, for as long as strips are asked for.
        finish: what the printer adds.
    """
    finish = finish or Finish()
    dpi = finish.resolution(page.requested_resolution_id)
    page = replace(finish.tone.own(page), color=(page.color and finish.color) or not finish.gray)
    painter = _Painter(page, finish, grayscale.Viewing.of(page))
    film = to_pixels(Rectangle(0, 0, page.width_mm, page.height_mm), dpi)
    border = painter.code(page.border_density)
    line = painter.full if border <= painter.full // 2 else 0
    layers: list[Layer] = []
    annotations = set_texts(
        [(one.text, one.place) for one in page.annotations if one.text.strip()],
        film.width,
        film.height,
        dpi,
        finish.fonts,
    )
    marks: list[SetText] = []
    warnings: list[str] = [] if grayscale.within_gsdf(painter.film) else [OUTSIDE_GSDF]
    for image in page.images:
        cell = to_pixels(image.cell, dpi).clipped(film)
        if image.pixels is None:
            layers.append(Layer(cell, _flat(painter.code(page.empty_image_density))))
            continue
        asked = painter.greys(image, image.pixels)
        warnings.extend(ASKED.format(words) for words in asked.applied)
        warnings.extend(ASKED_IN_VAIN.format(words) for words in asked.ignored)
        placement = place(image, image.pixels, dpi)
        frame = placement.visible.clipped(film)
        if frame.width > 0 and frame.height > 0:
            by = FILTERS.get(image.magnification_type, FILTERS["CUBIC"])
            source = Source(image.pixels, read)
            resampled = Resampled(source, placement.image, frame, by)
            layers.append(Layer(frame, _picture(painter, resampled, painter.table(image, image.pixels, asked))))
        warnings.extend(placement.warnings)
        if page.trim:
            layers.extend(_trim(frame, cell, dpi, line))
        if placement.mark:
            marks.append(set_mark(placement.mark, cell, frame, dpi, annotations))
    texts = (*marks, *annotations)
    if not all(text.complete for text in texts):
        warnings.append(NO_FONT)
    layers.extend(_written(text, film, border, line) for text in texts)
    return RasterPage(
        film.width,
        film.height,
        3 if page.color else 1,
        finish.bits,
        page.width_mm,
        page.height_mm,
        border,
        tuple(layers),
        tuple(dict.fromkeys(warnings)),
        texts,
        painter.profile(),
        painter.intent(),
        dpi,
    )


def _flat(code: int) -> Draw:
    def draw(target: NDArray[Any], row: int) -> None:
        target[...] = code

    return draw


def _written(text: SetText, film: Box, border: int, ink: int) -> Layer:
    """Letters on a ground of the border's density: white on dark, black on light, whatever lies below."""
    box = text.box.clipped(film)

    def draw(target: NDArray[Any], row: int) -> None:
        covered = text.coverage[row - box.top :][: len(target), : box.width].astype(np.float32) / 255
        letters = (border + covered * (ink - border) + 0.5).astype(target.dtype)
        target[...] = letters[..., None] if target.ndim == 3 else letters

    return Layer(box, draw)


def _trim(frame: Box, cell: Box, dpi: float, line: int) -> Iterator[Layer]:
    """A line around an image (2010,0140): outside of it where the cell has room; light on dark, dark on light."""
    width = max(1, round_half_up(dpi / 150))
    outer = Box(frame.left - width, frame.top - width, frame.right + width, frame.bottom + width).clipped(cell)
    for side in (
        replace(outer, bottom=outer.top + width),
        replace(outer, top=outer.bottom - width),
        replace(outer, right=outer.left + width),
        replace(outer, left=outer.right - width),
    ):
        yield Layer(side.clipped(outer), _flat(line))


def _picture(painter: _Painter, resampled: Resampled, table: NDArray[Any]) -> Draw:
    """An image, through its table. Colour on a grey film becomes ITU-R BT.601 luma, as on every grey printer."""
    luma = painter.luma_table() if resampled.source.pixels.samples_per_pixel == 3 and not painter.page.color else None

    def draw(target: NDArray[Any], row: int) -> None:
        for start, planes in resampled.strips(row, row + len(target)):
            part = target[start - row :][: len(planes[0])]
            drawn = [table.take(plane, mode="clip") for plane in planes]
            if luma is not None:
                bright = np.stack(drawn, axis=-1) @ np.array([0.299, 0.587, 0.114], np.float32)
                part[...] = luma.take((bright + 0.5).astype(luma.dtype), mode="clip")
            elif part.ndim == 3:
                for channel in range(3):
                    part[..., channel] = drawn[channel if len(drawn) == 3 else 0]
            else:
                part[...] = drawn[0]

    return draw
