"""FilmSession > FilmBox > ImageBox, and what each request does to them (PS3.4 H.4.1–H.4.3).

`step(session, request, world)` decides: the session after the request, the reply, and the effects that must happen
before the reply may go out. It opens nothing, waits for nothing and never changes a value: a request that is refused
leaves the session that was there.

What the standard asks of the hierarchy, and where it stands below:
- one film session an association (`_create_film_session`), gone with it;
- film boxes only in a session, their image boxes made with them (`_create_film_box`);
- only the film box that was created last can be set, deleted or printed alone, and only its image boxes can be set:
  earlier films are frozen, and still print with the session (`_last_film`);
- what is printed is a copy (`freeze`): later requests change nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from printing import attributes as tags
from printing import configuration_information, presentation_lut
from printing.clues import harvest
from printing.display_format import DisplayFormat
from printing.elements import AttributeList, BadValue, Value
from printing.film_size import parse as parse_film_size
from printing.freeze import freeze
from printing.hierarchy import (
    MOST_FILM_BOXES,
    MOST_IMAGE_BOXES,
    MOST_PRESENTATION_LUTS,
    AnnotationBox,
    FilmBox,
    FilmSession,
    ImageBox,
    Session,
    Values,
    instances,
    referenced_luts,
    resolved,
)
from printing.judge import NONE, Judgement, judge
from printing.layout import Wish, cells, fit
from printing.page import FilmDocument, PatientClue, PixelReference
from printing.pixels import reference
from printing.printer import Printer
from printing.status import (
    ATTRIBUTE_LIST_ERROR,
    CLASS_INSTANCE_CONFLICT,
    DENSITY_OUT_OF_RANGE,
    DUPLICATE_INSTANCE,
    FILM_EMPTY_PAGE,
    FILM_QUEUE_FULL,
    INVALID_ATTRIBUTE_VALUE,
    INVALID_INSTANCE,
    LARGER_THAN_BOX,
    MEANINGS,
    MISSING_VALUE,
    NO_FILM_BOX,
    NO_SUCH_ACTION,
    NO_SUCH_ATTRIBUTE,
    NO_SUCH_CLASS,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SESSION_EMPTY_PAGE,
    SESSION_QUEUE_FULL,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    VALUE_OUT_OF_RANGE,
    Refused,
    Remark,
    Verdict,
)
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_IMAGE_BOX,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    IMAGE_BOXES,
    PRESENTATION_LUT,
    PRINT_JOB,
    Command,
)

PRINT_ACTION = 1
"""Action Type ID of the only action there is (PS3.4 H.4-3, H.4-8)."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)

NOTHING = AttributeList(b"", {})


@dataclass(frozen=True, slots=True)
class PrintRequest:
    """One request, checked by the association, its attribute list read."""

    command: Command
    sop_class_uid: str
    sop_instance_uid: str | None = None
    attributes: AttributeList = NOTHING
    file: str = ""
    """Name of the spool file that holds the attribute list, for pixels."""
    action_type_id: int | None = None
    color: bool = False
    """Whether the presentation context asks for colour image boxes (H.4.2.2.1.3)."""


@dataclass(frozen=True, slots=True)
class World:
    """What a step needs to know beside the session: passed in, so that nothing is looked up."""

    printer: Printer
    new_uid: Callable[[], str]
    print_job: bool = False
    """Whether the Print Job class was accepted, and the peer bears its name: only then N-ACTION names one."""
    annotations: bool = False
    """Whether the Basic Annotation Box class was accepted: only then films have annotation boxes."""
    strict: bool = False
    """Refuse what the standard lets a printer refuse, instead of making do with it."""
    boxes_by_position: bool = False
    """Take an N-SET of an instance that nobody knows as one of the last film's box at its position."""
    skip_empty_films: bool = False
    """Make no job of films that have no image; the peer hears the same warning."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request."""

    status: int = SUCCESS
    values: Values | None = None
    sop_instance_uid: str | None = None
    comment: str = ""
    offending: tuple[int, ...] = ()
    remarks: tuple[Remark, ...] = ()
    """Every leniency, for the log: also those that the status does not say."""

    @classmethod
    def refusing(cls, refused: Refused) -> Reply:
        """The answer that a refusal carries."""
        return cls(refused.status, comment=refused.comment, offending=refused.offending)

    def success_only(self) -> Reply:
        """The same with 0000 instead of a warning."""
        verdict = Verdict(self.status, self.comment, self.offending).success_only()
        return replace(self, status=verdict.status, comment=verdict.comment, offending=verdict.offending)


