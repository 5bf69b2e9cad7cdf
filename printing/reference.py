"""What the values of a scanner mean: a step wedge that was scanned with it, or known densities and a gamma."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from printing.calibration import HIGHEST_OD, LOWEST_OD

FEWEST_WEDGE_STEPS, MOST_ROWS = 4, 1000
GAMMA = 2.2


class NotAReference(ValueError):
    """These numbers say nothing of a scanner; the text says why."""


@dataclass(frozen=True, slots=True)
class Wedge:
    """A step wedge of known densities, seen by the scanner.

    Attributes:
        scanned: scanner values of its steps, 0.0 to 1.0, rising.
        densities: their densities, OD, falling.
    """

    scanned: tuple[float, ...]
    densities: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.scanned) != len(self.densities) or len(self.scanned) < FEWEST_WEDGE_STEPS:
            raise NotAReference(f"a wedge has at least {FEWEST_WEDGE_STEPS} steps")
        steps = list(zip(self.scanned, self.densities, strict=True))
        for (value, density), (brighter, thinner) in itertools.pairwise(steps):
            if value >= brighter or density <= thinner:
                raise NotAReference(
                    f"the wedge is out of order: {density:g} OD has value {value:g}, {thinner:g} OD has {brighter:g}"
                )

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scanner values (0 to 1) → light. Beyond the wedge its last two steps are drawn on."""
        x, y = np.array(self.scanned), np.array(self.densities)
        density = np.interp(values, x, y)
        for end, slope_at in ((0, 1), (-1, -2)):
            slope = (y[end] - y[slope_at]) / (x[end] - x[slope_at])
            beyond = values < x[0] if end == 0 else values > x[-1]
            density = np.where(beyond, y[end] + slope * (values - x[end]), density)
        return np.asarray(10.0**-density)

    @property
    def words(self) -> str:
        """How densities were found."""
        thinnest, densest = self.densities[-1], self.densities[0]
        return f"scan, by a wedge of {len(self.densities)} steps from {thinnest:.2f} to {densest:.2f} OD"


@dataclass(frozen=True, slots=True)
class KnownDensities:
    """One or two known densities, and the assumption that the scanner's value is light to the power of 1 / gamma.

    Attributes:
        white: (scanner value 0 to 1, OD) of the brightest step.
        black: the same of the darkest; None assumes that no light at all is the value 0.
        gamma: 1 of a scanner that is linear; 2.2, and nearly sRGB, of one that makes pictures.
    """

    white: tuple[float, float]
    black: tuple[float, float] | None = None
    gamma: float = GAMMA

    def __post_init__(self) -> None:
        if not 0.5 <= self.gamma <= 4:
            raise NotAReference("the gamma of a scanner lies between 0.5 and 4")
        if self.black is not None and (self.black[0] >= self.white[0] or self.black[1] <= self.white[1]):
            raise NotAReference("the darkest step is not darker than the brightest: black and white are mixed up")

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scanner values (0 to 1) → light."""
        bright, high = self.white[0] ** self.gamma, 10.0 ** -self.white[1]
        dark, low = (self.black[0] ** self.gamma, 10.0 ** -self.black[1]) if self.black is not None else (0.0, 0.0)
        return np.asarray(low + (values**self.gamma - dark) * (high - low) / (bright - dark))

    @property
    def words(self) -> str:
        """How densities were found, with what is assumed."""
        black = f" and black {self.black[1]:.2f} OD" if self.black is not None else ", and value 0 as no light"
        return f"scan, by white {self.white[1]:.2f} OD{black}; the scanner is assumed to have a gamma of {self.gamma:g}"


def rows_of(text: str, *columns: int) -> list[tuple[float, ...]]:
    """The rows of a CSV file of numbers: commas, semicolons or tabs; words above them are headings.

    Args:
        text: the file.
        columns: how many numbers a row may have; the first row decides.

    Raises:
        NotAReference: a row has another number of columns, or a cell is no number.
    """
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    mark = next((sign for sign in ";\t" if lines and sign in lines[0]), ",")
    found: list[tuple[float, ...]] = []
    for number, cells in enumerate(csv.reader(lines[:MOST_ROWS], delimiter=mark), 1):
        try:
            row = tuple(float(cell.replace(",", ".")) for cell in cells if cell.strip())
        except ValueError:
            if not found:
                continue  # a heading
            raise NotAReference(f"line {number}: {', '.join(cells)} are no numbers") from None
        if len(row) not in columns or not all(map(math.isfinite, row)):
            wanted = " or ".join(map(str, columns))
            raise NotAReference(f"line {number}: {wanted} numbers are needed, {len(row)} stand there")
        columns = (len(row),)
        found.append(row)
    return found


def wedge_of(text: str, full: int) -> Wedge:
    """A wedge of a CSV file: scanner value, density.

    Args:
        text: the file.
        full: the scanner's highest value, 255 or 65535.

    Raises:
        NotAReference: it is none.
    """
    rows = sorted((value / full, density) for value, density in rows_of(text, 2))
    if any(not 0 <= value <= 1 or not LOWEST_OD <= density <= HIGHEST_OD for value, density in rows):
        raise NotAReference(f"a wedge has scanner values from 0 to {full}, and densities from 0 to {HIGHEST_OD:g} OD")
    return Wedge(tuple(value for value, _ in rows), tuple(density for _, density in rows))


def typed(text: str, codes: Sequence[int]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """(codes, densities) of a CSV file from a densitometer: step, density; or a density a line, the darkest step first.

    Raises:
        NotAReference: a step that the chart does not have, or one twice.
    """
    rows = rows_of(text, 1, 2)
    if rows and len(rows[0]) == 1:
        rows = [(at, *row) for at, row in enumerate(rows, 1)]
    measured: dict[int, float] = {}
    for step, density in rows:
        if step != int(step) or not 1 <= step <= len(codes):
            raise NotAReference(f"the chart has no step {step:g}")
        if codes[int(step) - 1] in measured:
            raise NotAReference(f"step {step:g} stands there twice")
        measured[codes[int(step) - 1]] = density
    found = sorted(measured)
    return tuple(found), tuple(measured[code] for code in found)
