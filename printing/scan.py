"""A scan of the step chart: from pixels to densities (a pure function of pixels, a chart and a reference).

The four corner marks are found by their proportions, which no turn, no margin and no small skew changes: along any line
through its middle a mark is black, white, black, white, black as 1 : 1 : 3 : 1 : 1. The squares of the identifier say
which corner is which, and whether the film lay on the scanner with its back to the light. Pixels become light before
they are averaged, because the dots of a halftone mix in light.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from printing.chart import BITS, BITS_FROM, BITS_TO, MARK_MM, MODULE_MM, Chart, id_of

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Light = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Scanner values (0.0 to 1.0) → light that came back or through, as a fraction."""

FEWEST_PX, MOST_PX = 500, 120_000_000
"""Of the shorter side, and of the whole scan: 60 dpi of a small film, 600 dpi of the largest."""
LOOK_PX = 800
"""Marks are looked for in a copy of about so many pixels; their centres are then measured in the scan itself."""
LEAST_MODULE_PX = 1.5
"""Of a mark in that copy."""
MOST_RUNS = 20_000
SATURATED = 0.05
"""Share of a patch's pixels at an end of the scanner's range that spoils it."""
MOST_SKEW = 0.12
"""Sine of the angle by which a sheet may lie askew."""
INNER = 0.6
"""Part of a patch, in each direction, that is measured: its edges have the light of their neighbours."""
BLOCKS = 5
"""A patch is the median of so many times so many means: dust and scratches fall out, the dots of a halftone do not."""
MOST_SAMPLES = 80
UNEVEN_OD = 0.10
"""Between the two patches of a step; more is worth a word."""


class Unreadable(ValueError):
    """This scan cannot be measured; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a scan says.

    Attributes:
        densities: of each step, the darkest first, OD; the mean of its two patches.
        noise_od: standard deviation of one of them, from what the two patches differ.
        remarks: what a technician should know.
    """

    densities: tuple[float, ...]
    noise_od: float
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A chart that was found in a scan."""

    id: str
    corners: tuple[tuple[float, float], ...]
    """Centres of the marks in pixels (x, y): the chart's own top left, top right, bottom right, bottom left."""


def checked(pixels: Pixels) -> Pixels:
    """The scan, if it can be one.

    Raises:
        Unreadable: it has the wrong shape, size or depth.
    """
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise Unreadable("a scan has 8 or 16 bits of grey")
    if min(pixels.shape) < FEWEST_PX:
        raise Unreadable(f"the scan has {pixels.shape[1]} × {pixels.shape[0]} pixels: scan at 150 to 300 dpi")
    if pixels.size > MOST_PX:
        raise Unreadable("the scan is too large: 300 dpi is enough")
    return pixels


# -- finding ------------------------------------------------------------------------------------------------------