@dataclass(frozen=True, slots=True)
class Submit:
    """Make a print job, durably, before the reply goes out; where that fails, this status is the reply."""

    document: FilmDocument
    print_job_uid: str
    otherwise: int
    """C601 for a session, C602 for a film."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Spool files that nothing in the session points to any more."""

    files: tuple[str, ...]


Effect: TypeAlias = Submit | Forget
Step: TypeAlias = tuple[Session, Reply, tuple[Effect, ...]]


def step(session: Session, request: PrintRequest, world: World) -> Step:
    """What one request does. Never raises for what the peer says."""
    try:
        handler = _HANDLERS.get((request.sop_class_uid, request.command))
        if handler is None:
            raise Refused(NO_SUCH_CLASS if request.command is Command.N_CREATE else UNRECOGNIZED_OPERATION)
        return handler(session, request, world)
    except Refused as refused:
        return session, Reply.refusing(refused), ()
    except BadValue:
        return session, Reply.refusing(Refused(INVALID_ATTRIBUTE_VALUE)), ()


# -- film session (H.4.1) ---------------------------------------------------------------------------------------------


def _judge(sop_class_uid: str, request: PrintRequest, world: World) -> Judgement:
    return judge(sop_class_uid, request.command, request.attributes, world.printer, world.strict)


def _create_film_session(session: Session, request: PrintRequest, world: World) -> Step:
    if session.film_session is not None:
        raise Refused(DUPLICATE_INSTANCE, "this association has a film session already")
    judgement = _with_lut(_judge(FILM_SESSION, request, world), session, request, world)
    made = FilmSession(_new_instance(session, request, world), judgement.values, given=_given(request))
    made = replace(made, clues=harvest("film session", request.attributes, _character_set(made)))
    return replace(session, film_session=made), _reply(judgement.remarks, judgement.values, made.uid), ()


def _set_film_session(session: Session, request: PrintRequest, world: World) -> Step:
    film_session = _film_session(session, request)
    judgement = _with_lut(_judge(FILM_SESSION, request, world), session, request, world)
    given = film_session.given - _known(request) | _given(request)
    changed = replace(film_session, values=_merged(film_session.values, judgement.values), given=given)
    clues = harvest("film session", request.attributes, _character_set(changed))
    changed = replace(changed, clues=clues or film_session.clues)
    return replace(session, film_session=changed), _reply(judgement.remarks, judgement.values), ()


def _delete_film_session(session: Session, request: PrintRequest, world: World) -> Step:
    film_session = _film_session(session, request)
    return replace(session, film_session=None), Reply(), _forget(*film_session.film_boxes)


def _print_film_session(session: Session, request: PrintRequest, world: World) -> Step:
    film_session = _film_session(session, request)
    _check_action(request)
    if not film_session.film_boxes:
        raise Refused(NO_FILM_BOX)
    remarks = [Remark(SESSION_EMPTY_PAGE, MEANINGS[SESSION_EMPTY_PAGE])] if _any_empty(film_session) else []
    return _print(session, film_session, film_session.film_boxes, True, remarks, world)


def _any_empty(film_session: FilmSession) -> bool:
    return any(film.empty for film in film_session.film_boxes)


def _film_session(session: Session, request: PrintRequest) -> FilmSession:
    film_session = session.film_session
    if film_session is None or film_session.uid != request.sop_instance_uid:
        raise _no_such(session, request)
    return film_session


def _given(request: PrintRequest) -> frozenset[int]:
    """The tags that the console gives a value."""
    attributes = request.attributes
    return frozenset(tag for tag in _known(request) if not attributes.is_empty(tag, tags.VRS[tag]))


def _known(request: PrintRequest) -> frozenset[int]:
    """The tags that a request names, with a value or without one."""
    return frozenset(request.attributes.elements) & frozenset(tags.VRS)


