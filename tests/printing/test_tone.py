"""Tones: the code values that a film and a sheet of paper have, and Presentation LUT tables."""

from __future__ import annotations

import itertools
from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.grayscale import Viewing, codes, p_value_density, p_value_table
from printing.page import FilmPage, PresentationLUT
from printing.tone import PAPER, Tone, srgb

FILM = Viewing(20, 300, 2000, 10)
P_VALUES = (0, 64, 128, 192, 255)


@pytest.mark.parametrize(
    ("tone", "expected"),
    [
        (Tone("pvalue"), (0, 64, 128, 192, 255)),
        (Tone("film", black_point=False), (25, 56, 100, 163, 255)),
        (Tone("film"), (0, 49, 96, 162, 255)),
        (Tone("paper", black_point=False), (24, 65, 115, 177, 255)),
        (Tone("paper"), (0, 60, 113, 176, 255)),
    ],
)
def test_the_codes_of_a_tone(tone: Tone, expected: tuple[int, ...]) -> None:
    viewing = PAPER if tone.name == "paper" else FILM
    curve = tone.curve(viewing, viewing)
    assert [255 * curve(p / 255) for p in P_VALUES] == pytest.approx(expected, abs=1)
    table = codes(tone.table(viewing, viewing)(array("d", (p / 255 for p in P_VALUES))))
    assert list(table) == pytest.approx(expected, abs=1)


VIEWINGS = st.builds(Viewing, st.integers(5, 60), st.integers(150, 400), st.integers(100, 3000), st.integers(0, 50))
TONES = st.builds(Tone, st.sampled_from(["pvalue", "film", "paper"]), st.booleans())


@given(VIEWINGS, VIEWINGS, TONES, st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_a_tone_rises_and_stays_in_its_range(image: Viewing, film: Viewing, tone: Tone, values: list[float]) -> None:
    made = tone.table(image, film)(array("d", sorted(values)))
    assert all(0 <= value <= 1 for value in made)
    assert all(left <= right + 1e-9 for left, right in itertools.pairwise(made))
    curve = tone.curve(image, film)
    assert list(made) == pytest.approx([curve(value) for value in sorted(values)], abs=2e-4)


@given(VIEWINGS)
def test_the_film_tone_is_the_luminance_of_the_density(viewing: Viewing) -> None:
    curve = Tone("film", black_point=False).curve(viewing, viewing)
    lights = [
        viewing.reflected_ambient_light_cd_m2 + viewing.illumination_cd_m2 * 10 ** -p_value_density(p / 8, viewing)
        for p in range(9)
    ]
    if lights[0] < 0.06 or lights[-1] > 3990:
        return  # clamped by the function's ends
    assert [curve(p / 8) for p in range(9)] == pytest.approx([srgb(light / lights[-1]) for light in lights], abs=1e-3)


def test_an_image_of_narrower_densities_keeps_its_densities_on_the_film() -> None:
    narrow = Viewing(50, 250, 2000, 10)
    curve = Tone("film", black_point=False).curve(narrow, FILM)
    white = 10 + 2000 * 10**-0.20
    assert curve(1.0) == pytest.approx(srgb((10 + 2000 * 10**-0.50) / white), abs=1e-6)
    assert curve(0.0) == pytest.approx(srgb((10 + 2000 * 10**-2.50) / white), abs=1e-6)


def test_paper_has_its_own_light_and_ends_where_it_ends() -> None:
    beyond = Viewing(0, 400, 2000, 10)
    assert Tone("paper").seen(beyond) == PAPER
    assert Tone("paper").curve(beyond, beyond)(0.5) == Tone("paper").curve(PAPER, PAPER)(0.5)
    darker = Viewing(8, 180, 200, 0)
    assert Tone("paper", paper=darker).seen(FILM) == replace(darker, min_density_centi_od=20)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, (5, 210)),
        ((), (5, 210)),
        (("MinDensity",), (30, 210)),
        (("MaxDensity",), (5, 150)),
        (("MaxDensity", "MinDensity"), (30, 150)),
    ],
)
def test_densities_that_nobody_asked_for_are_those_of_the_paper(
    given: tuple[str, ...] | None, expected: tuple[int, int]
) -> None:
    page = FilmPage("A4", "PORTRAIT", 210, 297, "", (), min_density_centi_od=30, max_density_centi_od=150, given=given)
    paper = Tone("paper").own(page)
    assert (paper.min_density_centi_od, paper.max_density_centi_od) == expected
    assert Tone("film").own(page) == page


def test_an_image_of_narrower_densities_keeps_them_on_paper_as_far_as_it_goes() -> None:
    curve = Tone("paper", black_point=False).curve(replace(PAPER, max_density_centi_od=150), PAPER)
    assert curve(0.0) == pytest.approx(srgb(10**-1.50 / 10**-0.05), abs=1e-6)
    assert curve(1.0) == pytest.approx(1.0)
    darker = replace(FILM, max_density_centi_od=FILM.max_density_centi_od - 10)
    assert Tone("paper").curve(darker, FILM)(0.0) == Tone("paper").curve(FILM, FILM)(0.0)


def table_of(entries: int, bits: int) -> PresentationLUT:
    """A curve: P-value = square of the value."""
    full = (1 << bits) - 1
    return PresentationLUT(None, tuple(round(full * (at / (entries - 1)) ** 2) for at in range(entries)), bits)


@pytest.mark.parametrize("bits", range(10, 17))
@pytest.mark.parametrize(("entries", "stored"), [(256, 8), (4096, 12)])
def test_a_table_gives_its_p_values_without_losing_a_bit(entries: int, stored: int, bits: int) -> None:
    lut = table_of(entries, bits)
    assert lut.table is not None
    made = p_value_table(stored, False, lut)
    assert [round(value * ((1 << bits) - 1)) for value in made] == list(lut.table)


def test_polarity_comes_before_the_table() -> None:
    lut = table_of(256, 12)
    assert list(p_value_table(8, True, lut)) == list(reversed(p_value_table(8, False, lut)))


@pytest.mark.parametrize(("entries", "stored"), [(256, 12), (4096, 8), (256, 16), (4096, 1)])
def test_a_table_of_another_length_is_stretched(entries: int, stored: int) -> None:
    made = p_value_table(stored, False, table_of(entries, 16))
    assert len(made) == 1 << stored
    assert (made[0], made[-1]) == (0.0, 1.0)
    middle = len(made) // 2
    assert made[middle] == pytest.approx((middle / (len(made) - 1)) ** 2, abs=2 / entries)
