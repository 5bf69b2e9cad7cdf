"""A row: one thing that is measured, against what, and how good it has to be."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Measured:
    """What one row gave.

    Attributes:
        ours: the appliance's readings.
        theirs: the peer's, taken in turn with ours; empty where the limit is an absolute one.
        unit: of both.
        notes: other figures that belong to the row, by name.
    """

    unit: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    notes: dict[str, float | str] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The ratio of medians, or the median where there is no peer."""
        mine = statistics.median(self.ours)
        return mine / statistics.median(self.theirs) if self.theirs else mine


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        name: for the command line.
        what: in words.
        peer: what it is measured against; empty for an absolute limit.
        limit: the value that must be reached.
        at_least: the value shall be no less than the limit, rather than no more.
        also: what notes of this row must not exceed, by name: a row with several figures is met by all of them.
        measure: takes the number of pairs and the scale (1.0 is the real size) and measures.
    """

    name: str
    what: str
    peer: str
    limit: float
    measure: Callable[[int, float], Measured]
    at_least: bool = False
    also: Mapping[str, float] = field(default_factory=dict)

    def met(self, measured: Measured) -> bool:
        """Whether every limit was reached."""
        if any(float(measured.notes[name]) > most for name, most in self.also.items()):
            return False
        return measured.value >= self.limit if self.at_least else measured.value <= self.limit

    def to_dict(self, measured: Measured) -> dict[str, Any]:
        """For the file of results."""
        return {
            "row": self.name,
            "what": self.what,
            "peer": self.peer,
            "limit": self.limit,
            "at_least": self.at_least,
            "also": dict(self.also),
            "value": measured.value,
            "met": self.met(measured),
            "unit": measured.unit,
            "ours": measured.ours,
            "theirs": measured.theirs,
            "notes": measured.notes,
        }


@contextmanager
def timed(readings: list[float], scale: float = 1.0) -> Iterator[None]:
    """Add the seconds that the block takes, times `scale`, to the readings."""
    began_s = time.perf_counter()
    yield
    readings.append((time.perf_counter() - began_s) * scale)
