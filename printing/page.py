"""FilmDocument and FilmPage: the immutable copy that N-ACTION makes (PS3.4 H.4.1.2.4.3, H.4.2.2.4.3).

After N-ACTION the print job depends on nothing but these values and the pixel bytes that they point to: the session
may go on, be deleted or be aborted. Lengths are millimetres from the top left corner of the film as it hangs, densities
hundredths of OD. Values of an image box are already resolved over those of its film box (H.4.3.1.2.1.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

DOCUMENT = "document.json"
"""Name of the film document in a job's folder."""

VERSION = 1
"""Version of the JSON form; a reader refuses another one."""

_T = TypeVar("_T")


class UnknownDocument(ValueError):
    """The JSON is not a film document of a version that this program reads."""


@dataclass(frozen=True, slots=True)
class PixelReference:
    """Where the pixels of one image box lie, and their shape (PS3.3 C.13.5). Bytes are little endian, as sent."""

    file: str
    """Name of a file, relative to the folder of the job."""
    offset: int
    """First byte of the pixels in that file."""
    length: int
    """Bytes of pixels: at least rows × columns × samples × bits allocated / 8, at most one padding byte more."""
    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    """MONOCHROME1, MONOCHROME2 or RGB."""
    planar_configuration: int
    """RGB only: 0 colour by pixel, 1 colour by plane."""
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_aspect_ratio: tuple[int, int] = (1, 1)
    """Vertical, horizontal size of one pixel, as (0028,0034) writes it."""


@dataclass(frozen=True, slots=True)
class PresentationLUT:
    """A Presentation LUT (PS3.3 C.11.4): a shape, or a table of `bits`-bit P-values."""

    shape: str | None = "IDENTITY"
    """IDENTITY or LIN OD; None where there is a table."""
    table: tuple[int, ...] | None = None
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle on the film in millimetres: origin top left, y down."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class PageImage:
    """One image box and the cell that it fills (PS3.3 C.13.5)."""

    position: int
    """Image Box Position (2020,0010), from 1."""
    cell: Rectangle
    pixels: PixelReference | None = None
    """None: nothing was set; the cell is filled with the Empty Image Density."""
    polarity: str = "NORMAL"
    """NORMAL or REVERSE."""
    magnification_type: str = "CUBIC"
    """REPLICATE, BILINEAR, CUBIC, NONE (one image pixel is one printer pixel), or a term that nobody knows."""
    smoothing_type: str = ""
    requested_image_size_mm: float | None = None
    """Width of the printed image; None fills the cell."""
    requested_decimate_crop_behavior: str = "DECIMATE"
    """DECIMATE, CROP or FAIL: what happens to an image that is too large for its cell at the asked size."""
    min_density_centi_od: int | None = None
    max_density_centi_od: int | None = None
    presentation_lut: PresentationLUT | None = None
    """None is treated as IDENTITY."""
    configuration_information: str = ""
    given: tuple[str, ...] | None = None
    """Keywords of the attributes that the console gave this image box, the others being its film box's. None: not
    known."""


@dataclass(frozen=True, slots=True)
class PageText:
    """One annotation box with a text (PS3.3 C.13.7), the text as characters."""

    position: int
    """Annotation Position (2030,0010), from 1."""
    text: str
    format_id: str = ""
    """Annotation Display Format ID (2010,0030)."""
    place: str = "bottom center"
    """Where this position of this format stands on the film: top or bottom, left, center or right."""


@dataclass(frozen=True, slots=True)
class PatientClue:
    """What one part of the dialogue says about whose film it is. No clue is proof; a person decides."""

    source: str
    """Where it stood, in our words: film session, Proposed Study Sequence, image box 3 …"""
    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    study_instance_uid: str = ""
    sop_instance_uid: str = ""
    """Of the image that was printed, where it is named (Original Image Sequence)."""
    text: str = ""
    """Free text that may name the patient: film session label, annotation."""


@dataclass(frozen=True, slots=True)
class FilmPage:
    """One film: the copy of a film box and all that belongs to it (PS3.3 C.13.3)."""

    film_size_id: str
    film_orientation: str
    """PORTRAIT or LANDSCAPE; already applied to width, height and cells."""
    width_mm: float
    height_mm: float
    image_display_format: str
    images: tuple[PageImage, ...]
    """One for each image box, by Image Box Position."""
    annotations: tuple[PageText, ...] = ()
    """Annotation boxes that have a text, by Annotation Position."""
    border_density: str = "BLACK"
    """BLACK, WHITE, or hundredths of OD in digits."""
    empty_image_density: str = "BLACK"
    trim: bool = False
    min_density_centi_od: int = 20
    max_density_centi_od: int = 320
    illumination_cd_m2: int = 2000
    reflected_ambient_light_cd_m2: int = 10
    requested_resolution_id: str = "STANDARD"
    default_resolution_id: str = "STANDARD"
    """What the printer makes of a film that asks for none."""
    color: bool = False
    """True if the film came over the Basic Color Print Management meta class."""
    icc_profile: str = ""
    """Base64 of the ICC profile that a colour film's RGB is in (0028,2000); without one it is the output's own RGB."""
    character_set: tuple[str, ...] = ()
    """Specific Character Set (0008,0005) of the film session, for text that is still encoded."""
    given: tuple[str, ...] | None = None
    """Keywords of the attributes that the console gave a value, the others being the printer's defaults. None: not
    known."""


