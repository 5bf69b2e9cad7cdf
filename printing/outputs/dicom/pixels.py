"""The pixels of one image box for an imager: as the console sent them, or with what it cannot do baked in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from printing import grayscale
from printing.page import FilmPage, PageImage, PixelReference
from printing.render.resample import planes_of

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601, as every grey printer makes grey of colour."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Pixels ready to be sent.

    Attributes:
        data: bytes, little endian, padded to an even number.
        bits: Bits Stored.
        photometric_interpretation: MONOCHROME1, MONOCHROME2 or RGB.
        polarity: NORMAL or REVERSE.
        planar_configuration: of RGB; None of grey.
    """

    data: bytes
    bits: int
    photometric_interpretation: str
    polarity: str
    planar_configuration: int | None = None


DEPTHS = (8, 12)
"""Bits of grey that imagers know (PS3.3 C.13.5). Pixels of ten bits become twelve, which loses none of them."""


def goes_as_it_is(pixels: PixelReference, bits: int) -> bool:
    """Whether an imager of so many bits takes these pixels, and with them a Presentation LUT made for them."""
    return pixels.bits_stored in DEPTHS and pixels.bits_stored <= bits


def color_samples(image: PageImage, pixels: PixelReference, data: bytes) -> Samples:
    """RGB as it came."""
    raw = _even(data[: pixels.length])
    return Samples(raw, pixels.bits_stored, "RGB", image.polarity, pixels.planar_configuration)


def gray_samples(
    page: FilmPage, image: PageImage, pixels: PixelReference, data: bytes, bits: int, bake: bool
) -> Samples:
    """Grey of at most `bits` bits.

    Args:
        page: the film, whose densities and light LIN OD needs.
        image: the image box.
        pixels: the shape of its pixels.
        data: the pixels.
        bits: the most that the imager takes.
        bake: put polarity and Presentation LUT into the pixels, which then are P-values.
    """
    planes = planes_of(pixels, data)
    full = (1 << pixels.bits_stored) - 1
    if len(planes) == 3:
        luma = np.stack(planes, axis=-1) @ LUMA
        gray = (luma * (255 / full) + 0.5).astype(np.uint8)
        return Samples(_even(gray.tobytes()), 8, "MONOCHROME2", image.polarity)
    if not bake and goes_as_it_is(pixels, bits):
        whole = pixels.bits_allocated == pixels.bits_stored
        samples = planes[0] if whole else planes[0] & full  # bits above Bits Stored are not pixels (PS3.5 §8.1.1)
        return _gray(samples, pixels.bits_stored, pixels.photometric_interpretation, image.polarity)
    inverted = bake and grayscale.inverts(pixels.photometric_interpretation, image.polarity)
    lut = image.presentation_lut if bake else None
    values = grayscale.p_value_table(pixels.bits_stored, inverted, lut, grayscale.Viewing.of(page, image))
    table = np.array(grayscale.codes(values, bits), np.uint16)
    samples = table.take(planes[0] & full, mode="clip")
    if bake:
        return _gray(samples, bits, "MONOCHROME2", "NORMAL")
    return _gray(samples, bits, pixels.photometric_interpretation, image.polarity)


def _gray(samples: NDArray[Any], bits: int, photometric_interpretation: str, polarity: str) -> Samples:
    raw = samples.astype("<u2" if bits > 8 else "u1", copy=False).tobytes()
    return Samples(_even(raw), bits, photometric_interpretation, polarity)


def _even(raw: bytes) -> bytes:
    return raw + b"\0" * (len(raw) % 2)
