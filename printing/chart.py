"""The step chart of a calibration: where its patches lie, which code values they have, and how a scan knows it.

Every step is printed twice, the second time at the place opposite the middle of the chart: what a scanner or a printer
does more on one side than on the other cancels out. Steps that follow each other lie far apart, so a streak that a
neighbour draws is nobody's neighbour in the curve. The identifier stands on the chart in letters, and in 40 squares for
the scan.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from printing.page import Rectangle

VERSION = 1
"""Version of the JSON form; a reader refuses another one."""

STEPS = 64
CODES = tuple(int(255 * step / (STEPS - 1) + 0.5) for step in range(STEPS))
"""8-bit code values of the steps: n evenly spaced driving levels (PS3.14 D.2.1); 64 as in the example of D.3."""
_STRIDE = 27
"""Steps between two patches that lie beside each other; it has no divisor in common with `STEPS`."""

MARGIN_MM = 12.0
"""Of the paper's edge nothing is used: printers do not reach it."""
MODULE_MM = 2.0
MARK_MM = 7 * MODULE_MM
"""A corner mark: a black square of three modules in a white and a black ring of one each."""
SMALLEST_MM = 150.0
LABEL_MM = 2.4
GAP_MM = 1.6

BITS = 40
"""24 of the identifier, 16 of its check sum; most significant first, black is one."""
BITS_FROM, BITS_TO = 0.2, 0.8
"""The squares lie between the centres of the two lower marks, in this part of the way from left to right."""

_ID = re.compile(r"[0-9A-F]{6}", re.ASCII)


class UnknownChart(ValueError):
    """The JSON is no chart of a version that this program reads."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch of the chart."""

    step: int
    """From 1, the darkest."""
    code: int
    place: Rectangle


@dataclass(frozen=True, slots=True)
class Chart:
    """One printed chart.

    Attributes:
        id: six hexadecimal digits.
        printer: AE title.
        medium: Medium Type (2000,0030).
        film_size_id: what the film or the paper is called.
        width_mm: of the film.
        height_mm: of the film.
        made: when, RFC 3339.
    """

    id: str
    printer: str
    medium: str
    film_size_id: str
    width_mm: float
    height_mm: float
    made: str

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise UnknownChart("the identifier of a chart is six hexadecimal digits")
        if min(self.width_mm, self.height_mm) < SMALLEST_MM:
            raise UnknownChart(f"a chart needs a film of at least {SMALLEST_MM:g} × {SMALLEST_MM:g} mm")

    @property
    def marks(self) -> tuple[tuple[float, float], ...]:
        """Centres of the corner marks in mm: top left, top right, bottom right, bottom left."""
        near = MARGIN_MM + MARK_MM / 2
        right, bottom = self.width_mm - near, self.height_mm - near
        return (near, near), (right, near), (right, bottom), (near, bottom)

    def patches(self) -> Iterator[Patch]:
        """All patches, row by row; the later half mirrors the earlier one."""
        columns = 8 if self.width_mm <= self.height_mm else 16
        rows = 2 * STEPS // columns
        top = MARGIN_MM + MARK_MM + 3
        wide = (self.width_mm - 2 * MARGIN_MM) / columns
        high = (self.height_mm - 2 * top) / rows
        for place in range(2 * STEPS):
            number = place if place < STEPS else 2 * STEPS - 1 - place
            step = number * _STRIDE % STEPS
            row, column = divmod(place, columns)
            yield Patch(
                step + 1,
                CODES[step],
                Rectangle(
                    MARGIN_MM + column * wide + GAP_MM / 2,
                    top + row * high + LABEL_MM,
                    wide - GAP_MM,
                    high - LABEL_MM - GAP_MM / 2,
                ),
            )

    def to_json(self) -> str:
        """The chart as JSON."""
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=True, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Chart:
        """The chart that `to_json` wrote.

        Raises:
            UnknownChart: it is something else, or of another version.
        """
        try:
            data = json.loads(text)
            if data.pop("version") != VERSION:
                raise UnknownChart("the chart is of another version of this program")
            return cls(**data)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as failure:
            raise UnknownChart(f"not a chart: {failure}") from failure


def bits_of(chart_id: str) -> tuple[int, ...]:
    """The squares of an identifier: 1 is black."""
    value = bytes.fromhex(chart_id)
    word = int.from_bytes(value + binascii.crc_hqx(value, 0xFFFF).to_bytes(2, "big"), "big")
    return tuple(word >> at & 1 for at in reversed(range(BITS)))


def id_of(bits: Sequence[int]) -> str | None:
    """The identifier of squares; None where their check sum is wrong."""
    word = int("".join(map(str, bits)), 2)
    found = f"{word >> 16:06X}"
    return found if bits_of(found) == tuple(bits) else None
