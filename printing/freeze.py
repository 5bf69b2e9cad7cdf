"""The copy of the hierarchy that N-ACTION prints (PS3.4 H.4.1.2.4.3, H.4.2.2.4.3)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace

from printing import attributes as tags
from printing import configuration_information
from printing.elements import Value, decode_text
from printing.hierarchy import FilmBox, FilmSession, ImageBox, lut_uid, resolved
from printing.page import FilmDocument, FilmPage, PageImage, PageText, PatientClue, PresentationLUT

Luts = Mapping[str, PresentationLUT]


def freeze(film_session: FilmSession, films: tuple[FilmBox, ...], collated: bool, luts: Luts) -> FilmDocument:
    """What one N-ACTION prints, free of everything that later requests can change.

    Args:
        film_session: the session of the films.
        films: those that are printed.
        collated: whether it is the session that is printed.
        luts: the Presentation LUTs of the association, by SOP Instance UID.
    """
    values = film_session.values
    character_set = tuple(str(values.get(tags.SPECIFIC_CHARACTER_SET, "")).split("\\"))
    copies = values.get(tags.NUMBER_OF_COPIES)
    profiles: dict[bytes, str] = {}
    pages = tuple(_page(film_session, film, character_set, luts, profiles) for film in films)
    label = decode_text(str(values.get(tags.FILM_SESSION_LABEL, "")), character_set)
    return FilmDocument(
        pages=pages,
        number_of_copies=copies if isinstance(copies, int) else 1,
        print_priority=str(values.get(tags.PRINT_PRIORITY, "MED")),
        medium_type=str(values.get(tags.MEDIUM_TYPE, "")),
        film_destination=str(values.get(tags.FILM_DESTINATION, "")),
        film_session_label=label,
        owner_id=decode_text(str(values.get(tags.OWNER_ID, "")), character_set),
        collated=collated,
        patient_clues=tuple(dict.fromkeys(_clues(film_session, films, pages, label))),
        given=_keywords(film_session.given),
    )


def _keywords(given: frozenset[int]) -> tuple[str, ...]:
    return tuple(sorted(tags.ATTRIBUTES[tag].keyword for tag in given if tag in tags.ATTRIBUTES))


def _clues(
    film_session: FilmSession, films: tuple[FilmBox, ...], pages: tuple[FilmPage, ...], label: str
) -> Iterator[PatientClue]:
    yield from film_session.clues
    for number, film in enumerate(films, 1):
        place = f"film {number}, " if len(films) > 1 else ""
        yield from _placed(film.clues, place)
        wanted = str(film.values.get(tags.CONFIGURATION_INFORMATION, ""))
        if texts := configuration_information.parse(wanted).texts:
            yield PatientClue("configuration information", text=" ".join(texts))
        for box in film.image_boxes:
            yield from _placed(box.clues, place)
    if label:
        yield PatientClue("film session label", text=label)
    for page in pages:
        for annotation in page.annotations:
            yield PatientClue("annotation", text=annotation.text)


def _placed(clues: tuple[PatientClue, ...], place: str) -> Iterator[PatientClue]:
    """Clues of one film of several say which: they speak for it alone."""
    for clue in clues:
        yield replace(clue, source=place + clue.source)


def _page(
    film_session: FilmSession, film: FilmBox, character_set: tuple[str, ...], luts: Luts, profiles: dict[bytes, str]
) -> FilmPage:
    values = film.values
    return FilmPage(
        film_size_id=str(values[tags.FILM_SIZE_ID]),
        film_orientation=str(values[tags.FILM_ORIENTATION]),
        width_mm=film.width_mm,
        height_mm=film.height_mm,
        image_display_format=str(values[tags.IMAGE_DISPLAY_FORMAT]),
        images=tuple(
            _image(film, box, _lut(film_session, film, box, luts))
            for box in sorted(film.image_boxes, key=lambda box: box.position)
        ),
        annotations=_annotations(film, character_set),
        border_density=str(values[tags.BORDER_DENSITY]),
        empty_image_density=str(values[tags.EMPTY_IMAGE_DENSITY]),
        trim=values[tags.TRIM] == "YES",
        min_density_centi_od=_integer(values[tags.MIN_DENSITY]),
        max_density_centi_od=_integer(values[tags.MAX_DENSITY]),
        illumination_cd_m2=_integer(values[tags.ILLUMINATION]),
        reflected_ambient_light_cd_m2=_integer(values[tags.REFLECTED_AMBIENT_LIGHT]),
        requested_resolution_id=str(values[tags.REQUESTED_RESOLUTION_ID]),
        default_resolution_id=film.default_resolution_id,
        color=film.color,
        icc_profile=_profile(values.get(tags.ICC_PROFILE), profiles),
        character_set=character_set,
        given=_keywords(film.given),
    )


def _profile(profile: Value | None, known: dict[bytes, str]) -> str:
    """A profile as text; films that share one share its text, which has up to 5 MiB."""
    if not isinstance(profile, bytes):
        return ""
    if profile not in known:
        known[profile] = b64encode(profile).decode()
    return known[profile]


def _annotations(film: FilmBox, character_set: tuple[str, ...]) -> tuple[PageText, ...]:
    """Annotation boxes that have a text: one without is erased (H.4.4.2.1.3)."""
    format_id = str(film.values.get(tags.ANNOTATION_DISPLAY_FORMAT_ID, ""))
    boxes = sorted(film.annotation_boxes, key=lambda box: box.position)
    return tuple(
        PageText(box.position, decode_text(box.text, character_set), format_id, film.places[box.position - 1])
        for box in boxes
        if box.text
    )


def _integer(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _lut(film_session: FilmSession, film: FilmBox, box: ImageBox, luts: Luts) -> PresentationLUT | None:
    """The image box's, else its film's, else, as some consoles have it, the film session's (H.2.1.2)."""
    if film.color:
        return None  # H.4.3.2: colour has none
    for values in (box.values, film.values, film_session.values):
        uid = lut_uid(values)
        if uid is not None:
            return luts[uid]
    return None


def _image(film: FilmBox, box: ImageBox, lut: PresentationLUT | None) -> PageImage:
    size = box.values.get(tags.REQUESTED_IMAGE_SIZE)
    lowest, highest = (box.values.get(tag) for tag in (tags.MIN_DENSITY, tags.MAX_DENSITY))
    return PageImage(
        position=box.position,
        cell=film.cells[box.position - 1],
        pixels=box.pixels,
        polarity=str(box.values.get(tags.POLARITY, "NORMAL")),
        magnification_type=str(resolved(film, box, tags.MAGNIFICATION_TYPE)),
        smoothing_type=str(resolved(film, box, tags.SMOOTHING_TYPE) or ""),
        requested_image_size_mm=size if isinstance(size, float) else None,
        requested_decimate_crop_behavior=str(box.values.get(tags.REQUESTED_DECIMATE_CROP_BEHAVIOR, "DECIMATE")),
        min_density_centi_od=lowest if isinstance(lowest, int) else None,
        max_density_centi_od=highest if isinstance(highest, int) else None,
        presentation_lut=lut,
        configuration_information=str(resolved(film, box, tags.CONFIGURATION_INFORMATION) or ""),
        given=_keywords(frozenset(box.values)),
    )
