"""Configuration Information: settings of known imagers are read, and no text breaks anything."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.configuration_information import SETTINGS, Configuration, Greys, description, greys, parse
from printing.grayscale import Viewing, p_value_density, p_value_table
from printing.page import PresentationLUT
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


FILM = Viewing(20, 300, 2000, 10)
STEPS = [at / 64 for at in range(65)]

WISHES = st.builds(
    "\\".join,
    st.lists(
        st.one_of(
            st.integers(0, 40).map("CS{:03d}".format),
            st.integers(-5, 5).map("CN{}".format),
            st.integers(0, 12).map(lambda at: f"PD{at / 5:.1f}"),
            st.sampled_from(["PERCEPTION_LUT=LINEAR", "PERCEPTION_LUT=KANAMORI"]),
            st.integers(0, 5000).map("WINDOW_WIDTH={}".format),
            st.integers(0, 5000).map("WINDOW_CENTER={}".format),
        ),
        max_size=6,
    ),
) | st.integers(0, 20).map(lambda at: f"aycan print G={at / 10}")


@given(WISHES, st.sampled_from([8, 10, 12]), st.booleans())
def test_whatever_is_asked_the_greys_rise_between_black_and_white(text: str, bits: int, inverted: bool) -> None:
    asked = greys(text, bits, FILM)
    shape = PresentationLUT("LIN OD") if asked.linear_od else None
    table = p_value_table(bits, inverted, shape, asked.seen(FILM), asked.shaped)
    rising = list(reversed(table)) if inverted else list(table)
    assert all(0 <= low <= high + 1e-12 <= 1 + 2e-12 for low, high in itertools.pairwise(rising))
    assert (rising[0], rising[-1]) == pytest.approx((0, 1), abs=1e-9)
    assert asked.seen(FILM).max_density_centi_od - asked.seen(FILM).min_density_centi_od >= 100


@pytest.mark.parametrize(
    "text",
    [
        *("", "CS007", "CS008", "CN0", "aycan print G=1", "PERCEPTION_LUT=KANAMORI", "PD0.2", "unknown"),
        r"WINDOW_WIDTH=256\WINDOW_CENTER=128",
    ],
)
def test_neutral_settings_change_nothing(text: str) -> None:
    assert greys(text, 8, FILM) == Greys()


@pytest.mark.parametrize(
    ("text", "middle", "slope", "said"),
    [
        ("CN5", 0.5, 1.4, "contrast +5"),
        ("CN-5", 0.5, 0.6, "contrast -5"),
        ("CS000", 0.5, 0.6, "contrast curve 0"),
        ("CS015", 0.5, 1.4, "contrast curve 15"),
        ("aycan print G=2", 0.5**0.5, 0.7, "gamma 2"),
        ("aycan print G=0", 0.25, 1.0, "gamma 0"),
        (r"WINDOW_WIDTH=2049\WINDOW_CENTER=2048", 0.5, 2.0, "window 2049 at 2048"),
    ],
)
def test_settings_do_what_they_are_said_to(text: str, middle: float, slope: float, said: str) -> None:
    asked = greys(text, 12, FILM)
    assert (asked.applied, asked.ignored) == ((said,), ())
    assert asked.shaped(0.5, False) == pytest.approx(middle, abs=1e-3)
    found = (asked.shaped(0.505, False) - asked.shaped(0.495, False)) / 0.01
    assert found == pytest.approx(slope, abs=0.02)


def test_a_softer_curve_is_softer() -> None:
    lights = [greys(f"CS{number:03d}", 8, FILM).shaped(0.25, False) for number in range(16)]
    assert lights == sorted(lights, reverse=True) and lights[7] == lights[8] == 0.25


def test_polarity_comes_after_the_window() -> None:
    asked = greys(r"WINDOW_WIDTH=101\WINDOW_CENTER=51", 8, FILM)
    plain, turned = (p_value_table(8, inverted, None, FILM, asked.shaped) for inverted in (False, True))
    assert plain[0] == 0.0 and plain[50] == pytest.approx(0.495) and plain[101] == plain[255] == 1.0
    assert list(turned) == pytest.approx([1 - value for value in plain])


def test_linear_perception_is_linear_density() -> None:
    asked = greys("PERCEPTION_LUT=LINEAR", 8, FILM)
    assert asked.linear_od and asked.applied == ("densities linear",)
    table = p_value_table(8, False, PresentationLUT("LIN OD"), FILM, asked.shaped)
    densities = [p_value_density(value, FILM) for value in table]
    assert densities == pytest.approx([3.0 - value / 255 * 2.8 for value in range(256)], abs=1e-6)


@pytest.mark.parametrize(("text", "lowest"), [("PD0.0", 20), ("PD0.4", 40), ("PD2.0", 200), ("PD2.4", 200)])
def test_a_base_density_is_kept_within_the_printers_range(text: str, lowest: int) -> None:
    assert greys(text, 8, FILM).seen(FILM) == Viewing(lowest, 300, 2000, 10)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("CS016", 8),
        ("CS999", 12),
        ("WINDOW_WIDTH=100", 8),
        (r"WINDOW_WIDTH=1\WINDOW_CENTER=100", 8),
        (r"WINDOW_WIDTH=300\WINDOW_CENTER=128", 8),
        (r"WINDOW_WIDTH=256\WINDOW_CENTER=128", 12),
    ],
)
def test_what_cannot_be_meant_is_left_and_said(text: str, bits: int) -> None:
    asked = greys(text, bits, FILM)
    assert asked.applied == () and len(asked.ignored) == 1
    assert [asked.shaped(step, False) for step in STEPS] == STEPS
