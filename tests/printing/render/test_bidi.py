"""UAX #9 in lines of annotations: capital letters stand for Hebrew, as in the annex."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.render.bidi import runs_both_ways, visual_order

HEBREW = {chr(ord("A") + at): chr(0x5D0 + at) for at in range(26)}


@pytest.mark.parametrize(
    ("read", "seen"),
    [
        ("", ""),
        ("car", "car"),
        ("CAR", "RAC"),
        ("car means CAR.", "car means RAC."),
        ("CAR is car.", ".is car RAC"),
        ("he said IT IS 123, ok", "he said 123 SI TI, ok"),
        ("ITEM 12.5 MM", "MM 12.5 METI"),
        ("ON 12/03/2026", "12/03/2026 NO"),
        ("ct COHEN DAVID 12", "ct 12 DIVAD NEHOC"),
        ("COHEN 123 ct", "ct 123 NEHOC"),
        ("5% OF", "FO 5%"),
        ("12 car", "12 car"),
    ],
)
def test_a_line_is_seen_as_the_annex_has_it(read: str, seen: str) -> None:
    text = "".join(HEBREW.get(sign, sign) for sign in read)
    wanted = "".join(HEBREW.get(sign, sign) for sign in seen)
    assert "".join(text[at] for at in visual_order(text)) == wanted
    assert runs_both_ways(text) is any(sign in HEBREW for sign in read)


@given(st.text())
def test_every_character_has_one_place(text: str) -> None:
    assert sorted(visual_order(text)) == list(range(len(text)))
