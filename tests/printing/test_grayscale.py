"""PS3.14 §7 and PS3.3 C.11.4: P-values, luminances and densities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing import grayscale
from printing.grayscale import Viewing
from printing.page import FilmPage, PageImage, PresentationLUT, Rectangle

FILM_300 = Viewing(20, 300, 2000, 10)
PAPER = Viewing(5, 210, 150, 0)


@pytest.mark.parametrize(
    ("j", "cd_m2"),
    [(1, 0.0500), (2, 0.0547), (3, 0.0594), (4, 0.0643), (233.32, 12.0), (847.19, 1271.9), (1023, 3993.404)],
)
def test_ps3_14_table_b_1_luminances(j: float, cd_m2: float) -> None:
    assert grayscale.luminance(j) == pytest.approx(cd_m2, rel=5e-4, abs=6e-5)


@given(st.floats(1, 1023))
def test_index_inverts_luminance(j: float) -> None:
    assert grayscale.index(grayscale.luminance(j)) == pytest.approx(j, abs=1e-6)


@pytest.mark.parametrize("cd_m2", [-5.0, 0.0, 1e-9, 1e9])
def test_index_is_clamped_outside_the_function(cd_m2: float) -> None:
    assert grayscale.index(cd_m2) in (grayscale.J_MIN, grayscale.J_MAX)


@pytest.mark.parametrize(
    ("viewing", "densities"),
    [
        (FILM_300, (2.999, 1.699, 1.122, 0.642, 0.200)),
        (Viewing(20, 320, 2000, 10), (3.199, 1.719, 1.132, 0.646, 0.200)),
        (PAPER, (2.100, 1.322, 0.814, 0.406, 0.050)),
    ],
)
def test_ps3_14_7_2_densities_of_p_values(viewing: Viewing, densities: tuple[float, ...]) -> None:
    found = [grayscale.p_value_density(p / 255, viewing) for p in (0, 64, 128, 192, 255)]
    assert found == pytest.approx(densities, abs=0.0015)


@given(st.floats(0, 1), st.integers(0, 50), st.integers(100, 300))
def test_density_and_p_value_are_inverse(p: float, lowest: int, highest: int) -> None:
    viewing = Viewing(lowest, highest, 1000, 10)
    assert grayscale.od_p_value(grayscale.p_value_density(p, viewing), viewing) == pytest.approx(p, abs=1e-6)


def test_black_and_white_are_the_ends() -> None:
    assert grayscale.density_p_value("BLACK", FILM_300) == 0.0
    assert grayscale.density_p_value("WHITE", FILM_300) == 1.0
    assert grayscale.density_p_value("300", FILM_300) == pytest.approx(0.0, abs=1e-9)
    assert grayscale.density_p_value("20", FILM_300) == pytest.approx(1.0, abs=1e-9)


def test_numeric_density_is_a_density_and_no_linear_grey() -> None:
    # D 1.122 is P 128 of 255 on this film, though it lies a third of the way from white to black.
    assert grayscale.density_p_value("112", FILM_300) == pytest.approx(128 / 255, abs=0.002)
    assert grayscale.density_p_value("400", FILM_300) == 0.0  # beyond Dmax


@pytest.mark.parametrize(
    ("photometric", "polarity", "inverted"),
    [
        ("MONOCHROME2", "NORMAL", False),
        ("MONOCHROME2", "REVERSE", True),
        ("MONOCHROME1", "NORMAL", True),
        ("MONOCHROME1", "REVERSE", False),
        ("RGB", "REVERSE", True),
    ],
)
def test_c_13_5_polarity(photometric: str, polarity: str, inverted: bool) -> None:
    assert grayscale.inverts(photometric, polarity) is inverted


def test_identity_table_is_linear_and_exact_at_eight_bits() -> None:
    assert list(grayscale.codes(grayscale.p_value_table(8, False))) == list(range(256))
    assert list(grayscale.codes(grayscale.p_value_table(8, True))) == list(range(255, -1, -1))


def test_identity_table_of_twelve_bits_rounds_half_up() -> None:
    codes = grayscale.codes(grayscale.p_value_table(12, False))
    assert list(codes) == [(value * 255 * 2 + 4095) // (2 * 4095) for value in range(4096)]


def test_twelve_bits_stay_twelve_bits() -> None:
    assert list(grayscale.codes(grayscale.p_value_table(12, False), 12)) == list(range(4096))


def test_lin_od_is_linear_in_density() -> None:
    table = grayscale.p_value_table(8, False, PresentationLUT("LIN OD"), FILM_300)
    densities = [grayscale.p_value_density(p, FILM_300) for p in table]
    wanted = [3.0 - value / 255 * 2.8 for value in range(256)]
    assert densities == pytest.approx(wanted, abs=1e-6)
    assert list(grayscale.p_value_table(8, True, PresentationLUT("LIN OD"), FILM_300)) == list(reversed(table))


def test_lin_od_middle_of_a_film() -> None:
    middle = grayscale.p_value_table(8, False, PresentationLUT("LIN OD"), FILM_300)[128]
    assert grayscale.p_value_density(middle, FILM_300) == pytest.approx(1.59, abs=0.01)


@pytest.mark.parametrize(
    "viewing", [Viewing(300, 300, 0, 0), Viewing(200, 100, 2000, 10), Viewing(0, 9000, 65535, 65535)]
)
def test_absurd_viewing_gives_p_values_still(viewing: Viewing) -> None:
    table = grayscale.p_value_table(8, False, PresentationLUT("LIN OD"), viewing)
    assert all(0.0 <= p <= 1.0 for p in table)
    assert 0.0 <= grayscale.density_p_value("150", viewing) <= 1.0
    assert grayscale.p_value_density(0.5, viewing) >= 0


def test_a_film_outside_the_function_is_known() -> None:
    assert grayscale.within_gsdf(FILM_300)
    assert not grayscale.within_gsdf(Viewing(20, 400, 20, 0))


def test_densities_of_the_image_box_win() -> None:
    page = FilmPage("A4", "PORTRAIT", 210, 297, r"STANDARD\1,1", ())
    image = PageImage(1, Rectangle(0, 0, 1, 1), min_density_centi_od=30)
    assert Viewing.of(page, image) == Viewing(30, 320, 2000, 10)
    assert Viewing.of(page) == Viewing(20, 320, 2000, 10)
