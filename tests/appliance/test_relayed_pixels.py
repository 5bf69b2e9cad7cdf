"""Films from a seed, for dcmprscp: whatever they are made of, it gets the same pixels, or what those stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from printing import grayscale
from printing.outputs import RenderedFilm
from printing.outputs.dicom.habits import Habits
from printing.outputs.dicom.imager import DicomOutput
from printing.page import DOCUMENT, FilmDocument, FilmPage, PageImage, PixelReference, PresentationLUT, Rectangle
from tests.film_imager import PERMISSIVE, RESTRICTED, Imager

pytestmark = pytest.mark.peers("dcmtk")

FILMS = 12
LAYOUTS = ((1, 1), (1, 2), (2, 2))


def film(folder: Path, random: np.random.Generator) -> tuple[FilmPage, list[NDArray[Any]]]:
    """A film of a random layout; each image with its own shape, depth, polarity and Presentation LUT."""
    columns, rows = LAYOUTS[random.integers(len(LAYOUTS))]
    boxes, sent = [], []
    bits = int(random.choice([8, 12]))  # a Presentation LUT fits one depth, and dcmprscp wants one a film
    lut = presentation_lut(random, bits)
    for number in range(1, columns * rows + 1):
        shape = tuple(int(edge) for edge in random.integers(1, 40, 2))
        pixels = random.integers(0, 1 << bits, shape)
        raw = pixels.astype("<u2" if bits > 8 else "u1").tobytes()
        name = f"p{number}"
        (folder / name).write_bytes(raw)
        photometric = str(random.choice(["MONOCHROME1", "MONOCHROME2"]))
        allocated = 16 if bits > 8 else 8
        reference = PixelReference(name, 0, len(raw), *shape, 1, photometric, 0, allocated, bits, bits - 1)
        polarity = str(random.choice(["NORMAL", "REVERSE"]))
        box = Rectangle(0, 0, 100, 100)
        boxes.append(PageImage(number, box, reference, polarity=polarity, presentation_lut=lut))
        sent.append(pixels)
    size, wide, high = (("14INX17IN", 355.6, 431.8), ("8INX10IN", 203.2, 254.0))[random.integers(2)]
    return FilmPage(size, "PORTRAIT", wide, high, rf"STANDARD\{columns},{rows}", tuple(boxes), given=()), sent


def presentation_lut(random: np.random.Generator, bits: int) -> PresentationLUT | None:
    kind = random.integers(4)
    if kind < 3:
        return (None, PresentationLUT("IDENTITY"), PresentationLUT("LIN OD"))[kind]
    depth = int(random.integers(10, 17))
    table = np.sort(random.integers(0, 1 << depth, 1 << bits))
    return PresentationLUT(None, tuple(map(int, table)), depth)


def p_values(page: FilmPage, image: PageImage, pixels: NDArray[Any]) -> NDArray[Any]:
    """0 to 1, exactly (PS3.4 H.2.1.2)."""
    assert image.pixels is not None
    full = (1 << image.pixels.bits_stored) - 1
    turned = (image.pixels.photometric_interpretation == "MONOCHROME1") != (image.polarity == "REVERSE")
    values = full - pixels if turned else pixels
    lut = image.presentation_lut
    if lut is None or lut.shape == "IDENTITY":
        return values / full
    if lut.table is not None:
        return np.array(lut.table)[values] / ((1 << lut.bits) - 1)
    viewing = grayscale.Viewing.of(page, image)
    dark, bright = page.max_density_centi_od / 100, page.min_density_centi_od / 100
    densities = dark + values / full * (bright - dark)
    found = [grayscale.od_p_value(float(one), viewing) for one in np.unique(densities)]
    return np.array(found)[np.unique(densities, return_inverse=True)[1]].reshape(values.shape)


def samples(one: Any) -> NDArray[Any]:
    kind = "<u2" if one.BitsAllocated > 8 else "u1"
    found: NDArray[Any] = np.frombuffer(one.PixelData, kind, one.Rows * one.Columns).reshape(one.Rows, one.Columns)
    return found


@pytest.mark.parametrize(("profile", "bits"), [(PERMISSIVE, 12), (RESTRICTED, 8), (RESTRICTED, 12)])
def test_films_from_a_seed(tmp_path: Path, profile: str, bits: int) -> None:
    imager = Imager(tmp_path / "imager", profile)
    imager.on()
    try:
        for seed in range(FILMS if profile == PERMISSIVE else FILMS // 2):
            folder = tmp_path / str(seed)
            folder.mkdir()
            page, sent = film(folder, np.random.default_rng(seed))
            (folder / DOCUMENT).write_text(FilmDocument((page,)).to_json())
            output = DicomOutput("127.0.0.1", imager.port, "IMAGER", habits=Habits(bits=bits))
            output.deliver(RenderedFilm("film", folder, (), {}))
            arrived = imager.last()
            assert len(arrived) == len(sent)
            for image, pixels, (got, polarity) in zip(page.images, sent, arrived, strict=True):
                assert image.pixels is not None
                where = (seed, image.position)
                if profile == PERMISSIVE:
                    assert np.array_equal(samples(got), pixels), where
                    assert got.PhotometricInterpretation == image.pixels.photometric_interpretation, where
                    assert (got.BitsStored, polarity) == (image.pixels.bits_stored, image.polarity), where
                    continue
                assert got.BitsStored == 8, where
                turned = (got.PhotometricInterpretation == "MONOCHROME1") != (polarity == "REVERSE")
                values = 255 - samples(got).astype(int) if turned else samples(got).astype(int)
                assert np.abs(values / 255 - p_values(page, image, pixels)).max() <= 0.5 / 255 + 1e-9, where
    finally:
        imager.off()
