"""Tones: how P-values become the samples of an output (PS3.14 §7).

The samples of `pvalue` are the P-values themselves: right on a screen that is calibrated to the GSDF, and what a film
imager wants. A PDF is looked at on other screens and printed on paper, where a sample is a step of sRGB: `film` gives
it the relative luminance that the film would have on its viewbox, `paper` that of a sheet of paper under a lamp. What a
printer really makes of a sample is measured: `calibrated` sends the code values that are printed with the densities of
the GSDF. `device` sends what it is given as code values, for the chart that is measured.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeVar

from printing.calibration import Curve
from printing.grayscale import Viewing, density_luminance, index, luminance
from printing.page import FilmPage

T = TypeVar("T")
ToneName = Literal["pvalue", "film", "paper", "calibrated", "device"]

PAPER = Viewing(
    min_density_centi_od=5, max_density_centi_od=210, illumination_cd_m2=150, reflected_ambient_light_cd_m2=0
)
"""Nominal paper: what a laser printer reaches on office paper, under office light (PS3.14 §7.3: La is 0)."""

STEPS = 4096
"""P-values at which a tone is computed; between them it is drawn straight (an error below 10⁻⁶)."""

NOT_REACHED = "densities of {} OD were asked for, the printer was measured to reach {} OD: greys are fitted into that"


@dataclass(frozen=True, slots=True)
class Tone:
    """One way of making samples.

    Attributes:
        name: pvalue, film, paper, calibrated or device.
        black_point: take the luminance of the darkest density away, so that black is black: a screen has its own.
        measured: of calibrated: what the printer makes of its code values.
        paper: of paper: what it reaches, and the light under which it is looked at.
    """

    name: ToneName = "pvalue"
    black_point: bool = True
    measured: Curve | None = None
    paper: Viewing = PAPER

    def __post_init__(self) -> None:
        if (self.name == "calibrated") != (self.measured is not None):
            raise ValueError("the tone calibrated needs a measured curve, and no other has one")

    def own(self, page: FilmPage) -> FilmPage:
        """A film with the densities of the paper where nobody asked for others: one that was made for film, and came
        here by `also` or `fallback`, takes the whole range of the paper."""
        if self.name != "paper":
            return page
        given = page.given or ()
        lowest, highest = int(self.paper.min_density_centi_od), int(self.paper.max_density_centi_od)
        page = page if "MinDensity" in given else replace(page, min_density_centi_od=lowest)
        return page if "MaxDensity" in given else replace(page, max_density_centi_od=highest)

    def seen(self, viewing: Viewing) -> Viewing:
        """The densities and the light in which P-values become what is seen: what is asked for, as far as the paper or
        what was measured reaches it. A density that is asked for by its number is the P-value that has it here."""
        if self.measured is not None:
            return reached_by(self.measured, viewing)
        if self.name != "paper":
            return viewing
        limits = self.paper.min_density_centi_od, self.paper.max_density_centi_od
        lowest, highest = (
            min(max(asked, limits[0]), limits[1])
            for asked in (viewing.min_density_centi_od, viewing.max_density_centi_od)
        )
        return replace(self.paper, min_density_centi_od=lowest, max_density_centi_od=highest)

    def curve(self, image: Viewing, film: Viewing) -> Callable[[float], float]:
        """P-value (0 to 1) → sample (0 to 1).

        Args:
            image: the viewing of one image box, whose own densities may be narrower than the film's.
            film: that of the whole film, whose brightest density is white.
        """
        if self.name in ("pvalue", "device"):
            return _same
        if self.measured is not None:
            return _calibrated(self.measured, image)
        image, film = self.seen(image), self.seen(film)
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
        if self.name in ("pvalue", "device"):
            return _same
        knots = _knots(self, image, film)

        def through(p_values: array[float]) -> array[float]:
            made = array("d", bytes(8 * len(p_values)))
            for at, p_value in enumerate(p_values):
                position = p_value * (STEPS - 1)
                left = min(int(position), STEPS - 2)
                made[at] = knots[left] + (position - left) * (knots[left + 1] - knots[left])
            return made

        return through

    def remark(self, viewing: Viewing) -> str:
        """What a technician should know of densities that the printer does not reach; empty where it does."""
        if self.measured is None:
            return ""
        reached = reached_by(self.measured, viewing)
        asked = viewing.min_density_centi_od, viewing.max_density_centi_od
        found = reached.min_density_centi_od, reached.max_density_centi_od
        if all(abs(one - other) <= 1.0 for one, other in zip(asked, found, strict=True)):
            return ""
        return NOT_REACHED.format(*(f"{low / 100:.2f} to {high / 100:.2f}" for low, high in (asked, found)))


def _same(value: T) -> T:
    return value


@lru_cache(maxsize=8)
def _knots(tone: Tone, image: Viewing, film: Viewing) -> array[float]:
    curve = tone.curve(image, film)
    return array("d", (curve(step / (STEPS - 1)) for step in range(STEPS)))


def reached_by(measured: Curve, viewing: Viewing) -> Viewing:
    """What of a viewing a printer reaches: asked densities, as far as they were measured."""
    lowest = max(viewing.min_density_centi_od, measured.min_density_od * 100)
    highest = min(viewing.max_density_centi_od, measured.max_density_od * 100)
    return replace(viewing, min_density_centi_od=lowest, max_density_centi_od=max(lowest, highest))


def _calibrated(measured: Curve, asked: Viewing) -> Callable[[float], float]:
    """P-value → density by the GSDF → the code value that is printed with it (PS3.14 D.2.2, D.3.2)."""
    viewing = reached_by(measured, asked)
    lowest, highest = (index(light) for light in luminances_of(viewing))
    ambient, lamp = viewing.reflected_ambient_light_cd_m2, viewing.illumination_cd_m2

    def sample(p_value: float) -> float:
        light = luminance(lowest + p_value * (highest - lowest)) - ambient
        if light <= 0 or lamp <= 0:
            return measured.sample(viewing.max_density_centi_od / 100)
        density = -math.log10(light / lamp)
        limits = viewing.min_density_centi_od / 100, viewing.max_density_centi_od / 100
        return measured.sample(min(max(density, limits[0]), limits[1]))

    return sample


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
