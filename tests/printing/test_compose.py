"""Films of image files: the greys, the colours and the shape of what was in the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdf
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from printing.compose import compose, pictures
from tests.instances import instance, written


def film(folder: Path, **changes: object) -> np.ndarray:
    """The pixels of an 8x10 film of one image, at 25.4 dpi."""
    out = folder / "film.pdf"
    assert compose(written(folder / "in", instance(**changes)), out, film_size_id="8INX10IN", dpi=25.4 * 2) == 1
    return np.asarray(pypdf.PdfReader(out).pages[0].images[0].image)


def test_greys_are_those_of_a_film_as_from_a_printer_that_nobody_configured(tmp_path: Path) -> None:
    values = np.repeat(np.array([[0, 1028, 2056, 3084, 4095]], "<u2"), 5, 0)
    page = film(tmp_path, Rows=5, Columns=5, PixelData=values.tobytes(), WindowCenter="2048", WindowWidth="4096")
    middle = page[page.shape[0] // 2]
    seen = [int(middle[int((at + 0.5) * len(middle) / 5)]) for at in range(5)]
    assert all(abs(one - wanted) <= 1 for one, wanted in zip(seen, (0, 49, 96, 162, 255), strict=True)), seen


@pytest.mark.parametrize(
    ("spacing", "ratio"),
    [
        ("0.5\\0.5", (1, 1)),
        ("9.590\\9.590", (1, 1)),  # of a gamma camera
        ("0.69999\\0.7", (1, 1)),
        ("1.0\\0.5", (2, 1)),
        ("0.4\\0.6", (2, 3)),
        ("0.001\\50", (1, 1000)),
    ],
)
def test_a_pixel_aspect_ratio_has_small_numbers(tmp_path: Path, spacing: str, ratio: tuple[int, int]) -> None:
    """Printers refuse 95900\\95900, and square pixels need no word (PS3.4 H.4.3.1.2.1)."""
    (picture,) = pictures(written(tmp_path, instance(PixelSpacing=spacing.split("\\"))))
    assert picture.pixel_aspect_ratio == ratio


def test_colours_of_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    values = np.array([[[0, 256, 32768], [65535, 65407, 300]]], "<u2")
    colours = instance(
        Rows=1,
        Columns=2,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        BitsStored=16,
        HighBit=15,
        PixelData=values.tobytes(),
    )
    assert colours.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    (picture,) = pictures(written(tmp_path, colours))
    assert picture.samples.tolist() == [[[0, 1, 128], [255, 255, 1]]]
