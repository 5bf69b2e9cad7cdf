"""How near a printer comes to the Grayscale Standard Display Function (PS3.14 D.2.4, D.3.4).

Bars of evenly spaced P-values have densities, these have luminances where they hang, and these have indices of
just-noticeable differences. On a perfect printer each step of P-values is as many of them as any other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from printing.calibration import Curve
from printing.grayscale import Viewing, density_luminance, index
from printing.tone import Tone

BARS = 32
P_VALUES = tuple(int(255 * bar / (BARS - 1) + 0.5) for bar in range(BARS))
"""8-bit P-values of the bars (PS3.14 D.2.4): 0, 8, 16, 25 … 255."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How even the steps are.

    Attributes:
        increments: just-noticeable differences per 8-bit P-value, one for each interval between two bars.
        mean: of the increments.
        rms: root mean square of what they differ from the mean.
        change: of a straight line through the increments, from P-value 0 to 255.
        worst_od: the largest difference between a bar and its density by the GSDF, OD.
    """

    increments: tuple[float, ...]
    mean: float
    rms: float
    change: float
    worst_od: float


def evaluate(densities: Sequence[float], viewing: Viewing, targets: Sequence[float] = ()) -> Evaluation:
    """Judge the densities of the bars.

    Args:
        densities: of `P_VALUES`, OD.
        viewing: the light they are looked at in.
        targets: what they should be, OD.
    """
    indices = [index(density_luminance(density, viewing)) for density in densities]
    steps = [right - left for left, right in itertools.pairwise(P_VALUES)]
    increments = [(after - before) / step for before, after, step in zip(indices, indices[1:], steps, strict=False)]
    mean = sum(increments) / len(increments)
    middles = [left + step / 2 for left, step in zip(P_VALUES, steps, strict=False)]
    centre = sum(middles) / len(middles)
    slope = sum((x - centre) * (y - mean) for x, y in zip(middles, increments, strict=True)) / sum(
        (x - centre) ** 2 for x in middles
    )
    rms = math.sqrt(sum((one - mean) ** 2 for one in increments) / len(increments))
    worst = max((abs(left - right) for left, right in zip(densities, targets, strict=False)), default=0.0)
    return Evaluation(tuple(increments), mean, rms, slope * 255, worst)


def printed(tone: Tone, curve: Curve, viewing: Viewing, bits: int) -> Callable[[float], float]:
    """P-value (0 to 1) → density that the printer puts it out with, OD, rounding to its code values included."""
    sample, full = tone.curve(viewing, viewing), (1 << bits) - 1
    return lambda p_value: curve.density(int(sample(p_value) * full + 0.5) / full)
