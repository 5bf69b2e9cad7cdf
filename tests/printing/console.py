"""A scripted console: plays a print dialogue in a few lines, against whatever carries the messages.

Data sets are written and read by pydicom, so that the codec of the room is judged by another one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import count

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from printing.attributes import VRS
from printing.elements import read, write
from printing.hierarchy import Session
from printing.printer import Printer
from printing.session import Effect, PrintRequest, Submit, World, step
from printing.status import is_warning
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_IMAGE_BOX,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    PRESENTATION_LUT,
    Command,
)

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    uid: str | None = None
    data: Dataset | None = None
    comment: str = ""
    offending: tuple[int, ...] = ()


def data_set(**attributes: object) -> Dataset:
    """A data set by keywords; None is an element without a value."""
    made = Dataset()
    for keyword, value in attributes.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        setattr(made, keyword, value)
    return made


def encode(data: Dataset, explicit: bool = True, undefined_lengths: bool = False) -> bytes:
    """A data set as bytes, by pydicom."""
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = not explicit, True
    if undefined_lengths:
        for element in data:
            if element.VR == "SQ":
                element.is_undefined_length = True
                for item in element.value:
                    item.is_undefined_length_sequence_item = True
    write_dataset(out, data)
    return out.getvalue()


def decode(data: bytes, explicit: bool = True) -> Dataset:
    """Bytes as a data set, by pydicom; every element looked at."""
    found = read_dataset(BytesIO(data), not explicit, True)
    for element in found.iterall():
        assert element.value is not Ellipsis
    return found


def image(
    rows: int = 4,
    columns: int = 4,
    *,
    bits: int = 8,
    photometric: str = "MONOCHROME2",
    planar: int | None = None,
    pixels: bytes | None = None,
    **more: object,
) -> Dataset:
    """One item of an image sequence, filled with a ramp."""
    color = photometric == "RGB"
    samples, allocated = (3 if color else 1), (8 if bits == 8 else 16)
    item = data_set(
        SamplesPerPixel=samples,
        PhotometricInterpretation=photometric,
        Rows=rows,
        Columns=columns,
        BitsAllocated=allocated,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=0,
    )
    if color:
        item.PlanarConfiguration = 1 if planar is None else planar
    needed = rows * columns * samples * allocated // 8
    ramp = bytes(index % 16 for index in range(needed)) if pixels is None else pixels
    item.add_new(Tag(0x7FE0, 0x0010), "OW" if allocated == 16 else "OB", ramp + b"\0" * (len(ramp) % 2))
    for keyword, value in more.items():
        if value is None:
            delattr(item, keyword)
        else:
            setattr(item, keyword, value)
    return item


class Console:
    """What a console says; how it gets there is a subclass's business."""

    color = False

    def __init__(self) -> None:
        self.session_uid: str | None = None
        self.film_uid: str | None = None
        self.boxes: list[str] = []
        self.annotations: list[str] = []
        self.answer = Answer(0)

    def exchange(
        self,
        command: Command,
        sop_class_uid: str,
        uid: str | None,
        data: Dataset | None = None,
        *,
        action: int | None = None,
        tags: tuple[int, ...] = (),
    ) -> Answer:
        raise NotImplementedError

    def say(
        self, command: Command, sop_class_uid: str, uid: str | None, data: Dataset | None = None, **more: object
    ) -> Answer:
        """One message and its answer, which is kept too."""
        self.answer = self.exchange(command, sop_class_uid, uid, data, **more)  # type: ignore[arg-type]
        return self.answer

    def film_session(self, uid: str | None = None, **attributes: object) -> Answer:
        answer = self.say(Command.N_CREATE, FILM_SESSION, uid, data_set(**attributes) if attributes else None)
        if answer.uid and (answer.status == 0 or is_warning(answer.status)):
            self.session_uid = answer.uid
        return answer

    def film_box(
        self, display_format: str | None = r"STANDARD\1,1", uid: str | None = None, **attributes: object
    ) -> Answer:
        data = data_set(**attributes)
        if display_format is not None:
            data.ImageDisplayFormat = display_format
        if self.session_uid and "ReferencedFilmSessionSequence" not in attributes:
            data.ReferencedFilmSessionSequence = reference(FILM_SESSION, self.session_uid)
        answer = self.say(Command.N_CREATE, FILM_BOX, uid, data)
        if answer.data is not None and "ReferencedImageBoxSequence" in answer.data:
            self.film_uid = answer.uid
            self.boxes = [item.ReferencedSOPInstanceUID for item in answer.data.ReferencedImageBoxSequence]
            found = answer.data.get("ReferencedBasicAnnotationBoxSequence", ())
            self.annotations = [item.ReferencedSOPInstanceUID for item in found]
        return answer

    @property
    def box_class(self) -> str:
        return COLOR_IMAGE_BOX if self.color else GRAYSCALE_IMAGE_BOX

    def image_box(self, number: int = 1, item: Dataset | None = None, **attributes: object) -> Answer:
        """Set the image box that stands at `number` in the film box's answer."""
        data = data_set(**{"ImageBoxPosition": number, **attributes})
        keyword = "BasicColorImageSequence" if self.color else "BasicGrayscaleImageSequence"
        default = image(photometric="RGB") if self.color else image()
        setattr(data, keyword, Sequence([item if item is not None else default]))
        return self.say(Command.N_SET, self.box_class, self.boxes[number - 1], data)

    def annotation(self, number: int, text: str | None, **attributes: object) -> Answer:
        """Set the annotation box that stands at `number` in the film box's answer."""
        data = data_set(**{"AnnotationPosition": number, "TextString": text, **attributes})
        return self.say(Command.N_SET, ANNOTATION_BOX, self.annotations[number - 1], data)

    def presentation_lut(self, uid: str | None = None, **attributes: object) -> Answer:
        return self.say(Command.N_CREATE, PRESENTATION_LUT, uid, data_set(**attributes))

    def set_film(self, **attributes: object) -> Answer:
        return self.say(Command.N_SET, FILM_BOX, self.film_uid, data_set(**attributes))

    def print_film(self, uid: str | None = None, action: int = 1) -> Answer:
        return self.say(Command.N_ACTION, FILM_BOX, uid or self.film_uid, action=action)

    def print_session(self, action: int = 1) -> Answer:
        return self.say(Command.N_ACTION, FILM_SESSION, self.session_uid, action=action)

    def delete_film(self, uid: str | None = None) -> Answer:
        return self.say(Command.N_DELETE, FILM_BOX, uid or self.film_uid)

    def delete_session(self) -> Answer:
        return self.say(Command.N_DELETE, FILM_SESSION, self.session_uid)

    def whole_film(self, display_format: str = r"STANDARD\1,1", **attributes: object) -> Answer:
        """A session, a film, an image in every box, N-ACTION."""
        self.film_session()
        self.film_box(display_format, **attributes)
        for number in range(1, len(self.boxes) + 1):
            self.image_box(number)
        return self.print_film()


