"""Runs: element headers that came in this order before, checked and passed over in one step.

The instances of a series have nearly the same header: the same elements, most of them of the same length. Looking at
250 element headers one by one is half of the work of a C-STORE in Python; comparing sixteen of them at a time with
what the last data set had there is a tenth of that. Nothing is believed: every byte of every header is compared, and
where one differs the elements are walked one by one as ever. What is remembered is bounded, and it is structure only,
never a value.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .elements import Item

ELEMENTS = 16
"""Headers compared in one step (by trial: 8 and 32 are both slower on a series of CT)."""
ALTERNATIVES = 4
"""Runs kept that begin with the same header: values of odd and even length, two devices."""
LESSONS = 64
"""How often one beginning may be learnt anew before it counts as not worth it."""
BEGINNINGS = 4096
"""Beginnings kept at most; then all is forgotten and learnt again (5 MB)."""


@dataclass(frozen=True, slots=True)
class Walked:
    """One element of defined length that was walked the long way."""

    position: int
    header_bytes: int
    length: int
    tag: int
    vr: bytes | None
    """The VR under which its value was taken; None where it was passed over."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some elements in a row."""

    headers: tuple[bytes, ...]
    layout: struct.Struct
    takes: tuple[tuple[int, bytes, int, int], ...]
    """(tag, VR, first and end of the value) of the elements that are wanted, from the run's first byte."""


class Runs:
    """What was seen in data sets of one encoding, with one set of wanted elements."""

    __slots__ = ("_known", "_lessons")

    def __init__(self) -> None:
        self._known: dict[bytes, list[Run]] = {}
        self._lessons: dict[bytes, int] = {}

    def follow(self, data: bytes, position: int, end: int, found: Item) -> int:
        """Pass over the runs that lie at a position, taking what is wanted.

        Args:
            data: a data set.
            position: where an element begins.
            end: how far the data set goes.
            found: where the wanted elements are put.

        Returns:
            Where the first element begins that is in no known run.
        """
        while runs := self._known.get(data[position : position + 8]):
            for run in runs:
                layout = run.layout
                if position + layout.size <= end and layout.unpack_from(data, position) == run.headers:
                    for tag, vr, first, stop in run.takes:
                        found[tag] = (vr, data[position + first : position + stop])
                    position += layout.size
                    break
            else:
                return position
        return position

    def learn(self, data: bytes, walked: list[Walked]) -> None:
        """Remember elements that had to be walked."""
        run: list[Walked] = []
        for one in walked:
            if run and (
                len(run) == ELEMENTS or run[-1].position + run[-1].header_bytes + run[-1].length != one.position
            ):
                self._remember(data, run)
                run = []
            run.append(one)
        self._remember(data, run)

    def _remember(self, data: bytes, elements: list[Walked]) -> None:
        if len(elements) < 2:
            return
        first = elements[0].position
        beginning = data[first : first + 8]
        lessons = self._lessons.get(beginning, 0)
        if lessons >= LESSONS:
            return
        if len(self._lessons) >= BEGINNINGS:
            self._known, self._lessons = {}, {}
        run = Run(
            tuple(data[one.position : one.position + one.header_bytes] for one in elements),
            struct.Struct("".join(f"{one.header_bytes}s{one.length}x" for one in elements)),
            tuple(
                (
                    one.tag,
                    one.vr,
                    one.position + one.header_bytes - first,
                    one.position + one.header_bytes + one.length - first,
                )
                for one in elements
                if one.vr is not None
            ),
        )
        self._lessons[beginning] = lessons + 1
        # A new list, never a changed one: other threads are following it.
        self._known[beginning] = [run, *self._known.get(beginning, [])][:ALTERNATIVES]
