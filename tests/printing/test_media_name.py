"""Names of media and Film Size IDs, both ways."""

from __future__ import annotations

import pytest

from printing.film_size import FILM_SIZES, parse
from printing.media_name import MEDIA_NAMES, film_size_id, medium_type, paper_of
from printing.printer import Medium
from printing.supply_terms import general_term, supply_term
from printing.terms import STATUS_INFO_TERMS


def test_every_film_size_has_a_medium_of_its_size() -> None:
    assert set(MEDIA_NAMES) == set(FILM_SIZES)
    for name, medium in MEDIA_NAMES.items():
        paper = paper_of(medium)
        assert paper is not None and (paper.width_mm, paper.height_mm) == pytest.approx(FILM_SIZES[name], abs=0.05)
        assert film_size_id(paper.width_mm, paper.height_mm) == name


@pytest.mark.parametrize(
    ("sides", "name"),
    [
        ((215.9, 355.6), "8_5INX14IN"),
        ((148, 210), "14_8CMX21CM"),
        ((254, 355.6), "25_4CMX35_6CM"),  # 10INX14IN is 257 × 364 mm
        ((352.8, 428.8), "35_3CMX42_9CM"),
        ((10, 10), ""),
        ((2000, 100), ""),
    ],
)
def test_other_sheets_say_their_size(sides: tuple[float, float], name: str) -> None:
    assert film_size_id(*sides) == name and len(name) <= 16
    film = parse(name)
    assert not name or (film is not None and (film.width_mm, film.height_mm) == pytest.approx(sides, abs=1.0))


def test_medium_types() -> None:
    assert medium_type("stationery") == medium_type("") == medium_type("envelope", "blue") == "PAPER"
    assert (medium_type("film", "clear-blue"), medium_type("transparency")) == ("BLUE FILM", "CLEAR FILM")


@pytest.mark.parametrize("level", ["EMPTY", "LOW"])
def test_every_term_of_a_supply_can_be_said_and_is_one_of_the_standard(level: str) -> None:
    kinds = ("PAPER", "CLEAR FILM", "BLUE FILM", "CURRENT")
    said = {supply_term(level, [Medium(kind, size)]) for size in FILM_SIZES for kind in kinds}  # type: ignore[arg-type]
    specific = {term for term in STATUS_INFO_TERMS if term.startswith(level)}
    assert said == specific | {f"SUPPLY {level}"}
    assert {general_term(term) for term in specific} == {f"SUPPLY {level}"}
    assert general_term("FILM JAM") == "FILM JAM" and general_term("NORMAL") == "NORMAL"
