"""README.TXT (IHE PDI, RAD TF-3 §4.47): who made the disc, what is on it, where to begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .words import PHRASES, README, language

NAME = ("README.TXT",)


@dataclass(frozen=True, slots=True)
class Imprint:
    """What every page of a disc says of the disc itself."""

    institution: str
    language: str
    profile: str
    version: str
    now: datetime
    number: int = 1
    of: int = 1
    addendum: bool = False

    def phrase(self, key: str) -> str:
        """A phrase in the disc's language."""
        return PHRASES[language(self.language)][key]

    @property
    def volume(self) -> str:
        """`, disc 2 of 3`, or nothing for a disc that stands alone."""
        return self.phrase("volume").format(number=self.number, of=self.of) if self.of > 1 else ""


def readme(imprint: Imprint) -> bytes:
    """The file: UTF-8 with a byte order mark where a letter needs it, lines as DOS ends them. No patient data."""
    institution = " ".join(imprint.institution.split()) or "Gravure"
    notes = f"\n{imprint.phrase('addendum')}\n" if imprint.addendum else ""
    text = README[language(imprint.language)].format(
        institution=institution,
        volume=imprint.volume,
        profile=imprint.profile,
        version=imprint.version,
        date=f"{imprint.now:%Y-%m-%d}",
        notes=notes,
    )
    data = text.replace("\n", "\r\n").encode("utf-8")
    return data if text.isascii() else b"\xef\xbb\xbf" + data