def _character_set(film_session: FilmSession) -> tuple[str, ...]:
    return tuple(str(film_session.values.get(tags.SPECIFIC_CHARACTER_SET, "")).split("\\"))


# -- film box (H.4.2) -------------------------------------------------------------------------------------------------


def _create_film_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session = session.film_session
    if film_session is None:
        raise Refused(NO_SUCH_INSTANCE, "there is no film session to put a film box into")
    judgement = _with_lut(_judge(FILM_BOX, request, world), session, request, world)
    judgement = _without_colour(_without_annotation(judgement, world), request.color, world)
    judgement = _with_shared_profile(judgement, film_session.film_boxes, world)
    judgement = _with_sane_densities(judgement, world.printer)
    _check_session_reference(film_session, request.attributes, world.strict)
    if world.strict:
        _check_display_format(request.attributes)
    film = _new_film(session, film_session, judgement.values, request, world)
    changed = replace(film_session, film_boxes=(*film_session.film_boxes, film), last_film_uid=film.uid)
    remarks = (*judgement.remarks, *_configuration_remarks(judgement.values))
    answer = _film_box_answer(film_session, film)
    return replace(session, film_session=changed), _reply(remarks, answer, film.uid), ()


def _new_film(
    session: Session, film_session: FilmSession, values: Values, request: PrintRequest, world: World
) -> FilmBox:
    display = DisplayFormat.parse(str(values[tags.IMAGE_DISPLAY_FORMAT]))
    size = parse_film_size(str(values[tags.FILM_SIZE_ID])) or world.printer.film_size()
    width_mm, height_mm = size.hung(str(values[tags.FILM_ORIENTATION]))
    places = cells(display, width_mm, height_mm, world.printer.formats)
    already = sum(len(film.image_boxes) for film in film_session.film_boxes)
    if len(film_session.film_boxes) >= MOST_FILM_BOXES or already + len(places) > MOST_IMAGE_BOXES:
        raise Refused(RESOURCE_LIMITATION, "too many films in one film session, print and delete it")
    uid = _new_instance(session, request, world)
    box_class = COLOR_IMAGE_BOX if request.color else GRAYSCALE_IMAGE_BOX
    annotated = world.printer.annotation_formats.get(str(values.get(tags.ANNOTATION_DISPLAY_FORMAT_ID, "")), ())
    return FilmBox(
        uid,
        request.color,
        width_mm,
        height_mm,
        places,
        values,
        tuple(ImageBox(world.new_uid(), box_class, number) for number in range(1, len(places) + 1)),
        tuple(AnnotationBox(world.new_uid(), number) for number in range(1, len(annotated) + 1)),
        annotated,
        harvest("film box", request.attributes, _character_set(film_session)),
        _given(request),
        world.printer.default_resolution_id,
    )


def _without_annotation(judgement: Judgement, world: World) -> Judgement:
    """Where the class was not negotiated there are no annotation boxes, and no word about their format."""
    if world.annotations:
        return judgement
    tag = tags.ANNOTATION_DISPLAY_FORMAT_ID
    values = {one: value for one, value in judgement.values.items() if one != tag}
    return Judgement(values, tuple(remark for remark in judgement.remarks if remark.tag != tag))


def _without_colour(judgement: Judgement, color: bool, world: World) -> Judgement:
    """An ICC Profile belongs to colour films."""
    tag = tags.ICC_PROFILE
    if color or not judgement.values.get(tag):
        return judgement
    remark = Remark(ATTRIBUTE_LIST_ERROR, "ICCProfile left out, the film is not in colour", tag)
    if world.strict:
        raise Refused(NO_SUCH_ATTRIBUTE, remark.words, (tag,))
    values = {one: value for one, value in judgement.values.items() if one != tag}
    return Judgement(values, (*judgement.remarks, remark))