@dataclass(frozen=True, slots=True)
class FilmDocument:
    """What one N-ACTION prints: one film, or every film of the session in order (PS3.3 C.13.1)."""

    pages: tuple[FilmPage, ...]
    number_of_copies: int = 1
    print_priority: str = "MED"
    medium_type: str = ""
    film_destination: str = ""
    film_session_label: str = ""
    owner_id: str = ""
    collated: bool = False
    """True for a session N-ACTION: copies come as 1 2 3, 1 2 3 (H.4.1.2.4)."""
    patient_clues: tuple[PatientClue, ...] = ()
    """Whose film it may be: for the film's record and for operators, never for file names or logs."""
    code_values: bool = False
    """True if the pixels are the output's own code values, which no tone may change: a step chart."""
    given: tuple[str, ...] | None = None
    """Keywords of the film session's attributes that the console gave a value; None: not known."""

    def to_json(self) -> str:
        """The document as JSON, the same bytes for the same document. A Presentation LUT that many images share, which
        may have 4096 entries, is written once; so is an ICC profile that many films share."""
        luts = list(dict.fromkeys(box.presentation_lut for page in self.pages for box in page.images))
        number = {lut: at for at, lut in enumerate(filter(None, luts))}
        bare = replace(self, pages=tuple(map(_without_luts, self.pages)))
        found: dict[str, Any] = plain(bare)
        for page, written in zip(self.pages, found["pages"], strict=True):
            for box, image in zip(page.images, written["images"], strict=True):
                image["presentation_lut"] = None if box.presentation_lut is None else number[box.presentation_lut]
        profiles = {one: at for at, one in enumerate(dict.fromkeys(page.icc_profile for page in self.pages))}
        for page, written in zip(self.pages, found["pages"], strict=True):
            written["icc_profile"] = profiles[page.icc_profile] if page.icc_profile else ""
        found |= {"version": VERSION, "presentation_luts": [plain(lut) for lut in number]}
        found |= {"icc_profiles": list(profiles)}
        return json.dumps(found, ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> FilmDocument:
        """The document that `to_json` wrote.

        Raises:
            UnknownDocument: it is something else, or of another version.
        """
        try:
            data = json.loads(text)
            if data.pop("version") != VERSION:
                raise UnknownDocument("the film document is of another version")
            luts = tuple(map(_lut, data.pop("presentation_luts", ())))
            profiles = tuple(map(str, data.pop("icc_profiles", ())))
            return _build(
                cls,
                data,
                given=_maybe(tuple),
                pages=lambda pages: tuple(_page(page, luts, profiles) for page in pages),
                patient_clues=lambda clues: tuple(_build(PatientClue, clue) for clue in clues),
            )
        except UnknownDocument:
            raise
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as failure:
            raise UnknownDocument(f"not a film document: {failure}") from failure

    def references(self) -> tuple[PixelReference, ...]:
        """All pixels that the document needs, page by page, box by box."""
        return tuple(box.pixels for page in self.pages for box in page.images if box.pixels is not None)


def _without_luts(page: FilmPage) -> FilmPage:
    return replace(page, images=tuple(replace(box, presentation_lut=None) for box in page.images))


def plain(value: Any) -> Any:
    """Dataclasses and tuples as the dictionaries and lists that JSON knows."""
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value


def _build(cls: type[_T], data: Mapping[str, Any], **nested: Any) -> _T:
    return cls(**{name: nested[name](value) if name in nested else value for name, value in data.items()})


def _maybe(make: Any) -> Any:
    return lambda data: None if data is None else make(data)


def _pixels(data: Mapping[str, Any]) -> PixelReference:
    return _build(PixelReference, data, pixel_aspect_ratio=tuple)


def _lut(data: Mapping[str, Any]) -> PresentationLUT:
    return _build(PresentationLUT, data, table=_maybe(tuple))


def _image(data: Mapping[str, Any], luts: Sequence[PresentationLUT]) -> PageImage:
    return _build(
        PageImage,
        data,
        cell=lambda cell: _build(Rectangle, cell),
        pixels=_maybe(_pixels),
        given=_maybe(tuple),
        presentation_lut=_maybe(lambda lut: luts[lut] if isinstance(lut, int) else _lut(lut)),
    )


def _texts(data: Sequence[Mapping[str, Any]]) -> tuple[PageText, ...]:
    return tuple(_build(PageText, one) for one in data)


def _page(data: Mapping[str, Any], luts: Sequence[PresentationLUT], profiles: Sequence[str]) -> FilmPage:
    return _build(
        FilmPage,
        data,
        images=lambda images: tuple(_image(image, luts) for image in images),
        annotations=_texts,
        icc_profile=lambda one: profiles[one] if isinstance(one, int) else one,
        character_set=tuple,
        given=_maybe(tuple),
    )
