"""The print dialogue on one association: film sessions, films, images, N-ACTION (PS3.4 H.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from printing.job import Pixels
from printing.outputs import PossiblyDelivered
from printing.outputs.dicom import film as say
from printing.outputs.dicom.association import (
    NO_SUCH_REQUEST,
    NOT_TAKEN,
    Broken,
    Line,
    Refused,
    print_job_uid,
)
from printing.outputs.dicom.habits import OPTIONAL_ATTRIBUTES, Habits
from printing.outputs.dicom.note import Progress
from printing.outputs.dicom.pixels import color_samples, goes_as_it_is, gray_samples
from printing.page import FilmDocument, FilmPage, PageImage, PresentationLUT
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_IMAGE_BOX,
    COLOR_META,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    PRESENTATION_LUT,
    PRINT_JOB,
)

SENT_AGAIN = frozenset({0x0110, 0xC605})
"""Statuses after which an image is sent once more: some imagers lose one of many."""


def film_sessions(document: FilmDocument, films: Sequence[int], habits: Habits) -> Iterator[list[int]]:
    """The films that one film session takes, session by session: of one size, as some imagers refuse to mix them."""
    session: list[int] = []
    for number in films:
        one_film = habits.association_per_film and habits.prints == "film"
        other = session and document.pages[session[-1]].film_size_id != document.pages[number].film_size_id
        if session and (other or one_film):
            yield session
            session = []
        session.append(number)
    if session:
        yield session


class Baking(Enum):
    """Whether Presentation LUT and polarity go into the pixels."""

    NOTHING = "they go beside them"
    WITH_IDENTITY = "into them, and IDENTITY beside them"
    ALONE = "into them"


class Dialogue:
    """What has been agreed with an imager on the way: what it refused once is not tried again.

    Args:
        habits: of the imager.
        document: what is printed.
        read: gives the pixels of an image box.
        progress: how far it is.
    """

    def __init__(self, habits: Habits, document: FilmDocument, read: Pixels, progress: Progress) -> None:
        self._habits = habits
        self._document = document
        self._read = read
        self._progress = progress
        self._bits = habits.bits
        self._bakes = Baking.NOTHING
        self._refused: set[str] = set()
        self.warnings: list[str] = []
        self._line: Line
        self._luts: dict[PresentationLUT, str] = {}

    def print(self, line: Line, films: Sequence[int]) -> None:
        """One film session.

        Raises:
            Refused, Broken: as the imager has it; films whose N-ACTION was answered are in the progress.
            PossiblyDelivered: the answer to an N-ACTION never came.
        """
        self._line = line
        self._luts = {}
        session = self._create("film session", say.film_session(self._document, self._habits), FILM_SESSION)[1]
        made = []
        for number in films:
            made.append(self._film(self._document.pages[number], session))
            if self._habits.prints == "film":
                self._action("film", FILM_BOX, made[-1], [number])
                line.delete(FILM_BOX, made[-1])
        if self._habits.prints == "session":
            self._action("film session", FILM_SESSION, session, list(films))
        elif self._document.collated and self._document.number_of_copies > 1 and len(films) > 1:
            self.warnings.append("the copies come film by film, not collated")
        line.delete(FILM_SESSION, session)
        for uid in self._luts.values():
            line.delete(PRESENTATION_LUT, uid, meta=False)

    def _action(self, what: str, sop_class: str, uid: str, films: list[int]) -> None:
        self._progress.doubt(films)
        try:
            reply = self._line.action(what, sop_class, uid)
        except Broken as failure:
            raise PossiblyDelivered(f"possibly printed: {failure}") from failure
        except Refused as failure:
            self._progress.refused(films)
            if failure.status in NO_SUCH_REQUEST:
                other = "session" if what == "film" else "film"
                words = f'it may want imager.prints = "{other}"'
                raise Refused(f"print request for the {what}", failure.status, words) from failure
            raise
        # Without the class nobody can ask for the Print Job, and success is all that there will be.
        self._progress.taken(films, print_job_uid(reply) if PRINT_JOB in self._line.taken else "")

    # -- films --------------------------------------------------------------------------------------------------

    def _film(self, page: FilmPage, session: str) -> str:
        """A film with its images; where pixels or Presentation LUT are refused, with less bits and the LUT in them."""
        try:
            return self._compose(page, session)
        except Refused as failure:
            if not self._can_give_way(page, failure):
                raise
            first = failure
        self._bits = 8
        for self._bakes in (Baking.WITH_IDENTITY, Baking.ALONE):
            try:
                made = self._compose(page, session)
            except Refused:
                continue
            self.warnings.append(f"{first}: printed with eight bits, Presentation LUT and polarity in the pixels")
            return made
        raise first

    def _can_give_way(self, page: FilmPage, failure: Refused) -> bool:
        if failure.status not in NOT_TAKEN and failure.what != "Presentation LUT":
            return False
        images = [image for image in page.images if image.pixels is not None]
        has_lut = any(image.presentation_lut is not None for image in images)
        deep = any(image.pixels is not None and image.pixels.bits_stored > 8 for image in images)
        return (has_lut and self._bakes is Baking.NOTHING) or (deep and self._bits > 8)

    def _compose(self, page: FilmPage, session: str) -> str:
        luts = {image.presentation_lut for image in page.images if image.pixels is not None}
        shared = next(iter(luts)) if len(luts) == 1 and self._sends_luts(page) else None
        if self._bakes is Baking.WITH_IDENTITY and PRESENTATION_LUT in self._line.taken:
            shared = PresentationLUT()  # which is what baked pixels have; some imagers want one, once it is agreed
        wanted = say.film_box(page, self._habits, session, self._lut(shared) if shared is not None else "")
        if page.annotations and ANNOTATION_BOX not in self._line.taken:
            del wanted.AnnotationDisplayFormatID
        if "ICCProfile" in wanted and not self._in_color(page):
            del wanted.ICCProfile
        created, uid = self._create("film box", wanted, FILM_BOX)
        try:
            boxes = _instances(created, "ReferencedImageBoxSequence")
            for image in page.images:
                if image.pixels is not None:
                    if image.position > len(boxes):
                        raise Refused("layout", 0xC616, f"it made {len(boxes)} image boxes")
                    self._image(page, image, boxes[image.position - 1], shared)
            self._annotate(page, created)
        except Refused:
            self._line.delete(FILM_BOX, uid)
            raise
        return uid

    def _annotate(self, page: FilmPage, created: Dataset) -> None:
        """Texts are not drawn into the images: what lies there is the patient. A text that is lost is told."""
        boxes = _instances(created, "ReferencedBasicAnnotationBoxSequence")
        sets, lost = say.character_set(self._document), 0
        for text in page.annotations:
            if text.position > len(boxes):
                lost += 1
                continue
            try:
                box = say.annotation_box(text, sets)
                self._line.set(f"annotation {text.position}", box, ANNOTATION_BOX, boxes[text.position - 1])
            except Refused as failure:
                self.warnings.append(f"{failure}: it is not on the film")
        if lost:
            self.warnings.append(f"the imager takes no annotations: {lost} of the console's are not on the film")

    def _in_color(self, page: FilmPage) -> bool:
        return page.color and self._line.meta == COLOR_META

    # -- Presentation LUTs --------------------------------------------------------------------------------------

    def _sends_luts(self, page: FilmPage) -> bool:
        """Whether Presentation LUTs go as objects: a table fits only pixels whose bits stay what they are."""
        return (
            PRESENTATION_LUT in self._line.taken
            and self._bakes is Baking.NOTHING
            and all(image.pixels is None or goes_as_it_is(image.pixels, self._bits) for image in page.images)
        )

    def _lut(self, lut: PresentationLUT) -> str:
        if lut not in self._luts:
            uid = "" if self._habits.own_uids else str(generate_uid())
            made = self._line.create("Presentation LUT", say.presentation_lut(lut), PRESENTATION_LUT, uid, meta=False)
            self._luts[lut] = made[1]
        return self._luts[lut]

    # -- images -------------------------------------------------------------------------------------------------

    def _image(self, page: FilmPage, image: PageImage, uid: str, shared: PresentationLUT | None) -> None:
        pixels, lut = image.pixels, image.presentation_lut
        assert pixels is not None
        data, own = self._read(pixels), ""
        if self._in_color(page):
            samples = color_samples(image, pixels, data)
        else:
            sends = self._sends_luts(page)
            bakes = self._bakes is not Baking.NOTHING or (lut is not None and not sends)
            samples = gray_samples(page, image, pixels, data, self._bits, bakes)
            if lut is not None and sends and lut is not shared:
                own = self._lut(lut)
            if pixels.samples_per_pixel == 3:
                self.warnings.append("the imager prints no colour: colour images are grey")
        box = say.image_box(page, image, pixels, samples, own)
        sop_class = COLOR_IMAGE_BOX if samples.planar_configuration is not None else GRAYSCALE_IMAGE_BOX
        what = f"image {image.position}"

        def send(made: Dataset) -> None:
            try:
                self._line.set(what, made, sop_class, uid)
            except Refused as failure:
                if failure.status not in SENT_AGAIN:
                    raise
                self.warnings.append(f"{failure}: sent again")
                self._line.set(what, made, sop_class, uid)

        self._with_less(box, send)

    # -- asking -------------------------------------------------------------------------------------------------

    def _create(self, what: str, wanted: Dataset, sop_class: str) -> tuple[Dataset, str]:
        made: list[tuple[Dataset, str]] = []
        uid = "" if self._habits.own_uids else str(generate_uid())
        self._with_less(wanted, lambda data: made.append(self._line.create(what, data, sop_class, uid)))
        return made[-1]

    def _with_less(self, wanted: Dataset, ask: Any) -> None:
        """Ask with everything; where that is refused for an attribute, without the one, else with none that can be
        done without."""
        data, left = say.without(wanted, lambda keyword: keyword in self._habits.omit)
        if left:
            self.warnings.append(f"not sent, as imager.omit has it: {', '.join(left)}")
        data, _ = say.without(data, self._refused.__contains__)
        try:
            ask(data)
            return
        except Refused as failure:
            optional = frozenset(element.keyword for element in data) & OPTIONAL_ATTRIBUTES
            if failure.status not in NOT_TAKEN or not optional:
                raise
            first = failure
        blamed = frozenset(first.blamed) & optional
        for fewer in dict.fromkeys((*([blamed] if blamed else map(_one, sorted(optional))), optional)):
            try:
                ask(say.without(data, fewer.__contains__)[0])
            except Refused as failure:
                if failure.status not in NOT_TAKEN:
                    raise
                continue
            self._refused |= fewer
            self.warnings.append(f"the imager does not take {_all_of(fewer)}: printed without")
            return
        raise first


def _one(keyword: str) -> frozenset[str]:
    return frozenset({keyword})


def _all_of(keywords: frozenset[str]) -> str:
    return ("all of " if len(keywords) > 1 else "") + ", ".join(sorted(keywords))


def _instances(created: Mapping[str, Any] | Dataset, sequence: str) -> list[str]:
    return [str(one.get("ReferencedSOPInstanceUID") or "") for one in created.get(sequence) or []]
