"""Cells of a film, PS3.3 C.13.3 and C.13.5, and what becomes of an image in its cell, PS3.4 H.4.3.1.2.1.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.display_format import DisplayFormat
from printing.layout import CustomFormat, Formats, Wish, cells, fit
from printing.page import Rectangle
from printing.status import CROPPED, DECIMATED, DEMAGNIFIED, LARGER_THAN_BOX, SUCCESS, Refused

NO_FORMATS = Formats()
EDGE_MM = st.floats(50, 1000)


def lay(text: str, width_mm: float = 300, height_mm: float = 400, formats: Formats = NO_FORMATS) -> list[Rectangle]:
    return list(cells(DisplayFormat.parse(text), width_mm, height_mm, formats))


def origins(text: str) -> list[tuple[float, float]]:
    return [(round(cell.x_mm, 6), round(cell.y_mm, 6)) for cell in lay(text)]


def test_c_13_5_standard_runs_row_by_row_with_columns_first() -> None:
    assert origins(r"STANDARD\2,4") == [(x, y) for y in (0, 100, 200, 300) for x in (0, 150)]


def test_c_13_5_row_divides_each_row() -> None:
    assert origins(r"ROW\1,2") == [(0, 0), (0, 200), (150, 200)]


def test_c_13_5_col_runs_column_by_column() -> None:
    assert origins(r"COL\1,2") == [(0, 0), (150, 0), (150, 200)]


@given(
    st.one_of(
        st.tuples(st.integers(1, 20), st.integers(1, 20)).map(lambda pair: r"STANDARD\{},{}".format(*pair)),
        st.lists(st.integers(1, 20), min_size=1, max_size=20).map(lambda row: "ROW\\" + ",".join(map(str, row))),
        st.lists(st.integers(1, 20), min_size=1, max_size=20).map(lambda row: "COL\\" + ",".join(map(str, row))),
    ),
    EDGE_MM,
    EDGE_MM,
)
def test_cells_tile_the_whole_film(text: str, width_mm: float, height_mm: float) -> None:
    display = DisplayFormat.parse(text)
    made = cells(display, width_mm, height_mm, NO_FORMATS)
    assert len(made) == display.image_boxes
    assert sum(cell.width_mm * cell.height_mm for cell in made) == pytest.approx(width_mm * height_mm)
    for cell in made:
        assert cell.x_mm >= 0 and cell.x_mm + cell.width_mm <= width_mm + 1e-9
        assert cell.y_mm >= 0 and cell.y_mm + cell.height_mm <= height_mm + 1e-9
    assert len({(round(cell.x_mm, 9), round(cell.y_mm, 9)) for cell in made}) == len(made)


@pytest.mark.parametrize(("text", "window"), [("SLIDE", (36, 24)), ("SUPERSLIDE", (40, 40))])
def test_c_13_3_slides_have_their_true_size(text: str, window: tuple[float, float]) -> None:
    made = lay(text, 355.6, 431.8)
    assert {(cell.width_mm, cell.height_mm) for cell in made} == {window}
    assert made == sorted(made, key=lambda cell: (cell.y_mm, cell.x_mm))


def test_slides_are_counted_by_the_configuration_and_turn_with_the_film() -> None:
    formats = Formats(slides=(3, 5))
    assert len({cell.x_mm for cell in lay("SLIDE", 300, 400, formats)}) == 3
    assert len({cell.x_mm for cell in lay("SLIDE", 400, 300, formats)}) == 5


def test_custom_comes_from_the_configuration() -> None:
    formats = Formats({7: CustomFormat(((0.0, 0.0, 1.0, 0.25), (0.5, 0.25, 0.5, 0.75)))})
    assert lay(r"CUSTOM\7", formats=formats) == [Rectangle(0, 0, 300, 100), Rectangle(150, 100, 150, 300)]
    with pytest.raises(Refused) as refused:
        lay(r"CUSTOM\8", formats=formats)
    assert refused.value.status == 0x0106


CELL = Rectangle(0, 0, 100, 100)  # 1181 pixels at 300 dpi


@pytest.mark.parametrize(
    ("columns", "magnification", "size_mm", "behavior", "status"),
    [
        (512, "CUBIC", None, None, SUCCESS),
        (2048, "CUBIC", None, None, SUCCESS),  # nobody asked: scaled to its cell like every image
        (2048, "CUBIC", None, "DECIMATE", DECIMATED),
        (2048, "CUBIC", None, "CROP", CROPPED),
        (2048, "CUBIC", None, "FAIL", LARGER_THAN_BOX),
        (512, "CUBIC", None, "FAIL", SUCCESS),
        (512, "NONE", None, None, SUCCESS),
        (2048, "NONE", None, None, LARGER_THAN_BOX),
        (2048, "NONE", None, "DECIMATE", LARGER_THAN_BOX),  # H.4.3.1.2.1.3 says so
        (2048, "NONE", None, "CROP", CROPPED),
        (512, "CUBIC", 100.0, "FAIL", SUCCESS),
        (512, "CUBIC", 101.0, None, DEMAGNIFIED),
        (512, "CUBIC", 101.0, "DECIMATE", DECIMATED),
        (512, "CUBIC", 101.0, "CROP", CROPPED),
        (512, "CUBIC", 101.0, "FAIL", LARGER_THAN_BOX),
        (4096, "CUBIC", 50.0, "FAIL", SUCCESS),  # the size is what was asked for, not the pixels
    ],
)
def test_h_4_3_1_2_1_3_too_large(
    columns: int, magnification: str, size_mm: float | None, behavior: str | None, status: int
) -> None:
    assert fit(Wish(columns, columns, (1, 1), magnification, size_mm, behavior), CELL, 300) == status


def test_requested_size_counts_the_height_and_the_pixel_aspect_ratio() -> None:
    tall = Wish(512, 1024, (1, 1), "CUBIC", 60.0, None)
    assert fit(tall, CELL, 300) == DEMAGNIFIED
    assert fit(Wish(512, 1024, (1, 2), "CUBIC", 60.0, None), CELL, 300) == SUCCESS
