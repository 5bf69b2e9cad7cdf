"""Calibration: what a printer makes of its code values, as measured on one medium (PS3.14 D.2.1, D.3.1).

A step chart gives optical densities of some code values. Between them the light that comes through, or back, is drawn
by a cubic that never turns round: halftones mix in light, not in density, and film answers smoothly. The curve turned
round gives the code value of a density; where several code values print the same density it is the one in the middle.
"""

from __future__ import annotations

import itertools
import json
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from printing.page import plain

VERSION = 1
"""Version of the JSON form; a reader refuses another one."""

FULL_CODE = 255
"""Code values of a chart have eight bits: 0 is the darkest."""
LEAST_STEPS, MOST_STEPS = 8, 256
LOWEST_OD, HIGHEST_OD = -0.05, 5.0
"""Densities that a densitometer can have read; paper may be a little brighter than its white reference."""
LEAST_RANGE_OD = 0.3
"""A printer whose darkest and brightest differ by less prints no grey."""
OUT_OF_ORDER_OD = 0.03
"""How far a step may stand out of its order by chance, where the measurement knows no noise of its own."""

_PARTS = 64
"""Places of the curve that are computed between two steps; between them it is straight."""
_SAME_OD = 1e-6


class Unusable(ValueError):
    """These measurements make no curve; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The characteristic curve of a printer on a medium.

    Attributes:
        samples: rising, 0.0 (the darkest code value) to 1.0.
        densities: optical densities of the samples, OD; never rising.
    """

    samples: tuple[float, ...]
    densities: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.samples) == len(self.densities) <= MOST_STEPS:
            raise Unusable(f"a curve has 2 to {MOST_STEPS} samples, and a density for each")
        if not all(map(math.isfinite, (*self.samples, *self.densities))):
            raise Unusable("a sample or a density is no number")
        pairs = list(zip(self.samples, self.densities, strict=True))
        if (
            pairs[0][0] < 0
            or pairs[-1][0] > 1
            or any(left[0] >= right[0] or left[1] < right[1] for left, right in itertools.pairwise(pairs))
        ):
            raise Unusable("samples rise from 0 to 1, and their densities never rise")

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Curve:
        """The curve of what JSON knows of it.

        Raises:
            Unusable: it is none.
        """
        try:
            return cls(tuple(map(float, data["samples"])), tuple(map(float, data["densities"])))
        except (KeyError, TypeError, ValueError) as failure:
            raise Unusable(f"not a curve: {failure}") from failure

    @property
    def min_density_od(self) -> float:
        """Of the brightest sample."""
        return self.densities[-1]

    @property
    def max_density_od(self) -> float:
        """Of the darkest sample."""
        return self.densities[0]

    def density(self, sample: float) -> float:
        """Optical density that a sample (0 to 1) is printed with, OD."""
        samples, densities = _drawn(self)
        return _between(samples, densities, min(max(sample, samples[0]), samples[-1]))

    def sample(self, density_od: float) -> float:
        """The sample (0 to 1) that is printed with a density; the nearest one where the printer does not reach it."""
        samples, densities = _drawn(self)
        if density_od >= densities[0]:
            density_od = densities[0]
        elif density_od <= densities[-1]:
            density_od = densities[-1]
        # Densities fall: the same search on their negatives. A stretch of one density has two ends, all else one place.
        rising = _negative(self)
        first = bisect_left(rising, -density_od - _SAME_OD)
        last = bisect_right(rising, -density_od + _SAME_OD) - 1
        if first <= last:
            return (samples[first] + samples[last]) / 2
        share = (densities[last] - density_od) / (densities[last] - densities[first])
        return samples[last] + share * (samples[first] - samples[last])


@lru_cache(maxsize=8)
def _drawn(curve: Curve) -> tuple[array[float], array[float]]:
    """(samples, densities) at `_PARTS` places between two steps: a monotone cubic of light (Fritsch and Carlson)."""
    x, light = curve.samples, [10**-density for density in curve.densities]
    count = len(x)
    width = [x[at + 1] - x[at] for at in range(count - 1)]
    rise = [(light[at + 1] - light[at]) / width[at] for at in range(count - 1)]
    slopes = [_end_slope(width, rise, 0, 1)]
    for at in range(1, count - 1):
        if rise[at - 1] <= 0 or rise[at] <= 0:
            slopes.append(0.0)
            continue
        before, after = width[at] * 2 + width[at - 1], width[at] + width[at - 1] * 2
        slopes.append((before + after) / (before / rise[at - 1] + after / rise[at]))
    slopes.append(_end_slope(width, rise, -1, -2))
    samples, densities = array("d", [x[0]]), array("d", [curve.densities[0]])
    for at in range(count - 1):
        for part in range(1, _PARTS):
            t = part / _PARTS
            value = (
                light[at] * (1 + 2 * t) * (1 - t) ** 2
                + slopes[at] * width[at] * t * (1 - t) ** 2
                + light[at + 1] * t * t * (3 - 2 * t)
                - slopes[at + 1] * width[at] * t * t * (1 - t)
            )
            value = min(max(value, light[at]), light[at + 1])
            samples.append(x[at] + t * width[at])
            densities.append(min(-math.log10(value), densities[-1]))
        samples.append(x[at + 1])
        densities.append(min(curve.densities[at + 1], densities[-1]))
    return samples, densities