def _with_shared_profile(judgement: Judgement, others: tuple[FilmBox, ...], world: World) -> Judgement:
    """Films of one session have one ICC profile, as a rule: it is kept once, and those that differ are bounded."""
    tag = tags.ICC_PROFILE
    profile = judgement.values.get(tag)
    if not isinstance(profile, bytes):
        return judgement
    there = {one for film in others if isinstance(one := film.values.get(tag), bytes)}
    values = {one: value for one, value in judgement.values.items() if one != tag}
    for one in there:
        if one == profile:
            return Judgement({**values, tag: one}, judgement.remarks)
    if sum(map(len, there)) + len(profile) <= tags.MOST_ICC_BYTES:
        return judgement
    words = f"ICCProfiles of the session are longer than {tags.MOST_ICC_BYTES >> 20} MiB: left out"
    if world.strict:
        raise Refused(RESOURCE_LIMITATION, words, (tag,))
    return Judgement(values, (*judgement.remarks, Remark(VALUE_OUT_OF_RANGE, words, tag)))


def _film_box_answer(film_session: FilmSession, film: FilmBox) -> Values:
    """H.4.2.2.1.3: what is used, and the image and annotation boxes by their position."""
    answer: dict[int, Value] = {
        **film.values,
        tags.REFERENCED_FILM_SESSION_SEQUENCE: (_referenced(FILM_SESSION, film_session.uid),),
        tags.REFERENCED_IMAGE_BOX_SEQUENCE: tuple(_referenced(box.sop_class_uid, box.uid) for box in film.image_boxes),
    }
    if film.annotation_boxes:
        boxes = tuple(_referenced(ANNOTATION_BOX, box.uid) for box in film.annotation_boxes)
        answer[tags.REFERENCED_BASIC_ANNOTATION_BOX_SEQUENCE] = boxes
    return answer


def _referenced(sop_class_uid: str, sop_instance_uid: str) -> dict[int, Value]:
    return {tags.REFERENCED_SOP_CLASS_UID: sop_class_uid, tags.REFERENCED_SOP_INSTANCE_UID: sop_instance_uid}


def _check_session_reference(film_session: FilmSession, attributes: AttributeList, strict: bool) -> None:
    items = attributes.items(tags.REFERENCED_FILM_SESSION_SEQUENCE)
    tag = tags.REFERENCED_SOP_INSTANCE_UID
    if not items or tag not in items[0].elements:
        if strict:
            words = "Referenced Film Session Sequence names no film session"
            raise Refused(MISSING_VALUE, words, (tags.REFERENCED_FILM_SESSION_SEQUENCE,))
        return
    if items[0].value(tag, "UI") != film_session.uid:
        words = "Referenced Film Session is not that of this association"
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (tags.REFERENCED_FILM_SESSION_SEQUENCE,))


def _configuration_remarks(values: Values) -> tuple[Remark, ...]:
    tag = tags.CONFIGURATION_INFORMATION
    if not configuration_information.parse(str(values.get(tag, ""))).unknown:
        return ()
    return (Remark(SUCCESS, "ConfigurationInformation has settings that are not understood, kept", tag),)


def _check_display_format(attributes: AttributeList) -> None:
    tag = tags.IMAGE_DISPLAY_FORMAT
    written = str(attributes.value(tag, "ST"))
    if str(DisplayFormat.parse(written)) != written:
        raise Refused(INVALID_ATTRIBUTE_VALUE, "Image Display Format is not written as PS3.3 C.13.3 has it", (tag,))


def _with_sane_densities(judgement: Judgement, printer: Printer) -> Judgement:
    values, remarks = judgement.values, judgement.remarks
    lowest, highest = values.get(tags.MIN_DENSITY), values.get(tags.MAX_DENSITY)
    if not (isinstance(lowest, int) and isinstance(highest, int)) or lowest < highest:
        return judgement
    own: dict[int, Value] = {
        tags.MIN_DENSITY: printer.min_density_centi_od,
        tags.MAX_DENSITY: printer.max_density_centi_od,
    }
    remark = Remark(DENSITY_OUT_OF_RANGE, "Min Density is not below Max Density: the printer's own", tags.MIN_DENSITY)
    return Judgement({**values, **own}, (*remarks, remark))


_CROSSED = Remark(
    DENSITY_OUT_OF_RANGE, "an image's Min Density is not below its Max Density: the film's", tags.MIN_DENSITY
)


def _with_densities_of_the_film(film: FilmBox, box: ImageBox) -> ImageBox:
    """An image box without its own densities, where they and the film's leave it no range: black would be its
    brightest grey."""
    lowest, highest = (resolved(film, box, tag) for tag in (tags.MIN_DENSITY, tags.MAX_DENSITY))
    if not (isinstance(lowest, int) and isinstance(highest, int)) or lowest < highest:
        return box
    own = {tag: value for tag, value in box.values.items() if tag not in (tags.MIN_DENSITY, tags.MAX_DENSITY)}
    return replace(box, values=own)


