"""Layouts: whole headers that are rows of known runs, taken in three steps.

Most slices of a series have not only nearly, but exactly the layout of one before: the same runs, one behind the other.
Where everything lies is then known at once. The directory keys are some pieces of the data set and of what stands
before values that have to be written anew; one `itemgetter` cuts them all. So are the values that somebody looks at.

A layout is found by its runs, every compared byte of which is in the data set: it holds for all data sets with these
runs, and says of each what the long way would say. As runs do, it remembers structure, and no values but those of short
sequences.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

from .elements import encode_element
from .runs import Run, Runs, moved

LAYOUTS = 128
"""Rows of runs kept at most; then all are forgotten."""
LONGEST_BYTES = 32 * 1024
"""Of a longer row, none is kept: with their runs, 128 of this length take 12 MB."""

Cut: TypeAlias = "Callable[[bytes], tuple[bytes, ...]]"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies in the headers that are this row of runs."""

    size: int
    """Bytes of the runs."""
    last: tuple[int, int]
    """Group and element of the last tag of which something is wanted: an element above it ends the header."""
    added: bytes
    """What the keys have and the data set has not: it is cut as if it stood behind the runs."""
    keys: Cut
    """The directory keys, in pieces."""
    shared: Cut
    """The values that the instances of a series share."""
    own: Cut
    """The others that are looked at."""


class Layouts:
    """Rows of runs that were seen, and the layouts of those that were seen twice.

    Args:
        shared: elements that are looked at, two or more; the instances of a series share their values.
        own: the other ones that are looked at, two or more.
        short: there is no layout where the shared values have more bytes than this.
    """

    __slots__ = ("_known", "_own", "_shared", "_short")

    def __init__(self, shared: Sequence[int], own: Sequence[int], short: int) -> None:
        self._shared = shared
        self._own = own
        self._short = short
        self._known: dict[tuple[Run, ...], Layout | None] = {}

    def of(self, runs: tuple[Run, ...], data: bytes, start: Runs) -> Layout | None:
        """The layout of a header.

        Args:
            runs: what was followed from its beginning.
            data: the data set.
            start: where the first run was found: it gets a layout's runs as one, so that they are one step next time.

        Returns:
            None where the header does not end behind these runs, and where there is no layout (yet).
        """
        layout = self._known.get(runs)
        if layout is None:
            return self._seen(runs, data, start) if runs else None
        size = layout.size
        return layout if size <= len(data) - 8 and TAG(data, size) > layout.last else None

    def _seen(self, runs: tuple[Run, ...], data: bytes, start: Runs) -> Layout | None:
        if runs not in self._known:
            if sum(run.size for run in runs) > LONGEST_BYTES:
                return None
            if len(self._known) >= LAYOUTS - 1:  # two at a time: the row, and the row that is one run
                self._known = {}
            self._known[runs] = None  # a row that does not come again is not worth a layout
            return None
        layout = self._known[runs] = self._made(runs, data)
        if layout is not None:
            self._known[(start.join(runs),)] = layout
        return layout

    def _made(self, runs: tuple[Run, ...], data: bytes) -> Layout | None:
        behind = next((run.then for run in reversed(runs) if run.then is not None), None)
        if behind is None or not in_order(runs):
            return None
        size = sum(run.size for run in runs)
        last = (behind.last >> 16, behind.last & 0xFFFF)
        if size > len(data) - 8 or TAG(data, size) <= last:
            return None
        added = bytearray()

        def add(more: bytes) -> slice:
            added.extend(more)
            return slice(size + len(added) - len(more), size + len(added))

        parts: dict[int, list[slice]] = {}
        values: dict[int, slice] = {}
        begins = 0
        for run in runs:
            for tag, vr, value in run.takes:
                values[tag] = moved(value, begins)
                length = value.stop - value.start
                written = encode_element(tag, vr, bytes(length))
                value_at = len(written) - length - length % 2
                parts[tag] = [add(written[:value_at]), values[tag], add(written[value_at + length :])]
            values |= {tag: moved(value, begins) for tag, value in run.looks}
            parts |= {tag: [moved(piece, begins)] for tag, piece in run.pieces}
            parts |= {tag: [add(written)] for tag, written in run.wholes}
            begins += run.size
        shared = [values.get(tag, NOTHING) for tag in self._shared]
        if sum(value.stop - value.start for value in shared) > self._short:
            return None
        return Layout(
            size=size,
            last=last,
            added=bytes(added),
            keys=itemgetter(NOTHING, *_merged(part for tag in sorted(parts) for part in parts[tag])),
            shared=itemgetter(*shared),
            own=itemgetter(*(values.get(tag, NOTHING) for tag in self._own)),
        )


def in_order(runs: Iterable[Run]) -> bool:
    """Whether the tags of the wanted elements ascend: then none is there twice."""
    above = 0
    for run in runs:
        if run.first <= above:
            return False
        above = max(above, run.last)
    return True


NOTHING = slice(0, 0)
"""What is not there; and the first of what is cut, as an `itemgetter` of one makes no tuple."""
TAG = struct.Struct("<HH").unpack_from
"""Group and element: they compare as tags do."""


def _merged(parts: Iterable[slice]) -> list[slice]:
    """The same with neighbours in one."""
    merged: list[slice] = []
    for part in parts:
        if part.start == part.stop:
            continue
        if merged and merged[-1].stop == part.start:
            part = slice(merged.pop().start, part.stop)
        merged.append(part)
    return merged
