"""Grey by the standard: polarity, P-values, the GSDF and optical density (PS3.4 H.2.1.2, PS3.14 §7, PS3.3 C.11.4).

The way of a stored value is: polarity → Presentation LUT → P-value → GSDF luminance → optical density. Everything here
is a pure function of numbers, without numpy: an image is turned by one table of at most 65,536 entries.

P-values are fractions here, 0.0 (darkest) to 1.0 (brightest); an output scales them to its own bits as the last step.
The standard fits L(j) and its inverse by two formulas that disagree (0.007 OD at Dmax 4.0), so j(L) is found by
inverting L(j) numerically.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from printing.page import FilmPage, PageImage, PresentationLUT

# PS3.14 §7.1, coefficients of the Grayscale Standard Display Function.
_NUMERATOR = (-1.3011877, 8.0242636e-2, 1.3646699e-1, -2.5468404e-2, 1.3635334e-3)
_DENOMINATOR = (1.0, -2.5840191e-2, -1.0320229e-1, 2.8745620e-2, -3.1978977e-3, 1.2992634e-4)

J_MIN, J_MAX = 1.0, 1023.0
"""Indices of just-noticeable differences that the function is defined for."""

TOLERANCE = 1e-12
"""Of a luminance, relative, where j(L) is inverted: a double's noise in L(j) is a tenth of it."""

LOWEST_CD_M2, HIGHEST_CD_M2 = 0.05, 3993.4
"""Luminances of J_MIN and J_MAX as the standard prints them; outside, the function ends and values are clamped."""