def _set_film_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film = _last_film(session, request)
    asked = _with_lut(_judge(FILM_BOX, request, world), session, request, world)
    asked = _with_shared_profile(_without_colour(asked, film.color, world), film_session.film_boxes[:-1], world)
    whole = _with_sane_densities(Judgement(_merged(film.values, asked.values), asked.remarks), world.printer)
    answer = {tag: whole.values.get(tag, value) for tag, value in asked.values.items()}
    clues = harvest("film box", request.attributes, _character_set(film_session)) or film.clues
    changed = replace(film, values=whole.values, clues=clues, given=film.given - _known(request) | _given(request))
    boxes = tuple(_with_densities_of_the_film(changed, box) for box in changed.image_boxes)
    remarks = whole.remarks if boxes == changed.image_boxes else (*whole.remarks, _CROSSED)
    return _with_film(session, film_session, replace(changed, image_boxes=boxes)), _reply(remarks, answer), ()


def _delete_film_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film = _last_film(session, request)
    left = replace(film_session, film_boxes=film_session.film_boxes[:-1], last_film_uid=None)
    return replace(session, film_session=left), Reply(), _forget(film)


def _print_film_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film = _last_film(session, request)
    _check_action(request)
    remarks = [Remark(FILM_EMPTY_PAGE, MEANINGS[FILM_EMPTY_PAGE])] if film.empty else []
    return _print(session, film_session, (film,), False, remarks, world)


def _last_film(session: Session, request: PrintRequest) -> tuple[FilmSession, FilmBox]:
    film_session = session.film_session
    if film_session is None or not any(film.uid == request.sop_instance_uid for film in film_session.film_boxes):
        raise _no_such(session, request)
    if film_session.last_film_uid != request.sop_instance_uid:
        raise _frozen()
    return film_session, film_session.film_boxes[-1]


def _frozen() -> Refused:
    return Refused(NO_SUCH_INSTANCE, "only the film box created last can be changed or printed")


def _with_film(session: Session, film_session: FilmSession, film: FilmBox) -> Session:
    return replace(session, film_session=replace(film_session, film_boxes=(*film_session.film_boxes[:-1], film)))


# -- image box (H.4.3) ------------------------------------------------------------------------------------------------


def _set_image_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film, box, found = _image_box(session, request, world)
    request = request if world.strict else _with_image_where_it_belongs(request)
    judgement = _with_lut(_judge(box.sop_class_uid, request, world), session, request, world)
    position = judgement.values[tags.IMAGE_BOX_POSITION]
    if not isinstance(position, int) or position > len(film.cells):
        words = f"Image Box Position is above {len(film.cells)}"
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (tags.IMAGE_BOX_POSITION,))
    if position != box.position and world.strict:
        words = f"Image Box Position is not that of its instance, {box.position}"
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (tags.IMAGE_BOX_POSITION,))
    pixels = _pixels(box, request, world.strict)
    changed = replace(
        box,
        values=_merged(box.values, judgement.values),
        position=position,
        pixels=pixels,
        clues=_image_clues(box, position, request, _character_set(film_session)),
    )
    result = _fit(film, changed, world.printer)
    if result == LARGER_THAN_BOX:
        raise Refused(LARGER_THAN_BOX)
    remarks = (*judgement.remarks, *found)
    sane = _with_densities_of_the_film(film, changed)
    if sane != changed:
        changed, remarks = sane, (*remarks, _CROSSED)
    if result != SUCCESS:
        remarks = (*remarks, Remark(result, MEANINGS[result]))
    if position != box.position:
        remarks = (*remarks, Remark(SUCCESS, "image placed by Image Box Position, not by its instance"))
    boxes = _placed(film.image_boxes, box, replace(changed, fit=result))
    changed_session = _with_film(session, film_session, replace(film, image_boxes=boxes))
    answer = {tag: changed.values.get(tag, NONE) for tag in judgement.values}
    return changed_session, _reply(remarks, answer), _forget_pixels(box.pixels)