def lut_table(entries: int = 4096, bits: int = 12, *, data: bytes | None = None, vr: str = "OW") -> Sequence:
    """A Presentation LUT Sequence that turns dark into bright."""
    item = Dataset()
    item.add_new(0x00283002, "US", [entries, 0, bits])
    top = (1 << bits) - 1
    values = [top - index * top // (entries - 1) for index in range(entries)]
    raw = struct.pack(f"<{entries}H", *values) if data is None else data
    item.add_new(0x00283006, vr, list(struct.unpack(f"<{len(raw) // 2}H", raw)) if vr == "US" else raw)
    return Sequence([item])


def lut_reference(uid: str) -> Sequence:
    return reference(PRESENTATION_LUT, uid)


def reference(sop_class_uid: str, uid: str) -> Sequence:
    return Sequence([data_set(ReferencedSOPClassUID=sop_class_uid, ReferencedSOPInstanceUID=uid)])


class StepConsole(Console):
    """Straight against `session.step`: no network, no disk."""

    def __init__(
        self,
        printer: Printer | None = None,
        *,
        explicit: bool = True,
        color: bool = False,
        print_job: bool = True,
        undefined_lengths: bool = False,
        annotations: bool = True,
        **manners: bool,
    ) -> None:
        super().__init__()
        numbers = count(1)
        self.world = World(
            printer or Printer(), lambda: f"1.2.3.{next(numbers)}", print_job, annotations=annotations, **manners
        )
        self.session = Session()
        self.explicit = explicit
        self.color = color
        self.undefined_lengths = undefined_lengths
        self.effects: tuple[Effect, ...] = ()
        self.files: dict[str, bytes] = {}
        self.damage: Callable[[bytes], bytes] = lambda raw: raw

    def exchange(
        self,
        command: Command,
        sop_class_uid: str,
        uid: str | None,
        data: Dataset | None = None,
        *,
        action: int | None = None,
        tags: tuple[int, ...] = (),
    ) -> Answer:
        raw = self.damage(b"" if data is None else encode(data, self.explicit, self.undefined_lengths))
        file = f"file{len(self.files)}"
        self.files[file] = raw
        request = PrintRequest(
            command, sop_class_uid, uid, read(raw, self.explicit), file, action_type_id=action, color=self.color
        )
        self.session, reply, self.effects = step(self.session, request, self.world)
        answered = decode(write(reply.values, VRS, self.explicit), self.explicit) if reply.values else None
        return Answer(reply.status, reply.sop_instance_uid, answered, reply.comment, reply.offending)

    @property
    def submitted(self) -> Submit:
        (submit,) = (effect for effect in self.effects if isinstance(effect, Submit))
        return submit
