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
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from printing import attributes as tags
from printing.display_format import DisplayFormat
from printing.elements import AttributeList, BadValue, Value, decode_text
from printing.film_size import parse as parse_film_size
from printing.judge import judge
from printing.layout import Wish, cells, fit
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference, Rectangle
from printing.pixels import reference
from printing.printer import Printer
from printing.status import (
    CLASS_INSTANCE_CONFLICT,
    DENSITY_OUT_OF_RANGE,
    DUPLICATE_INSTANCE,
    FILM_EMPTY_PAGE,
    FILM_QUEUE_FULL,
    INVALID_ATTRIBUTE_VALUE,
    INVALID_INSTANCE,
    LARGER_THAN_BOX,
    MEANINGS,
    NO_FILM_BOX,
    NO_SUCH_ACTION,
    NO_SUCH_CLASS,
    NO_SUCH_INSTANCE,
    RESOURCE_LIMITATION,
    SESSION_EMPTY_PAGE,
    SESSION_QUEUE_FULL,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Refused,
    Remark,
    Verdict,
)
from printing.terms import (
    COLOR_IMAGE_BOX,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    IMAGE_BOXES,
    PRINT_JOB,
    Command,
)

MOST_FILM_BOXES = 200
"""Films of one session."""
MOST_IMAGE_BOXES = 4000
"""Image boxes of one session, all films together."""