class _Densities(Protocol):
    @property
    def min_density_centi_od(self) -> float: ...
    @property
    def max_density_centi_od(self) -> float: ...
    @property
    def illumination_cd_m2(self) -> int: ...
    @property
    def reflected_ambient_light_cd_m2(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Viewing:
    """What decides which density a P-value gets: the film's densities and the light of the place where it hangs."""

    min_density_centi_od: float = 20
    max_density_centi_od: float = 320
    illumination_cd_m2: int = 2000
    reflected_ambient_light_cd_m2: int = 10

    @classmethod
    def of(cls, page: FilmPage, image: PageImage | None = None) -> Viewing:
        """The viewing of a film, or of one image box of it, whose own densities win (PS3.4 H.4.3.1.2.1.1)."""
        lowest: float = page.min_density_centi_od
        highest: float = page.max_density_centi_od
        if image is not None:
            lowest = lowest if image.min_density_centi_od is None else image.min_density_centi_od
            highest = highest if image.max_density_centi_od is None else image.max_density_centi_od
        return cls(lowest, highest, page.illumination_cd_m2, page.reflected_ambient_light_cd_m2)


def inverts(photometric_interpretation: str, polarity: str) -> bool:
    """Whether the lowest stored value is the brightest: MONOCHROME1 or REVERSE, but not both (PS3.3 C.13.5.1)."""
    return (photometric_interpretation == "MONOCHROME1") != (polarity == "REVERSE")


def luminance(j: float) -> float:
    """L(j) in cd/m² (PS3.14 §7.1); `j` is clamped to what the function is defined for."""
    x = math.log(min(max(j, J_MIN), J_MAX))
    return float(10 ** (_horner(_NUMERATOR, x) / _horner(_DENOMINATOR, x)))


def _horner(coefficients: tuple[float, ...], x: float) -> float:
    value = 0.0
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


@cache
def _luminances() -> tuple[float, ...]:
    return tuple(luminance(j) for j in range(int(J_MIN), int(J_MAX) + 1))


def index(luminance_cd_m2: float) -> float:
    """j(L): the index whose luminance this is, by inverting L(j); clamped at both ends of the function."""
    steps = _luminances()
    if luminance_cd_m2 <= steps[0]:
        return J_MIN
    if luminance_cd_m2 >= steps[-1]:
        return J_MAX
    below = bisect_right(steps, luminance_cd_m2)
    low, high = float(below), below + 1.0
    under, over = steps[below - 1] - luminance_cd_m2, steps[below] - luminance_cd_m2
    found = low
    while abs(under) > TOLERANCE * luminance_cd_m2:  # the function is nearly straight within a step: three rounds
        found = low - under * (high - low) / (over - under)
        rest = luminance(found) - luminance_cd_m2
        if not low < found < high or abs(rest) <= TOLERANCE * luminance_cd_m2:
            break
        if rest < 0:
            low, under = found, rest
        else:
            high, over = found, rest
    return found


def within_gsdf(viewing: _Densities) -> bool:
    """Whether every luminance of this viewing lies in the function; else densities are clamped (worth a warning)."""
    darkest, brightest = _luminance_range(viewing)
    return darkest >= LOWEST_CD_M2 and brightest <= HIGHEST_CD_M2


def density_luminance(density_od: float, viewing: _Densities) -> float:
    """L = La + L0 · 10^-D in cd/m² (PS3.14 §7.2; for paper La is 0, §7.3)."""
    return float(viewing.reflected_ambient_light_cd_m2 + viewing.illumination_cd_m2 * 10**-density_od)


def _luminance_range(viewing: _Densities) -> tuple[float, float]:
    return (
        density_luminance(viewing.max_density_centi_od / 100, viewing),
        density_luminance(viewing.min_density_centi_od / 100, viewing),
    )


def _index_range(viewing: _Densities) -> tuple[float, float]:
    darkest, brightest = _luminance_range(viewing)
    return index(darkest), index(brightest)


def p_value_density(p_value: float, viewing: _Densities) -> float:
    """Optical density of a P-value (0.0 to 1.0) in OD (PS3.14 §7.2)."""
    lowest, highest = _index_range(viewing)
    light = luminance(lowest + min(max(p_value, 0.0), 1.0) * (highest - lowest))
    light -= viewing.reflected_ambient_light_cd_m2
    limit_min, limit_max = viewing.min_density_centi_od / 100, viewing.max_density_centi_od / 100
    if light <= 0 or viewing.illumination_cd_m2 <= 0:
        return limit_max
    return min(max(-math.log10(light / viewing.illumination_cd_m2), limit_min), limit_max)


def od_p_value(density_od: float, viewing: _Densities) -> float:
    """P-value (0.0 to 1.0) of an optical density: the inverse of `p_value_density`, clamped to Dmin and Dmax."""
    lowest, highest = _index_range(viewing)
    if highest <= lowest:
        return 0.0
    return min(max((index(density_luminance(density_od, viewing)) - lowest) / (highest - lowest), 0.0), 1.0)


def density_p_value(density: str, viewing: _Densities) -> float:
    """P-value of a Border or Empty Image Density (2010,0100), (2010,0110).

    Args:
        density: BLACK (the film's maximum density), WHITE (its minimum), or hundredths of OD in digits.
        viewing: a `Viewing`, or the FilmPage itself.
    """
    if density == "BLACK":
        return 0.0
    if density == "WHITE":
        return 1.0
    return od_p_value(int(density) / 100, viewing)


def p_value_table(
    bits_stored: int,
    inverted: bool,
    lut: PresentationLUT | None = None,
    viewing: _Densities | None = None,
    shaped: Callable[[float, bool], float] | None = None,
) -> array[float]:
    """The lookup table of one image box: stored value → P-value, as an array of doubles from 0.0 to 1.0.

    Args:
        bits_stored: 1 to 16; the table has 2**bits_stored entries.
        inverted: what `inverts` said: polarity comes before the Presentation LUT (PS3.4 H.2.1.2).
        lut: the Presentation LUT. None is IDENTITY: without one the standard names no curve. LIN OD: the density falls
            linearly from Dmax to Dmin over the stored values (C.11.4.1). A table of another length than the stored
            values are many is stretched over them.
        viewing: needed for LIN OD only.
        shaped: (stored value, inverted) → what goes into IDENTITY or LIN OD, all 0.0 to 1.0; None is the value after
            polarity. A table is never shaped.
    """
    entries: int = 1 << bits_stored
    full = entries - 1
    if lut is not None and lut.table is not None:
        last, whole = len(lut.table) - 1, (1 << lut.bits) - 1
        table = array("d", (lut.table[(value * last * 2 + full) // (2 * full)] / whole for value in range(entries)))
        if inverted:
            table.reverse()
        return table
    if shaped is None:
        table = array("d", (value / full for value in range(entries)))
        if inverted:
            table.reverse()
    else:
        table = array("d", (shaped(value / full, inverted) for value in range(entries)))
    return table if lut is None or lut.shape != "LIN OD" else _linear_density(table, viewing or Viewing())


def _linear_density(values: array[float], viewing: _Densities) -> array[float]:
    darkest, brightest = viewing.max_density_centi_od / 100, viewing.min_density_centi_od / 100
    lowest, highest = _index_range(viewing)
    if highest <= lowest:
        return array("d", bytes(8 * len(values)))
    span = highest - lowest
    lights = (density_luminance(darkest + value * (brightest - darkest), viewing) for value in values)
    return array("d", (min(max((index(light) - lowest) / span, 0.0), 1.0) for light in lights))


def codes(table: array[float], bits: int = 8) -> array[int]:
    """P-values as integers of an output, 0 to 2**bits - 1, halves rounded up."""
    full = (1 << bits) - 1
    return array("B" if bits <= 8 else "H", (int(value * full + 0.5) for value in table))