def _image_box(
    session: Session, request: PrintRequest, world: World
) -> tuple[FilmSession, FilmBox, ImageBox, tuple[Remark, ...]]:
    film_session = session.film_session
    if film_session is not None:
        for film in film_session.film_boxes:
            for box in film.image_boxes:
                if box.uid != request.sop_instance_uid:
                    continue
                if box.sop_class_uid != request.sop_class_uid:
                    raise Refused(CLASS_INSTANCE_CONFLICT)
                if film.uid != film_session.last_film_uid:
                    raise _frozen()
                return film_session, film, box, ()
        by_position = _by_position(session, film_session, request) if world.boxes_by_position else None
        if by_position is not None:
            words = "an image box that nobody knows, taken for the one at its position"
            return film_session, film_session.film_boxes[-1], by_position, (Remark(SUCCESS, words),)
    raise _no_such(session, request)


def _by_position(session: Session, film_session: FilmSession, request: PrintRequest) -> ImageBox | None:
    """The box of the last film that stands at the position that the request names; for consoles that send N-SETs before
    they have read which instances the film box got."""
    tag = tags.IMAGE_BOX_POSITION
    if film_session.last_film_uid is None or tag not in request.attributes.elements:
        return None
    if request.sop_instance_uid in instances(session):
        return None
    position = request.attributes.value(tag, "US")
    boxes = film_session.film_boxes[-1].image_boxes
    return next((box for box in boxes if box.position == position and box.sop_class_uid == request.sop_class_uid), None)


def _image_sequence(sop_class_uid: str) -> int:
    return tags.COLOR_IMAGE_SEQUENCE if sop_class_uid == COLOR_IMAGE_BOX else tags.GRAYSCALE_IMAGE_SEQUENCE


def _with_image_where_it_belongs(request: PrintRequest) -> PrintRequest:
    """A well-known example of a console puts the image into the Referenced Image Box Sequence."""
    elements = request.attributes.elements
    wanted, astray = _image_sequence(request.sop_class_uid), tags.REFERENCED_IMAGE_BOX_SEQUENCE
    items = request.attributes.items(astray) or ()
    if wanted in elements or not any(tags.PIXEL_DATA in item.elements for item in items):
        return request
    moved = {wanted if tag == astray else tag: element for tag, element in elements.items()}
    return replace(request, attributes=AttributeList(request.attributes.data, moved))


def _pixels(box: ImageBox, request: PrintRequest, strict: bool) -> PixelReference | None:
    """The pixels of the image sequence; none where it has no item, which erases the box (H.4.3.1.2.1.3)."""
    tag = _image_sequence(box.sop_class_uid)
    items = request.attributes.items(tag) or ()
    if request.attributes.elements[tag].length or len(items) > 1:
        raise Refused(INVALID_ATTRIBUTE_VALUE, "the image sequence is not one item, or none", (tag,))
    return reference(items[0], box.sop_class_uid == COLOR_IMAGE_BOX, request.file, strict) if items else None


def _image_clues(
    box: ImageBox, position: int, request: PrintRequest, character_set: tuple[str, ...]
) -> tuple[PatientClue, ...]:
    source = f"image box {position}"
    found = harvest(source, request.attributes, character_set)
    for item in request.attributes.items(_image_sequence(box.sop_class_uid)) or ():
        found += harvest(source, item, character_set)
    return found


def _placed(boxes: tuple[ImageBox, ...], before: ImageBox, after: ImageBox) -> tuple[ImageBox, ...]:
    """The boxes with one of them set. Where it takes another one's position, that one takes its own."""
    return tuple(
        after
        if box.uid == after.uid
        else replace(box, position=before.position)
        if box.position == after.position
        else box
        for box in boxes
    )


def _fit(film: FilmBox, box: ImageBox, printer: Printer) -> int:
    if box.pixels is None:
        return SUCCESS
    size = box.values.get(tags.REQUESTED_IMAGE_SIZE)
    behavior = box.values.get(tags.REQUESTED_DECIMATE_CROP_BEHAVIOR)
    wish = Wish(
        box.pixels.columns,
        box.pixels.rows,
        box.pixels.pixel_aspect_ratio,
        str(resolved(film, box, tags.MAGNIFICATION_TYPE)),
        size if isinstance(size, float) else None,
        None if behavior is None else str(behavior),
    )
    dpi = printer.resolution(str(film.values[tags.REQUESTED_RESOLUTION_ID]))
    return fit(wish, film.cells[box.position - 1], dpi)


