"""Images in strips: the pixels that Pillow makes of the whole image, to the bit, whatever the strip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from printing.render.placement import Box
from printing.render.resample import FILTERS, Resampled, Source
from tests.printing.render.films import Heap

EDGES = st.integers(1, 90)
RANDOM = np.random.default_rng(11)


def whole_by_pillow(pixels: np.ndarray, bits: int, columns: int, rows: int, kind: Image.Resampling) -> np.ndarray:
    """Rows first, as we do (Pillow takes what is less work first); halves rounded up, CUBIC's excess cut."""
    image = Image.fromarray(pixels.astype(np.uint8 if bits == 8 else np.float32))
    made = np.asarray(image.resize((columns, image.height), kind).resize((columns, rows), kind))
    return made if bits == 8 else np.clip(made + np.float32(0.5), 0, (1 << bits) - 1).astype(np.uint16)


def in_strips(resampled: Resampled, rows: int) -> list[np.ndarray]:
    """The visible part, asked for so many rows at a time."""
    parts = []
    for top in range(resampled.visible.top, resampled.visible.bottom, rows):
        at = top
        for start, planes in resampled.strips(top, min(top + rows, resampled.visible.bottom)):
            assert start == at
            at += len(planes[0])
            parts.append(planes)
    return [np.concatenate(planes) for planes in zip(*parts, strict=True)]


@pytest.mark.parametrize("name", ["BILINEAR", "CUBIC"])
@pytest.mark.parametrize("bits", [8, 12, 16])
@settings(max_examples=60, deadline=None)
@given(EDGES, EDGES, EDGES, EDGES, st.integers(1, 40), st.integers(0, 99))
def test_strips_are_what_pillow_makes_of_the_whole(
    name: str, bits: int, rows: int, columns: int, high: int, wide: int, strip: int, seed: int
) -> None:
    heap = Heap()
    # Steps between the ends and halves between neighbours: where rounding shows.
    values = [0, 1, (1 << bits) - 1, (1 << bits - 1) - 1]
    pixels = np.random.default_rng(seed).choice(values, (rows, columns))
    by = FILTERS[name]
    assert by is not None
    box = Box(3, -5, 3 + wide, -5 + high)
    resampled = Resampled(Source(heap.put(pixels, bits), heap), box, box, by)
    (made,) = in_strips(resampled, strip)
    assert np.array_equal(made, in_strips(resampled, 10_000)[0])
    # More than eight bits: where a sum is just between two numbers of single precision, its noise decides at Pillow.
    differences = np.abs(made.astype(int) - whole_by_pillow(pixels, bits, wide, high, by.pillow))
    assert differences.max() <= (0 if bits == 8 else 1) and (differences > 0).mean() <= 0.01 + 1 / made.size


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(("wide", "high"), [(319, 333), (777, 811), (256, 1024)])
def test_an_image_of_noise_is_pillows_to_the_bit(bits: int, wide: int, high: int) -> None:
    heap = Heap()
    pixels = np.random.default_rng(5).integers(0, 1 << bits, (512, 512))
    box = Box(0, 0, wide, high)
    resampled = Resampled(Source(heap.put(pixels, bits), heap), box, box, FILTERS["CUBIC"])
    whole = whole_by_pillow(pixels, bits, wide, high, Image.Resampling.BICUBIC)
    assert np.array_equal(in_strips(resampled, 256)[0], whole)


@pytest.mark.parametrize("name", ["REPLICATE", "BILINEAR", "CUBIC"])
@pytest.mark.parametrize("bits", [8, 12])
def test_a_part_is_that_part_of_the_whole(name: str, bits: int) -> None:
    heap = Heap()
    source = Source(heap.put(RANDOM.integers(0, 1 << bits, (313, 207)), bits), heap)
    for wide, high in [(500, 777), (100, 61), (207, 61), (500, 313), (207, 313)]:
        box = Box(0, 0, wide, high)
        (whole,) = in_strips(Resampled(source, box, box, FILTERS[name]), 10_000)
        rows = Resampled(source, box, Box(0, 17, wide, 50), FILTERS[name])
        assert np.array_equal(in_strips(rows, 9)[0], whole[17:50])
        columns = in_strips(Resampled(source, box, Box(31, 0, 64, high), FILTERS[name]), 10_000)[0]
        # Pillow's own positions along a row, in single precision: a rounding step in the image's own bits.
        assert np.abs(columns.astype(int) - whole[:, 31:64]).max() <= 1


@given(EDGES, EDGES)
def test_replicate_takes_the_pixel_in_which_the_middle_lies(pixels: int, printed: int) -> None:
    heap = Heap()
    column = np.arange(pixels)[:, None]
    box = Box(0, 0, 1, printed)
    (made,) = in_strips(Resampled(Source(heap.put(column), heap), box, box, None), 7)
    assert list(made[:, 0]) == [(2 * at + 1) * pixels // (2 * printed) for at in range(printed)]


@pytest.mark.parametrize("planar", [0, 1])
def test_colours_keep_their_planes(planar: int) -> None:
    heap = Heap()
    pixels = RANDOM.integers(0, 256, (70, 50, 3))
    box = Box(0, 0, 80, 40)
    resampled = Resampled(Source(heap.put(pixels, planar=planar), heap), box, box, FILTERS["CUBIC"])
    for made, plane in zip(in_strips(resampled, 11), np.moveaxis(pixels, 2, 0), strict=True):
        assert np.array_equal(made, whole_by_pillow(plane, 8, 80, 40, Image.Resampling.BICUBIC))


def test_a_huge_image_in_a_small_cell_is_read_in_parts() -> None:
    asked: list[int] = []
    heap = Heap()
    pixels = heap.put(RANDOM.integers(0, 4096, (3000, 1000)), 12)

    def read(reference: object, first: int, count: int) -> bytes:
        asked.append(count)
        return heap(pixels, first, count)

    box = Box(0, 0, 10, 30)
    for by in FILTERS.values():
        in_strips(Resampled(Source(pixels, read), box, box, by), 256)
    assert max(asked) < 2 * 1000 * 600
