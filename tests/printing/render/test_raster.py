"""From a film to its pixels: cells, sizes, bits, colours, densities; measured pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfbase.ttfonts import TTFont

from printing.annotation import PLACES
from printing.grayscale import Viewing, od_p_value
from printing.layout import Wish, fit
from printing.page import PageText, PresentationLUT, Rectangle
from printing.render import placement
from printing.render.finish import Finish
from printing.render.placement import Box, to_pixels
from printing.render.raster import NO_FONT, OUTSIDE_GSDF, rasterise
from printing.render.text import FONTS, OWN_FONTS
from printing.status import DEMAGNIFIED, SUCCESS
from printing.tone import PAPER, Tone, srgb
from tests.printing.render.films import DPI, Heap, box, film

RANDOM = np.random.default_rng(7)
PLAIN = Finish(DPI)
PLAIN_FILM = Finish(DPI, Tone("film", False))


def noise(rows: int, columns: int, bits: int = 8) -> np.ndarray:
    return RANDOM.integers(0, 1 << bits, (rows, columns))


def frame_of(samples: np.ndarray, border: int = 0) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what differs from the border."""
    rows, columns = np.nonzero(samples != border)[:2]
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_an_image_of_the_cells_size_is_printed_as_it_is() -> None:
    heap, pixels = Heap(), noise(40, 60)
    assert np.array_equal(rasterise(film([box(heap.put(pixels))]), heap, PLAIN).samples, pixels)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("out", [8, 16])
def test_every_depth_is_scaled_to_the_output_in_one_step(bits: int, out: int) -> None:
    heap, pixels = Heap(), noise(40, 60, bits)
    made = rasterise(film([box(heap.put(pixels, bits))]), heap, Finish(DPI, bits=out)).samples
    full = (1 << out) - 1
    assert made.dtype == (np.uint8 if out == 8 else np.uint16)
    assert np.array_equal(made, np.floor(pixels / ((1 << bits) - 1) * full + 0.5).astype(made.dtype))
    if out == 16 and bits == 12:
        assert len(np.unique(made)) == len(np.unique(pixels)), "12 bits stay 12 bits"


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("polarity", ["NORMAL", "REVERSE"])
def test_monochrome1_and_reverse_invert_but_not_both(photometric: str, polarity: str) -> None:
    heap, pixels = Heap(), noise(40, 60)
    page = film([box(heap.put(pixels, photometric=photometric), polarity=polarity)])
    inverted = (photometric == "MONOCHROME1") != (polarity == "REVERSE")
    assert np.array_equal(rasterise(page, heap, PLAIN).samples, 255 - pixels if inverted else pixels)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("color", [True, False])
def test_colour_in_both_planar_configurations_on_colour_and_grey_films(planar: int, color: bool) -> None:
    heap, pixels = Heap(), RANDOM.integers(0, 256, (40, 60, 3))
    page = film([box(heap.put(pixels, planar=planar))], color=color)
    made = rasterise(page, heap, PLAIN).samples
    if color:
        assert np.array_equal(made, pixels)
    else:
        assert np.abs(made - (pixels @ [0.299, 0.587, 0.114])).max() <= 0.51


