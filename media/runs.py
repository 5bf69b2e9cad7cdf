"""Runs: element headers that came in this order before, checked and passed over in one step.

The instances of a series have nearly the same header: the same elements, most of them of the same length. Looking at
250 element headers one by one is half of the work of a C-STORE in Python; comparing thirty-two of them at a time with
what the last data set had there is a tenth of that. Nothing is believed: every byte of every header is compared, and
where one differs the elements are walked one by one as ever. What is remembered is bounded, and it is structure only,
never a value (but of short sequences).

Wanted elements that stand in the data set as they will stand in the directory keys are copied from there, neighbours in
one piece: writing them again, one by one, takes longer than finding them (measured).

Some elements are runs of their own. The SOP Class UID and short sequences are, as they are compared with their values:
the one says what is wanted of the elements behind it, the others would have to be parsed each time. So is a *loose*
element, the length of which differs too often: it would spoil the run around it. On the other hand, rows of runs that
are whole headers are *joined*: one comparison, and all is where it was (see `layouts`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .elements import Item, encode_element, encode_item

ELEMENTS = 32
"""Headers compared in one step (by trial on the series of the corpus: 16 and 48 are slower by a tenth)."""
ALTERNATIVES = 4
"""Runs kept that begin with the same header: values of odd and even length, two devices."""
CLASSES = 16
"""The same of the SOP Class UID."""
JOINED = 2
"""The same of rows of runs that became one: who sends two series at a time has two."""
LOOSE = 64
"""Elements at most that are loose: one more alternative would have been needed for them."""
LESSONS = 64
"""How often one beginning may be learnt anew before it counts as not worth it."""
NONE_BELOW = 1 << 32
"""Above all tags."""
BEGINNINGS = 4096
"""Beginnings kept at most; then all is forgotten and learnt again (5 MB)."""
MASKS_BYTES = 16 * 1024 * 1024
"""The same of what is compared: hostile headers are long and never come again."""


@dataclass(frozen=True, slots=True)
class Walked:
    """One element that was walked the long way."""

    position: int
    header_bytes: int
    length: int
    """Of its value, with the delimiter where the header does not say it."""
    tag: int
    vr: bytes | None
    """The VR under which its value was taken; None where it was passed over."""
    whole: bytes | None = None
    """What is written of a sequence as long as every byte of it is the same; None where only the header has to be."""
    then: Runs | None = None
    """What was seen behind it with this value, where it is the one that says what is wanted there."""

    @property
    def compared(self) -> bool:
        """Whether its value is compared too."""
        return self.whole is not None or self.then is not None

    @property
    def stop(self) -> int:
        return self.position + self.header_bytes + self.length


@dataclass(slots=True)
class Found:
    """What was taken of a data set."""

    item: Item = field(default_factory=dict)
    """Elements that have to be written for the directory keys."""
    values: dict[int, bytes] = field(default_factory=dict)
    """Values of elements that stand in `pieces`, as far as somebody looks at them."""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    """Elements as they stood, one or more in a piece, by the tag of the first."""

    def take(self, run: Run, data: bytes, position: int) -> None:
        """Put in what a run holds that lies at this position."""
        bytes_of_run = data[position : position + run.size]
        for tag, vr, value in run.takes:
            self.item[tag] = (vr, bytes_of_run[value])
        for tag, value in run.looks:
            self.values[tag] = bytes_of_run[value]
        for tag, piece in run.pieces:
            self.pieces.append((tag, bytes_of_run[piece]))
        self.pieces += run.wholes

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


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Some elements in a row. Slices are from the run's first byte."""

    size: int
    """Bytes of all of them."""
    mask: int
    """All ones where bytes have to be the same, as one little endian number."""
    same: int
    """These bytes, where the mask has ones."""
    takes: tuple[tuple[int, bytes, slice], ...]
    """(tag, VR, value) of wanted elements that have to be written."""
    looks: tuple[tuple[int, slice], ...]
    """(tag, value) of those in pieces that are looked at."""
    pieces: tuple[tuple[int, slice], ...]
    """What can be copied, by the tag of its first element."""
    wholes: tuple[tuple[int, bytes], ...]
    """(tag, what is written of it) of sequences that are the same."""
    first: int
    """The lowest tag of a wanted element; above all tags where there is none."""
    last: int
    """The highest; 0 where there is none."""
    then: Runs | None
    """Where to look behind it; None: where it was found."""
    joined: bool = False
    """Whether it is several others in a row."""

    def differs(self, other: Run) -> int:
        """The first byte that has to be another one than that of another run; its size if there is none."""
        bits = (self.same ^ other.same) & self.mask & other.mask
        return min(self.size, (bits & -bits).bit_length() - 1 >> 3 if bits else self.size)


def moved(one: slice, by: int) -> slice:
    """The same slice of something that begins so many bytes before."""
    return slice(one.start + by, one.stop + by)


