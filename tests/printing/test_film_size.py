"""Film Size ID, PS3.3 C.13.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing import film_size


@pytest.mark.parametrize(
    ("identifier", "width_mm", "height_mm"),
    [
        ("8INX10IN", 203.2, 254.0),
        ("8_5INX11IN", 215.9, 279.4),
        ("10INX12IN", 254.0, 304.8),
        ("10INX14IN", 257.0, 364.0),
        ("11INX14IN", 279.4, 355.6),
        ("11INX17IN", 279.4, 431.8),
        ("14INX14IN", 355.6, 355.6),
        ("14INX17IN", 355.6, 431.8),
        ("24CMX24CM", 240.0, 240.0),
        ("24CMX30CM", 240.0, 300.0),
        ("A4", 210.0, 297.0),
        ("A3", 297.0, 420.0),
    ],
)
def test_c_13_3_sizes(identifier: str, width_mm: float, height_mm: float) -> None:
    film = film_size.parse(identifier)
    assert film is not None
    assert film.hung("PORTRAIT") == (width_mm, height_mm)
    assert film.hung("LANDSCAPE") == (height_mm, width_mm)


def test_a_size_that_says_its_edges_is_that_size() -> None:
    film = film_size.parse(" 35cmx43cm ")
    assert film == film_size.FilmSize("35CMX43CM", 350.0, 430.0)


@pytest.mark.parametrize("identifier", ["", "14X17", "CURRENT", "0INX0IN", "1INX1IN", "99INX99IN", "A5", "14INX17"])
def test_what_says_no_size_is_none(identifier: str) -> None:
    assert film_size.parse(identifier) is None


@given(st.text(max_size=30))
def test_any_text_is_a_film_within_bounds_or_none(text: str) -> None:
    film = film_size.parse(text)
    assert film is None or (50 <= film.width_mm <= 1000 and 50 <= film.height_mm <= 1000)