PRINT_ACTION = 1
"""Action Type ID of the only action there is (PS3.4 H.4-3, H.4-8)."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)

Values: TypeAlias = Mapping[int, Value]
NOTHING = AttributeList(b"", {})


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


@dataclass(frozen=True, slots=True)
class Session:
    """What one association has made."""

    film_session: FilmSession | None = None


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
    """Whether the Print Job class was accepted: only then N-ACTION names one."""


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


def _create_film_session(session: Session, request: PrintRequest, world: World) -> Step:
    if session.film_session is not None:
        raise Refused(DUPLICATE_INSTANCE, "this association has a film session already")
    judgement = judge(FILM_SESSION, Command.N_CREATE, request.attributes, world.printer)
    made = FilmSession(_new_instance(session, request, world), judgement.values)
    return Session(made), _reply(judgement.remarks, judgement.values, made.uid), ()


def _set_film_session(session: Session, request: PrintRequest, world: World) -> Step:
    film_session = _film_session(session, request)
    judgement = judge(FILM_SESSION, Command.N_SET, request.attributes, world.printer)
    changed = replace(film_session, values={**film_session.values, **judgement.values})
    return Session(changed), _reply(judgement.remarks, judgement.values), ()


def _delete_film_session(session: Session, request: PrintRequest, world: World) -> Step:
    film_session = _film_session(session, request)
    return Session(), Reply(), _forget(*film_session.film_boxes)


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


# -- film box (H.4.2) -------------------------------------------------------------------------------------------------


def _create_film_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session = session.film_session
    if film_session is None:
        raise Refused(NO_SUCH_INSTANCE, "there is no film session to put a film box into")
    judgement = judge(FILM_BOX, Command.N_CREATE, request.attributes, world.printer)
    _check_session_reference(film_session, request.attributes)
    values, remarks = _with_sane_densities(judgement.values, judgement.remarks, world.printer)
    display = DisplayFormat.parse(str(values[tags.IMAGE_DISPLAY_FORMAT]))
    size = parse_film_size(str(values[tags.FILM_SIZE_ID])) or world.printer.film_size()
    width_mm, height_mm = size.hung(str(values[tags.FILM_ORIENTATION]))
    places = cells(display, width_mm, height_mm, world.printer.formats)
    already = sum(len(film.image_boxes) for film in film_session.film_boxes)
    if len(film_session.film_boxes) >= MOST_FILM_BOXES or already + len(places) > MOST_IMAGE_BOXES:
        raise Refused(RESOURCE_LIMITATION, "too many films in one film session, print and delete it")
    uid = _new_instance(session, request, world)
    box_class = COLOR_IMAGE_BOX if request.color else GRAYSCALE_IMAGE_BOX
    boxes = tuple(ImageBox(world.new_uid(), box_class, number) for number in range(1, len(places) + 1))
    film = FilmBox(uid, request.color, width_mm, height_mm, places, values, boxes)
    changed = replace(film_session, film_boxes=(*film_session.film_boxes, film), last_film_uid=uid)
    return Session(changed), _reply(remarks, _film_box_answer(film_session, film), uid), ()


def _film_box_answer(film_session: FilmSession, film: FilmBox) -> Values:
    """H.4.2.2.1.3: what is used, and the image boxes by their position."""
    boxes = tuple(_referenced(box.sop_class_uid, box.uid) for box in film.image_boxes)
    return {
        **film.values,
        tags.REFERENCED_FILM_SESSION_SEQUENCE: (_referenced(FILM_SESSION, film_session.uid),),
        tags.REFERENCED_IMAGE_BOX_SEQUENCE: boxes,
    }


def _referenced(sop_class_uid: str, sop_instance_uid: str) -> dict[int, Value]:
    return {tags.REFERENCED_SOP_CLASS_UID: sop_class_uid, tags.REFERENCED_SOP_INSTANCE_UID: sop_instance_uid}


def _check_session_reference(film_session: FilmSession, attributes: AttributeList) -> None:
    items = attributes.items(tags.REFERENCED_FILM_SESSION_SEQUENCE)
    tag = tags.REFERENCED_SOP_INSTANCE_UID
    if not items or tag not in items[0].elements:
        return
    if items[0].value(tag, "UI") != film_session.uid:
        words = "Referenced Film Session is not that of this association"
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (tags.REFERENCED_FILM_SESSION_SEQUENCE,))


def _with_sane_densities(
    values: Values, remarks: tuple[Remark, ...], printer: Printer
) -> tuple[Values, tuple[Remark, ...]]:
    lowest, highest = values.get(tags.MIN_DENSITY), values.get(tags.MAX_DENSITY)
    if not (isinstance(lowest, int) and isinstance(highest, int)) or lowest < highest:
        return values, remarks
    own: dict[int, Value] = {
        tags.MIN_DENSITY: printer.min_density_centi_od,
        tags.MAX_DENSITY: printer.max_density_centi_od,
    }
    remark = Remark(DENSITY_OUT_OF_RANGE, "Min Density is not below Max Density: the printer's own", tags.MIN_DENSITY)
    return {**values, **own}, (*remarks, remark)


def _set_film_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film = _last_film(session, request)
    judgement = judge(FILM_BOX, Command.N_SET, request.attributes, world.printer)
    values, remarks = _with_sane_densities({**film.values, **judgement.values}, judgement.remarks, world.printer)
    answer = {tag: values[tag] for tag in judgement.values}
    return _with_film(film_session, replace(film, values=values)), _reply(remarks, answer), ()


def _delete_film_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film = _last_film(session, request)
    left = replace(film_session, film_boxes=film_session.film_boxes[:-1], last_film_uid=None)
    return Session(left), Reply(), _forget(film)


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


def _with_film(film_session: FilmSession, film: FilmBox) -> Session:
    return Session(replace(film_session, film_boxes=(*film_session.film_boxes[:-1], film)))


# -- image box (H.4.3) ------------------------------------------------------------------------------------------------


def _set_image_box(session: Session, request: PrintRequest, world: World) -> Step:
    film_session, film, box = _image_box(session, request)
    judgement = judge(box.sop_class_uid, Command.N_SET, request.attributes, world.printer)
    position = judgement.values[tags.IMAGE_BOX_POSITION]
    if not isinstance(position, int) or position > len(film.cells):
        words = f"Image Box Position is above {len(film.cells)}"
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (tags.IMAGE_BOX_POSITION,))
    pixels = _pixels(box, request)
    changed = replace(box, values={**box.values, **judgement.values}, position=position, pixels=pixels)
    result = _fit(film, changed, world.printer)
    if result == LARGER_THAN_BOX:
        raise Refused(LARGER_THAN_BOX)
    remarks = judgement.remarks
    if result != SUCCESS:
        remarks = (*remarks, Remark(result, MEANINGS[result]))
    if position != box.position:
        remarks = (*remarks, Remark(SUCCESS, "image placed by Image Box Position, not by its instance"))
    boxes = _placed(film.image_boxes, box, replace(changed, fit=result))
    effects = _forget_pixels(box.pixels)
    return _with_film(film_session, replace(film, image_boxes=boxes)), _reply(remarks, judgement.values), effects


def _image_box(session: Session, request: PrintRequest) -> tuple[FilmSession, FilmBox, ImageBox]:
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
                return film_session, film, box
    raise _no_such(session, request)


def _pixels(box: ImageBox, request: PrintRequest) -> PixelReference | None:
    """The pixels of the image sequence; none where it has no item, which erases the box (H.4.3.1.2.1.3)."""
    color = box.sop_class_uid == COLOR_IMAGE_BOX
    tag = tags.COLOR_IMAGE_SEQUENCE if color else tags.GRAYSCALE_IMAGE_SEQUENCE
    items = request.attributes.items(tag) or ()
    if request.attributes.elements[tag].length or len(items) > 1:
        raise Refused(INVALID_ATTRIBUTE_VALUE, "the image sequence is not one item, or none", (tag,))
    return reference(items[0], color, request.file) if items else None


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
        str(_resolved(film, box, tags.MAGNIFICATION_TYPE)),
        size if isinstance(size, float) else None,
        None if behavior is None else str(behavior),
    )
    return fit(wish, film.cells[box.position - 1], printer.dpi)


def _resolved(film: FilmBox, box: ImageBox, tag: int) -> Value | None:
    """H.4.3.1.2.1.1: a value of the image box is stronger than that of its film box."""
    return box.values.get(tag, film.values.get(tag))


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
    for film in films:
        for box in film.image_boxes:
            # The film box may have been set after its images were.
            result = _fit(film, box, world.printer)
            if result == LARGER_THAN_BOX:
                raise Refused(LARGER_THAN_BOX)
            if result not in (SUCCESS, box.fit):
                remarks.append(Remark(result, MEANINGS[result]))
    uid = world.new_uid()
    effect = Submit(freeze(film_session, films, collated), uid, SESSION_QUEUE_FULL if collated else FILM_QUEUE_FULL)
    values = print_job_reference(uid) if world.print_job else None
    return session, _reply(tuple(remarks), values), (effect,)


def print_job_reference(uid: str) -> Values:
    """The reply of an N-ACTION: Referenced Print Job Sequence (2100,0500), one item (H.4-3, H.4-8)."""
    return {tags.REFERENCED_PRINT_JOB_SEQUENCE: (_referenced(PRINT_JOB, uid),)}


def freeze(film_session: FilmSession, films: tuple[FilmBox, ...], collated: bool) -> FilmDocument:
    """The copy of the hierarchy that is printed (H.4.1.2.4.3, H.4.2.2.4.3)."""
    values = film_session.values
    character_set = tuple(str(values.get(tags.SPECIFIC_CHARACTER_SET, "")).split("\\"))
    copies = values.get(tags.NUMBER_OF_COPIES)
    return FilmDocument(
        pages=tuple(_page(film, character_set) for film in films),
        number_of_copies=copies if isinstance(copies, int) else 1,
        print_priority=str(values.get(tags.PRINT_PRIORITY, "MED")),
        medium_type=str(values.get(tags.MEDIUM_TYPE, "")),
        film_destination=str(values.get(tags.FILM_DESTINATION, "")),
        film_session_label=decode_text(str(values.get(tags.FILM_SESSION_LABEL, "")), character_set),
        owner_id=decode_text(str(values.get(tags.OWNER_ID, "")), character_set),
        collated=collated,
    )


def _page(film: FilmBox, character_set: tuple[str, ...]) -> FilmPage:
    values = film.values
    images = sorted(film.image_boxes, key=lambda box: box.position)
    return FilmPage(
        film_size_id=str(values[tags.FILM_SIZE_ID]),
        film_orientation=str(values[tags.FILM_ORIENTATION]),
        width_mm=film.width_mm,
        height_mm=film.height_mm,
        image_display_format=str(values[tags.IMAGE_DISPLAY_FORMAT]),
        images=tuple(_page_image(film, box) for box in images),
        border_density=str(values[tags.BORDER_DENSITY]),
        empty_image_density=str(values[tags.EMPTY_IMAGE_DENSITY]),
        trim=values[tags.TRIM] == "YES",
        min_density_centi_od=_integer(values[tags.MIN_DENSITY]),
        max_density_centi_od=_integer(values[tags.MAX_DENSITY]),
        illumination_cd_m2=_integer(values[tags.ILLUMINATION]),
        reflected_ambient_light_cd_m2=_integer(values[tags.REFLECTED_AMBIENT_LIGHT]),
        requested_resolution_id=str(values[tags.REQUESTED_RESOLUTION_ID]),
        color=film.color,
        character_set=character_set,
    )


def _integer(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _page_image(film: FilmBox, box: ImageBox) -> PageImage:
    size = box.values.get(tags.REQUESTED_IMAGE_SIZE)
    lowest, highest = (box.values.get(tag) for tag in (tags.MIN_DENSITY, tags.MAX_DENSITY))
    return PageImage(
        position=box.position,
        cell=film.cells[box.position - 1],
        pixels=box.pixels,
        polarity=str(box.values.get(tags.POLARITY, "NORMAL")),
        magnification_type=str(_resolved(film, box, tags.MAGNIFICATION_TYPE)),
        smoothing_type=str(_resolved(film, box, tags.SMOOTHING_TYPE) or ""),
        requested_image_size_mm=size if isinstance(size, float) else None,
        requested_decimate_crop_behavior=str(box.values.get(tags.REQUESTED_DECIMATE_CROP_BEHAVIOR, "DECIMATE")),
        min_density_centi_od=lowest if isinstance(lowest, int) else None,
        max_density_centi_od=highest if isinstance(highest, int) else None,
        configuration_information=str(_resolved(film, box, tags.CONFIGURATION_INFORMATION) or ""),
    )


# -- instances --------------------------------------------------------------------------------------------------------


def _new_instance(session: Session, request: PrintRequest, world: World) -> str:
    """The UID of what is created: the peer's, or ours where it sent none (PS3.7 §10.1.5.1.4)."""
    uid = request.sop_instance_uid
    if not uid:
        return world.new_uid()
    if len(uid) > 64 or not _UID.fullmatch(uid):
        raise Refused(INVALID_INSTANCE)
    if uid in _instances(session):
        raise Refused(DUPLICATE_INSTANCE)
    return uid


def _instances(session: Session) -> dict[str, str]:
    """Every instance of the session, with its SOP class."""
    film_session = session.film_session
    if film_session is None:
        return {}
    found = {film_session.uid: FILM_SESSION}
    for film in film_session.film_boxes:
        found[film.uid] = FILM_BOX
        found.update((box.uid, box.sop_class_uid) for box in film.image_boxes)
    return found


def _no_such(session: Session, request: PrintRequest) -> Refused:
    if request.sop_instance_uid in _instances(session):
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
}