@pytest.mark.parametrize(
    ("rows", "columns", "aspect", "expected"),
    [
        (20, 20, (1, 1), (10, 0, 50, 40)),
        (10, 40, (1, 1), (0, 13, 60, 28)),
        (20, 20, (1, 2), (0, 5, 60, 35)),
        (20, 20, (2, 1), (20, 0, 40, 40)),
        (400, 300, (1, 1), (15, 0, 45, 40)),
    ],
)
def test_an_image_fills_its_cell_as_far_as_its_aspect_lets_it(
    rows: int, columns: int, aspect: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    heap = Heap()
    pixels = heap.put(np.full((rows, columns), 255), pixel_aspect_ratio=aspect)
    assert frame_of(rasterise(film([box(pixels)]), heap, PLAIN).samples) == expected


@pytest.mark.parametrize(
    ("rows", "columns", "aspect", "more", "filled"),
    [
        (40, 60, (1, 1), {}, ""),
        (60, 40, (1, 1), {}, "44 %"),
        (90, 30, (1, 1), {}, "22 %"),
        (20, 20, (1, 1), {}, ""),
        (50, 40, (1, 1), {}, ""),
        (40, 40, (2, 1), {}, "33 %"),
        (10, 90, (1, 1), {}, ""),
        (60, 40, (1, 1), {"requested_image_size_mm": 10.0}, ""),
    ],
)
def test_an_image_that_comes_out_small_because_it_lies_across_its_cell_is_told(
    rows: int, columns: int, aspect: tuple[int, int], more: dict[str, float], filled: str
) -> None:
    heap = Heap()
    pixels = heap.put(np.full((rows, columns), 255), pixel_aspect_ratio=aspect)
    made = rasterise(film([box(pixels, **more)]), heap, PLAIN)
    assert bool(made.warnings) is bool(filled)
    if filled:
        assert f"{columns} by {rows} pixels, portrait in a landscape cell, fills {filled}" in made.warnings[0]
    turned = rasterise(film([box(pixels, 0, 0, 40, 60, **more)], 40, 60), heap, PLAIN)
    assert not any("portrait" in words and "fills" in words for words in turned.warnings if rows > columns)


def test_magnification_types_are_what_they_are_called() -> None:
    heap = Heap()
    pixels = heap.put(np.array([[0, 255], [255, 0]]))
    drawn = {
        kind: rasterise(film([box(pixels, magnification_type=kind)]), heap, PLAIN).samples
        for kind in ("REPLICATE", "BILINEAR", "CUBIC", "NONE", "SHARP")
    }
    square = drawn["REPLICATE"][:, 10:50]
    assert set(np.unique(square)) == {0, 255} and np.array_equal(square[:20, 20:], np.full((20, 20), 255))
    assert len(np.unique(drawn["BILINEAR"])) > 10 and len(np.unique(drawn["CUBIC"])) > 10
    assert np.array_equal(drawn["SHARP"], drawn["CUBIC"])
    assert frame_of(drawn["NONE"]) == (29, 19, 31, 21), "one image pixel is one printer pixel"


@pytest.mark.parametrize(
    ("asked", "behaviour", "width", "warned"),
    [(20, "DECIMATE", 20, ""), (33.3, "DECIMATE", 33, ""), (50, "DECIMATE", 40, "80 %"), (50, "CROP", 50, "")],
)
def test_requested_image_size_is_true_or_told(asked: float, behaviour: str, width: int, warned: str) -> None:
    heap = Heap()
    pixels = heap.put(np.full((20, 20), 255))
    image = box(pixels, requested_image_size_mm=asked, requested_decimate_crop_behavior=behaviour)
    made = rasterise(film([image]), heap, PLAIN)
    samples = np.where(made.samples > 0, 255, 0)
    if warned:
        (mark,) = made.texts
        assert mark.text == f"not to scale: {warned}" and warned in made.warnings[0]
        samples[mark.top : mark.top + len(mark.coverage), mark.left : mark.left + mark.coverage.shape[1]] = 255
    else:
        assert made.texts == made.warnings == ()
    left, top, right, bottom = frame_of(samples[:30])
    assert right - left == pytest.approx(width, abs=1)
    assert abs(left + right - 60) <= 1 and top == pytest.approx(max(0, 20 - width / 2), abs=1) and bottom == 30


@pytest.mark.parametrize(
    ("rows", "columns", "side"),
    [(200, 300, "below"), (300, 120, "beside"), (200, 200, "on its corner")],
)
def test_a_mark_covers_an_image_only_where_there_is_no_room(rows: int, columns: int, side: str) -> None:
    heap = Heap()
    # A white film and a white image: whatever is black is the mark.
    pixels = heap.put(np.full((rows, columns), 255))
    cells = [
        box(pixels, x, y, 90, 90 if side != "below" else 80, requested_image_size_mm=500.0)
        for x, y in [(0, 0), (100, 100)]
    ]
    made = rasterise(film(cells, 200, 200, border_density="WHITE"), heap, Finish(150))
    assert len(made.texts) == 2 and made.warnings
    for image, text in zip(cells, made.texts, strict=True):
        assert image.pixels is not None
        cell, printed = to_pixels(image.cell, 150), placement.place(image, image.pixels, 150).visible
        high, wide = text.coverage.shape
        mark = Box(text.left, text.top, text.left + wide, text.top + high)
        assert mark == mark.clipped(cell) and high <= 4.5 / 25.4 * 150
        near = {"below": mark.top - printed.bottom, "beside": mark.left - printed.right}.get(side, 0)
        assert 0 <= near < high
        covered = mark.clipped(printed)
        assert (covered.width > 0 and covered.height > 0) is (side == "on its corner")
        assert made.samples[mark.top : mark.bottom, mark.left : mark.right].min() < 64


@pytest.mark.parametrize("cell", [(0, 0, 203.2, 254), (0, 127, 101.6, 127), (101.6, 127, 101.6, 127)])
@pytest.mark.parametrize("columns", [80, 100, 120])
def test_no_annotation_covers_a_mark(cell: tuple[float, float, float, float], columns: int) -> None:
    heap = Heap()
    pixels = heap.put(np.full((125, columns), 255))
    annotations = tuple(PageText(at, "W" * 20, place=place) for at, place in enumerate((*PLACES, *PLACES)))
    page = film([box(pixels, *cell, requested_image_size_mm=500.0)], 203.2, 254, annotations=annotations)
    mark, *others = rasterise(page, heap, Finish(100)).texts
    assert mark.text.startswith("not to scale") and len(others) == 12
    assert mark.box == mark.box.clipped(to_pixels(Rectangle(*cell), 100))
    for other in others:
        both = mark.box.clipped(other.box)
        assert both.width <= 0 or both.height <= 0


@pytest.mark.parametrize(("asked", "told"), [(118.53, False), (118.54, False), (118.59, True)])
def test_a_size_that_was_rounded_up_is_to_scale(asked: float, told: bool) -> None:
    """The console is told so (H.4.3.1.2.1.3), and the film says nothing else."""
    heap = Heap()
    pixels = heap.put(np.full((60, 60), 255))
    third = box(pixels, 0, 0, 355.6 / 3, 431.8, requested_image_size_mm=asked)
    made = rasterise(film([third], 355.6, 431.8), heap, PLAIN)
    assert bool(made.texts) == bool(made.warnings) == told
    status = fit(Wish(60, 60, (1, 1), "CUBIC", asked, None), third.cell, DPI)
    assert status == (DEMAGNIFIED if told else SUCCESS)
    left, _, right, _ = frame_of(made.samples[200:220])
    assert abs((right - left) / DPI * 25.4 - 118.53) < 0.6


def test_crop_keeps_the_middle() -> None:
    heap, pixels = Heap(), noise(80, 120)
    image = box(heap.put(pixels), magnification_type="NONE", requested_decimate_crop_behavior="CROP")
    assert np.array_equal(rasterise(film([image]), heap, PLAIN).samples, pixels[20:60, 30:90])


@pytest.mark.parametrize(
    ("rows", "columns", "aspect", "printed"),
    [
        (10, 70, (2, 1), (60, 20)),  # pixels twice as high as wide: their width is one printer pixel
        (60, 20, (1, 2), (40, 40)),
        (60, 30, (1, 1), (30, 40)),
        (40, 60, (2, 1), (30, 40)),  # it has no more pixels than its cell, and fills it as it would without CROP
    ],
)
def test_crop_keeps_the_shape_of_pixels(
    rows: int, columns: int, aspect: tuple[int, int], printed: tuple[int, int]
) -> None:
    heap = Heap()
    pixels = heap.put(np.full((rows, columns), 255), pixel_aspect_ratio=aspect)
    page = film([box(pixels, requested_decimate_crop_behavior="CROP")])
    left, top, right, bottom = frame_of(rasterise(page, heap, PLAIN).samples)
    assert (right - left, bottom - top) == printed


@pytest.mark.parametrize("tone", [Tone("pvalue"), Tone("film", False), Tone("film"), Tone("paper")])
@pytest.mark.parametrize("density", ["BLACK", "WHITE", "150", "20", "320"])
def test_borders_and_empty_cells_are_rendered_as_densities(tone: Tone, density: str) -> None:
    heap = Heap()
    page = film([box(None, 0, 0, 30, 40)], border_density="WHITE", empty_image_density=density)
    made = rasterise(page, heap, Finish(DPI, tone)).samples
    viewing = PAPER if tone.name == "paper" else Viewing.of(page)
    p_value = (
        {"BLACK": 0.0, "WHITE": 1.0}.get(density) if not density.isdigit() else od_p_value(int(density) / 100, viewing)
    )
    assert p_value is not None
    assert set(np.unique(made[:, :30])) == {int(tone.curve(viewing, viewing)(p_value) * 255 + 0.5)}
    assert set(np.unique(made[:, 30:])) == {255}


@pytest.mark.parametrize("black_point", [False, True])
@pytest.mark.parametrize(("density", "od"), [("87", 0.87), ("150", 1.50), ("200", 2.00), ("300", 2.10), ("0", 0.05)])
def test_a_density_by_its_number_is_that_density_on_paper(density: str, od: float, black_point: bool) -> None:
    made = rasterise(film([box(None)], empty_image_density=density), Heap(), Finish(DPI, Tone("paper", black_point)))
    light, white, black = 10**-od, 10**-0.05, 10**-2.10 if black_point else 0.0
    assert set(np.unique(made.samples)) == {round(255 * srgb(max(light - black, 0) / (white - black)))}


def test_linear_densities_are_linear_on_paper() -> None:
    heap = Heap()
    ramp = heap.put(np.arange(256).reshape(4, 64))
    image = box(ramp, 0, 0, 64, 4, presentation_lut=PresentationLUT("LIN OD"), magnification_type="NONE")
    made = rasterise(film([image], 64, 4), heap, Finish(DPI, Tone("paper", False))).samples.reshape(256)
    densities = 2.10 - np.arange(256) / 255 * (2.10 - 0.05)
    wanted = [255 * srgb(10**-od / 10**-0.05) for od in densities]
    assert made == pytest.approx(wanted, abs=0.6)


def test_trim_is_a_line_around_the_image_and_nowhere_else() -> None:
    heap = Heap()
    page = film([box(heap.put(np.full((20, 20), 100)), requested_image_size_mm=20)], trim=True)
    made = rasterise(page, heap, PLAIN).samples
    assert np.array_equal(made[10:30, 20:40], np.full((20, 20), 100))
    ring = made.copy()
    ring[10:30, 20:40] = 255
    assert frame_of(ring) == (19, 9, 41, 31) and np.all(ring[9:31, 19:41] == 255)


def test_bits_above_bits_stored_are_no_pixels() -> None:
    heap, pixels = Heap(), noise(40, 60, 12)
    reference = heap.put(pixels, 12)
    heap.data[reference.file] = (pixels | 0xF000).astype("<u2").tobytes()
    made = rasterise(film([box(reference)]), heap, PLAIN).samples
    assert np.array_equal(made, np.floor(pixels / 4095 * 255 + 0.5))


def test_too_few_bytes_are_an_error_and_not_a_film() -> None:
    heap = Heap()
    reference = heap.put(noise(40, 60))
    heap.data[reference.file] = heap.data[reference.file][:-1]
    with pytest.raises(ValueError, match="fewer"):
        list(rasterise(film([box(reference)]), heap, PLAIN).strips())


def test_an_image_boxs_presentation_lut_and_densities_are_its_own() -> None:
    heap = Heap()
    ramp = heap.put(np.arange(256)[None, :].repeat(10, 0))
    square = PresentationLUT(None, tuple(at * at // 16 for at in range(256)), 12)
    page = film(
        [
            box(ramp, 0, 0, 256, 10, presentation_lut=square),
            box(ramp, 0, 10, 256, 10),
            box(ramp, 0, 20, 256, 10, min_density_centi_od=100, max_density_centi_od=200),
        ],
        256,
        30,
    )
    made = rasterise(page, heap, Finish(DPI, Tone("film", False))).samples
    plain = rasterise(page, heap, PLAIN).samples
    assert list(plain[5, ::51]) == [int(at * at // 16 / 4095 * 255 + 0.5) for at in range(0, 256, 51)]
    assert list(plain[15]) == list(range(256))
    assert made[25, 255] < made[15, 255] and made[25, 0] > made[15, 0]


def test_annotations_are_drawn_where_they_belong() -> None:
    places = ["top left", "top center", "top right", "bottom left", "bottom center", "bottom right"]
    page = film([], 200, 100, annotations=tuple(PageText(1, "Ab", place=place) for place in places))
    made = rasterise(page, Heap(), Finish(100))
    assert [text.text for text in made.texts] == ["Ab"] * 6 and made.warnings == ()
    for place, text in zip(places, made.texts, strict=True):
        rows, columns = text.coverage.shape
        middle = (text.left + columns / 2) / made.samples.shape[1], (text.top + rows / 2) / made.samples.shape[0]
        assert (middle[1] < 0.2) == place.startswith("top")
        assert ("left" if middle[0] < 0.2 else "right" if middle[0] > 0.8 else "center") in place
        assert made.samples[text.top : text.top + rows, text.left : text.left + columns].max() == 255


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 64), st.sampled_from(PLACES)), min_size=2, max_size=7), st.sampled_from([50, 300])
)
def test_no_annotation_covers_another(texts: list[tuple[int, str]], dpi: int) -> None:
    """LO has up to 64 characters; three of them side by side are wider than an 8×10 in film."""
    annotations = tuple(PageText(at, "W" * length, place=place) for at, (length, place) in enumerate(texts))
    made = rasterise(film([], 203.2, 254, annotations=annotations), Heap(), Finish(dpi)).texts
    assert [text.text for text in made] == [text.text for text in annotations]
    boxes = [text.box for text in made]
    for number, one in enumerate(boxes):
        assert one.clipped(Box(0, 0, *(round(mm / 25.4 * dpi) for mm in (203.2, 254)))) == one
        for other in boxes[:number]:
            both = one.clipped(other)
            assert both.width <= 0 or both.height <= 0


def test_texts_side_by_side_have_letters_of_one_size() -> None:
    texts = ("MUSTERMANN^MARIA^ELISABETH  ID 0123456789 *1956-03-14", "Clinique du Lac, Thorax pa", "2026-11-27 09:30")
    places = ("top left", "top center", "top right")
    page = film([], 203.2, 254, annotations=tuple(map(PageText, (1, 2, 3), texts, ("", "", ""), places)))
    made = rasterise(page, Heap(), Finish(300)).texts
    assert len({text.coverage.shape[0] for text in made}) == 1
    assert made[0].left == 24 and made[2].left + made[2].coverage.shape[1] == 2400 - 24


def test_texts_of_one_place_stand_below_each_other() -> None:
    given = ("top left", "top left", "bottom center", "bottom center")
    page = film([], annotations=tuple(PageText(at, "Ab", place=place) for at, place in enumerate(given)))
    made = rasterise(page, Heap(), Finish(100)).texts
    assert [text.left for text in made[:2]] == [8, 8] and made[0].top < made[1].top
    assert made[2].top < made[3].top and made[2].left == made[3].left


@pytest.mark.parametrize("text", ["Müller^Jürgen", "Иванов^Иван", "محمد علي", "日本語 漢字", "김철수", "Ωmega ≤ 3"])
def test_the_worlds_letters_are_there(text: str) -> None:
    page = film([], 200, 40, annotations=(PageText(1, text),))
    made = rasterise(page, Heap(), Finish(100))
    assert made.warnings == () and made.texts[0].coverage.max() > 200


def test_every_font_that_comes_with_us_has_its_licence_beside_it_and_can_be_embedded() -> None:
    assert {file.stem for file in FONTS.glob("*.ttf")} == {file.stem for file in FONTS.glob("*.LICENSE")}
    assert {file.stem for file in OWN_FONTS} == {file.stem for file in FONTS.glob("*.ttf")}
    for file in OWN_FONTS:
        TTFont(file.stem, str(file))  # reportlab refuses PostScript outlines and fonts that forbid embedding


def test_a_letter_that_no_font_has_is_told() -> None:
    page = film([], 200, 40, annotations=(PageText(1, "\U00013000"),))
    assert rasterise(page, Heap(), Finish(100)).warnings == (NO_FONT,)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=400), st.integers(20, 300), st.integers(10, 100))