# -- annotation box (H.4.4) -------------------------------------------------------------------------------------------


def _set_annotation_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film, box = _annotation_box(session, request)
    judgement = _judge(ANNOTATION_BOX, request, world)
    position = judgement.values.get(tags.ANNOTATION_POSITION, box.position)
    if not isinstance(position, int) or position > len(film.annotation_boxes):
        words = f"Annotation Position is above {len(film.annotation_boxes)}"
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (tags.ANNOTATION_POSITION,))
    changed = replace(box, position=position, text=str(judgement.values.get(tags.TEXT_STRING, box.text)))
    boxes = tuple(
        changed if one.uid == box.uid else replace(one, position=box.position) if one.position == position else one
        for one in film.annotation_boxes
    )
    changed_session = _with_film(session, film_session, replace(film, annotation_boxes=boxes))
    return changed_session, _reply(judgement.remarks, judgement.values), ()


def _annotation_box(session: Session, request: PrintRequest) -> tuple[FilmSession, FilmBox, AnnotationBox]:
    film_session = session.film_session
    for film in film_session.film_boxes if film_session is not None else ():
        for box in film.annotation_boxes:
            if film_session is not None and box.uid == request.sop_instance_uid:
                if film.uid != film_session.last_film_uid:
                    raise _frozen()
                return film_session, film, box
    raise _no_such(session, request)


# -- presentation LUT (H.4.9) -----------------------------------------------------------------------------------------


def _create_presentation_lut(session: Session, request: PrintRequest, world: World) -> Step:
    if len(session.presentation_luts) >= MOST_PRESENTATION_LUTS:
        raise Refused(RESOURCE_LIMITATION, "too many Presentation LUTs, delete those that are not used")
    judgement = _judge(PRESENTATION_LUT, request, world)
    shape = judgement.values.get(tags.PRESENTATION_LUT_SHAPE)
    lut, answer = presentation_lut.created(shape, request.attributes)
    uid = _new_instance(session, request, world)
    luts = {**session.presentation_luts, uid: lut}
    return replace(session, presentation_luts=luts), _reply(judgement.remarks, answer, uid), ()


def _delete_presentation_lut(session: Session, request: PrintRequest, world: World) -> Step:
    if request.sop_instance_uid not in session.presentation_luts:
        raise _no_such(session, request)
    if request.sop_instance_uid in referenced_luts(session):
        raise Refused(PROCESSING_FAILURE, "the Presentation LUT is referenced by what can still be printed")
    luts = {uid: lut for uid, lut in session.presentation_luts.items() if uid != request.sop_instance_uid}
    return replace(session, presentation_luts=luts), Reply(), ()


def _with_lut(judgement: Judgement, session: Session, request: PrintRequest, world: World) -> Judgement:
    """The Presentation LUT that a request references, or no longer does. One that is not there is as none: the stored
    values are P-values (H.2.1.2)."""
    tag = tags.REFERENCED_PRESENTATION_LUT_SEQUENCE
    items = request.attributes.items(tag)
    if items is None or tag in _left_out(judgement):
        return judgement
    uid = ""
    if items and tags.REFERENCED_SOP_INSTANCE_UID in items[0].elements:
        uid = str(items[0].value(tags.REFERENCED_SOP_INSTANCE_UID, "UI"))
    if uid in session.presentation_luts:
        values: Values = {**judgement.values, tag: (_referenced(PRESENTATION_LUT, uid),)}
        return Judgement(values, judgement.remarks)
    values = {**judgement.values, tag: ()}
    if not items:
        return Judgement(values, judgement.remarks)
    words = "the referenced Presentation LUT is not there: none used"
    if world.strict:
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (tag,))
    return Judgement(values, (*judgement.remarks, Remark(VALUE_OUT_OF_RANGE, words, tag)))


def _left_out(judgement: Judgement) -> frozenset[int]:
    return frozenset(remark.tag for remark in judgement.remarks)


