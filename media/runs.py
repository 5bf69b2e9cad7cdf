"""Runs: element headers that came in this order before, checked and passed over in one step.

The instances of a series have nearly the same header: the same elements, most of them of the same length. Looking at
250 element headers one by one is half of the work of a C-STORE in Python; comparing thirty-two of them at a time with
what the last data set had there is a tenth of that. Nothing is believed: every byte of every header is compared, and
where one differs the elements are walked one by one as ever. What is remembered is bounded, and it is structure only,
never a value.

Wanted elements that stand in the data set as they will stand in the directory keys are copied from there, neighbours in
one piece: writing them again, one by one, takes longer than finding them (measured).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from .elements import Item, encode_element, encode_item

ELEMENTS = 32
"""Headers compared in one step (by trial on the series of the corpus: 16 and 48 are slower by a tenth)."""
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


@dataclass(slots=True)
class Found:
    """What was taken of a data set."""

    item: Item = field(default_factory=dict)
    """Elements that have to be written for the directory keys."""
    values: dict[int, bytes] = field(default_factory=dict)
    """Values of elements that stand in `pieces`, as far as somebody looks at them."""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    """Elements as they stood, one or more in a piece, by the tag of the first."""

    def value(self, tag: int) -> bytes:
        """The value of an element that somebody looks at; b"" where there is none, or a sequence."""
        value = self.values.get(tag)
        if value is not None:
            return value
        entry = self.item.get(tag)
        return entry[1] if entry and isinstance(entry[1], bytes) else b""

    def written(self) -> bytes:
        """All of it in Explicit VR Little Endian, tags in ascending order."""
        parts = self.pieces
        if self.item:
            parts = [*parts, *((tag, encode_item({tag: entry})) for tag, entry in self.item.items())]
        return b"".join([part for _, part in sorted(parts)])


@dataclass(frozen=True, slots=True)
class Run:
    """Some elements in a row. Slices are from the run's first byte."""

    size: int
    """Bytes of all of them."""
    mask: int
    """All ones where their headers are, as one little endian number."""
    headers: int
    """The headers, where the mask has ones."""
    takes: tuple[tuple[int, bytes, slice], ...]
    """(tag, VR, value) of wanted elements that have to be written."""
    looks: tuple[tuple[int, slice], ...]
    """(tag, value) of those in pieces that are looked at."""
    pieces: tuple[tuple[int, slice], ...]
    """What can be copied, by the tag of its first element."""


class Runs:
    """What was seen in data sets of one encoding, with one set of wanted elements.

    Args:
        looked_at: elements whose values somebody asks for, or puts among the others: no piece reaches from below one
            of them to above it without it.
    """

    __slots__ = ("_known", "_lessons", "_looked_at")

    def __init__(self, looked_at: Collection[int]) -> None:
        self._looked_at = looked_at
        self._known: dict[bytes, list[Run]] = {}
        self._lessons: dict[bytes, int] = {}

    def follow(self, data: bytes, position: int, end: int, found: Found) -> int:
        """Pass over the runs that lie at a position, taking what is wanted.

        Args:
            data: a data set.
            position: where an element begins.
            end: how far the data set goes.
            found: where the wanted elements are put.

        Returns:
            Where the first element begins that is in no known run.
        """
        number = int.from_bytes
        while runs := self._known.get(data[position : position + 8]):
            for run in runs:
                bytes_of_run = data[position : position + run.size]
                if number(bytes_of_run, "little") & run.mask == run.headers and position + run.size <= end:
                    for tag, vr, value in run.takes:
                        found.item[tag] = (vr, bytes_of_run[value])
                    for tag, value in run.looks:
                        found.values[tag] = bytes_of_run[value]
                    for tag, piece in run.pieces:
                        found.pieces.append((tag, bytes_of_run[piece]))
                    position += run.size
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
        run = self._run(data, first, elements)
        self._lessons[beginning] = lessons + 1
        # A new list, never a changed one: other threads are following it.
        self._known[beginning] = [run, *self._known.get(beginning, [])][:ALTERNATIVES]

    def _run(self, data: bytes, first: int, elements: list[Walked]) -> Run:
        takes: list[tuple[int, bytes, slice]] = []
        looks: list[tuple[int, slice]] = []
        pieces: list[tuple[int, slice]] = []
        mask = b""
        last = 0
        for one in elements:
            mask += b"\xff" * one.header_bytes + b"\0" * one.length
            if one.vr is None:
                continue
            begins = one.position - first
            value = slice(begins + one.header_bytes, len(mask))
            element = data[one.position : first + len(mask)]
            if encode_element(one.tag, one.vr, element[one.header_bytes :]) != element:
                takes.append((one.tag, one.vr, value))
                continue
            if one.tag in self._looked_at:
                looks.append((one.tag, value))
            if pieces and pieces[-1][1].stop == begins and not self._between(last, one.tag):
                tag, piece = pieces.pop()
                pieces.append((tag, slice(piece.start, value.stop)))
            else:
                pieces.append((one.tag, slice(begins, value.stop)))
            last = one.tag
        of_headers = int.from_bytes(mask, "little")
        headers = int.from_bytes(data[first : first + len(mask)], "little") & of_headers
        return Run(len(mask), of_headers, headers, tuple(takes), tuple(looks), tuple(pieces))

    def _between(self, below: int, above: int) -> bool:
        """Whether an element may be put between these two; always where they do not ascend."""
        return below >= above or any(below < tag < above for tag in self._looked_at)