def _end_slope(width: Sequence[float], rise: Sequence[float], end: int, next_to_it: int) -> float:
    """Slope at an end, by the three steps next to it; it neither turns round nor runs away."""
    if len(rise) == 1:
        return rise[0]
    near, far = rise[end], rise[next_to_it]
    slope = ((2 * width[end] + width[next_to_it]) * near - width[end] * far) / (width[end] + width[next_to_it])
    return min(max(slope, 0.0), 3 * near)


@lru_cache(maxsize=8)
def _negative(curve: Curve) -> array[float]:
    return array("d", (-density for density in _drawn(curve)[1]))


def _between(xs: array[float], ys: array[float], x: float) -> float:
    right = min(max(bisect_right(xs, x), 1), len(xs) - 1)
    left = right - 1
    return ys[left] + (x - xs[left]) / (xs[right] - xs[left]) * (ys[right] - ys[left])


def never_rising(values: Sequence[float]) -> list[float]:
    """The nearest row of values that never rises: neighbours out of order become their mean (least squares)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while blocks and blocks[-1][0] < mean:
            before, others = blocks.pop()
            mean = (before * others + mean * count) / (others + count)
            count += others
        blocks.append((mean, count))
    return [mean for mean, count in blocks for _ in range(count)]


@dataclass(frozen=True, slots=True)
class Calibration:
    """One measurement of a printer on a medium.

    Attributes:
        printer: its AE title.
        medium: Medium Type (2000,0030) that was measured.
        chart: identifier of the step chart.
        measured: when, RFC 3339 with offset.
        by: who; may be empty.
        method: how densities were found, in words, with what is assumed.
        codes: 8-bit code values, rising.
        densities: as measured, OD.
        noise_od: standard deviation of one density, as far as the measurement tells; 0 where it does not.
        remarks: what a technician should know.
    """

    printer: str
    medium: str
    chart: str
    measured: str
    by: str
    method: str
    codes: tuple[int, ...]
    densities: tuple[float, ...]
    noise_od: float = 0.0
    remarks: tuple[str, ...] = ()

    @property
    def curve(self) -> Curve:
        """The curve of these measurements.

        Raises:
            Unusable: they make none.
        """
        return curve_of(self.codes, self.densities, self.noise_od)

    def to_json(self) -> str:
        """The calibration as JSON."""
        return json.dumps({"version": VERSION, **plain(self)}, ensure_ascii=True, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Calibration:
        """The calibration that `to_json` wrote.

        Raises:
            Unusable: it is something else, of another version, or no curve.
        """
        try:
            data = json.loads(text)
            if data.pop("version") != VERSION:
                raise Unusable("the calibration is of another version of this program")
            data |= {name: tuple(data[name]) for name in ("codes", "densities", "remarks")}
            made = cls(**data)
            made.curve  # noqa: B018 - measured again by the same rules
        except Unusable:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as failure:
            raise Unusable(f"not a calibration: {failure}") from failure
        return made


def curve_of(codes: Sequence[int], densities: Sequence[float], noise_od: float = 0.0) -> Curve:
    """The curve of measured steps.

    Args:
        codes: 8-bit code values, rising, with 0 and 255 among them.
        densities: OD.
        noise_od: standard deviation of one density; neighbours may be out of order by chance of it.

    Raises:
        Unusable: too few steps, no grey, or densities that are out of order beyond chance.
    """
    if len(codes) != len(densities) or not LEAST_STEPS <= len(codes) <= MOST_STEPS:
        raise Unusable(f"{len(codes)} steps were measured: at least {LEAST_STEPS} are needed")
    if list(codes) != sorted(set(codes)) or codes[0] != 0 or codes[-1] != FULL_CODE:
        raise Unusable(f"the darkest step (0) and the brightest ({FULL_CODE}) must be among them, each step once")
    if not all(math.isfinite(one) and LOWEST_OD <= one <= HIGHEST_OD for one in densities):
        raise Unusable(f"a density lies outside of {LOWEST_OD:g} to {HIGHEST_OD:g} OD")
    if densities[0] - densities[-1] < LEAST_RANGE_OD:
        raise Unusable(
            f"the darkest step has {densities[0]:.2f} OD and the brightest {densities[-1]:.2f}: the printer prints no"
            " grey, or the densities were entered the other way round"
        )
    smooth = never_rising(densities)
    off, at = max((abs(smooth[at] - densities[at]), at) for at in range(len(codes)))
    if off > max(OUT_OF_ORDER_OD, 4 * noise_od, 0.03 * densities[at]):
        raise Unusable(
            f"step {at + 1} (code {codes[at]}, {densities[at]:.2f} OD) is out of order with its neighbours by"
            f" {off:.2f} OD: look at the chart there, and measure it again"
        )
    return Curve(tuple(code / FULL_CODE for code in codes), tuple(smooth))