class Runs:
    """What was seen in data sets of one encoding, with one set of wanted elements, by the first eight bytes.

    Args:
        looked_at: elements whose values somebody asks for, or puts among the others: no piece reaches from below one
            of them to above it without it.
        wants: tag → VR of the wanted elements.
        last: the tag behind which nothing is wanted.
    """

    __slots__ = ("_known", "_lessons", "_looked_at", "_loose", "_masks_bytes", "last", "wants")

    def __init__(self, looked_at: Collection[int], wants: Mapping[int, bytes], last: int) -> None:
        self._looked_at = sorted(looked_at)
        self.wants = wants
        self.last = last
        self._known: dict[bytes, list[Run]] = {}
        self._lessons: dict[bytes, int] = {}
        self._loose: set[int] = set()
        self._masks_bytes = 0

    def follow(self, data: bytes, position: int) -> tuple[Run, ...]:
        """The runs that lie one behind the other from a position on, where an element begins."""
        number = int.from_bytes
        end = len(data)
        known = self._known
        trail: list[Run] = []
        while runs := known.get(data[position : position + 8]):
            for run in runs:
                stop = position + run.size
                if number(data[position:stop], "little") & run.mask == run.same and stop <= end:
                    break
            else:
                break
            trail.append(run)
            position = stop
            if run.then is not None:
                known = run.then._known
        return tuple(trail)

    def learn(self, data: bytes, walked: list[Walked]) -> None:
        """Remember elements that had to be walked; the tags of the wanted ones ascend."""
        run: list[Walked] = []
        for one in walked:
            if run and (
                len(run) == ELEMENTS or run[-1].stop != one.position or self._alone(run[-1]) or self._alone(one)
            ):
                self._remember(data, run)
                run = []
            run.append(one)
        if run:
            self._remember(data, run)

    def _alone(self, one: Walked) -> bool:
        return one.compared or one.tag in self._loose

    def _remember(self, data: bytes, elements: list[Walked]) -> None:
        first = elements[0].position
        beginning = data[first : first + 8]
        lessons = self._lessons.get(beginning, 0)
        if lessons >= LESSONS:
            return
        if len(self._lessons) >= BEGINNINGS:
            self._forget()
        run = self._run(data, first, elements)
        others = [one for one in self._known.get(beginning, ()) if not one.joined]
        if len(others) >= ALTERNATIVES and len(elements) > 1 and len(self._loose) < LOOSE:
            differs = first + run.differs(others[0])
            loose = next((one.tag for one in elements if one.position <= differs < one.stop), None)
            if loose is not None:
                self._loose.add(loose)
                self.learn(data, elements)  # which are two or three runs now
                return
        self._lessons[beginning] = lessons + 1
        self._put(beginning, run)

    def join(self, runs: Sequence[Run]) -> Run:
        """One run of some that lay one behind the other, the tags of their wanted elements ascending."""
        if len(runs) == 1:
            return runs[0]
        mask = same = begins = 0
        takes: list[tuple[int, bytes, slice]] = []
        looks: list[tuple[int, slice]] = []
        pieces: list[tuple[int, slice]] = []
        for run in runs:
            mask |= run.mask << 8 * begins
            same |= run.same << 8 * begins
            takes += [(tag, vr, moved(value, begins)) for tag, vr, value in run.takes]
            looks += [(tag, moved(value, begins)) for tag, value in run.looks]
            pieces += [(tag, moved(piece, begins)) for tag, piece in run.pieces]
            begins += run.size
        one = Run(
            size=begins,
            mask=mask,
            same=same,
            takes=tuple(takes),
            looks=tuple(looks),
            pieces=tuple(pieces),
            wholes=tuple(whole for run in runs for whole in run.wholes),
            first=min(run.first for run in runs),
            last=max(run.last for run in runs),
            then=next((run.then for run in reversed(runs) if run.then is not None), None),
            joined=True,
        )
        self._put((same & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little"), one)
        return one

    def _put(self, beginning: bytes, run: Run) -> None:
        """Joined runs are looked at first, as they save most, then what was learnt last."""
        most = JOINED if run.joined else ALTERNATIVES if run.then is None else CLASSES
        known = self._known.get(beginning, [])
        alike = [run, *(one for one in known if one.joined == run.joined)][:most]
        others = [one for one in known if one.joined != run.joined]
        # A new list, never a changed one: other threads are following it.
        self._known[beginning] = kept = alike + others if run.joined else others + alike
        self._masks_bytes += 2 * (sum(one.size for one in kept) - sum(one.size for one in known))
        if self._masks_bytes > MASKS_BYTES:
            self._forget()

    def _forget(self) -> None:
        self._known, self._lessons, self._loose, self._masks_bytes = {}, {}, set(), 0

    def _run(self, data: bytes, first: int, elements: list[Walked]) -> Run:
        takes: list[tuple[int, bytes, slice]] = []
        looks: list[tuple[int, slice]] = []
        pieces: list[tuple[int, slice]] = []
        mask = b""
        last = 0
        for one in elements:
            mask += b"\xff" * one.header_bytes + (b"\xff" if one.compared else b"\0") * one.length
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
        bits = int.from_bytes(mask, "little")
        wanted = [one.tag for one in elements if one.vr is not None or one.whole]
        return Run(
            size=len(mask),
            mask=bits,
            same=int.from_bytes(data[first : first + len(mask)], "little") & bits,
            takes=tuple(takes),
            looks=tuple(looks),
            pieces=tuple(pieces),
            wholes=tuple((one.tag, one.whole) for one in elements if one.whole),
            first=min(wanted, default=NONE_BELOW),
            last=max(wanted, default=0),
            then=elements[-1].then,
        )

    def _between(self, below: int, above: int) -> bool:
        """Whether an element may be put between these two."""
        return bisect_right(self._looked_at, below) < bisect_left(self._looked_at, above)
