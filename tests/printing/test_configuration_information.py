"""Configuration Information: settings of known imagers are read, and no text breaks anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.configuration_information import SETTINGS, Configuration, description, parse
from tests.printing.console import StepConsole

KNOWN = [
    ("", Configuration()),
    ("CS000", Configuration(curve=0)),
    ("CS015", Configuration(curve=15)),
    (r"CS123\CN-5\PD2.4", Configuration(curve=123, contrast=-5, base_density_od=2.4)),
    ("CN3", Configuration(contrast=3)),
    ("PD0.2", Configuration(base_density_od=0.2)),
    ("PERCEPTION_LUT=LINEAR", Configuration(perception_lut="LINEAR")),
    ("perception_lut=kanamori", Configuration(perception_lut="KANAMORI")),
    (r"WINDOW_WIDTH=256\WINDOW_CENTER=128", Configuration(window_width=256, window_center=128)),
    ("aycan print G=0.5", Configuration(gamma=0.5)),
    ("aycan print G=2.0 I1=St._Anna I2=Room_4", Configuration(gamma=2.0, texts=("St. Anna", "Room 4"))),
    ("aycan print TI=99", Configuration(unknown=1)),
    ("G=2.0", Configuration(unknown=1)),
    ("CN9", Configuration(unknown=1)),
    (r"PD9.9\CS1", Configuration(unknown=2)),
    (r"LUT=7\CS007", Configuration(curve=7, unknown=1)),
]


@pytest.mark.parametrize(("text", "found"), KNOWN, ids=[text for text, _ in KNOWN])
def test_settings_of_known_imagers(text: str, found: Configuration) -> None:
    assert parse(text) == found


@given(st.text(max_size=300))
def test_any_text_is_one(text: str) -> None:
    assert parse(text).unknown <= 64


def test_the_description_names_every_setting() -> None:
    words = description()
    assert len(words) <= 10240 and words.isascii()
    assert all(setting.words in words for setting in SETTINGS)


def test_what_is_not_understood_is_a_leniency_without_a_warning() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box(ConfigurationInformation=r"CS007\LUT=7")
    assert answer.status == 0 and answer.data is not None
    assert answer.data.ConfigurationInformation == r"CS007\LUT=7"
    console.print_film()
    assert console.submitted.document.pages[0].images[0].configuration_information == r"CS007\LUT=7"
