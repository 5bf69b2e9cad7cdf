"""Calibration: from measured steps to a curve, from the curve to films with the densities of the GSDF."""

from __future__ import annotations

import itertools
import json
import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.calibration import Calibration, Curve, Unusable, curve_of, never_rising
from printing.chart import CODES
from printing.evaluation import P_VALUES, evaluate
from printing.grayscale import Viewing, codes, p_value_density
from printing.tone import Tone, reached_by
from tests.printer_model import PRINTERS, Densities

PAPER_LIGHT, FILM_LIGHT = (150, 0), (2000, 10)


def measured(printer: Densities, noise: float = 0.0) -> Curve:
    steps = printer(np.array(CODES) / 255) + np.random.default_rng(1).normal(0, noise, len(CODES))
    return curve_of(CODES, tuple(map(float, steps)), noise)


@pytest.mark.parametrize("noise", [0.0, 0.008])
@pytest.mark.parametrize("name", PRINTERS)
def test_a_calibrated_film_has_the_densities_of_the_gsdf(name: str, noise: float) -> None:
    printer, paper = PRINTERS[name]
    curve = measured(printer, noise)
    asked = Viewing(0, 500, *(PAPER_LIGHT if paper else FILM_LIGHT))
    reached = reached_by(curve, asked)
    tone = Tone("calibrated", measured=curve)
    p_values = array("d", (p / 255 for p in range(256)))
    targets = np.array([p_value_density(p, reached) for p in p_values])
    for bits in (8, 16):
        full = (1 << bits) - 1
        made = np.array(codes(tone.table(asked, asked)(p_values), bits)) / full
        # Half a code value is what rounding costs; on a steep curve of eight bits that is most of it.
        half = np.abs(printer(np.clip(made + 0.5 / full, 0, 1)) - printer(np.clip(made - 0.5 / full, 0, 1)))
        off = np.abs(printer(made) - targets)
        assert (off <= (0.01 if noise == 0 else 0.03) + half).all(), (bits, off.max())


@pytest.mark.parametrize("name", PRINTERS)
def test_steps_of_p_values_become_even(name: str) -> None:
    """PS3.14 D.2.4: just-noticeable differences per P-value, by what the printer truly prints."""
    printer, paper = PRINTERS[name]
    curve = measured(printer)
    asked = Viewing(0, 500, *(PAPER_LIGHT if paper else FILM_LIGHT))
    reached = reached_by(curve, asked)
    found = {}
    for tone in (Tone("paper" if paper else "film"), Tone("calibrated", measured=curve)):
        sample = tone.curve(asked, asked)
        true = [float(printer(np.array(round(sample(p / 255) * 65535) / 65535))) for p in P_VALUES]
        found[tone.name] = evaluate(true, reached, [p_value_density(p / 255, reached) for p in P_VALUES])
    before, after = found["paper" if paper else "film"], found["calibrated"]
    assert after.mean == pytest.approx(before.mean, rel=0.2)
    assert after.rms < 0.06 * after.mean < before.rms
    assert abs(after.change) < 0.05 and after.worst_od < 0.01 < before.worst_od


def test_the_standard_s_own_film_has_its_figures() -> None:
    """D.2.4: D 0.2 to 3.0 on a viewbox of 2000 and 10 cd/m² is 2.4 just-noticeable differences per P-value."""
    assert (P_VALUES[:8], P_VALUES[-1], len(P_VALUES)) == ((0, 8, 16, 25, 33, 41, 49, 58), 255, 32)
    film = Viewing(20, 300, 2000, 10)
    perfect = evaluate([p_value_density(p / 255, film) for p in P_VALUES], film)
    assert perfect.mean == pytest.approx(2.4, abs=0.05) and perfect.rms < 1e-6
    linear = evaluate([3.0 - 2.8 * p / 255 for p in P_VALUES], film)
    assert linear.rms > 0.5 and linear.change > 1


def test_codes_of_one_density_are_met_in_their_middle() -> None:
    curve = Curve((0.0, 0.2, 0.5, 0.7, 1.0), (2.0, 2.0, 1.0, 0.5, 0.5))
    assert curve.sample(2.0) == pytest.approx(0.1) and curve.sample(0.5) == pytest.approx(0.85)
    assert (curve.sample(9.0), curve.sample(-1.0)) == (curve.sample(2.0), curve.sample(0.5))
    assert curve.sample(1.0) == pytest.approx(0.5)