def find(pixels: Pixels) -> Found:
    """Find the chart.

    Raises:
        Unreadable: marks or identifier are not there.
    """
    look, scale = _smaller(checked(pixels))
    low, high = np.percentile(look, (2, 98))
    if high - low < 0.1:
        raise Unreadable("the scan is nearly all one grey: the chart is not on it")
    marks = _marks(look < (low + high) / 2)
    corners = _corners(marks)
    if corners is None:
        what = (
            f"{len(marks)} of the 4 corner marks were found"
            if len(marks) < 4
            else "the corner marks do not lie as on a chart"
        )
        raise Unreadable(
            f"{what}: the whole sheet must be on the scan, with all its corners, a few degrees askew at most"
        )
    size = float(np.median([size for _, _, size in marks])) * scale
    full = _full(pixels)
    threshold = (low + high) / 2 * full
    centres = [_centre(pixels, (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5, size, threshold) for x, y in corners]
    for turned in _orientations(centres):
        found = _identifier(pixels, turned, threshold)
        if found is not None:
            return Found(found, turned)
    raise Unreadable(
        "the identifier of the chart cannot be read: the row of squares below must be on the scan, and clean"
    )


def _full(pixels: Pixels) -> int:
    return 255 if pixels.dtype == np.uint8 else 65535


def _smaller(pixels: Pixels) -> tuple[NDArray[np.float32], int]:
    """(a copy of 0.0 to 1.0, each pixel the mean of so many by so many, and of its neighbours; how many)."""
    by = max(1, round(max(pixels.shape) / LOOK_PX))
    rows, columns = (side // by * by for side in pixels.shape)
    strips = [
        pixels[row : row + by, :columns].reshape(by, columns // by, by).mean(axis=(0, 2), dtype=np.float32)
        for row in range(0, rows, by)
    ]
    look = np.stack(strips) / np.float32(_full(pixels))
    for axis in (0, 1):  # noise and the dots of a halftone would else look like edges
        look = (np.roll(look, 1, axis) + look + np.roll(look, -1, axis)) / np.float32(3)
    return np.asarray(look, np.float32), by


def _marks(dark: NDArray[np.bool_]) -> list[tuple[float, float, float]]:
    """(x, y, size) of all marks, in pixels: where a row and a column go through the same one."""
    across, down = _runs(dark), _runs(dark.T)[:, (1, 0, 2)]
    if max(len(across), len(down)) > MOST_RUNS:
        raise Unreadable("the scan is too noisy to find the corner marks: scan in grey, 150 to 300 dpi")
    groups: list[list[tuple[float, float, float]]] = []
    for x, y, size in across:
        near = down[
            (np.abs(down[:, 0] - x) < 1.5)
            & (np.abs(down[:, 1] - y) < size * 2 / 7)
            & (np.abs(np.log(down[:, 2] / size)) < 0.3)
        ]
        if not len(near):
            continue
        one = float(x), float(np.median(near[:, 1])), float((size + np.median(near[:, 2])) / 2)
        group = next((group for group in groups if math.dist(one[:2], group[0][:2]) < group[0][2] / 2), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return [
        (float(x), float(y), float(size))
        for x, y, size in (np.median(np.array(group), axis=0) for group in groups if len(group) >= 2)
    ]


def _runs(dark: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(x of the middle, row, length) of every place of a row that may go through a mark."""
    rows, columns = dark.shape
    line = np.zeros((rows, columns + 2), bool)  # a row ends bright on both sides, so none runs into the next
    line[:, 1:-1] = dark
    flat = line.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if len(edges) < 6:
        return np.empty((0, 3))
    five = np.lib.stride_tricks.sliding_window_view(np.diff(edges), 5)
    length = five.sum(axis=1)
    module = length / 7
    off = np.abs(five - module[:, None] * np.array((1, 1, 3, 1, 1)))
    fits = (off <= module[:, None] * np.array((0.7, 0.7, 1.2, 0.7, 0.7))).all(axis=1) & (module >= LEAST_MODULE_PX)
    first = np.flatnonzero(fits & flat[edges[: len(five)]])
    middle = (edges[first + 2] + edges[first + 3] - 1) / 2
    row = edges[first] // (columns + 2)
    same = row == (edges[first + 5] - 1) // (columns + 2)
    found = np.stack((middle - row * (columns + 2) - 1, row, length[first]), axis=1)
    return np.asarray(found[same], np.float64)


def _corners(marks: Sequence[tuple[float, float, float]]) -> list[tuple[float, float]] | None:
    """Centres of the four marks clockwise, from the one at the top left of the scan."""
    best: tuple[float, list[tuple[float, float]]] | None = None
    for four in itertools.combinations(sorted(marks, key=lambda mark: -mark[2])[:8], 4):
        sizes = [mark[2] for mark in four]
        if max(sizes) > 1.3 * min(sizes):
            continue
        centre = (sum(mark[0] for mark in four) / 4, sum(mark[1] for mark in four) / 4)
        turned = sorted(four, key=lambda mark: math.atan2(mark[1] - centre[1], mark[0] - centre[0]))
        points = [(mark[0], mark[1]) for mark in turned]
        sides = [(points[(at + 1) % 4][0] - points[at][0], points[(at + 1) % 4][1] - points[at][1]) for at in range(4)]
        long = [math.hypot(*side) for side in sides]
        if min(long) < 5 * max(sizes):
            continue
        askew = abs(sides[0][1] / long[0])
        square = max(
            abs(one[0] * two[0] + one[1] * two[1]) / (math.hypot(*one) * math.hypot(*two))
            for one, two in itertools.pairwise(sides)
        )
        uneven = max(abs(long[0] / long[2] - 1), abs(long[1] / long[3] - 1))
        if askew < MOST_SKEW and square < 0.05 and uneven < 0.05 and (best is None or long[0] * long[1] > best[0]):
            best = long[0] * long[1], points
    return None if best is None else best[1]


def _centre(pixels: Pixels, x: float, y: float, size: float, threshold: float) -> tuple[float, float]:
    """The middle of the inner square, to a part of a pixel: the centre of what is dark inside of the white ring."""
    reach = size * 2 / 7
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    part = pixels[top : int(y + reach) + 1, left : int(x + reach) + 1].astype(np.float64)
    weight = np.clip(threshold - part, 0, None)
    total = weight.sum()
    if total <= 0:
        return x, y
    rows, columns = np.indices(part.shape)
    return left + float((weight * columns).sum() / total), top + float((weight * rows).sum() / total)


def _orientations(corners: Sequence[tuple[float, float]]) -> Iterator[tuple[tuple[float, float], ...]]:
    """The corners in every order that a sheet can lie in: four turns, face up and face down."""
    for order in (tuple(corners), tuple(reversed(corners))):
        for first in range(4):
            yield order[first:] + order[:first]


def _identifier(pixels: Pixels, corners: Sequence[tuple[float, float]], threshold: float) -> str | None:
    """The identifier, if this is how the chart lies."""
    to_pixels = homography(((0, 0), (1, 0), (1, 1), (0, 1)), corners)
    width = BITS_TO - BITS_FROM
    across = np.array([BITS_FROM + (at + 0.5) * width / BITS for at in range(BITS)])
    bits = []
    for middle in across:
        spread = np.linspace(-0.25, 0.25, 5) * width / BITS
        points = to_pixels(middle + spread, np.ones(5))
        bits.append(int(float(np.median(_at(pixels, points))) < threshold))
    return id_of(bits)


def _at(pixels: Pixels, points: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[Any]:
    columns = np.clip(np.rint(points[0]).astype(np.int64), 0, pixels.shape[1] - 1)
    rows = np.clip(np.rint(points[1]).astype(np.int64), 0, pixels.shape[0] - 1)
    return pixels[rows, columns]


ToPixels = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


def homography(from_: Sequence[tuple[float, float]], to: Sequence[tuple[float, float]]) -> ToPixels:
    """The projection that takes four points to four others."""
    rows, right = [], []
    for (x, y), (u, v) in zip(from_, to, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    a, b, c, d, e, f, g, h = np.linalg.solve(np.array(rows, np.float64), np.array(right, np.float64))

    def project(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        w = g * x + h * y + 1
        return (a * x + b * y + c) / w, (d * x + e * y + f) / w

    return project


# -- measuring ----------------------------------------------------------------------------------------------------


def values(pixels: Pixels, found: Found, chart: Chart, light: Light) -> list[tuple[int, float]]:
    """(step, light) of every patch.

    Raises:
        Unreadable: the scanner reached an end of its range.
    """
    to_pixels = homography(chart.marks, found.corners)
    full = _full(pixels)
    measured: list[tuple[int, float]] = []
    ends: dict[int, list[int]] = {0: [], full: []}
    for patch in chart.patches():
        place = patch.place
        x = place.x_mm + place.width_mm * (0.5 + INNER * np.linspace(-0.5, 0.5, MOST_SAMPLES))
        y = place.y_mm + place.height_mm * (0.5 + INNER * np.linspace(-0.5, 0.5, MOST_SAMPLES))
        grid = np.meshgrid(x, y)
        samples = _at(pixels, to_pixels(grid[0], grid[1]))
        for end, steps in ends.items():
            if np.count_nonzero(samples == end) > SATURATED * samples.size:
                steps.append(patch.step)
        came = light(samples.astype(np.float64) / full)
        part = MOST_SAMPLES // BLOCKS
        blocks = came.reshape(BLOCKS, part, BLOCKS, part).mean(axis=(1, 3))
        measured.append((patch.step, float(np.median(blocks))))
    for end, words in ((full, "white: lower its brightness"), (0, "black: raise its brightness")):
        if ends[end]:
            raise Unreadable(
                f"the scan is saturated: step {min(ends[end])} is the scanner's own {words}, or switch its automatic"
                " exposure off, and scan again"
            )
    return measured


def read(pixels: Pixels, chart: Chart, light: Light, found: Found | None = None) -> Reading:
    """Measure a chart on a scan.

    Args:
        pixels: uint8 or uint16, (rows, columns).
        chart: the chart that should be on it.
        light: what the scanner's values mean.
        found: what `find` said, where it was asked before.

    Raises:
        Unreadable: the scan cannot be measured, or another chart is on it.
    """
    found = found or find(pixels)
    if found.id != chart.id:
        raise Unreadable(f"this is a scan of chart {found.id}, not of chart {chart.id}")
    _straight(found, chart)
    twins: dict[int, list[float]] = {}
    for step, came in values(pixels, found, chart, light):
        if not came > 0:
            raise Unreadable(f"step {step} gives no light at all: the reference does not fit this scan")
        twins.setdefault(step, []).append(-math.log10(came))
    pairs = [twins[step] for step in sorted(twins)]
    differences = [pair[0] - pair[1] for pair in pairs]
    # Of two patches with the same deviation the mean has half of what their difference has.
    noise = float(np.sqrt(np.mean(np.square(differences)))) / 2
    worst = max(range(len(pairs)), key=lambda at: abs(differences[at]))
    remarks: tuple[str, ...] = ()
    if (uneven := abs(differences[worst])) > UNEVEN_OD:
        remarks = (f"the two patches of step {worst + 1} differ by {uneven:.2f} OD: printer or scanner is uneven",)
    return Reading(tuple(sum(pair) / len(pair) for pair in pairs), noise, remarks)


def _straight(found: Found, chart: Chart) -> None:
    """The found corners must have the chart's shape: else it was found where it is not, or pulled out of shape."""
    sides = [math.dist(found.corners[at], found.corners[(at + 1) % 4]) for at in range(2)]
    own = [math.dist(chart.marks[at], chart.marks[at + 1]) for at in range(2)]
    if abs(sides[0] / sides[1] * own[1] / own[0] - 1) > 0.03:
        raise Unreadable("the chart on the scan is pulled out of shape: print it and scan it without any fitting")
    if sides[0] / own[0] * MODULE_MM < 2.5 or sides[0] / own[0] * MARK_MM < 18:
        raise Unreadable("the scan is too coarse: scan at 150 to 300 dpi")
