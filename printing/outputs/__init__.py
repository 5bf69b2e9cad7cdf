"""Where a rendered film goes: plug-ins under one contract suite.

An output takes a film that is rendered and answers only when the film is where it belongs. What it can promise stands
in its properties, so that nobody has to ask which output it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from printing.printer import PrinterState, Takes
from printing.terms import ExecutionStatus, PrinterStatus

Hear = Callable[[PrinterState], None]
"""Told how the device behind an output is, whenever that is known anew; called in the output's thread."""

Tell = Callable[[ExecutionStatus, str], None]
"""Told how a film is that the device has, PENDING with the Defined Term that says what it waits for, or PRINTING; in
the output's thread."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the device behind an output says of itself now."""

    state: PrinterState
    takes: Takes | None = None
    """What it takes; None where it does not say, or cannot be asked."""


OFFLINE = Look(PrinterState(PrinterStatus.FAILURE, "PRINTER OFFLINE"))
"""Of a device that does not answer."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One size of paper that lies in a printer, and what of it can be printed on, in mm."""

    name: str
    width_mm: float
    height_mm: float
    margin_mm: float = 0.0


PDF, DICOM = "application/pdf", "application/dicom"
SAMPLES = "application/x-npy"
"""Bare samples, one file a film: an array of numpy's, (rows, columns) of grey or (rows, columns, 3) of RGB."""
PNG, TIFF, PWG, JPEG = "image/png", "image/tiff", "image/pwg-raster", "image/jpeg"
POSTSCRIPT = "application/postscript"


@dataclass(frozen=True, slots=True)
class Target:
    """What an output wants to be given, as its device is now."""

    media_type: str = PDF
    """What films are rendered to; `DICOM`: they are not rendered, the output takes them as the console sent them."""
    papers: tuple[Paper, ...] = ()
    """The sizes that a film must fit on; empty where a page may have any size."""
    dpi: float | None = None
    """The resolution that it must have; None leaves it to the printer's configuration."""
    color: bool = True
    """Whether it takes colour; where not, colour films become grey."""
    tone: str = ""
    """The tone that it needs; empty leaves it to the printer's configuration."""
    gray: bool = True
    """Whether it takes grey; where not, grey films are written as colour."""
    also: tuple[str, ...] = ()
    """More media types, which it wants beside the first."""


@dataclass(frozen=True, slots=True)
class RenderedFilm:
    """A film on its way to an output."""

    name: str
    """What its files are called, without suffix: letters, digits and hyphens of ours, unique to the job."""
    folder: Path
    """The job's own, where an output may keep notes for the case that it is asked again."""
    files: tuple[Path, ...]
    """The film rendered as `Target` asked: one file, or one a page where the media type has no pages; one media type
    after the other."""
    record: Mapping[str, Any]
    """What is known of the film: attributes, who, when, statuses, warnings. JSON."""
    said: str = ""
    """What a person said when they let a held film go: with new words, it may be sent once more."""
    media_type: str = PDF
    """Of the first of its files."""
    tell: Tell = lambda _status, _info: None
    """Hears how the film is while the device has it."""


@dataclass(frozen=True, slots=True)
class Properties:
    """What an output promises."""

    formats: tuple[str, ...]
    """What it can take, as media types; `Output.target` says which it wants now."""
    reports_status: bool
    """Whether it knows more of a delivered film than that it was delivered."""
    safe_to_repeat: bool
    """Whether delivering the same film twice leaves one film."""
    look_every_s: float = 4.0
    """How often its device is looked at while somebody cares: a change is told within 10 s."""
    look_beside: bool = True
    """Whether its device can be looked at while it has a film; where not, the delivery tells how it is."""
    note: str = ""
    """Name of the file in a film's folder that is there while some of the film may have come out, or still may."""

    def may_have(self, folder: Path) -> bool:
        """Whether some of the film in this folder may have come out, or still may, though it was not delivered: then
        no other output can have it. An output that keeps no note cannot say."""
        return not self.safe_to_repeat and (not self.note or (folder / self.note).exists())


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a delivery left."""

    files: tuple[Path, ...] = ()
    """Files that were made for people, absolute."""
    warnings: tuple[str, ...] = ()
    """What a technician should know."""


class Stop(Enum):
    """Whether an output shall go on with a film that it is delivering."""

    NO = "go on"
    LEAVE = "the program ends: leave the film where it is, and be asked again"
    CANCEL = "somebody cancelled the film: it need not come out"


class Left(Exception):
    """The delivery was left as `Stop.LEAVE` asked; it is taken up by the next one of the same film."""


class NotDelivered(Exception):
    """The film is not where it belongs, and nothing of it came out.

    Attributes:
        passing: whether it may be tried again by itself: the printer is off, busy, out of paper.
        info: Execution Status Info of a film that failed (PS3.3 C.13.8).
    """

    def __init__(self, words: str, *, passing: bool, info: str = "UNKNOWN") -> None:
        super().__init__(words)
        self.passing = passing
        self.info = info


class PossiblyDelivered(Exception):
    """Nobody can say whether the film came out: a person must look before it is sent again."""


class Undecided(Exception):
    """A person must say whether, or how, the film is delivered; nothing came out. Released, it is asked for again."""


class Output(Protocol):
    """One way for a film to leave."""

    @property
    def properties(self) -> Properties:
        """What it promises."""

    def target(self) -> Target:
        """What films must be rendered to.

        Raises:
            NotDelivered: the device cannot be asked, or takes nothing that we can send.
        """

    def look(self) -> Look:
        """Ask the device how it is and what it takes. Blocks for some seconds at most, and raises nothing."""

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """Deliver a film; on return it is there to stay.

        Args:
            film: asked again for the same film (after a crash, say), it does not come out twice.
            stop: asked now and then.

        Raises:
            Left: as `stop` said.
            NotDelivered: nothing came out.
            PossiblyDelivered: that cannot be known.
            Undecided: a person must decide first.
            OSError: a disk of ours is full or failing.
        """
