"""Image Display Format (2010,0010), PS3.3 C.13.3: how many image boxes a film has, and how they lie."""

from __future__ import annotations

import re
from dataclasses import dataclass

from printing.status import INVALID_ATTRIBUTE_VALUE, RESOURCE_LIMITATION, Refused

TAG = 0x20100010

MOST_IMAGE_BOXES = 400
"""Image boxes of one film: 20 × 20. The standard knows no bound; a film of postage stamps needs none beyond this."""

FREE_KINDS = ("SLIDE", "SUPERSLIDE")
"""Formats without numbers: how many slides a film holds is configuration."""

_PATTERN = re.compile(r"(STANDARD|ROW|COL|CUSTOM)\\+ *(\d{1,4}(?: *, *\d{1,4})*) *,?", re.ASCII)
# A well-known example writes "STANDARD\1,1" in a language where \1 is a control character.
_ESCAPED = re.compile(r"([A-Z])([\x01-\x07])", re.ASCII)


@dataclass(frozen=True, slots=True)
class DisplayFormat:
    """A parsed Image Display Format.

    `numbers` are (columns, rows) for STANDARD, the boxes of each row for ROW and of each column for COL, the number
    of the format for CUSTOM, and nothing for SLIDE and SUPERSLIDE.
    """

    kind: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        """The text of the attribute: STANDARD\\2,3."""
        return f"{self.kind}\\{','.join(map(str, self.numbers))}" if self.numbers else self.kind

    @classmethod
    def parse(cls, text: str) -> DisplayFormat:
        """Read the attribute. Case, blanks, doubled backslashes and a trailing comma are forgiven.

        Raises:
            Refused: 0106 for what is no format; 0213 for more than 400 image boxes.
        """
        tidy = _ESCAPED.sub(lambda match: f"{match[1]}\\{ord(match[2])}", text.strip(" \0\r\n\t").upper())
        if tidy in FREE_KINDS:
            return cls(tidy)
        match = _PATTERN.fullmatch(tidy)
        if match is None or len(tidy) > 1024:
            raise _invalid()
        numbers = tuple(int(number) for number in match[2].split(","))
        if 0 in numbers or len(numbers) != {"STANDARD": 2, "CUSTOM": 1}.get(match[1], len(numbers)):
            raise _invalid()
        made = cls(match[1], numbers)
        if made.image_boxes is not None and made.image_boxes > MOST_IMAGE_BOXES:
            raise Refused(RESOURCE_LIMITATION, f"more than {MOST_IMAGE_BOXES} image boxes on one film", (TAG,))
        return made

    @property
    def image_boxes(self) -> int | None:
        """How many image boxes the film has; None where the configuration says so."""
        if self.kind == "STANDARD":
            return self.numbers[0] * self.numbers[1]
        if self.kind in ("ROW", "COL"):
            return sum(self.numbers)
        return None


def _invalid() -> Refused:
    return Refused(INVALID_ATTRIBUTE_VALUE, "Image Display Format is not one that this printer knows", (TAG,))
