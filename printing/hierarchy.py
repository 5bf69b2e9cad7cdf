"""FilmSession > FilmBox > ImageBox, AnnotationBox; and PresentationLUTs beside them (PS3.4 H.4, figure H.4-1).

Frozen values: what a request does to them is decided in `session`, what of them is printed in `freeze`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from printing import attributes as tags
from printing.elements import Value
from printing.page import PatientClue, PixelReference, PresentationLUT, Rectangle
from printing.status import SUCCESS
from printing.terms import ANNOTATION_BOX, FILM_BOX, FILM_SESSION, PRESENTATION_LUT

MOST_FILM_BOXES = 200
"""Films of one session."""
MOST_IMAGE_BOXES = 4000
"""Image boxes of one session, all films together."""
MOST_PRESENTATION_LUTS = 32
"""Presentation LUTs of one association: each may hold 4096 numbers, which are 150 KB here."""

Values: TypeAlias = Mapping[int, Value]


@dataclass(frozen=True, slots=True)
class ImageBox:
    """One image box: made with its film, filled by N-SET."""

    uid: str
    sop_class_uid: str
    position: int
    values: Values = field(default_factory=dict)
    """What was set; what was not is the film box's (H.4.3.1.2.1.1)."""
    pixels: PixelReference | None = None
    fit: int = SUCCESS
    """What `layout.fit` said when the pixels came, so that the peer hears it once."""
    clues: tuple[PatientClue, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotationBox:
    """One annotation box: made with its film, filled by N-SET."""

    uid: str
    position: int
    text: str = ""
    """Still encoded in the film session's Specific Character Set (H.4.2.2.1.3)."""


@dataclass(frozen=True, slots=True)
class FilmBox:
    """One film."""

    uid: str
    color: bool
    width_mm: float
    height_mm: float
    cells: tuple[Rectangle, ...]
    """By Image Box Position."""
    values: Values
    image_boxes: tuple[ImageBox, ...]
    """In the order of their creation."""
    annotation_boxes: tuple[AnnotationBox, ...] = ()
    """In the order of their creation."""
    places: tuple[str, ...] = ()
    """Where annotations stand, by Annotation Position."""
    clues: tuple[PatientClue, ...] = ()
    given: frozenset[int] = frozenset()
    """Tags whose values are the console's and not the printer's defaults."""
    default_resolution_id: str = "STANDARD"
    """What the printer makes of a film that asks for none."""

    @property
    def empty(self) -> bool:
        """Whether no image box has pixels."""
        return all(box.pixels is None for box in self.image_boxes)


@dataclass(frozen=True, slots=True)
class FilmSession:
    """The root of what is printed."""

    uid: str
    values: Values
    film_boxes: tuple[FilmBox, ...] = ()
    last_film_uid: str | None = None
    """The film box that was created last; None once it is deleted, for the one before it stays frozen."""
    clues: tuple[PatientClue, ...] = ()
    given: frozenset[int] = frozenset()
    """Tags whose values are the console's and not the printer's defaults."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one association has made."""

    film_session: FilmSession | None = None
    presentation_luts: Mapping[str, PresentationLUT] = field(default_factory=dict)
    """By SOP Instance UID: they live for the association, whatever becomes of the film session (H.4.9)."""


def resolved(film: FilmBox, box: ImageBox, tag: int) -> Value | None:
    """H.4.3.1.2.1.1: a value of the image box is stronger than that of its film box."""
    return box.values.get(tag, film.values.get(tag))


def instances(session: Session) -> dict[str, str]:
    """Every instance of the association, with its SOP class."""
    found = dict.fromkeys(session.presentation_luts, PRESENTATION_LUT)
    film_session = session.film_session
    if film_session is None:
        return found
    found[film_session.uid] = FILM_SESSION
    for film in film_session.film_boxes:
        found[film.uid] = FILM_BOX
        found.update((box.uid, box.sop_class_uid) for box in film.image_boxes)
        found.update((box.uid, ANNOTATION_BOX) for box in film.annotation_boxes)
    return found


def lut_uid(values: Values) -> str | None:
    """The Presentation LUT that an attribute list references."""
    items = values.get(tags.REFERENCED_PRESENTATION_LUT_SEQUENCE)
    if not isinstance(items, tuple):
        return None
    for item in items:
        if isinstance(item, Mapping):
            return str(item[tags.REFERENCED_SOP_INSTANCE_UID])
    return None


def referenced_luts(session: Session) -> frozenset[str]:
    """Presentation LUTs that something can still be printed with."""
    return frozenset(uid for values in _values(session) if (uid := lut_uid(values)) is not None)


def _values(session: Session) -> Iterator[Values]:
    film_session = session.film_session
    if film_session is None:
        return
    yield film_session.values
    for film in film_session.film_boxes:
        yield film.values
        for box in film.image_boxes:
            yield box.values