def _merged(before: Values, after: Values) -> Values:
    """Values with those that were set; `NONE`, as an empty reference is too, takes the one that was there away."""
    return {tag: value for tag, value in {**before, **after}.items() if value != NONE}


# -- printing ---------------------------------------------------------------------------------------------------------


def _check_action(request: PrintRequest) -> None:
    if request.action_type_id != PRINT_ACTION:
        raise Refused(NO_SUCH_ACTION)


def _print(
    session: Session,
    film_session: FilmSession,
    films: tuple[FilmBox, ...],
    collated: bool,
    remarks: list[Remark],
    world: World,
) -> Step:
    if world.skip_empty_films:
        films = tuple(film for film in films if not film.empty)
    if not films:
        return session, _reply(tuple(remarks), None), ()
    for film in films:
        for box in film.image_boxes:
            # The film box may have been set after its images were.
            result = _fit(film, box, world.printer)
            if result == LARGER_THAN_BOX:
                raise Refused(LARGER_THAN_BOX)
            if result not in (SUCCESS, box.fit):
                remarks.append(Remark(result, MEANINGS[result]))
    uid = world.new_uid()
    document = freeze(film_session, films, collated, session.presentation_luts)
    effect = Submit(document, uid, SESSION_QUEUE_FULL if collated else FILM_QUEUE_FULL)
    values = print_job_reference(uid) if world.print_job else None
    return session, _reply(tuple(remarks), values), (effect,)


def print_job_reference(uid: str) -> Values:
    """The reply of an N-ACTION: Referenced Print Job Sequence (2100,0500), one item (H.4-3, H.4-8)."""
    return {tags.REFERENCED_PRINT_JOB_SEQUENCE: (_referenced(PRINT_JOB, uid),)}


# -- instances --------------------------------------------------------------------------------------------------------


def _new_instance(session: Session, request: PrintRequest, world: World) -> str:
    """The UID of what is created: the peer's, or ours where it sent none (PS3.7 §10.1.5.1.4)."""
    uid = request.sop_instance_uid
    if not uid:
        return world.new_uid()
    if len(uid) > 64 or not _UID.fullmatch(uid):
        raise Refused(INVALID_INSTANCE)
    if uid in instances(session):
        raise Refused(DUPLICATE_INSTANCE)
    return uid


def _no_such(session: Session, request: PrintRequest) -> Refused:
    if request.sop_instance_uid in instances(session):
        return Refused(CLASS_INSTANCE_CONFLICT)
    return Refused(NO_SUCH_INSTANCE, "there is no such instance on this association")


def _reply(remarks: tuple[Remark, ...], values: Values | None, uid: str | None = None) -> Reply:
    verdict = Verdict.of(remarks)
    return Reply(verdict.status, values, uid, verdict.comment, verdict.offending, remarks)


def _forget(*films: FilmBox) -> tuple[Effect, ...]:
    return _forget_pixels(*(box.pixels for film in films for box in film.image_boxes))


def _forget_pixels(*pixels: PixelReference | None) -> tuple[Effect, ...]:
    files = tuple(one.file for one in pixels if one is not None)
    return (Forget(files),) if files else ()


Handler: TypeAlias = Callable[[Session, PrintRequest, World], Step]

_HANDLERS: Mapping[tuple[str, Command], Handler] = {
    (FILM_SESSION, Command.N_CREATE): _create_film_session,
    (FILM_SESSION, Command.N_SET): _set_film_session,
    (FILM_SESSION, Command.N_DELETE): _delete_film_session,
    (FILM_SESSION, Command.N_ACTION): _print_film_session,
    (FILM_BOX, Command.N_CREATE): _create_film_box,
    (FILM_BOX, Command.N_SET): _set_film_box,
    (FILM_BOX, Command.N_DELETE): _delete_film_box,
    (FILM_BOX, Command.N_ACTION): _print_film_box,
    **{(box_class, Command.N_SET): _set_image_box for box_class in IMAGE_BOXES},
    (ANNOTATION_BOX, Command.N_SET): _set_annotation_box,
    (PRESENTATION_LUT, Command.N_CREATE): _create_presentation_lut,
    (PRESENTATION_LUT, Command.N_DELETE): _delete_presentation_lut,
}