def test_ends_that_are_not_flat_are_met_exactly() -> None:
    """White that nothing was printed on has no dots in it."""
    curve = measured(PRINTERS["halftone on paper"][0])
    tone = Tone("calibrated", measured=curve).curve(Viewing(0, 500, 150, 0), Viewing(0, 500, 150, 0))
    assert tone(0.0) == pytest.approx(0, abs=1e-5) and tone(1.0) == pytest.approx(1, abs=1e-5)


@given(st.lists(st.floats(0, 4), min_size=8, max_size=40))
def test_the_curve_and_its_inverse_belong_together(values: list[float]) -> None:
    densities = tuple(sorted((round(value, 3) for value in values), reverse=True))
    curve = Curve(tuple(at / (len(densities) - 1) for at in range(len(densities))), densities)
    steps = [at / 200 for at in range(201)]
    made = [curve.density(sample) for sample in steps]
    assert all(left >= right - 1e-9 for left, right in itertools.pairwise(made))
    assert [curve.density(at) for at in curve.samples] == pytest.approx(densities, abs=1e-9)
    for density in made:
        assert curve.density(curve.sample(density)) == pytest.approx(density, abs=1e-3)


@given(st.lists(st.floats(-1, 5), min_size=1, max_size=40))
def test_never_rising_is_the_nearest_row_that_never_rises(values: list[float]) -> None:
    made = never_rising(values)
    assert all(left >= right - 1e-12 for left, right in itertools.pairwise(made))
    assert math.isclose(sum(made), sum(values), abs_tol=1e-9)
    assert never_rising(made) == pytest.approx(made)


def test_what_was_asked_beyond_what_was_measured_is_said() -> None:
    tone = Tone("calibrated", measured=measured(PRINTERS["halftone on paper"][0]))
    assert "0.20 to 3.00 OD were asked" in tone.remark(Viewing(20, 300)) and "1.90" in tone.remark(Viewing(20, 300))
    assert tone.remark(Viewing(20, 190)) == "" and Tone("film").remark(Viewing(0, 400)) == ""


GOOD = tuple(float(one) for one in PRINTERS["linear in density"][0](np.array(CODES) / 255))


@pytest.mark.parametrize(
    ("codes_", "densities", "words"),
    [
        (CODES[:7], GOOD[:7], "at least 8"),
        (CODES[1:], GOOD[1:], "darkest step"),
        (CODES, (*GOOD[:20], GOOD[20] + 0.4, *GOOD[21:]), "step 21"),
        (CODES, (0.5,) * 64, "no grey"),
        (CODES, tuple(reversed(GOOD)), "other way round"),
        (CODES, (9.0, *GOOD[1:]), "outside"),
        (CODES, (math.nan, *GOOD[1:]), "outside"),
        ((*CODES[:-1], 254), GOOD, "brightest"),
    ],
)
def test_what_makes_no_curve_is_refused_in_words(
    codes_: tuple[int, ...], densities: tuple[float, ...], words: str
) -> None:
    with pytest.raises(Unusable, match=words):
        curve_of(codes_, densities)


def test_noise_lets_neighbours_change_places_and_no_more() -> None:
    shaken = (*GOOD[:20], GOOD[20] + 0.2, *GOOD[21:])
    with pytest.raises(Unusable, match="out of order"):
        curve_of(CODES, shaken, 0.005)
    assert curve_of(CODES, shaken, 0.03).densities == pytest.approx(GOOD, abs=0.12)


def test_a_calibration_is_kept_as_json_and_read_as_nothing_else() -> None:
    made = Calibration("FILM", "PAPER", "3F2A91", "2026-10-09T11:15:00+02:00", "M", "typed", CODES, GOOD, 0.01, ("a",))
    assert Calibration.from_json(made.to_json()) == made
    data = json.loads(made.to_json())
    for change in ({"version": 2}, {"codes": [1]}, {"densities": None}, {"more": 1}, {"densities": [1.0] * 64}):
        with pytest.raises(Unusable):
            Calibration.from_json(json.dumps(data | change))
    for text in ("", "[]", "{}", "null", '{"version": 1}'):
        with pytest.raises(Unusable):
            Calibration.from_json(text)
