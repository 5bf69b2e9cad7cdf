"""Tones: how P-values become the samples of an output (PS3.14 §7).

The samples of `pvalue` are the P-values themselves: right on a screen that is calibrated to the GSDF, and what a film
imager wants. A PDF is looked at on other screens and printed on paper, where a sample is a step of sRGB: `film` gives
it the relative luminance that the film would have on its viewbox, `paper` that of a sheet of paper under a lamp.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from printing.grayscale import Viewing, density_luminance, index, luminance

T = TypeVar("T")
ToneName = Literal["pvalue", "film", "paper"]

PAPER = Viewing(
    min_density_centi_od=5, max_density_centi_od=210, illumination_cd_m2=150, reflected_ambient_light_cd_m2=0
)
"""Nominal paper: what a laser printer reaches on office paper, under office light (PS3.14 §7.3: La is 0)."""

STEPS = 4096
"""P-values at which a tone is computed; between them it is drawn straight (an error below 10⁻⁶)."""


@dataclass(frozen=True, slots=True)
class Tone:
    """One way of making samples.

    Attributes:
        name: pvalue, film or paper.
        black_point: take the luminance of the darkest density away, so that black is black: a screen has its own.
    """

    name: ToneName = "pvalue"
    black_point: bool = True

    def curve(self, image: Viewing, film: Viewing) -> Callable[[float], float]:
        """P-value (0 to 1) → sample (0 to 1).

        Args:
            image: the viewing of one image box, whose own densities may be narrower than the film's.
            film: that of the whole film, whose brightest density is white.
        """
        if self.name == "pvalue":
            return _same
        if self.name == "paper":
            image = film = PAPER
        lowest, highest = (index(light) for light in luminances_of(image))
        black, white = luminances_of(film)
        floor = black if self.black_point else 0.0
        if white <= floor:
            return lambda _: 1.0

        def sample(p_value: float) -> float:
            light = luminance(lowest + p_value * (highest - lowest))
            return srgb(min(max((light - floor) / (white - floor), 0.0), 1.0))

        return sample

    def table(self, image: Viewing, film: Viewing) -> Callable[[array[float]], array[float]]:
        """The curve for whole tables of P-values, computed at `STEPS` places once."""
        if self.name == "pvalue":
            return _same
        curve = self.curve(image, film)
        knots = [curve(step / (STEPS - 1)) for step in range(STEPS)]

        def through(p_values: array[float]) -> array[float]:
            made = array("d", bytes(8 * len(p_values)))
            for at, p_value in enumerate(p_values):
                position = p_value * (STEPS - 1)
                left = min(int(position), STEPS - 2)
                made[at] = knots[left] + (position - left) * (knots[left + 1] - knots[left])
            return made

        return through


def _same(value: T) -> T:
    return value


def luminances_of(viewing: Viewing) -> tuple[float, float]:
    """The darkest and the brightest, within what the GSDF is defined for."""
    darkest = density_luminance(viewing.max_density_centi_od / 100, viewing)
    brightest = density_luminance(viewing.min_density_centi_od / 100, viewing)
    return luminance(index(darkest)), luminance(index(brightest))


def srgb(relative_luminance: float) -> float:
    """The sRGB value of a relative luminance, both 0 to 1 (IEC 61966-2-1)."""
    if relative_luminance <= 0.0031308:
        return 12.92 * relative_luminance
    return 1.055 * math.pow(relative_luminance, 1 / 2.4) - 0.055