def test_no_text_leaves_the_film(text: str, width: int, height: int) -> None:
    page = film([], width, height, annotations=(PageText(1, text, place="bottom right"),))
    assert rasterise(page, Heap(), Finish(50)).samples.shape == (round(height * 50 / 25.4), round(width * 50 / 25.4))


def test_an_impossible_viewing_is_told() -> None:
    page = film([], illumination_cd_m2=60000)
    assert rasterise(page, Heap(), PLAIN).warnings == (OUTSIDE_GSDF,)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.floats(5, 200), st.floats(5, 200), st.floats(20, 80))
def test_no_edge_is_more_than_half_a_printer_pixel_off(
    rows: int, columns: int, width: float, height: float, dpi: float
) -> None:
    heap = Heap()
    page = film([box(heap.put(np.full((rows, columns), 255)), 3, 4, width, height)], width + 6, height + 8)
    samples = rasterise(page, heap, Finish(dpi)).samples
    k = dpi / 25.4
    wide = min(width, height * columns / rows)
    if wide * k < 1 or wide * rows / columns * k < 1:
        return
    left, top, right, bottom = frame_of(samples)
    x, y = 3 + (width - wide) / 2, 4 + (height - wide * rows / columns) / 2
    for found, wanted in [(left, x), (right, x + wide), (top, y), (bottom, y + wide * rows / columns)]:
        assert abs(found - wanted * k) <= 0.51


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("color", [False, True])
def test_a_film_in_strips_is_the_film(bits: int, color: bool) -> None:
    heap = Heap()
    grey, rgb = heap.put(noise(150, 170, 12), 12), heap.put(RANDOM.integers(0, 256, (60, 70, 3)), planar=1)
    kinds = ("REPLICATE", "BILINEAR", "CUBIC", "NONE")
    boxes = [
        box(one, 60 * column, 40 * row, magnification_type=kind, requested_decimate_crop_behavior=behavior, **more)
        for column, kind in enumerate(kinds)
        for row, (one, behavior, more) in enumerate(
            [
                (grey, "DECIMATE", {}),
                (rgb, "CROP", {"requested_image_size_mm": 75.0}),
                (grey, "CROP", {}),
                (None, "DECIMATE", {}),
            ]
        )
    ]
    texts = tuple(PageText(1, "Strip", place=place) for place in ("top left", "bottom right"))
    page = film(boxes, 240, 160, trim=True, color=color, annotations=texts, empty_image_density="150")
    made = rasterise(page, heap, Finish(60, Tone("film"), bits))
    (whole,) = made.strips(made.height)
    assert whole.dtype.itemsize * 8 == bits and whole.shape[:2] == (made.height, made.width)
    assert len(np.unique(whole)) > 100
    for rows in (1, 37, 256):
        strips = list(made.strips(rows))
        assert {len(strip) for strip in strips[:-1]} <= {rows}
        assert np.array_equal(np.concatenate(strips), whole)
    assert np.array_equal(made.samples, whole)


