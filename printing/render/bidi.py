"""Which way text runs: the places of a line's characters from left to right (Unicode Standard Annex #9).

Pillow with Raqm does this where letters are drawn; here it says where the same letters stand, for the text of a PDF
that is not seen. Lines have no explicit embeddings: what is left of the algorithm are weak and neutral types (W2, W4,
W5, W7, N1, N2), implicit levels (I1, I2) and the reversal (L2).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby

RIGHT = frozenset({"R", "AL"})
NUMBER = frozenset({"EN", "AN"})


def runs_both_ways(text: str) -> bool:
    """Whether any of it runs from right to left."""
    return any(unicodedata.bidirectional(sign) in RIGHT for sign in text)


def visual_order(text: str) -> list[int]:
    """The indices of the characters of a line, from left to right."""
    levels = _levels([unicodedata.bidirectional(sign) for sign in text])
    order = list(range(len(text)))
    for level in range(max(levels, default=0), 0, -1):
        deep = frozenset(at for at in order if levels[at] >= level)
        runs = [list(run) for _, run in groupby(order, deep.__contains__)]
        order = [at for run in runs for at in (reversed(run) if run[0] in deep else run)]
    return order


def _levels(types: Sequence[str]) -> list[int]:
    strong = (("R" if one in RIGHT else "L") for one in types if one == "L" or one in RIGHT)
    base = next(strong, "L")
    found = _resolved(types, base)
    for at, one in enumerate(found):
        if one == "":
            before = next((_side(other) for other in reversed(found[:at]) if other), base)
            after = next((_side(other) for other in found[at + 1 :] if other), base)
            found[at] = before if before == after else base
    of_base = {"L": {"L": 0, "R": 1, "N": 2}, "R": {"L": 2, "R": 1, "N": 2}}[base]
    return [of_base[one] for one in found]


def _resolved(types: Sequence[str], base: str) -> list[str]:
    """L, R, N for a number that stands among R; empty for what takes the direction of its neighbours."""
    numbers = [one in NUMBER for one in types]
    for at, one in enumerate(types):  # W4, W5: signs that belong to a number
        last = at + 1 == len(types)
        if one in ("CS", "ES"):
            numbers[at] = at > 0 and not last and numbers[at - 1] and types[at + 1] in NUMBER
        elif one == "ET":
            numbers[at] = (at > 0 and numbers[at - 1]) or (not last and types[at + 1] in NUMBER)
    found, side = [], base
    for one, number in zip(types, numbers, strict=True):
        if one == "L" or one in RIGHT:
            side = "R" if one in RIGHT else "L"
            found.append(side)
        else:
            found.append(("L" if side == "L" else "N") if number else "")
    return found


def _side(resolved: str) -> str:
    return "L" if resolved == "L" else "R"