def test_configuration_information_changes_greys_and_says_so() -> None:
    heap = Heap()
    ramp = heap.put(np.arange(256)[None, :].repeat(10, 0))
    square = PresentationLUT(None, tuple(at * at // 16 for at in range(256)), 12)
    wanted = r"CN5\WINDOW_WIDTH=1"
    cells = [
        box(ramp, 0, 0, 256, 10, configuration_information=wanted),
        box(ramp, 0, 10, 256, 10, configuration_information=wanted, presentation_lut=square),
        box(ramp, 0, 20, 256, 10, configuration_information=wanted, presentation_lut=PresentationLUT()),
        box(ramp, 0, 30, 256, 10, configuration_information="PD1.0", polarity="REVERSE"),
    ]
    made = rasterise(film(cells, 256, 40), heap, Finish(DPI, Tone("film", False)))
    plain = rasterise(film([replace(one, configuration_information="") for one in cells], 256, 40), heap, PLAIN_FILM)
    assert made.warnings == (
        "greys as Configuration Information asks: contrast +5",
        "Configuration Information, not done: a window needs a center and a width from 2",
        "Configuration Information, not done: contrast +5, a window needs a center and a width from 2:"
        " a Presentation LUT is stronger",
        "greys as Configuration Information asks: minimum density 1.00 OD",
    )
    assert plain.warnings == ()
    samples, before = made.samples.astype(int), plain.samples.astype(int)
    assert np.array_equal(samples[10:30], before[10:30])
    assert samples[5, 64] < before[5, 64] and samples[5, 192] > before[5, 192]
    assert (samples[5, [0, 255]] == before[5, [0, 255]]).all()
    assert samples[35, 0] == int(255 * srgb((10 + 2000 * 10**-1.0) / (10 + 2000 * 10**-0.2)) + 0.5)
    kept = rasterise(film(cells, 256, 40), heap, replace(PLAIN_FILM, configuration_information=False))
    assert kept.warnings == () and np.array_equal(kept.samples, plain.samples)


def test_high_resolution_is_the_films_own() -> None:
    finish = Finish(50, high_dpi=100)
    for asked, dpi in [("STANDARD", 50), ("HIGH", 100)]:
        made = rasterise(film([], 254, 127, requested_resolution_id=asked), Heap(), finish)
        assert (made.width, made.height) == (10 * dpi, 5 * dpi)
    assert rasterise(film([], 254, 127, requested_resolution_id="HIGH"), Heap(), Finish(50)).width == 500
